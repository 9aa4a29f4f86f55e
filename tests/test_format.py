"""The frozen format, byte for byte: the golden vectors are read from docs/format.md."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everyskill_cli.bundle import pack
from everyskill_cli.chain import (
    GENESIS,
    canonical_json,
    details_hash,
    entry_hash,
    event_statement,
    timestamp,
)
from everyskill_cli.model import FileEntry
from everyskill_cli.skill import read_skill

FORMAT = Path(__file__).parent.parent / "docs" / "format.md"
DETAILS = {
    "name": "Code review",
    "description": "Finds what matters – „first“.",
    "content_type": "text/markdown; charset=utf-8",
    "files": (FileEntry("SKILL.md", 11, hashlib.sha256(b"hello skill").hexdigest(), False),),
    "metadata": {"frontmatter": {"version": "1.10", "yes": "on", "ä": None}, "a": [1, True]},
    "message": None,
}
EVENT = {
    "registry": "7b0bd8a2-9a4f-4a0c-9f5e-0b7f2f7a1c11",
    "skill": "code-review",
    "event": "0a4c1f5e-6d0e-4d57-8a55-2f1f6a1f0d22",
    "seq": 1,
    "kind": "publish",
    "version": 1,
    "content": hashlib.sha256(b"hello skill").hexdigest(),
    "size": 11,
    "published": 1,
    "draft": None,
    "reason": None,
    "successor": None,
    "actor": "5a1d7c22-8a3e-4b6c-9a77-3f0a4f1b2c33",
    "created_at": datetime(2026, 1, 2, 3, 4, 5, 678_999, tzinfo=UTC),
    "prev": GENESIS,
}


def golden(title: str) -> str:
    """A code block of docs/format.md, by the heading above it."""
    found = re.search(rf"#+ {re.escape(title)}\n.*?```\w*\n(.*?)```", FORMAT.read_text(), re.S)
    assert found, title
    return found[1]


def test_the_details_statement_is_as_documented():
    statement = golden("Golden vector: details")
    written, digest = statement.splitlines()
    files = [asdict(entry) for entry in DETAILS["files"]]
    assert canonical_json(DETAILS | {"files": files}).decode() == written
    assert details_hash(**DETAILS) == digest == hashlib.sha256(written.encode()).hexdigest()


def test_the_first_event_is_as_documented():
    statement = event_statement(**EVENT | {"details": details_hash(**DETAILS)})
    assert statement.decode() == golden("Golden vector: first event")
    assert entry_hash(statement) == golden("Golden vector: first entry hash").strip()


def test_a_later_event_is_as_documented():
    first = entry_hash(event_statement(**EVENT | {"details": details_hash(**DETAILS)}))
    later = EVENT | {
        "event": "c8e0b4de-22a5-4b1e-9c86-5c6d1f0e8e44",
        "details": details_hash(**DETAILS),
        "seq": 2,
        "kind": "yank",
        "published": None,
        "reason": "a leaked key\nin line 3",
        "successor": 2,
        "created_at": datetime(2026, 1, 2, 4, 4, 5, tzinfo=timezone(timedelta(hours=1))),
        "prev": first,
    }
    statement = event_statement(**later)
    assert statement.decode() == golden("Golden vector: later event")
    assert entry_hash(statement) == golden("Golden vector: later entry hash").strip()


def test_the_bundle_is_as_documented(tmp_path):
    data = base64.b64decode(golden("Golden vector: bundle"))
    files = {
        "SKILL.md": "---\nname: golden\ndescription: A golden skill.\n---\n# Golden\n",
        "data/empty.txt": "",
        "scripts/run.sh": "#!/bin/sh\necho golden\n",
        "über.md": "Über\n",
    }
    for path, content in files.items():
        place = tmp_path / path
        place.parent.mkdir(exist_ok=True)
        place.write_text(content, encoding="utf-8")
    (tmp_path / "scripts/run.sh").chmod(0o755)
    packed = pack(read_skill(tmp_path, slug="golden"))
    assert packed.data == data
    assert f"{len(data)} bytes, SHA-256 `{packed.content_hash}`" in FORMAT.read_text()


def test_times_are_cut_and_never_rounded():
    assert timestamp(datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)) == (
        "2026-12-31T23:59:59.999Z"
    )
    with pytest.raises(ValueError, match="time zone"):
        timestamp(datetime(2026, 1, 1))


@pytest.mark.parametrize("value", [1.5, "a\0b", "\ud800", {1: "a"}, 2**63, b"x", {"a": [object()]}])
def test_what_a_database_would_change_is_refused(value):
    with pytest.raises(ValueError, match=r"."):
        canonical_json({"metadata": value})


json_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | json_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(json_text, inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
def test_the_hash_recomputes_from_what_json_gives_back(value):
    once = canonical_json(value)
    assert canonical_json(json.loads(once)) == once

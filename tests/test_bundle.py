"""Bundles: the same files give the same bytes, they come back, and nothing else is unpacked."""

from __future__ import annotations

import hashlib
import io
import os
import random
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from everyskill_cli.bundle import Bundle, manifest, offsets, pack, unpack
from everyskill_cli.errors import IntegrityFailure, InvalidSkill
from everyskill_cli.model import FileEntry
from everyskill_cli.skill import LocalSkill, SkillFile, read_skill
from everyskill_cli.skill.files import bundled_size
from everyskill_cli.skill.paths import PathSet, check_path
from tests.hostile import ARCHIVES, SKILL, HostileArchive

ARCHIVE = "application/zip"
MARKDOWN = "text/markdown; charset=utf-8"

# The golden bundle of docs/format.md. Its bytes and its digest never change: every version that
# was ever published depends on that.
GOLDEN_FILES = (
    SkillFile(
        "SKILL.md", b"---\nname: golden\ndescription: A golden skill.\n---\n# Golden\n", False
    ),
    SkillFile("data/empty.txt", b"", False),
    SkillFile("scripts/run.sh", b"#!/bin/sh\necho golden\n", True),
    SkillFile("\u00fcber.md", "\u00dcber\n".encode(), False),
)
GOLDEN_SIZE = 501
GOLDEN_SHA256 = "c1a139248fd5edd9175573fbf235a66b52eea2fac72e0317865239aa016b84b2"


def skill_of(*files: SkillFile, content_type: str = ARCHIVE) -> LocalSkill:
    return LocalSkill(
        source="x",
        slug="x",
        name="x",
        description="x",
        content_type=content_type,
        files=files,
        metadata={},
        omitted=(),
        warnings=(),
        allowed_secrets=(),
        text=None,
    )


MAIN = SkillFile("SKILL.md", SKILL.encode(), False)
TWO = (MAIN, SkillFile("a.md", b"a", False))


def test_golden_bundle():
    bundle = pack(skill_of(*GOLDEN_FILES))
    assert len(bundle.data) == GOLDEN_SIZE
    assert hashlib.sha256(bundle.data).hexdigest() == GOLDEN_SHA256
    assert (bundle.content_type, bundle.content_hash) == (ARCHIVE, GOLDEN_SHA256)
    assert unpack(bundle.data, ARCHIVE, bundle.files) == GOLDEN_FILES


def test_golden_bundle_from_disk(tmp_path: Path):
    for file in reversed(GOLDEN_FILES):
        path = tmp_path / "golden" / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data)
        path.chmod(0o700 if file.executable else 0o600)
        os.utime(path, (1, 1))
    assert pack(read_skill(tmp_path / "golden")).content_hash == GOLDEN_SHA256


def test_other_programs_read_it():
    bundle = pack(skill_of(*GOLDEN_FILES))
    with zipfile.ZipFile(io.BytesIO(bundle.data)) as archive:
        assert archive.testzip() is None
        found = archive.infolist()
        assert [item.filename for item in found] == [file.path for file in GOLDEN_FILES]
        assert [archive.read(item) for item in found] == [file.data for file in GOLDEN_FILES]
        modes = [item.external_attr >> 16 for item in found]
    assert modes == [0o100644, 0o100644, 0o100755, 0o100644]
    for item in found:
        assert (item.compress_type, item.extra, item.comment) == (0, b"", b"")
        assert (item.create_system, item.create_version, item.extract_version) == (3, 20, 20)
        assert item.date_time == (1980, 1, 1, 0, 0, 0)


def test_one_file_is_stored_as_it_is():
    bundle = pack(skill_of(MAIN, content_type=MARKDOWN))
    digest = hashlib.sha256(MAIN.data).hexdigest()
    entry = FileEntry("SKILL.md", len(MAIN.data), digest, executable=False)
    assert bundle == Bundle(MAIN.data, MARKDOWN, digest, (entry,))
    assert unpack(bundle.data, MARKDOWN, bundle.files) == (MAIN,)
    assert unpack(bundle.data, MARKDOWN) == (MAIN,)


@pytest.mark.parametrize(
    ("name", "data"),
    [("agent.json", "{}"), ("a.yaml", "a: b"), ("a.toml", "a = 1"), ("a.txt", "x"), ("a.md", "x")],
)
def test_every_single_file_comes_back(tmp_path: Path, name: str, data: str):
    (tmp_path / name).write_text(data)
    skill = read_skill(tmp_path / name)
    bundle = pack(skill)
    assert unpack(bundle.data, bundle.content_type, bundle.files) == skill.files
    (nameless,) = unpack(bundle.data, bundle.content_type)
    assert nameless.data == data.encode()


def test_frontmatter_that_one_parser_refuses_can_still_be_read_back():
    data = b"---\nname: [\n---\n"
    assert unpack(data, MARKDOWN) == (SkillFile("SKILL.md", data, False),)


def test_size_is_known_before_packing():
    size = sum(bundled_size(file.path, len(file.data)) for file in GOLDEN_FILES) + 22
    assert len(pack(skill_of(*GOLDEN_FILES)).data) == size


names = st.text(
    st.characters(codec="utf-8", exclude_characters="/"), min_size=1, max_size=12
) | st.sampled_from(["a", "A", "b.md", "SKILL.md", "aux", "..", "\u00e9", "e\u0301", "\u00df"])
files = st.dictionaries(
    st.lists(names, min_size=1, max_size=4).map("/".join),
    st.tuples(st.binary(max_size=50), st.booleans()),
    min_size=1,
    max_size=8,
)


def test_a_message_about_two_names_shows_neither_as_it_is() -> None:
    """No font and no terminal knows what this character will be: it is not assigned yet."""
    paths = PathSet()
    paths.add("\U00018cd6")
    with pytest.raises(InvalidSkill) as caught:
        paths.add("\U00018cd6")
    assert caught.value.message.isprintable()


def packable(contents: dict[str, tuple[bytes, bool]]) -> tuple[SkillFile, ...]:
    """Those of some files that may be in a bundle, and SKILL.md, as they are packed."""
    paths = PathSet()
    kept = {"SKILL.md": MAIN}
    paths.add("SKILL.md")
    for path, (data, executable) in contents.items():
        try:
            check_path(path)
            paths.add(path)
        except InvalidSkill:
            continue
        kept[path] = SkillFile(path, data, executable)
    assume(len(kept) > 1)
    return tuple(kept[path] for path in sorted(kept, key=str.encode))


@given(files)
def test_pack_unpack_pack_gives_the_same_bytes(contents: dict[str, tuple[bytes, bool]]):
    packed = packable(contents)
    bundle = pack(skill_of(*packed))
    again = unpack(bundle.data, ARCHIVE, bundle.files)
    assert again == packed
    assert pack(skill_of(*again)) == bundle
    with zipfile.ZipFile(io.BytesIO(bundle.data)) as archive:
        assert archive.testzip() is None


@given(files)
def test_a_manifest_says_where_each_file_begins(contents: dict[str, tuple[bytes, bool]]):
    packed = packable(contents)
    bundle = pack(skill_of(*packed))
    begins = offsets(bundle.files)
    assert list(begins) == [file.path for file in packed]
    for file in packed:
        start = begins[file.path]
        assert bundle.data[start : start + len(file.data)] == file.data
    with zipfile.ZipFile(io.BytesIO(bundle.data)) as archive:
        headers = [item.header_offset + 30 for item in archive.infolist()]
    assert [begins[f.path] - len(f.path.encode()) for f in packed] == headers


@given(st.binary(max_size=200))
def test_any_bytes_are_unpacked_or_refused(data: bytes):
    for start in (b"", b"PK\3\4", b"PK\5\6"):
        for end in (b"", b"PK\5\6" + bytes(18)):
            with pytest.raises(InvalidSkill):
                unpack(start + data + end, ARCHIVE)


def test_no_byte_of_an_archive_may_be_another():
    bundle = pack(skill_of(*GOLDEN_FILES))
    for position in range(len(bundle.data)):
        for change in (1, 0x80):
            broken = bytearray(bundle.data)
            broken[position] ^= change
            with pytest.raises((InvalidSkill, IntegrityFailure)):
                unpack(bytes(broken), ARCHIVE, bundle.files)
            with pytest.raises(InvalidSkill):
                unpack(bytes(broken), ARCHIVE)


def test_mutated_archives_are_refused():
    bundle = pack(skill_of(*GOLDEN_FILES))
    source = random.Random(7)
    for _ in range(3_000):
        broken = bytearray(bundle.data)
        start, end = sorted(source.choices(range(len(broken) + 1), k=2))
        match source.randrange(4):
            case 0:
                del broken[start:end]
            case 1:
                broken[start:start] = broken[start:end]
            case 2:
                broken[start:end] = source.randbytes(end - start)
            case 3:
                broken[start : start + 4] = source.choice([b"\xff" * 4, bytes(4), b"PK\1\2"])
        if broken == bundle.data:
            continue
        with pytest.raises(InvalidSkill):
            unpack(bytes(broken), ARCHIVE)


@pytest.mark.parametrize("case", ARCHIVES, ids=lambda case: case.name)
def test_hostile_archives_are_refused_by_their_rule_and_at_once(case: HostileArchive):
    data = case.build()
    start = time.process_time()
    with pytest.raises(InvalidSkill) as caught:
        unpack(data, case.content_type)
    assert time.process_time() - start < 2
    assert caught.value.rule == case.rule
    assert caught.value.message.endswith(".")
    assert caught.value.message.isprintable()


def test_there_are_enough_hostile_archives():
    assert len(ARCHIVES) >= 20
    assert len({case.name for case in ARCHIVES}) == len(ARCHIVES)


@pytest.mark.parametrize(
    "change",
    [
        {"path": "b.md"},
        {"size": 2},
        {"sha256": "0" * 64},
        {"executable": True},
    ],
    ids=str,
)
def test_a_manifest_that_says_otherwise_is_an_integrity_failure(change: dict[str, object]):
    bundle = pack(skill_of(*TWO))
    other = (bundle.files[0], replace(bundle.files[1], **change))
    with pytest.raises(IntegrityFailure, match="manifest"):
        unpack(bundle.data, ARCHIVE, other)


def test_a_manifest_of_other_files_is_an_integrity_failure():
    bundle = pack(skill_of(*TWO))
    for other in ((), bundle.files[:1], (*bundle.files, bundle.files[1]), bundle.files[::-1]):
        with pytest.raises(IntegrityFailure):
            unpack(bundle.data, ARCHIVE, other)
    single = pack(skill_of(MAIN, content_type=MARKDOWN))
    for other in ((), bundle.files, (replace(single.files[0], path="README.md"),)):
        with pytest.raises(IntegrityFailure):
            unpack(single.data, MARKDOWN, other)
    (entry,) = manifest([SkillFile("../evil.json", b"{}", False)])
    with pytest.raises(InvalidSkill) as caught:
        unpack(b"{}", "application/json", (entry,))
    assert caught.value.rule == "path-escapes"

"""Any frontmatter, manifest, lock file and archive is read for what it is, or refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from struct import pack as packed
from typing import Any

import yaml
from hypothesis import strategies as st

from everyskill_cli.bundle import manifest, pack, unpack
from everyskill_cli.chain import details_hash
from everyskill_cli.database.engine import Database
from everyskill_cli.database.faults import UnreadableValue
from everyskill_cli.database.queries import records, users, versions
from everyskill_cli.database.schema import upgrade
from everyskill_cli.errors import EveryskillError, IntegrityFailure, InvalidSkill
from everyskill_cli.installs import lock
from everyskill_cli.installs.places import Place
from everyskill_cli.model import FileEntry
from everyskill_cli.skill.content import MARKDOWN, read_content
from everyskill_cli.skill.files import SkillFile
from everyskill_cli.skill.paths import check_path
from tests.fuzzing import fuzz, lengths
from tests.hostile import _entry, _zip
from tests.rows import add_version, allocate, append, make_version
from tests.test_bundle import ARCHIVE, GOLDEN_FILES, skill_of
from tests.test_lock import GOOD, HASH

ODD = [
    "", " ", "~", "null", "yes", "1.10", "1e400", "0x1F", "0o17", "1_000", ".inf", ".nan", "-0",
    "9" * 5000, "2024-01-01", "2024-01-01T00:00:00Z", "12:30:45", "=", "<<", "!!int 5", "!x y",
    "&a b", "*a", "[", "]", "{", "}", "[a, {b: c}]", "{a: [b]}", "? a", "- a", "|", ">", "|+2",
    "'", '"', '"\\ud800"', '"\\0"', '"\\x85"', '"\\u2028"', "\u2028", "\x85", "\ufeff", "\ud7ff",
    "\U0010ffff",
    "\ue000", "a: b", "a #b", "%YAML 1.1", "@a", "`a", "\t", "\\", "e\u0301", "\u202e",
]  # fmt: skip
KEYS = ["name", "description", "metadata", "version", "tags", "license", "a", "'b'", '"c"', *ODD]
words = st.one_of(st.sampled_from(ODD), st.text(max_size=12))
yaml_lines = st.builds(
    lambda indent, sign, key, value: " " * indent + sign + key + ": " + value,
    st.integers(0, 4),
    st.sampled_from(["", "", "", "- ", "? "]),
    st.one_of(st.sampled_from(KEYS), st.text(max_size=6)),
    words,
)
trees = st.recursive(
    st.text(max_size=12),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=8,
)
frontmatters = st.one_of(
    st.dictionaries(st.text(max_size=8), trees, max_size=4).map(yaml.safe_dump),
    st.dictionaries(st.text(max_size=8), trees, max_size=4).map(
        lambda value: yaml.safe_dump(value, allow_unicode=True)
    ),
    st.lists(yaml_lines, max_size=8).map("\n".join),
    st.text(alphabet="ab:-[]{},&*!|>'\"#%@`\\ \n\t?~.0\u00e9\ufeff\x85", max_size=80),
    st.dictionaries(st.sampled_from(KEYS), st.text(max_size=20), max_size=5).map(json.dumps),
)


def read(frontmatter: str) -> dict[str, Any] | None:
    """Give what a SKILL.md says in its frontmatter, or None where it is refused."""
    try:
        data = f"---\n{frontmatter}\n---\nBody.\n".encode()
        return read_content(SkillFile("SKILL.md", data, executable=False), MARKDOWN).frontmatter
    except UnicodeEncodeError:  # no file can hold that
        return None
    except InvalidSkill as error:
        assert error.rule
        assert error.message.isprintable()
        return None


@lengths(120, 5_000)
def test_what_frontmatter_says_is_hashed_the_same_out_of_every_database(
    database_url: str, count: Callable[..., None], examples: int
) -> None:
    with Database(database_url) as database:
        upgrade(database)
        with database.writing() as tx:
            add_version(tx)

        def check(frontmatter: str) -> None:
            found = read(frontmatter)
            if found is None:
                return
            with database.writing() as tx:
                user_id = users.ensure(tx, "ann@example.org")
                skill_id, number, now = allocate(tx, "demo")
                made = make_version(skill_id, user_id, number, now)
                said = {"metadata": {"frontmatter": found}, "files": manifest(GOLDEN_FILES)}
                made = replace(made, **said)
                made = replace(made, details_hash=hashed(made))
                versions.add(tx, [made])
                append(tx, made, "publish")
            with database.reading() as tx:
                again = versions.find(tx, skill_id, number)
            assert again == made
            assert hashed(again) == made.details_hash

        fuzz(count, "frontmatter", frontmatters, check, examples)


def hashed(version: Any) -> str:
    fields = ("name", "description", "content_type", "files", "metadata", "message")
    return details_hash(**{field: getattr(version, field) for field in fields})


# What a row says: manifests and metadata.

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just(HASH)
)
anything = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=8,
)
entries = st.fixed_dictionaries(
    {
        "path": st.one_of(st.sampled_from([f.path for f in GOLDEN_FILES]), scalars),
        "size": st.one_of(st.integers(0, 60), scalars),
        "sha256": scalars,
        "executable": st.one_of(st.booleans(), scalars),
    },
    optional={"more": scalars},
)
BUNDLE = pack(skill_of(*GOLDEN_FILES))
honest = st.sampled_from([entry.to_json() for entry in BUNDLE.files])
manifests = st.one_of(st.lists(st.one_of(honest, entries, anything), max_size=5), anything)
sources = st.dictionaries(
    st.sampled_from(["repository", "commit", "path", "modified", "x"]), scalars
)
sayings = st.one_of(
    anything,
    st.fixed_dictionaries(
        {},
        optional={
            "frontmatter": st.one_of(anything, st.just({})),
            "declared_version": scalars,
            "source": st.one_of(sources, anything),
        },
    ),
)


@lengths(300, 10_000)
def test_manifests(count: Callable[..., None], examples: int) -> None:
    def check(stored: Any) -> None:
        try:
            found = records.manifest(stored)
        except UnreadableValue:
            return
        assert [entry.to_json() for entry in found] == stored
        try:
            assert unpack(BUNDLE.data, ARCHIVE, found) == GOLDEN_FILES
            assert found == BUNDLE.files
        except IntegrityFailure:
            assert found != BUNDLE.files

    fuzz(count, "manifests", manifests, check, examples)


@lengths(300, 10_000)
def test_metadata(count: Callable[..., None], examples: int) -> None:
    def check(stored: Any) -> None:
        try:
            found = records.said(stored)
        except UnreadableValue:
            return
        assert found == stored
        assert isinstance(found.get("declared_version", ""), str)
        assert all(isinstance(found.get(name, {}), dict) for name in ("frontmatter", "source"))

    fuzz(count, "metadata", sayings, check, examples)


# Lock files.

TOML = [
    "3", "0", "-1", "3.0", "inf", "nan", "true", "1979-05-27", "07:32:00", "1979-05-27T07:32:00Z",
    "[]", "{}", "[1]", "[[[]]]", "{a = 1}", '""', '"\\u0000"', '"\\ud800"', "'x'", '"""', "'''",
    "9" * 5000, "[" * 2000, "{a=" * 2000, "0x" + "f" * 5000, "1e999", "#", "\x00", "\x1b", "\ufeff",
    "[skills]", "[[skills]]", "[skills.demo]", "[skills.demo.x]", "skills = 1", "version = 2",
    "version = 1", "pinned = true", "a.b.c = 1", "= 1", "\r", "\r\n", "\n\n", '"../../x"', '"/x"',
    '"~/x"', '".git/demo"', '".claude/skills/demo/../../../demo"', '"C:\\\\demo"', "<<<<<<< a",
]  # fmt: skip
TOKENS = [token for token in re.split(r"(\s+|=|\[|\]|,)", GOOD) if token]
edits = st.lists(
    st.tuples(
        st.integers(0, len(TOKENS) - 1),
        st.one_of(st.sampled_from(TOML), st.sampled_from(TOKENS), st.text(max_size=6)),
        st.sampled_from(["instead", "before", "twice", "gone"]),
    ),
    min_size=1,
    max_size=4,
)


def edited(changes: list[tuple[int, str, str]]) -> bytes:
    tokens = list(TOKENS)
    for place, new, how in changes:
        old = tokens[place]
        ways = {"instead": new, "before": new + old, "twice": old + old, "gone": ""}
        tokens[place] = ways[how]
    return "".join(tokens).encode(errors="surrogatepass")


@lengths(300, 10_000)
def test_lock_files(tmp_path: Path, count: Callable[..., None], examples: int) -> None:
    place = Place("project", tmp_path, tmp_path / "everyskill.lock")

    def check(data: bytes) -> None:
        place.lock.write_bytes(data)
        try:
            found = lock.read(place)
        except EveryskillError as error:
            assert error.code in (5, 8)
            assert error.hint
            return
        for slug, entry in (found or {}).items():
            assert re.fullmatch("[a-z0-9-]{1,64}", slug)
            assert re.fullmatch("[0-9a-f]{64}", entry.content_hash)
            assert type(entry.version) is int
            for target in entry.targets:
                inside = place.path_of(target).resolve()
                assert inside.is_relative_to(tmp_path.resolve())
                assert inside.name == slug
        lock.write(place, found or {})
        assert lock.read(place) == found

    fuzz(count, "lock files", st.one_of(edits.map(edited), st.binary(max_size=60)), check, examples)


# Archives.

positions = st.integers(0, len(BUNDLE.data))
SPECIAL = [b"PK\1\2", b"PK\3\4", b"PK\5\6", b"PK\6\6", b"\xff" * 4, bytes(4), b"\xff\xff", b"../"]
changes = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut", "insert", "swap", "copy", "set16", "set32"]),
        positions,
        positions,
        st.one_of(st.sampled_from(SPECIAL), st.binary(min_size=1, max_size=8)),
    ),
    min_size=1,
    max_size=3,
)


def mutated(data: bytes, done: list[tuple[str, int, int, bytes]]) -> bytes:
    for how, one, two, new in done:
        start, end = sorted((min(one, len(data)), min(two, len(data))))
        match how:
            case "flip" if start < len(data):
                data = data[:start] + bytes([data[start] ^ (new[0] or 1)]) + data[start + 1 :]
            case "cut":
                data = data[:start] + data[end:]
            case "insert":
                data = data[:start] + new + data[start:]
            case "swap":
                data = data[end:] + data[start:end] + data[:start]
            case "copy":
                data = data[:end] + data[start:end] + data[end:]
            case _:
                number = packed("<H" if how == "set16" else "<L", (one * 257) % 2**16)
                data = data[:start] + number + data[start + len(number) :]
    return data


ENTRY_NAMES = st.one_of(
    st.sampled_from(
        ["SKILL.md", "a.md", "A.md", "b/a.md", "../x", "/x", "a/", "", "nul", ".git/x"]
    ),
    st.text(max_size=8),
    st.binary(max_size=8),
)
made_entries = st.builds(
    _entry,
    ENTRY_NAMES,
    st.binary(max_size=20),
    mode=st.sampled_from([0o100644, 0o100755, 0o100644, 0o120777, 0o40755, 0o104755, 0, 0o20666]),
    flags=st.sampled_from([0, 0, 0, 1, 8, 0x800, 0x40]),
    method=st.sampled_from([0, 0, 0, 8, 12, 99]),
    size=st.one_of(st.none(), st.none(), st.integers(0, 2**32 - 1)),
    date=st.sampled_from([0x21, 0x21, 0, 0x5A21]),
    extra=st.sampled_from([b"", b"", b"\1\0\4\0abcd", b"\x75\x70\x01\0x"]),
    comment=st.sampled_from([b"", b"", b"c"]),
    made_by=st.sampled_from([0x0314, 0x0314, 0x14, 0x031E]),
    crc=st.one_of(st.none(), st.none(), st.integers(0, 2**32 - 1)),
    local_name=st.one_of(st.none(), st.none(), st.just(b"b.md")),
)
MAIN = _entry("SKILL.md", GOLDEN_FILES[0].data)
made_archives = st.builds(
    lambda entries, more: _zip(MAIN, *entries, **more),
    st.lists(made_entries, max_size=4),
    st.fixed_dictionaries(
        {},
        optional={
            "before": st.binary(max_size=4),
            "gap": st.binary(max_size=2),
            "comment": st.binary(max_size=4),
            "after": st.binary(max_size=4),
            "count": st.integers(0, 2**16 - 1),
            "shift": st.integers(0, 64),
            "same_offset": st.booleans(),
        },
    ),
)
archives = st.one_of(
    st.builds(mutated, st.just(BUNDLE.data), changes),
    made_archives,
    st.builds(mutated, made_archives, changes),
)


@lengths(400, 10_000)
def test_archives(count: Callable[..., None], examples: int) -> None:
    def check(data: bytes) -> None:
        try:
            found = unpack(data, ARCHIVE)
        except InvalidSkill as error:
            assert error.rule
            assert error.message.isprintable()
            return
        assert pack(skill_of(*found)).data == data
        for file in found:
            check_path(file.path)
            assert isinstance(manifest([file])[0], FileEntry)

    fuzz(count, "archives", archives, check, examples)

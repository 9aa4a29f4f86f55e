"""A database that holds what nobody of ours wrote: every command answers, or says what is wrong.

A SQLite file can be edited behind its triggers and past its checks, and its columns hold values of
any type. On PostgreSQL the types stand, but not what is inside of JSON, nor the range of times.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import strategies as st

from everyskill_cli.database.tables import Json, Moment, metadata
from tests.commands import Commands
from tests.figures import Count
from tests.fuzzing import fuzz, lengths
from tests.tampering import Scene, edit, unchecked

CODES = {0, 2, 3, 4, 5, 6, 7, 8, 9, 10}  # docs/format.md; 1 is a bug

HASH = "0123456789abcdef" * 4
ENTRY = {"path": "a.md", "size": 1, "sha256": HASH, "executable": False}
TIMES = [
    "",
    "yesterday",
    "2026-01-02",
    "2026-01-02T03:04:05",
    "0001-01-01T00:00:00.000Z",
    "9999-12-31T23:59:59.999Z",
    "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00+14:00",
    "2026-13-45T99:99:99.999Z",
]
JSON: list[Any] = [
    None,
    True,
    0,
    -1.5,
    "text",
    [],
    [None],
    [1, "a"],
    [[]],
    ["a", {"b": 1}],
    {},
    {"a": None},
    {"frontmatter": None},
    {"frontmatter": []},
    {"frontmatter": "text"},
    {"frontmatter": {"name": None, "a": {"b": [1, {"c": True}]}}},
    {"frontmatter": {}, "declared_version": 5},
    {"frontmatter": {}, "declared_version": ["1"]},
    {"frontmatter": {}, "declared_version": {"a": 1}},
    {"frontmatter": {}, "declared_version": None},
    *({"frontmatter": {}, "source": source} for source in (None, [], "git", 5, {}, {"commit": 5})),
    {"frontmatter": {}, "source": {"repository": [], "commit": {}, "path": None, "modified": "x"}},
    {"frontmatter": {}, "source": {"repository": "a", "commit": "b", "path": "c", "modified": 1}},
    [ENTRY],
    [ENTRY, ENTRY],
    [{**ENTRY, "more": 1}],
    [{name: ENTRY[name] for name in ("path", "size", "sha256")}],
    [{**ENTRY, "path": 5}],
    [{**ENTRY, "path": ["a"]}],
    [{**ENTRY, "path": ""}],
    [{**ENTRY, "path": "../../etc/passwd"}],
    [{**ENTRY, "path": "/etc/passwd"}],
    [{**ENTRY, "path": None}],
    [{**ENTRY, "size": "1"}],
    [{**ENTRY, "size": -1}],
    [{**ENTRY, "size": 1.5}],
    [{**ENTRY, "size": 10**30}],
    [{**ENTRY, "size": None}],
    [{**ENTRY, "size": True}],
    [{**ENTRY, "sha256": 5}],
    [{**ENTRY, "sha256": None}],
    [{**ENTRY, "sha256": "x"}],
    [{**ENTRY, "sha256": []}],
    [{**ENTRY, "executable": None}],
    [{**ENTRY, "executable": "yes"}],
    [{**ENTRY, "executable": 1}],
]
NO_JSON = [
    "[",
    "nope",
    "NaN",
    "[1e999]",
    '{"a": 1, "a": 2}',
    '["\\ud800"]',
    '["\\u0000"]',
    "[" * 5_000 + "]" * 5_000,
    '{"a":' * 5_000 + "1" + "}" * 5_000,
    "[" + "9" * 5_000 + "]",
    " ",
]
ANY: list[Any] = [
    None,
    0,
    -1,
    3,
    2**31,
    2**63 - 1,
    -(2**63),
    1.5,
    float("inf"),
    "",
    "x",
    "5",
    "demo",
    "purge",
    "a\0b",
    "\x1b[31m\u202e",
    "x" * 100_000,
    b"",
    b"\xff\x00",
    *TIMES,
]
COMMANDS = [
    ["show", "demo"],
    ["show", "demo@1", "--files"],
    ["show", "demo@2", "--content"],
    ["list"],
    ["list", "--sort", "rating", "--limit", "1"],
    ["list", "--sort", "created"],
    ["list", "--tag", "one", "--min-rating", "1"],
    ["search", "demo"],
    ["list", "--installed"],
    ["versions", "demo"],
    ["ratings", "demo"],
    ["ratings", "demo@2"],
    ["diff", "demo@1", "demo@2"],
    ["diff", "demo", "SKILL"],
    ["outdated"],
    ["stats"],
    ["stats", "demo", "--since", "2020-01-01"],
    ["stats", "--author", "ann@example.org"],
    ["install", "demo", "other"],
    ["install", "--frozen"],
    ["update"],
    ["doctor"],
]
TELLING = [["show", "demo"], ["versions", "demo"], ["list"], ["ratings", "demo"]]
CHANGING = [  # they read before they write; each leaves the registry for the next
    ["use", "demo", "--tool", "ci", "--external-id", "run-1"],
    ["rate", "demo", "4"],
    ["rate", "other", "--remove"],
    ["publish", "SKILL", "--dry-run"],
    ["publish", "SKILL"],
    ["publish", "TREE"],
    ["rollback", "demo"],
    ["promote", "demo@2"],
    ["yank", "demo@1", "--reason", "broken", "-y"],
    ["unyank", "demo@1"],
    ["uninstall", "demo"],
    ["upgrade"],
]
PLACES = [
    (table.name, column.name)
    for table in metadata.sorted_tables
    for column in table.columns
    if column.computed is None
]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.setenv("EVERYSKILL_USER", "ann@example.org")
    return Commands(capsys)


@pytest.fixture
def scene(cli: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setenv("EVERYSKILL_HOME", str(tmp_path / "home"))
    made = Scene(tmp_path)
    made.loosen()
    return made


def look(cli: Commands, scene: Scene, what: object, commands: list[list[str]], *forms: str) -> int:
    """Run commands, and fail on one that does not end as it is promised; give how many ran."""
    places = {"SKILL": scene.skill, "TREE": scene.tree}
    runs = [(words, form) for words in commands for form in forms or ("", "--json")]
    for words, form in runs:
        done = cli(*(places.get(word, word) for word in words), *filter(None, [form]))
        assert done.code in CODES, (what, words, done)
        assert "Traceback" not in done.stderr, (what, words, done)
        if form and done.stdout:
            json.loads(done.stdout)
        elif form:
            assert done.error["code"] == done.code
    return len(runs)


def values_of(table: str, column: str) -> list[Any]:
    found = metadata.tables[table].columns[column]
    if isinstance(found.type, Json):
        return [*(json.dumps(value) for value in JSON), *NO_JSON, *ANY]
    return ANY


EDITS = st.sampled_from(PLACES).flatmap(
    lambda place: st.tuples(st.just(place), st.sampled_from(values_of(*place)), st.integers(-1, 5))
)


def test_each_column_of_each_table_may_hold_anything(
    cli: Commands, scene: Scene, count: Count
) -> None:
    ran = 0

    def check(
        given: tuple[list[tuple[tuple[str, str], object, int]], list[list[str]], str],
    ) -> None:
        nonlocal ran
        edits, more, form = given
        with unchecked(scene.restore()) as connection:
            for (table, column), value, which in edits:
                edit(connection, table, column, value, which=which)
        ran += look(cli, scene, edits, TELLING + more, form)

    inputs = st.tuples(
        st.lists(EDITS, min_size=1, max_size=2),
        st.lists(st.sampled_from(COMMANDS), min_size=2, max_size=2),
        st.sampled_from(["", "--json"]),
    )
    fuzz(count, "database answers", inputs, check, 40)
    count("fuzzing of database answers", commands=ran)


@pytest.mark.long
@pytest.mark.parametrize(("table", "column"), PLACES)
def test_every_value_in_every_column(
    cli: Commands, scene: Scene, count: Count, table: str, column: str
) -> None:
    """Each value, and each command, but not each pair: the fuzzing above tries those."""
    ran = 0
    values = values_of(table, column)
    commands = COMMANDS + CHANGING
    for number, value in enumerate(values):
        which = (-1, 1)[number % 2]
        with unchecked(scene.restore()) as connection:
            edit(connection, table, column, value, which=which)
        form = ("", "--json")[number // 3 % 2]
        ran += look(cli, scene, (repr(value)[:80], which), commands[number % 3 :: 3], form)
    count("fuzzing of database answers", examples=len(values), commands=ran)


# PostgreSQL, which keeps types, and neither what is inside of JSON nor times that Python has.


@pytest.fixture
def shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_url: str, cli: Commands
) -> Scene:
    monkeypatch.setenv("EVERYSKILL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EVERYSKILL_DATABASE_URL", postgres_url)
    monkeypatch.setenv("EVERYSKILL_STORE_URL", f"file://{tmp_path}/store")
    assert cli("upgrade").code == 0
    return Scene(tmp_path)


@lengths(3, 120)
def test_json_and_times_of_postgresql(
    cli: Commands, shared: Scene, count: Count, postgres_url: str, examples: int
) -> None:
    ran = 0
    times = ["infinity", "-infinity", "0001-01-01 00:00 BC", "294276-12-31", "0001-01-01T00:00Z"]
    stored = [json.dumps(value) for value in JSON] + ["[" * 1_500 + "]" * 1_500]
    kinds: list[tuple[str, str, str, list[str]]] = [
        (table.name, column.name, kind, values)
        for table in metadata.sorted_tables
        for column in table.columns
        for of, kind, values in ((Json, "jsonb", stored), (Moment, "timestamptz", times))
        if isinstance(column.type, of)
    ]
    edits = st.sampled_from(kinds).flatmap(
        lambda kind: st.tuples(st.just(kind), st.sampled_from(kind[3]))
    )

    def check(given: tuple[tuple[str, str, str, list[str]], str]) -> None:
        nonlocal ran
        (table, column, kind, _), value = given
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute("SET session_replication_role = replica")  # no trigger fires
            connection.execute(f"CREATE TABLE kept AS SELECT * FROM {table}".encode())
            checked = f"UPDATE {table} SET {column} = %s::{kind}".encode()
            with suppress(psycopg.errors.CheckViolation):
                connection.execute(checked, (value,))
        form = ("--json", "")[len(value) % 2]
        ran += look(cli, shared, (table, column, value[:60]), COMMANDS[:-1], form)
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute("SET session_replication_role = replica")
            old = f"(SELECT {column} FROM kept WHERE kept.ctid IS NOT NULL LIMIT 1)"
            connection.execute(f"UPDATE {table} SET {column} = {old}".encode())
            connection.execute("DROP TABLE kept")

    fuzz(count, "database answers", edits, check, examples)
    count("fuzzing of database answers", commands=ran)

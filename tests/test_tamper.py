"""Everything that somebody may edit behind the registry's back, and what `verify` says of it.

Each case edits one thing, with triggers off, as the database's owner can; `verify` must name that
and nothing else. What it cannot see stands in UNSEEN, and in docs/security.md.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from sqlalchemy import Integer

from everyskill_cli.cli.render import to_json
from everyskill_cli.database.tables import Moment, metadata
from everyskill_cli.model import Opinion, Reference
from everyskill_cli.registry import Registry
from everyskill_cli.registry.auditing.verify import VerifyOptions, verify
from everyskill_cli.registry.publishing.decision import PublishOptions
from everyskill_cli.registry.publishing.publish import publish
from everyskill_cli.registry.rate import rate
from everyskill_cli.registry.releasing.release import promote, rollback, unyank, yank
from everyskill_cli.registry.use import Use, record
from everyskill_cli.settings import load
from tests.registries import make_registry, write_skill
from tests.sites import Copies, Databases, Files, FolderStores, Stores, Variables

ALPHA = "(SELECT id FROM skills WHERE slug = 'alpha')"
BUNDLE = "(SELECT id FROM skills WHERE slug = 'bundle')"
GAMMA = "(SELECT id FROM skills WHERE slug = 'gamma')"
V = "skill_versions SET {} WHERE skill_id = {} AND version = {}"
E = "version_events SET {} WHERE skill_id = {} AND seq = {}"
S = (
    "version_state SET {} WHERE skill_version_id ="
    " (SELECT id FROM skill_versions WHERE skill_id = {} AND version = {})"
)
OTHER_HASH = "'" + "ab" * 32 + "'"
SOME_TIME = "'2020-01-01T00:00:00.000Z'"
OTHER_USER = "(SELECT id FROM users WHERE email = 'eve@example.org')"


def version(change: str, skill: str, number: int) -> str:
    return "UPDATE " + V.format(change, skill, number)


def event(change: str, skill: str, seq: int) -> str:
    return "UPDATE " + E.format(change, skill, seq)


def state(change: str, skill: str, number: int) -> str:
    return "UPDATE " + S.format(change, skill, number)


def skill(change: str, slug: str = "alpha") -> str:
    return f"UPDATE skills SET {change} WHERE slug = '{slug}'"


def changed(column: str, slug: str, number: int) -> tuple[str, str, int, str]:
    return ("version-changed", slug, number, f"skill_versions.{column}".removesuffix("."))


def changed_event(column: str, slug: str, number: int) -> tuple[str, str, int, str]:
    return ("event-changed", slug, number, f"version_events.{column}".removesuffix("."))


DETAILS = "name, description, content_type, files, metadata or message"
# What is done, and the damages that must come of it: kind, slug, version, where.
CASES = {
    # skill_versions
    "a name": (version("name = 'Other'", "{alpha}", 1), changed("name", "alpha", 1)),
    "a name of a bundle": (version("name = 'X'", "{bundle}", 2), changed("name", "bundle", 2)),
    "a description": (
        version("description = 'Other'", "{alpha}", 2),
        changed("description", "alpha", 2),
    ),
    "a description of what is shown": (
        version("description = 'Other'", "{gamma}", 2),
        changed("description", "gamma", 2),
    ),
    "a message": (version("message = 'Other'", "{alpha}", 1), changed("message", "alpha", 1)),
    "a content type": (
        version("content_type = 'text/plain; charset=utf-8'", "{alpha}", 1),
        changed("content_type", "alpha", 1),
    ),
    "a manifest": (
        version("files = '[]'", "{bundle}", 1),
        changed(DETAILS, "bundle", 1),
    ),
    "a manifest of one file": (
        version(
            'files = \'[{"path": "SKILL.md", "size": 1, "sha256": "%s", "executable": false}]\''
            % ("ab" * 32),
            "{alpha}",
            1,
        ),
        changed("files", "alpha", 1),
    ),
    "metadata": (
        version("metadata = '{\"frontmatter\": {}}'", "{alpha}", 1),
        changed(DETAILS, "alpha", 1),
    ),
    "a details hash": (
        version(f"details_hash = {OTHER_HASH}", "{alpha}", 1),
        changed("details_hash", "alpha", 1),
    ),
    "a content hash with its key": (
        version(
            f"content_hash = {OTHER_HASH}, content_url = 'sha256/ab/' || {OTHER_HASH}", "{alpha}", 1
        ),
        changed("content_hash", "alpha", 1),
    ),
    "a content hash of a bundle with its key": (
        version(
            f"content_hash = {OTHER_HASH}, content_url = 'sha256/ab/' || {OTHER_HASH}",
            "{bundle}",
            1,
        ),
        changed("", "bundle", 1),
    ),
    "a version that names another's bytes": (
        "UPDATE skill_versions SET content_hash = o.content_hash, content_url = o.content_url"
        " FROM (SELECT content_hash, content_url FROM skill_versions WHERE skill_id = {gamma}"
        " AND version = 1) AS o WHERE skill_id = {alpha} AND version = 1",
        changed("content_hash", "alpha", 1),
    ),
    "a size": (version("size_bytes = 1", "{alpha}", 1), changed("size_bytes", "alpha", 1)),
    "a size of a bundle": (
        version("size_bytes = 1", "{bundle}", 1),
        changed("size_bytes", "bundle", 1),
    ),
    "a date of a version": (
        version(f"created_at = {SOME_TIME}", "{alpha}", 1),
        changed("created_at", "alpha", 1),
    ),
    "a millisecond of a version": (
        version("created_at = {later}", "{alpha}", 2),
        changed("created_at", "alpha", 2),
    ),
    "who published": (
        version(f"created_by = {OTHER_USER}", "{alpha}", 1),
        changed("created_by", "alpha", 1),
    ),
    "a version's number": (version("version = 9", "{gamma}", 2), changed("version", "gamma", 2)),
    "a version in the middle removed": (
        "DELETE FROM skill_versions WHERE skill_id = {gamma} AND version = 2",
        ("version-missing", "gamma", 2, "skill_versions"),
    ),
    "the newest version removed": (
        "DELETE FROM skill_versions WHERE skill_id = {gamma} AND version = 3",
        ("version-missing", "gamma", 3, "skill_versions"),
    ),
    # version_events
    "a date of an event": (
        event(f"created_at = {SOME_TIME}", "{alpha}", 1),
        changed_event("created_at", "alpha", 1),
    ),
    "a date of an event that is no birth": (
        event(f"created_at = {SOME_TIME}", "{bundle}", 3),
        changed_event("", "bundle", 1),
    ),
    "an actor": (
        event(f"actor_id = {OTHER_USER}", "{alpha}", 1),
        changed_event("actor_id", "alpha", 1),
    ),
    "a kind": (event("kind = 'promote'", "{bundle}", 3), changed_event("kind", "bundle", 1)),
    "a reason given": (
        event("reason = 'because'", "{alpha}", 2),
        changed_event("reason", "alpha", 2),
    ),
    "a reason": (event("reason = 'because'", "{gamma}", 4), changed_event("", "gamma", 3)),
    "a successor": (
        event("successor = NULL", "{gamma}", 4),
        changed_event("successor", "gamma", 3),
    ),
    "a pointer in an event": (
        event("published_version = 1", "{gamma}", 3),
        changed_event("published_version", "gamma", 3),
    ),
    "a pointer in the newest event": (
        event("published_version = NULL", "{alpha}", 3),
        changed_event("published_version", "alpha", 3),
    ),
    "what an event is about": (
        event("version = 2", "{bundle}", 3),
        changed_event("version", "bundle", 2),
    ),
    "an entry hash": (
        event(f"entry_hash = {OTHER_HASH}", "{gamma}", 2),
        changed_event("entry_hash", "gamma", 2),
    ),
    "a previous hash": (
        event(f"prev_hash = {OTHER_HASH}", "{gamma}", 2),
        changed_event("prev_hash", "gamma", 2),
    ),
    "a place in the chain": (event("seq = 77", "{alpha}", 2), changed_event("seq", "alpha", 2)),
    "an event in the middle removed": (
        "DELETE FROM version_events WHERE skill_id = {gamma} AND seq = 2",
        ("event-missing", "gamma", None, "version_events"),
    ),
    "a whole history removed": (
        "DELETE FROM version_events WHERE skill_id = {gamma}",
        ("chain-broken", "gamma", None, "version_events"),
    ),
    # skills
    "a skill's name": (skill("name = 'Other'"), ("skill-changed", "alpha", None, "skills.name")),
    "a skill's description": (
        skill("description = 'Other'"),
        ("skill-changed", "alpha", None, "skills.description"),
    ),
    "a skill's author": (
        skill(f"author_id = {OTHER_USER}"),
        ("skill-changed", "alpha", None, "skills.author_id"),
    ),
    "a slug": (
        skill("slug = 'omega'"),
        ("skill-changed", "omega", None, "skills.slug"),
    ),
    "the latest version": (
        skill("latest_version = 2", "gamma"),
        ("skill-changed", "gamma", None, "skills.latest_version"),
    ),
    "a published pointer": (
        "UPDATE skills SET published_version_id = (SELECT id FROM skill_versions WHERE"
        " skill_id = {alpha} AND version = 1) WHERE slug = 'alpha'",
        ("pointer", "alpha", None, "skills.published_version_id"),
    ),
    "a published pointer taken away": (
        skill("published_version_id = NULL"),
        ("pointer", "alpha", None, "skills.published_version_id"),
    ),
    "a draft pointer": (
        skill("draft_version_id = NULL"),
        ("pointer", "alpha", None, "skills.draft_version_id"),
    ),
    "a search copy": (
        skill("content = 'Buy this.'"),
        ("search-copy", "alpha", 2, "skills.content"),
    ),
    "the words of a skill": (
        "DELETE FROM skill_search WHERE skill_id = {alpha}",
        ("search-copy", "alpha", None, "skill_search"),
    ),
    "a search copy of nothing": (
        skill("content = 'Buy this.'", "lonely"),
        ("search-copy", "lonely", None, "skills.content"),
    ),
    **{
        f"the counter {column} of a skill": (
            skill(f"{column} = {column} + 1"),
            ("counter", "alpha", None, f"skills.{column}"),
        )
        for column in ("stars_1", "stars_4", "hours_saved", "total_uses")
    },
    # version_state
    **{
        f"the counter {column} of a version": (
            state(f"{column} = {column} + 1", "{alpha}", 1),
            ("counter", "alpha", 1, f"version_state.{column}"),
        )
        for column in ("stars_1", "stars_5", "hours_saved", "uses")
    },
    "a yank hidden": (
        state("yanked_at = NULL, yank_reason = NULL, successor = NULL", "{gamma}", 3),
        ("state", "gamma", 3, "version_state.yanked_at"),
    ),
    "a yank's reason": (
        state("yank_reason = 'fine'", "{gamma}", 3),
        ("state", "gamma", 3, "version_state.yank_reason"),
    ),
    "a yank that never was": (
        state(f"yanked_at = {SOME_TIME}", "{alpha}", 1),
        ("state", "alpha", 1, "version_state.yanked_at"),
    ),
    "a purge that never was": (
        state(f"purged_at = {SOME_TIME}", "{alpha}", 1),
        ("state", "alpha", 1, "version_state.purged_at"),
    ),
    "a state removed": (
        "DELETE FROM version_state WHERE skill_version_id IN (SELECT id FROM skill_versions"
        " WHERE skill_id = {bundle} AND version = 2)",
        ("state", "bundle", 2, "version_state"),
    ),
    # ratings and uses
    "a rating removed": (
        "DELETE FROM ratings WHERE skill_id = {gamma}",
        ("counter", "gamma", None, "skills.stars_2"),
        ("counter", "gamma", 1, "version_state.stars_2"),
    ),
    "a rating's stars": (
        "UPDATE ratings SET rating = 5 WHERE skill_id = {gamma}",
        ("counter", "gamma", None, "skills.stars_2"),
        ("counter", "gamma", 1, "version_state.stars_2"),
    ),
    "a use removed": (
        "DELETE FROM usage_events WHERE skill_id = {alpha}",
        ("counter", "alpha", None, "skills.total_uses"),
        ("counter", "alpha", 2, "version_state.uses"),
    ),
    # the rest
    "a skill's row removed": (
        "DELETE FROM skills WHERE slug = 'gamma'",
        ("skill-missing", None, None, "{gamma}"),
    ),
    "the registry's id": (
        "UPDATE registry SET id = '7b0bd8a2-9a4f-4a0c-9f5e-0b7f2f7a1c11'",
        ("registry", None, None, "registry.id"),
    ),
    "the format of the registry": (
        "UPDATE registry SET format_version = 2",
        ("registry", None, None, "registry.format_version"),
    ),
    "a tombstone of a skill that is there": (
        "INSERT INTO tombstones VALUES ('alpha', {alpha}, 3, '" + "ab" * 32 + "', 'why',"
        f" {OTHER_USER}, {SOME_TIME})",
        ("tombstone", "alpha", None, "tombstones"),
    ),
    "a mark on an object that is needed": (
        "INSERT INTO condemned SELECT content_url, created_at, NULL FROM skill_versions"
        " WHERE skill_id = {alpha} AND version = 1",
        ("mark", None, None, "{object}"),
    ),
}
# What nothing in the registry says again: who may write past the triggers may edit it.
UNSEEN = {
    "a tag": skill("tags = '[\"good\"]'"),
    "a category": skill("category = 'best'"),
    "when a skill was changed": skill(f"updated_at = {SOME_TIME}"),
    "when a skill was made": skill(f"created_at = {SOME_TIME}"),
    "a comment": "UPDATE ratings SET comment = 'Great!' WHERE skill_id = {gamma}",
    "when a rating was given": f"UPDATE ratings SET updated_at = {SOME_TIME}",
    "who rated": f"UPDATE ratings SET user_id = {OTHER_USER} WHERE skill_id = {{gamma}}",
    "a tool": "UPDATE usage_events SET tool_name = 'other'",
    "an address": "UPDATE users SET email = 'mallory@example.org' WHERE email = 'eve@example.org'",
}


def build(registry: Registry, folder: Path) -> None:
    """Make skills of every kind, with everything that can happen to one but a purge."""

    def put(name: str, body: str, *, draft: bool = False, slug: str | None = None, **files: str):
        path = write_skill(folder / body, name, body, **files)
        publish(registry, [path], PublishOptions(draft=draft, message=None, slug=slug))

    put("alpha", "one")
    put("alpha", "two")
    put("alpha", "three", draft=True)
    put("bundle", "one", **{"scripts__run.sh": "#!/bin/sh\n"})
    put("bundle", "two", **{"scripts__run.sh": "#!/bin/sh\necho\n"})
    rollback(registry, Reference("bundle"))
    for body in ("one", "two", "three"):
        put("gamma", body)
    yank(registry, Reference("gamma", 3), reason="Broken", successor=2)
    put("lonely", "one")
    yank(registry, Reference("lonely", 1), reason="Withdrawn")
    put("drafts", "one", draft=True)
    put("delta", "one")
    put("delta", "two")
    yank(registry, Reference("delta", 1), reason="Old")
    unyank(registry, Reference("delta", 1))
    promote(registry, Reference("delta", 1))
    put("alpha", "one", slug="twin")
    judge(registry)


def judge(registry: Registry) -> None:
    """Rate some versions, and use one."""
    for user, name, number, stars in (
        ("ann", "alpha", 1, 5),
        ("bob", "alpha", 1, 4),
        ("bob", "alpha", 2, 3),
        ("eve", "gamma", 1, 2),
    ):
        settings = load(
            {
                "database_url": registry.settings.database_url,
                "store_url": registry.settings.store_url,
                "user": f"{user}@example.org",
            }
        )
        with closing(Registry(settings, "write")) as other:
            opinion = Opinion(stars=stars, comment=f"By {user}", hours_saved=stars)
            rate(other, Reference(name, number), opinion)
    record(registry, [Use(skill=Reference("alpha"), tool="test")])


class Yard:
    """A registry that was built once, and copies of it to be tampered with."""

    def __init__(self, databases: Databases, stores: Stores, folder: Path) -> None:
        self._databases = databases
        self._stores = stores
        self._store = stores.new()
        self._url = databases.new()
        store_url = self._store["EVERYSKILL_STORE_URL"]
        root = Path(urlsplit(store_url).path)
        registry = make_registry(self._url, folder)
        registry.settings = load(
            {"database_url": self._url, "store_url": store_url, "user": "ann@example.org"}
        )
        self.root = root
        with closing(registry):
            build(registry, folder)
        if self._url.startswith("sqlite"):
            with closing(sqlite3.connect(self._url.removeprefix("sqlite:///"))) as file:
                file.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def registry(self, url: str, store: Variables) -> Registry:
        return Registry(
            load(
                {
                    "database_url": url,
                    "store_url": store["EVERYSKILL_STORE_URL"],
                    "user": "ann@example.org",
                }
            )
        )

    @property
    def store(self) -> Variables:
        return self._store

    def copy(self) -> str:
        return self._databases.copy(self._url)

    def copy_of_store(self) -> Variables:
        return self._stores.copy(self._store)

    def drop(self, url: str) -> None:
        self._databases.drop(url)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def yard(request, tmp_path_factory, outer_environment) -> Iterator[Yard]:
    folder = tmp_path_factory.mktemp("yard")
    if request.param == "sqlite":
        databases: Databases = Files(folder)
    else:
        databases = Copies(request.getfixturevalue("postgres_server"))
    yield Yard(databases, FolderStores(folder), folder)


def edit(url: str, *statements: str) -> None:
    """Do as the owner of the database can: with triggers off, and on again afterwards."""
    later = {
        "sqlite": "strftime('%Y-%m-%dT%H:%M:%fZ', created_at, '+0.002 seconds')",
        "postgresql": "created_at + interval '1 millisecond'",
    }[urlsplit(url).scheme]
    for name, value in {
        "{alpha}": ALPHA,
        "{bundle}": BUNDLE,
        "{gamma}": GAMMA,
        "{later}": later,
    }.items():
        statements = tuple(statement.replace(name, value) for statement in statements)
    if url.startswith("sqlite"):
        edit_file(url.removeprefix("sqlite:///"), statements)
        return
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        for statement in statements:
            assert connection.execute(statement).rowcount, statement


def edit_file(path: str, statements: tuple[str, ...]) -> None:
    with closing(sqlite3.connect(path)) as file, file:
        listed = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
        triggers = dict(file.execute(listed).fetchall())
        for name in triggers:
            file.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            assert file.execute(statement).rowcount, statement
        for trigger in triggers.values():
            file.execute(trigger)


def found(registry: Registry, *names: str, **options) -> list[tuple]:
    answer = verify(registry, [Reference.parse(name) for name in names], VerifyOptions(**options))
    return sorted(
        ((d.kind, d.slug, d.version, d.where) for d in answer.results),
        key=lambda damage: tuple(map(str, damage)),
    )


def test_what_nobody_touched_is_intact(yard, count):
    with closing(yard.registry(yard.copy(), yard.store)) as registry:
        answer = verify(registry, [], VerifyOptions())
    assert answer.results == ()
    assert answer.status == "intact"
    looked = answer.looked
    assert (looked.skills, looked.versions, looked.events) == (7, 13, 19)
    assert (looked.ratings, looked.uses, looked.objects, looked.read) == (4, 1, 12, 12)


@pytest.mark.parametrize("case", CASES)
def test_each_edit_is_named_and_nothing_else(yard, case, count, home):
    statement, *expected = CASES[case]
    url = yard.copy()
    with closing(yard.registry(url, yard.store)) as registry, registry.database.reading() as tx:
        key = tx.exec_driver_sql(
            f"SELECT content_url FROM skill_versions WHERE skill_id = {ALPHA} AND version = 1"
        ).scalar()
        gamma = tx.exec_driver_sql(f"SELECT {GAMMA}").scalar()
    edit(url, statement)
    wanted = [
        (*each[:3], each[3].replace("{object}", key).replace("{gamma}", gamma)) for each in expected
    ]
    with closing(yard.registry(url, yard.store)) as registry:
        assert found(registry) == sorted(wanted, key=lambda damage: tuple(map(str, damage)))
    count("tamper table", edits=1, damages=len(wanted))
    yard.drop(url)


@pytest.mark.parametrize("case", UNSEEN)
def test_what_cannot_be_seen_is_said_so(yard, case, count):
    url = yard.copy()
    edit(url, UNSEEN[case])
    with closing(yard.registry(url, yard.store)) as registry:
        assert found(registry) == []
    count("tamper table", edits_that_nobody_can_see=1)
    yard.drop(url)


COLUMNS = [
    (table.name, column.name)
    for table in metadata.sorted_tables
    for column in table.columns
    if column.computed is None and table.name not in ("condemned", "tombstones")
]
# Columns of which nothing says a second time what they hold; each has its case in UNSEEN, or is an
# id that nobody but the row's own references knows, which foreign keys hold.
UNSEEN_COLUMNS = {
    *(f"users.{name}" for name in ("email", "name", "db_login", "created_at", "updated_at")),
    *(f"skills.{name}" for name in ("category", "tags", "created_at", "updated_at")),
    *(f"ratings.{name}" for name in ("id", "comment", "created_at", "updated_at")),
    *(
        f"usage_events.{name}"
        for name in ("id", "tool_name", "external_id", "metadata", "created_at")
    ),
    "registry.created_at",
}
mostly_files = pytest.mark.parametrize(
    "yard", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True
)
OTHER_ID = "'00000000-0000-4000-8000-000000000000'"
VALUES = {  # another value that the column's own rules allow
    "tags": "'[\"other\"]'",
    "files": "'[]'",
    "metadata": "'{\"other\": 1}'",
    "slug": "'other'",
    "kind": "CASE kind WHEN 'rollback' THEN 'promote' ELSE 'rollback' END",
    "rating": "1",
    "email": "'other@example.org'",
    "content_hash": OTHER_HASH,
    "content_url": OTHER_HASH,
    "details_hash": OTHER_HASH,
    "prev_hash": OTHER_HASH,
    "entry_hash": OTHER_HASH,
    "successor": "1",
}


def other_value(table: str, column: str) -> str:
    kind = metadata.tables[table].columns[column].type
    if column in VALUES:
        return VALUES[column]
    if column == "id" or column.endswith("_id"):
        return OTHER_ID
    if isinstance(kind, Moment):
        return SOME_TIME
    if isinstance(kind, Integer):
        return f"coalesce({column}, 0) + 50"
    return "'other'"


@mostly_files
@pytest.mark.parametrize("place", [".".join(place) for place in COLUMNS])
def test_every_column_is_seen_or_is_said_not_to_be(yard, place, count):
    """Whatever one column of one row holds otherwise: it is found, or stands on the list."""
    table, column = place.split(".")
    change = f"{column} = {other_value(table, column)}"
    if column in ("content_hash", "content_url"):  # a rule holds both together
        change = f"content_hash = {OTHER_HASH}, content_url = 'sha256/ab/' || {OTHER_HASH}"
    url = yard.copy()
    key = metadata.tables[table].primary_key.columns.keys()[0]
    first = f"(SELECT {key} FROM {table} ORDER BY {key} LIMIT 1)"
    edit(url, f"UPDATE {table} SET {change} WHERE {key} = {first}")
    with closing(yard.registry(url, yard.store)) as registry:
        damages = found(registry)
    assert bool(damages) != (place in UNSEEN_COLUMNS), damages
    count("tamper table", columns=1)
    yard.drop(url)


@mostly_files
@pytest.mark.parametrize("table", sorted({table for table, _ in COLUMNS} - {"users"}))
def test_a_row_that_is_taken_away(yard, table, count):
    url = yard.copy()
    key = metadata.tables[table].primary_key.columns.keys()[0]
    edit(
        url,
        f"DELETE FROM {table} WHERE {key} = (SELECT {key} FROM {table} ORDER BY {key} LIMIT 1)",
    )
    with closing(yard.registry(url, yard.store)) as registry:
        damages = found(registry)
    # A whole skill's row: its versions are left without one.
    assert damages, table
    count("tamper table", rows=1)
    yard.drop(url)


@pytest.mark.parametrize("yard", ["sqlite"], indirect=True)  # PostgreSQL holds columns to types
@pytest.mark.parametrize(
    ("table", "value"),
    [
        pytest.param(table, value, marks=() if (row + column) % 3 == 0 else pytest.mark.long)
        for row, value in enumerate(["X'00ff'", "4.5", "'text'", "NULL", "'[[[[[[[['"])
        for column, table in enumerate(
            ["skills", "skill_versions", "version_events", "version_state"]
        )
    ],
)
def test_values_of_other_types_are_named_and_stop_nothing(tmp_path, yard, table, value, count):
    """SQLite keeps anything in any column; each is a damage, and the rest is looked at."""
    for column in metadata.tables[table].columns:
        if column.computed is not None or f"{table}.{column.name}" in UNSEEN_COLUMNS:
            continue
        url = yard.copy()
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as file:
            names = loosened(file, table)
            key = metadata.tables[table].primary_key.columns.keys()[0]
            last = f"(SELECT {key} FROM {table} ORDER BY {key} DESC LIMIT 1)"
            before = file.execute(f"SELECT {column.name} FROM {table} WHERE {key} = {last}")
            if before.fetchone()[0] is None and value == "NULL":
                continue
            file.execute(f"UPDATE {table} SET {column.name} = {value} WHERE {key} = {last}")
            file.commit()
        assert names
        with closing(yard.registry(url, yard.store)) as registry:
            answer = verify(registry, [], VerifyOptions())
            # What is not there at all, only a changed schema lets in: the guards say that.
            said = [d for d in answer.results if d.kind != "guard" or value == "NULL"]
            assert said, column
            assert answer.looked.skills >= 6, column
            to_json(answer)
        count("tamper table", values_of_other_types=1)
        yard.drop(url)


def loosened(file: sqlite3.Connection, table: str) -> list[str]:
    """Take every rule off a table: triggers, and what its columns may hold."""
    names = [
        name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type='trigger'")
    ]
    for name in names:
        file.execute(f"DROP TRIGGER {name}")
    file.execute("PRAGMA writable_schema = ON")
    [(made,)] = file.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,))
    file.execute(
        "UPDATE sqlite_master SET sql = ? WHERE name = ?", (made.replace(" NOT NULL", ""), table)
    )
    file.commit()
    file.execute("PRAGMA writable_schema = RESET")
    file.execute("PRAGMA ignore_check_constraints = ON")
    file.execute("PRAGMA foreign_keys = OFF")
    return names

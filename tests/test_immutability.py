"""The database enforces what is promised, on SQLite and PostgreSQL, whatever a client says."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import IntegrityError

from everyskill_cli.database import open_database
from everyskill_cli.database.engine import Database
from everyskill_cli.database.guards import differences
from everyskill_cli.database.queries import skills, versions
from everyskill_cli.database.schema import upgrade
from everyskill_cli.database.tables import metadata
from everyskill_cli.errors import Conflict, EveryskillError
from tests.rows import add_rating, add_version, allocate, append, make_version

NEW = "11111111-1111-4111-8111-111111111111"  # an id that nothing has


@pytest.fixture
def database(database_url):
    with Database(database_url) as made:
        upgrade(made)
    with open_database(database_url, "write") as opened:
        yield opened


def refused(database, statement, **values):
    """Run one statement in a transaction of its own, and give the sentence that refused it."""
    with pytest.raises(Conflict) as caught, database.writing() as tx:
        tx.execute(text(statement), values)
    assert isinstance(caught.value.__cause__, IntegrityError)
    return caught.value.message


def snapshot(database):
    """Every row of every table."""
    with database.reading() as tx:
        return {
            table.name: sorted(map(repr, tx.execute(table.select())))
            for table in metadata.sorted_tables
        }


@pytest.fixture
def registry(database):
    """Two skills with two versions each, a rating and a use."""
    with database.writing() as tx:
        first = add_version(tx, "demo")
        add_version(tx, "demo")
        add_version(tx, "other")
        add_version(tx, "other", "draft")
    with database.writing() as tx:
        add_rating(tx, first, 4, "bob@example.org", hours=3)
    with database.writing() as tx:
        use(tx, first)
    return first


def use(tx, version, external_id=None):
    table = metadata.tables["usage_events"]
    tx.execute(
        insert(table).values(
            id=str(uuid.uuid4()),
            skill_id=version.skill_id,
            skill_version_id=version.id,
            tool_name="ci",
            external_id=external_id,
            metadata={},
            created_at=version.created_at,
        )
    )


IMMUTABLE = ["skill_versions", "version_events", "registry", "tombstones"]
KEPT = ["skills", "skill_versions", "version_events", "version_state", "usage_events", "registry"]


@pytest.mark.parametrize("table", ["skill_versions", "version_events"])
def test_no_column_of_an_immutable_row_can_be_changed(database, registry, table):
    before = snapshot(database)
    for column in metadata.tables[table].columns:
        if column.computed is not None:
            continue
        assert "never changes" in refused(
            database, f"UPDATE {table} SET {column.name} = {column.name}"
        )
    assert snapshot(database) == before


@pytest.mark.parametrize("table", KEPT)
def test_no_row_can_be_deleted(database, registry, table):
    before = snapshot(database)
    assert refused(database, f"DELETE FROM {table}")
    assert snapshot(database) == before


def test_truncate_is_refused_for_every_table(database, registry):
    if database.dialect == "sqlite":  # SQLite's truncate is a DELETE without WHERE: tested above
        return
    before = snapshot(database)
    for table in metadata.sorted_tables:
        if table.name != "condemned":
            refused(database, f"TRUNCATE {table.name} CASCADE")
    assert snapshot(database) == before


@pytest.mark.parametrize("table", [t.name for t in metadata.sorted_tables if t.name != "condemned"])
@pytest.mark.parametrize("recursive", ["ON", "OFF"])
def test_insert_or_replace_is_refused(database, registry, table, recursive):
    """By every unique key and by the rowid; PostgreSQL has no such statement."""
    if database.dialect == "postgresql":
        columns = ", ".join(
            f'"{c.name}"' for c in metadata.tables[table].columns if c.computed is None
        )
        if table != "tombstones":  # the same rows again: the keys refuse
            refused(database, f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {table}")
        return
    before = snapshot(database)
    columns = ", ".join(c.name for c in metadata.tables[table].columns if c.computed is None)
    select = f"SELECT {columns} FROM {table}"
    with database.reading() as tx:
        rows = tx.execute(text(select)).all()
    if rows:
        with pytest.raises(Conflict), database.writing() as tx:
            tx.exec_driver_sql(f"PRAGMA recursive_triggers = {recursive}")
            tx.exec_driver_sql(f"INSERT OR REPLACE INTO {table} ({columns}) {select}")
        with pytest.raises(Conflict), database.writing() as tx:
            tx.exec_driver_sql(f"PRAGMA recursive_triggers = {recursive}")
            fresh = select.replace("SELECT id", f"SELECT '{uuid.uuid4()}'")
            tx.exec_driver_sql(
                f"INSERT OR REPLACE INTO {table} (rowid, {columns}) SELECT rowid, * FROM ({fresh})"
                if "SELECT id" not in select
                else f"INSERT OR REPLACE INTO {table} (rowid, {columns})"
                f" SELECT rowid, {fresh.removeprefix('SELECT ')}"
            )
    assert snapshot(database) == before


def test_a_version_must_have_the_number_that_was_allocated(database, registry):
    columns = [c.name for c in metadata.tables["skill_versions"].columns]
    same = ", ".join(c for c in columns if c not in ("id", "version"))
    for number in ("version + 5", "version + 1", "0", "-1"):
        assert refused(
            database,
            f"INSERT INTO skill_versions (id, version, {same})"
            f" SELECT '{uuid.uuid4()}', {number}, {same} FROM skill_versions WHERE version = 2",
        )


def test_latest_version_moves_by_one_and_only_with_its_row(database, registry):
    for jump in ("latest_version + 2", "latest_version - 1", "0"):
        assert "moves by one" in refused(database, f"UPDATE skills SET latest_version = {jump}")
    # One step without the version's row: the deferred key refuses the commit.
    with pytest.raises(Conflict), database.writing() as tx:
        tx.execute(text("UPDATE skills SET latest_version = latest_version + 1"))


@pytest.mark.parametrize("column", ["id", "slug", "author_id", "created_at"])
def test_what_a_skill_is_never_changes(database, registry, column):
    other = "'x' || id"
    if column == "created_at":
        other = "(SELECT updated_at FROM users WHERE email = 'ann@example.org')"
        with database.writing() as tx:
            tx.execute(text("UPDATE users SET updated_at = :later"), {"later": later(database)})
    message = refused(database, f"UPDATE skills SET {column} = {other} WHERE slug = 'demo'")
    assert "never change" in message


def later(database):
    """A moment of next century, as this database's driver takes it."""
    moment = "2126-01-01T00:00:00.000Z"
    return moment if database.dialect == "sqlite" else datetime.fromisoformat(moment)


@pytest.mark.parametrize("column", ["published_version_id", "draft_version_id"])
def test_pointers_follow_events_and_nothing_else(database, registry, column):
    other = "(SELECT id FROM skill_versions WHERE version = 1 AND skill_id = skills.id)"
    assert refused(database, f"UPDATE skills SET {column} = {other} WHERE slug = 'demo'")
    foreign = "(SELECT v.id FROM skill_versions v WHERE v.skill_id <> skills.id LIMIT 1)"
    assert refused(database, f"UPDATE skills SET {column} = {foreign} WHERE slug = 'demo'")


def test_counters_are_written_by_triggers_only_on_postgresql(database, registry):
    if database.dialect == "sqlite":  # a local file trusts its owner: docs/format.md says so
        return
    for column in ("stars_5", "total_uses", "hours_saved"):
        assert "triggers only" in refused(database, f"UPDATE skills SET {column} = 9")
    assert "triggers only" in refused(database, "UPDATE version_state SET uses = 9")
    assert "triggers only" in refused(database, "UPDATE version_state SET yanked_at = now()")


def test_generated_columns_cannot_be_written(database, registry):
    for column in ("average_rating", "head_version"):
        with pytest.raises(EveryskillError, match=column), database.writing() as tx:
            tx.execute(text(f"UPDATE skills SET {column} = 1"))


@pytest.mark.parametrize(
    "slug", ["", "A", "a_b", "-a", "a-", "a--b", "a/b", "a@1", "a" * 65, "ä", "a b", "a\n"]
)
def test_a_bad_slug_cannot_be_stored(database, registry, slug):
    columns = "name, description, tags, author_id, created_at, updated_at"
    assert refused(
        database,
        f"INSERT INTO skills (id, slug, {columns}) SELECT '{NEW}', :slug, {columns} FROM skills"
        " WHERE slug = 'demo'",
        slug=slug,
    )


@pytest.mark.parametrize("stars", [0, 6, -1])
def test_stars_are_one_to_five(database, registry, stars):
    assert refused(database, f"UPDATE ratings SET rating = {stars}")


@pytest.mark.parametrize("hours", [-1, 1001])
def test_hours_are_zero_to_a_thousand(database, registry, hours):
    assert refused(database, f"UPDATE ratings SET hours_saved_estimate = {hours}")


def test_a_rating_never_moves(database, registry):
    for column in ("id", "user_id", "skill_id", "skill_version_id"):
        assert refused(database, f"UPDATE ratings SET {column} = 'x'")


def test_a_use_never_changes_and_is_counted_once(database, registry):
    assert refused(database, "UPDATE usage_events SET tool_name = 'x'")
    with database.writing() as tx:
        use(tx, registry, "abc")
    with pytest.raises(Conflict), database.writing() as tx:
        use(tx, registry, "abc")
    with database.reading() as tx:
        assert tx.scalar(text("SELECT total_uses FROM skills WHERE slug = 'demo'")) == 2
        assert tx.scalar(text("SELECT sum(uses) FROM version_state")) == 2


def test_there_is_one_registry(database, registry):
    assert refused(
        database,
        "INSERT INTO registry (id, format_version, created_at)"
        f" SELECT '{NEW}', 1, created_at FROM registry",
    )


def test_an_author_cannot_be_deleted_and_a_rater_can(database, registry):
    assert refused(database, "DELETE FROM users WHERE email = 'ann@example.org'")
    with database.writing() as tx:
        tx.execute(text("DELETE FROM users WHERE email = 'bob@example.org'"))
    with database.reading() as tx:
        skill = skills.find(tx, "demo")[0]
        assert (skill.stars_4, skill.hours_saved, skill.average_rating) == (0, 0, None)


def test_a_condemned_object_is_refused_and_a_used_one_cannot_be_condemned(database, registry):
    mark = "INSERT INTO condemned (content_url, since) VALUES (:url, :since)"
    with database.reading() as tx:
        since = tx.scalar(text("SELECT created_at FROM registry"))
    assert "refers to the object" in refused(database, mark, url=registry.content_url, since=since)
    free = registry.content_url[:-1] + ("0" if registry.content_url[-1] != "0" else "1")
    with database.writing() as tx:
        tx.execute(text(mark), {"url": free, "since": since})
    columns = [c.name for c in metadata.tables["skill_versions"].columns]
    same = ", ".join(
        c for c in columns if c not in ("id", "version", "content_url", "content_hash")
    )
    with pytest.raises(Conflict, match="garbage collection"), database.writing() as tx:
        tx.execute(text("UPDATE skills SET latest_version = 3 WHERE slug = 'demo'"))
        tx.execute(
            text(
                f"INSERT INTO skill_versions (id, version, content_url, content_hash, {same})"
                f" SELECT '{NEW}', 3, :url, :hash, {same} FROM skill_versions WHERE id = :id"
            ),
            {"url": free, "hash": free[-64:], "id": registry.id},
        )


def test_a_purged_object_never_comes_back_and_its_version_is_not_rated(database, registry):
    with database.writing() as tx:
        append(tx, registry, "purge", reason="a leaked key")
    with pytest.raises(Conflict, match="purged"), database.writing() as tx:
        add_rating(tx, registry, 1, "eve@example.org")
    columns = [c.name for c in metadata.tables["skill_versions"].columns]
    same = ", ".join(c for c in columns if c not in ("id", "version"))
    with pytest.raises(Conflict, match="purged"), database.writing() as tx:
        tx.execute(text("UPDATE skills SET latest_version = 3 WHERE slug = 'demo'"))
        tx.execute(
            text(
                f"INSERT INTO skill_versions (id, version, {same})"
                f" SELECT '{NEW}', 3, {same} FROM skill_versions WHERE id = :id"
            ),
            {"id": registry.id},
        )


def test_a_skill_is_deleted_whole_and_only_under_its_tombstone(database, registry):
    with database.reading() as tx:
        skill = skills.find(tx, "demo")[0]
        tail = versions.tails(tx, [skill.id])[skill.id]
    grave = (
        "INSERT INTO tombstones (slug, skill_id, last_version, head_hash, reason, actor_id,"
        " created_at) SELECT :slug, :id, :last, :head, 'law', author_id, created_at"
        " FROM skills WHERE id = :id"
    )
    right = {"slug": "demo", "id": skill.id, "last": 2, "head": tail.entry_hash}
    for wrong in ({"last": 1}, {"head": "0" * 64}, {"slug": "other"}):
        assert "as it stands" in refused(database, grave, **right | wrong)
    with database.writing() as tx:
        tx.execute(text(grave), right)
    # Even now no row goes without the skill.
    assert refused(database, "DELETE FROM skill_versions WHERE skill_id = :id", id=skill.id)
    with database.writing() as tx:
        tx.execute(text("DELETE FROM skills WHERE id = :id"), {"id": skill.id})
    with database.reading() as tx:
        assert skills.find(tx, "demo") is None
        assert skills.find(tx, "other") is not None
        for table in (
            "skill_versions",
            "version_events",
            "version_state",
            "ratings",
            "usage_events",
        ):
            left = f"SELECT count(*) FROM {table} WHERE skill_id = :id"
            assert tx.scalar(text(left), {"id": skill.id}) == 0, table
    with pytest.raises(Conflict, match="never free again"), database.writing() as tx:
        add_version(tx, "demo")
    assert refused(database, "DELETE FROM tombstones")
    assert refused(database, "UPDATE tombstones SET reason = 'x'")


def test_guards_are_all_in_place_and_a_dropped_one_is_found(database):
    with database.reading() as tx:
        assert differences(tx) == []
    on = " ON skill_versions" if database.dialect == "postgresql" else ""
    with database.writing() as tx:
        tx.execute(text(f"DROP TRIGGER skill_versions_update{on}"))
    with database.reading() as tx:
        assert differences(tx) == ["skill_versions_update is missing"]


def test_a_guard_that_was_emptied_or_switched_off_is_found(database):
    with database.writing() as tx:
        if database.dialect == "sqlite":
            tx.execute(text("DROP TRIGGER skill_versions_update"))
            tx.exec_driver_sql(
                "CREATE TRIGGER skill_versions_update BEFORE UPDATE ON skill_versions"
                " BEGIN SELECT 1; END"
            )
            expected = ["skill_versions_update was changed"]
        else:
            tx.execute(text("ALTER TABLE skill_versions DISABLE TRIGGER skill_versions_update"))
            tx.exec_driver_sql(
                "CREATE OR REPLACE FUNCTION everyskill_refuse() RETURNS trigger LANGUAGE plpgsql"
                " AS $$ BEGIN RETURN NEW; END $$"
            )
            tx.execute(text("ALTER TABLE ratings DROP CONSTRAINT ck_ratings_rating"))
            expected = [
                "everyskill_refuse was changed",
                "ck_ratings_rating is missing",
                "skill_versions_update is switched off",
            ]
    with database.reading() as tx:
        assert differences(tx) == expected


def test_numbers_have_no_gap_even_within_one_transaction(database, registry):
    """Two allocations and one row would leave a hole that no later check could see."""
    with pytest.raises(Conflict, match="behind a version that was born"), database.writing() as tx:
        allocate(tx, "demo")
        allocate(tx, "demo")


def test_a_version_without_the_event_of_its_birth_cannot_be_committed(database, registry):
    with pytest.raises(Conflict), database.writing() as tx:
        skill_id, number, now = allocate(tx, "demo")
        versions.add(tx, [make_version(skill_id, registry.created_by, number, now)])
    with database.reading() as tx:
        assert skills.find(tx, "demo")[0].latest_version == 2


def test_a_birth_names_who_and_when_of_its_version(database, registry):
    with pytest.raises(Conflict, match="what its version says"), database.writing() as tx:
        skill_id, number, now = allocate(tx, "demo")
        version = make_version(skill_id, registry.created_by, number, now)
        versions.add(tx, [version])
        append(tx, replace(version, created_at=now - timedelta(days=1)), "publish")


def test_name_and_description_are_those_of_a_version(database, registry):
    for column in ("name", "description"):
        assert refused(database, f"UPDATE skills SET {column} = 'EVIL' WHERE slug = 'demo'")


def test_nothing_is_added_to_a_skill_under_its_tombstone(database, registry):
    with database.writing() as tx:
        tx.execute(
            text(
                "INSERT INTO tombstones (slug, skill_id, last_version, head_hash, reason, actor_id,"
                " created_at) SELECT slug, id, latest_version, :head, 'law', author_id, created_at"
                " FROM skills WHERE slug = 'demo'"
            ),
            {"head": versions.tails(tx, [registry.skill_id])[registry.skill_id].entry_hash},
        )
    with pytest.raises(Conflict, match="tombstone"), database.writing() as tx:
        add_version(tx, "demo")
    with pytest.raises(Conflict, match="tombstone"), database.writing() as tx:
        append(tx, registry, "yank", reason="too late")


def test_a_mark_keeps_its_object_until_it_is_deleted(database, registry):
    free = "sha256/00/" + "0" * 64
    with database.writing() as tx:
        tx.execute(
            text(
                "INSERT INTO condemned (content_url, since) SELECT :url, created_at FROM registry"
            ),
            {"url": free},
        )
    used = "(SELECT min(content_url) FROM skill_versions)"
    assert "keeps its object" in refused(database, f"UPDATE condemned SET content_url = {used}")
    assert "until its object is deleted" in refused(database, "DELETE FROM condemned")
    with database.writing() as tx:
        tx.execute(text("UPDATE condemned SET deleted_at = since"))
        tx.execute(text("DELETE FROM condemned"))


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("ratings", "rating", "4.5"),
        ("ratings", "hours_saved_estimate", "0.5"),
        ("ratings", "updated_at", "'yesterday'"),
        ("ratings", "comment", "'a' || char(0)"),
        ("users", "email", "CAST('bob@example.org' AS BLOB)"),
        ("users", "email", "'UPPER@example.org'"),
        ("skills", "tags", "7"),
    ],
)
def test_sqlite_stores_no_value_of_another_type(database, registry, table, column, value):
    if database.dialect == "postgresql":  # its columns have types
        value = "'UPPER@example.org'" if "UPPER" in value else "repeat('x', 3000)"
        column = "email" if "UPPER" in value else "comment"
        table = "users" if "UPPER" in value else "ratings"
    assert "ck_" in refused(database, f"UPDATE {table} SET {column} = {value}")


def test_a_login_with_few_rights_cannot_forge_what_triggers_derive(database, registry):
    """Neither with functions of ours on a table of its own, nor with a search path of its own."""
    if database.dialect == "sqlite":  # whoever writes the file is its owner
        return
    role = f"publisher_{uuid.uuid4().hex}"  # roles are the whole server's
    with database.writing() as tx:
        for statement in (
            f"CREATE ROLE {role}",
            f"GRANT USAGE ON SCHEMA public TO {role}",
            f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}",
            f"GRANT UPDATE ON skills TO {role}",
            f"CREATE SCHEMA evil AUTHORIZATION {role}",
        ):
            tx.execute(text(statement))
    attacks = {
        "permission denied for function": [
            "CREATE TEMP TABLE f (LIKE ratings)",
            "CREATE TRIGGER t AFTER INSERT ON f FOR EACH ROW"
            " EXECUTE FUNCTION public.everyskill_ratings_count()",
        ],
        "written by triggers only": [
            "CREATE TEMP TABLE f (x int)",
            "CREATE FUNCTION pg_temp.forge() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN UPDATE public.skills SET stars_5 = 1000; RETURN NULL; END'",
            "CREATE TRIGGER t AFTER INSERT ON f FOR EACH ROW EXECUTE FUNCTION pg_temp.forge()",
            "INSERT INTO f VALUES (1)",
        ],
        "never change": [
            "CREATE FUNCTION evil.everyskill_raise(text) RETURNS void LANGUAGE sql AS 'SELECT'",
            "SET LOCAL search_path = evil, public",
            "UPDATE public.skills SET slug = 'renamed' WHERE slug = 'demo'",
        ],
    }
    try:
        for words, statements in attacks.items():
            with pytest.raises(EveryskillError, match=words), database.writing() as tx:
                tx.execute(text(f"SET LOCAL ROLE {role}"))
                for statement in statements:
                    tx.exec_driver_sql(statement)
    finally:
        with database.writing() as tx:
            tx.execute(text(f"DROP OWNED BY {role} CASCADE"))
            tx.execute(text(f"DROP ROLE {role}"))

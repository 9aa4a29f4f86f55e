"""Migrations and tables.py say the same; a registry is upgraded whole or not at all."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from everyskill_cli import model
from everyskill_cli.database import open_database
from everyskill_cli.database.engine import Database
from everyskill_cli.database.guards import differences
from everyskill_cli.database.schema import HEAD, MIGRATIONS, upgrade
from everyskill_cli.database.tables import metadata
from everyskill_cli.errors import NotReady
from tests.rows import add_rating, add_version


def released() -> list[str]:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    script = ScriptDirectory.from_config(config)
    return [revision.revision for revision in script.walk_revisions()][::-1]


def test_the_program_expects_the_newest_migration():
    assert released()[-1] == HEAD


def test_every_table_has_a_record_with_its_columns():
    kinds = {
        "registry": model.RegistryRecord,
        "users": model.User,
        "skills": model.Skill,
        "skill_versions": model.SkillVersion,
        "version_events": model.VersionEvent,
        "version_state": model.VersionState,
        "ratings": model.Rating,
        "usage_events": model.UsageEvent,
        "condemned": model.Condemned,
        "tombstones": model.Tombstone,
    }
    internal = {"head_version", "born_version", "content"}  # keys, and the copy for search
    assert {
        name: [c.name for c in table.columns if c.name not in internal]
        for name, table in metadata.tables.items()
    } == {name: list(kind.__dataclass_fields__) for name, kind in kinds.items()}


def description(database: Database) -> dict[str, object]:
    """Everything that a schema says, in the database's own words."""
    with database.reading() as tx:
        if database.dialect == "sqlite":
            rows = tx.execute(
                text("SELECT name, sql FROM sqlite_master WHERE type <> 'trigger' AND sql <> ''")
            )
            return {row.name: _words(row.sql) for row in rows if "revision" not in row.name}
        columns = tx.execute(
            text(
                "SELECT table_name, column_name, data_type, datetime_precision, is_nullable,"
                " column_default, generation_expression, collation_name"
                " FROM information_schema.columns WHERE table_schema = 'public'"
            )
        ).all()
        constraints = tx.execute(
            text(
                "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
                " WHERE connamespace = 'public'::regnamespace AND contype <> 't'"  # triggers
            )
        ).all()
        indexes = tx.execute(
            text("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'")
        ).all()
    rows = [tuple(row) for row in (*columns, *constraints, *indexes)]
    return {repr(row): True for row in rows if "everyskill_revision" not in repr(row)}


def _words(statement: str) -> list[str]:
    """A statement's parts in no order: constraints may stand in any."""
    body = re.sub(r"\s+", " ", statement).replace("( ", "(").replace(" )", ")")
    return sorted(part.strip().rstrip(")") for part in body.split(","))


def is_of_search(name: str) -> bool:
    """Tell what search alone reads: no record of ours, so it stands in the migrations alone."""
    return "skill_search" in name or "skill_words" in name


MAKE = """
import sys
from everyskill_cli.database.engine import Database
from everyskill_cli.database.tables import metadata
with Database(sys.argv[1]) as database, database.writing() as tx:
    metadata.create_all(tx)
"""


def test_migrations_and_tables_make_the_same_schema(database_url, tmp_path, request):
    """Columns, types, precision, defaults, generated columns, keys, checks, indexes."""
    with Database(database_url) as migrated:
        upgrade(migrated)
        expected = description(migrated)
        if migrated.dialect == "sqlite":
            other = f"sqlite:///{tmp_path}/tables.db"
        else:
            other = request.getfixturevalue("postgres_server").create_database()
    # In another process: making them on PostgreSQL takes the circular keys off the tables here.
    subprocess.run([sys.executable, "-c", MAKE, other], check=True, cwd=Path(__file__).parents[1])
    with Database(other) as made:
        assert description(made) == {k: v for k, v in expected.items() if not is_of_search(k)}


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection", "ignore:autogenerate skipping")
def test_alembic_sees_no_drift(database_url):
    with Database(database_url) as database:
        upgrade(database)
        with database.reading() as tx:
            context = MigrationContext.configure(
                tx,
                opts={
                    "version_table": "everyskill_revision",
                    "compare_type": True,
                    "include_name": lambda name, *_: not is_of_search(str(name)),
                    # PostgreSQL prints its expression in other words than ours; the test above
                    # compares what it prints of both.
                    "include_object": lambda _, name, *__: name != "ix_skills_place",
                },
            )
            assert compare_metadata(context, metadata) == []


@pytest.mark.parametrize("revision", released())
def test_upgrading_from_every_release_keeps_every_row(database_url, tmp_path, revision):
    old = migrations_until(tmp_path, revision)
    with Database(database_url) as database:
        upgrade(database, old)
        with database.writing() as tx:
            first = add_version(tx)
            add_version(tx)
        with database.writing() as tx:
            add_rating(tx, first, 5, "bob@example.org", hours=2)
        before = rows(database)
        upgrade(database)
        after = rows(database)
    for table, contents in before.items():
        for row, new in zip(contents, after[table], strict=True):
            assert new == new | row, table
    with open_database(database_url, "write") as opened, opened.writing() as tx:
        assert add_version(tx).version == 3


def migrations_until(tmp_path, revision):
    """A copy of the migrations as they were released with a revision."""
    copy = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for file in (copy / "versions").glob("[0-9]*"):
        if file.name[:4] > revision:
            file.unlink()
    return copy


def rows(database):
    with database.reading() as tx:
        names = [n for n in inspect(tx).get_table_names() if n != "everyskill_revision"]
        return {
            name: [dict(row._mapping) for row in tx.execute(text(f'SELECT * FROM "{name}"'))]
            for name in names
        }


def with_next_migration(tmp_path, body: str):
    """The migrations with one more, as a later release would have."""
    copy = migrations_until(tmp_path, "9999")
    (copy / "versions" / "9999_next.py").write_text(
        "from alembic import op\n"
        f"revision, down_revision = '9999', '{HEAD}'\n"
        f"def upgrade():\n    {body}\n"
    )
    return copy


def test_an_upgrade_copies_a_sqlite_file_aside(tmp_path):
    later = with_next_migration(tmp_path, "op.execute('ALTER TABLE users ADD COLUMN x TEXT')")
    with Database(f"sqlite:///{tmp_path}/r.db") as database:
        assert upgrade(database).backup is None
        with database.writing() as tx:
            add_version(tx)
        change = upgrade(database, later)
    assert (change.before, change.after) == (HEAD, "9999")
    with sqlite3.connect(change.backup) as copy:
        assert copy.execute("SELECT count(*) FROM skill_versions").fetchone() == (1,)
        assert copy.execute("SELECT version_num FROM everyskill_revision").fetchone() == (HEAD,)
    copy.close()


@pytest.mark.parametrize("release", released()[:-1])
def test_a_sqlite_file_of_an_older_release_is_read_as_it_is_and_upgraded_by_a_write(
    tmp_path, release
):
    """Its tables and triggers are the same: reading needs no upgrade, nor the right to make one."""
    url, path = f"sqlite:///{tmp_path}/r.db", tmp_path / "r.db"
    with Database(url) as database:
        upgrade(database, migrations_until(tmp_path, release))
        with database.writing() as tx:
            add_version(tx)
    before = path.read_bytes()
    with open_database(url, "read") as opened, opened.reading() as tx:
        assert tx.scalar(text("SELECT count(*) FROM skill_versions")) == 1
        assert differences(tx) == []
    assert path.read_bytes() == before
    assert list(tmp_path.glob("*.backup")) == []
    with open_database(url, "write") as opened, opened.writing() as tx:
        assert add_version(tx).version == 2
        assert tx.scalar(text("SELECT version_num FROM everyskill_revision")) == HEAD
    [backup] = tmp_path.glob("*.backup")
    assert backup.name.startswith(f"r.db.{release}.")


@pytest.mark.parametrize("release", released()[:-1])
def test_a_postgresql_of_an_older_release_wants_an_upgrade(postgres_url, tmp_path, release):
    with Database(postgres_url) as database:
        upgrade(database, migrations_until(tmp_path, release))
    for access in ("read", "write", "create"):
        with pytest.raises(NotReady, match=f"has schema {release}") as caught:
            open_database(postgres_url, access)
        assert "everyskill upgrade" in caught.value.hint


def test_an_upgrade_that_fails_changes_nothing(database_url, tmp_path):
    later = with_next_migration(
        tmp_path, "op.execute('CREATE TABLE half (id TEXT)'); op.execute('SELECT nonsense()')"
    )
    with Database(database_url) as database:
        upgrade(database)
        before = description(database)
        with pytest.raises(Exception, match="nonsense"):
            upgrade(database, later)
        assert description(database) == before
        with database.reading() as tx:
            assert tx.scalar(text("SELECT version_num FROM everyskill_revision")) == HEAD


def test_a_newer_schema_is_read_and_written_by_nobody(database_url, tmp_path):
    with Database(database_url) as database:
        upgrade(database, with_next_migration(tmp_path, "pass"))
    for access in ("read", "write", "create"):
        with pytest.raises(NotReady, match="newer"):
            open_database(database_url, access)
    with Database(database_url) as database, pytest.raises(NotReady, match="newer"):
        upgrade(database)


def test_another_programs_tables_are_left_alone(database_url):
    with Database(database_url) as database:
        with database.writing() as tx:
            tx.execute(text("CREATE TABLE users (id TEXT)"))
        for access in ("read", "write", "create"):
            with pytest.raises(NotReady, match="another program"):
                open_database(database_url, access)
        with pytest.raises(NotReady, match="another program"):
            upgrade(database)


def test_an_empty_postgresql_wants_an_upgrade(postgres_url):
    for access in ("read", "write", "create"):
        with pytest.raises(NotReady) as caught:
            open_database(postgres_url, access)
        assert "everyskill upgrade" in caught.value.hint


def test_reading_an_absent_registry_makes_nothing(tmp_path):
    for access in ("read", "write"):
        url = f"sqlite:///{tmp_path}/no/where.db"
        with open_database(url, access) as database, database.reading() as tx:
            assert tx.scalar(text("SELECT count(*) FROM skills")) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_never_finished_is_a_new_registry(tmp_path):
    (tmp_path / "r.db").touch()
    with open_database(f"sqlite:///{tmp_path}/r.db") as database, database.reading() as tx:
        assert tx.scalar(text("SELECT count(*) FROM skills")) == 0
    url = f"sqlite:///{tmp_path}/r.db"
    with open_database(url, "create") as database, database.writing() as tx:
        assert add_version(tx).version == 1


def test_many_first_users_make_one_registry(database_url):
    """Two upgrades at once wait for each other, and one of them does the work."""
    changes, errors = [], []

    def run():
        try:
            with Database(database_url) as database:
                changes.append(upgrade(database))
        except Exception as error:  # noqa: BLE001 - the assertion below shows it
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(str(change.before) for change in changes) == [HEAD] * 5 + ["None"]
    with Database(database_url) as database, database.reading() as tx:
        assert tx.scalar(text("SELECT count(*) FROM registry")) == 1

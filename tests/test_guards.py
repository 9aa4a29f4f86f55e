"""Guards that still have their names and guard nothing: `doctor` and `verify` find each."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from everyskill_cli.database import shapes
from everyskill_cli.database.engine import Database
from everyskill_cli.database.guards import differences
from everyskill_cli.database.schema import upgrade
from tests.commands import Commands
from tests.figures import Count
from tests.guards import noted
from tests.registries import write_skill
from tests.servers.postgres import PostgresServer

CHANGES = {
    "CREATE OR REPLACE TRIGGER skill_versions_update BEFORE UPDATE ON skill_versions FOR EACH ROW"
    " WHEN (false) EXECUTE FUNCTION everyskill_refuse('a version never changes')": (
        "skill_versions_update was changed"
    ),
    "DROP TRIGGER skill_versions_update ON skill_versions; CREATE TRIGGER skill_versions_update"
    " AFTER UPDATE ON skill_versions FOR EACH ROW"
    " EXECUTE FUNCTION everyskill_refuse('a version never changes')": (
        "skill_versions_update was changed"
    ),
    "DROP TRIGGER skill_versions_update ON skill_versions; CREATE TRIGGER skill_versions_update"
    " BEFORE UPDATE OF message ON skill_versions FOR EACH ROW"
    " EXECUTE FUNCTION everyskill_refuse('a version never changes')": (
        "skill_versions_update was changed"
    ),
    "CREATE SCHEMA away; CREATE FUNCTION away.everyskill_signed() RETURNS trigger LANGUAGE plpgsql"
    " AS 'BEGIN RETURN NEW; END'; DROP TRIGGER ratings_signed ON ratings; CREATE TRIGGER"
    " ratings_signed BEFORE INSERT OR UPDATE OR DELETE ON ratings FOR EACH ROW"
    " EXECUTE FUNCTION away.everyskill_signed()": "ratings_signed was changed",
    "ALTER TABLE ratings DISABLE TRIGGER ratings_signed": "ratings_signed is switched off",
    "ALTER TABLE ratings ENABLE REPLICA TRIGGER ratings_signed": "ratings_signed is switched off",
    "ALTER TABLE tombstones DISABLE TRIGGER ALL": (
        "tombstones_change is switched off; tombstones_insert is switched off;"
        " tombstones_owner is switched off; tombstones_truncate is switched off;"
        " fk_tombstones_actor_id is switched off"
    ),
    "CREATE FUNCTION evil() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
    " CREATE TRIGGER a_evil BEFORE INSERT ON ratings FOR EACH ROW EXECUTE FUNCTION evil()": (
        "a_evil on ratings is not ours"
    ),
    "CREATE RULE evil AS ON INSERT TO ratings DO INSTEAD NOTHING": "evil on ratings is not ours",
    "CREATE SCHEMA away; CREATE VIEW away.ratings AS SELECT * FROM public.ratings;"
    " CREATE FUNCTION away.everyskill_forbid(text) RETURNS text LANGUAGE sql AS 'SELECT $1';"
    " SET LOCAL search_path = away, public": (
        "everyskill_forbid is hidden by another one that comes first in your search path;"
        " ratings is hidden by another one that comes first in your search path"
    ),
    "CREATE RULE evil AS ON UPDATE TO skills DO ALSO DELETE FROM ratings": (
        "evil on skills is not ours"
    ),
    "CREATE SCHEMA away; CREATE TABLE away.kid () INHERITS (skill_versions)": (
        "skill_versions has a child that is not ours: away.kid"
    ),
    "CREATE TABLE kid (LIKE ratings INCLUDING ALL); ALTER TABLE kid INHERIT ratings": (
        "ratings has a child that is not ours: kid"
    ),
    "CREATE TABLE old (rating integer); ALTER TABLE ratings INHERIT old": (
        "ratings has a parent that is not ours: old"
    ),
    "ALTER TABLE skill_versions DROP CONSTRAINT ck_skill_versions_size_bytes, ADD CONSTRAINT"
    " ck_skill_versions_size_bytes CHECK (true)": "ck_skill_versions_size_bytes was changed",
    "ALTER TABLE skill_versions DROP CONSTRAINT ck_skill_versions_size_bytes, ADD CONSTRAINT"
    " ck_skill_versions_size_bytes CHECK (size_bytes BETWEEN 0 AND 52428801)": (
        "ck_skill_versions_size_bytes was changed"
    ),
    "ALTER TABLE skill_versions DROP CONSTRAINT ck_skill_versions_size_bytes, ADD CONSTRAINT"
    " ck_skill_versions_size_bytes CHECK (size_bytes BETWEEN 0 AND 52428800) NOT VALID": (
        "ck_skill_versions_size_bytes was changed"
    ),
    "ALTER TABLE ratings ADD CONSTRAINT evil CHECK (rating = 5)": "evil on ratings is not ours",
    "ALTER TABLE ratings DROP CONSTRAINT fk_ratings_user_id, ADD CONSTRAINT fk_ratings_user_id"
    " FOREIGN KEY (user_id) REFERENCES users (id)": "fk_ratings_user_id was changed",
    "ALTER TABLE ratings ALTER CONSTRAINT fk_ratings_user_id DEFERRABLE": (
        "fk_ratings_user_id was changed"
    ),
    "ALTER TABLE users DROP CONSTRAINT uq_users_db_login, ADD CONSTRAINT uq_users_db_login"
    " UNIQUE (db_login, email)": "uq_users_db_login was changed",
    "DROP INDEX ix_registry_one_row; CREATE UNIQUE INDEX ix_registry_one_row ON registry"
    " ((id IS NULL))": "ix_registry_one_row was changed",
    "DROP INDEX ix_registry_one_row; CREATE INDEX ix_registry_one_row ON registry"
    " ((id IS NOT NULL))": "ix_registry_one_row was changed",
    "DROP INDEX ix_ratings_comments": "ix_ratings_comments is missing",
    "ALTER TABLE skills ALTER average_rating DROP EXPRESSION": "skills.average_rating was changed",
    "ALTER TABLE skills ALTER latest_version DROP DEFAULT": "skills.latest_version was changed",
    "ALTER TABLE skills ALTER stars_1 SET DEFAULT 7": "skills.stars_1 was changed",
    "ALTER TABLE skills ALTER name DROP NOT NULL": "skills.name was changed",
    "ALTER TABLE tombstones ALTER reason TYPE varchar(9)": "tombstones.reason was changed",
    'ALTER TABLE tombstones ALTER reason TYPE text COLLATE "C"': "tombstones.reason was changed",
    "ALTER TABLE tombstones DROP COLUMN reason": "tombstones.reason is missing",
    "ALTER TABLE usage_events SET UNLOGGED": "usage_events was changed",
    "DROP TABLE condemned": "condemned is missing",
    "ALTER FUNCTION everyskill_me() IMMUTABLE": "everyskill_me was changed",
    "ALTER FUNCTION everyskill_is_slug(text) STRICT": "everyskill_is_slug was changed",
}


@pytest.fixture(scope="module")
def guarded(postgres_server: PostgresServer) -> Iterator[Database]:
    with Database(postgres_server.create_database()) as database:
        upgrade(database)
        yield database


@pytest.mark.parametrize("statement", CHANGES)
def test_a_guard_that_guards_nothing_any_more_is_found(
    guarded: Database, statement: str, count: Count
) -> None:
    with guarded.reading() as tx:
        assert differences(tx) == []
    with pytest.raises(ZeroDivisionError), guarded.writing() as tx:
        tx.exec_driver_sql(statement)
        assert "; ".join(differences(tx)) == CHANGES[statement]
        raise ZeroDivisionError
    count("guards", changes=1)


def test_on_a_server_nobody_knows_only_shapes_are_compared(
    guarded: Database, cli: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may print the same check in other words; what has another shape is still found."""
    url = guarded.url.render_as_string(hide_password=False)
    monkeypatch.setenv("EVERYSKILL_DATABASE_URL", url)
    assert "as far as it can be compared" not in cli("doctor").stdout
    monkeypatch.setattr(shapes, "MAJORS", range(0))
    assert "as they were made, as far as it can be compared" in cli("doctor").stdout
    with pytest.raises(ZeroDivisionError), guarded.writing() as tx:
        tx.exec_driver_sql("ALTER TABLE skills ALTER stars_1 SET DEFAULT 7")
        assert differences(tx) == []
        tx.exec_driver_sql("ALTER TABLE skills ALTER name DROP NOT NULL")
        tx.exec_driver_sql("CREATE RULE evil AS ON INSERT TO ratings DO INSTEAD NOTHING")
        assert differences(tx) == ["skills.name was changed", "evil on ratings is not ours"]
        raise ZeroDivisionError


def test_the_file_says_what_the_migrations_make(postgres_server: PostgresServer) -> None:
    made = json.loads(noted(postgres_server.create_database()))
    kept = json.loads(shapes.FILE.read_text(encoding="utf-8"))
    assert made["guards"] == kept["guards"], "run: python -m tests.guards"
    assert int(kept["postgresql"].split(".")[0]) in shapes.MAJORS
    kinds = {row[0] for row in kept["guards"]}
    assert kinds == {"table", "column", "constraint", "index", "trigger", "function"}


def test_a_trigger_beside_ours_is_found_in_a_file(
    cli: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERYSKILL_HOME", str(tmp_path))
    monkeypatch.setenv("EVERYSKILL_USER", "ann@example.org")
    assert cli("publish", write_skill(tmp_path)).code == 0
    assert cli("doctor").code == 0
    with closing(sqlite3.connect(tmp_path / "registry.db")) as connection:
        connection.execute("CREATE TABLE mine (x)")
        connection.execute("CREATE TRIGGER harmless AFTER INSERT ON mine BEGIN SELECT 1; END")
        connection.commit()
        assert cli("doctor").code == 0
        connection.execute(
            "CREATE TRIGGER evil BEFORE INSERT ON ratings BEGIN SELECT raise(IGNORE); END"
        )
        connection.commit()
    for command, code in (("doctor", 8), ("verify", 7)):
        done = cli(command)
        assert (done.code, "evil on ratings is not ours" in done.stdout) == (code, True), done


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(capsys)

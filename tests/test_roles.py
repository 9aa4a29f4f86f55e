"""What each role may do to a PostgreSQL registry, statement by statement, whatever a client says.

Every login is what `admin grants` makes of it; the statements are sent past the program. What is
allowed works; what is not is refused or changes no row, and nothing is different afterwards.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from psycopg import sql
from psycopg.types.json import Jsonb
from sqlalchemy.exc import DBAPIError

from everyskill_cli.chain import (
    canonical_json,
    details_hash,
    event_hash,
    statement_hash,
)
from everyskill_cli.database.engine import Database, Transaction
from everyskill_cli.database.queries import ratings, records, skills, users, versions
from everyskill_cli.database.tables import metadata
from everyskill_cli.errors import Conflict, EveryskillError, Forbidden
from everyskill_cli.model import FileEntry, JsonObject, SkillVersion, VersionEvent
from tests.figures import Count
from tests.rows import allocate, make_version
from tests.servers.postgres import PostgresServer
from tests.servers.process import program
from tests.teams import PASSWORD, Team
from tests.test_format import DETAILS, golden, json_text, json_values

ROLES = ("reader", "rater", "publisher")
TABLES = [*metadata.tables, "everyskill_revision"]
# What may be written beyond reading everything, by role: written down once more, so that a right
# that slips into the program's own list is found.
MAY: dict[str, dict[tuple[str, str], str]] = {
    "reader": {},
    "rater": {
        ("ratings", "INSERT"): "id skill_id skill_version_id user_id rating comment"
        " hours_saved_estimate created_at updated_at",
        ("ratings", "UPDATE"): "rating comment hours_saved_estimate updated_at",
        ("ratings", "DELETE"): "",
        ("usage_events", "INSERT"): "id skill_id skill_version_id user_id tool_name external_id"
        " metadata created_at",
    },
    "publisher": {
        ("skills", "INSERT"): "id slug name description category tags author_id content created_at"
        " updated_at",
        ("skills", "UPDATE"): "latest_version category tags content updated_at",
        ("skill_versions", "INSERT"): "id skill_id version content_url content_hash content_type"
        " size_bytes name description files metadata message details_hash created_by created_at",
        ("version_events", "INSERT"): "id skill_id seq kind version published_version draft_version"
        " reason successor actor_id created_at prev_hash entry_hash",
        ("condemned", "UPDATE"): "deleted_at",
        ("condemned", "DELETE"): "",
    },
}
MAY["publisher"] |= MAY["rater"]


@pytest.fixture(scope="module")
def team(postgres_server: PostgresServer) -> Iterator[Team]:
    made = Team(postgres_server)
    yield made
    made.close()


@pytest.fixture
def unchanged(team: Team) -> Iterator[None]:
    """Hold the test to it that no row and no object of the registry is another one after it."""
    before = team.known or team.state()
    team.known = None
    yield
    after = team.state()
    assert after == before
    team.known = after


def columns_of(table: str) -> list[str]:
    if table == "everyskill_revision":
        return ["version_num"]
    return [column.name for column in metadata.tables[table].columns]


def refusal(connection: psycopg.Connection[Any], statement: str) -> str:
    """Run a statement in a transaction that goes on: the code of its refusal, or nothing."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement.encode())
    except psycopg.Error as error:
        return error.sqlstate or "?"
    return ""


# Every table, every verb, every column.


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("role", ROLES)
def test_rights_on_tables_and_columns(
    team: Team, role: str, table: str, unchanged: None, count: Count
) -> None:
    """Rights are checked before the first row, so none need be there."""
    allowed = denied = 0
    with team.connected(role) as connection:
        for column in columns_of(table):
            for verb, statement in {
                "SELECT": f"SELECT {column} FROM {table} LIMIT 1",
                "INSERT": f"INSERT INTO {table} ({column}) SELECT {column} FROM {table} LIMIT 0",
                "UPDATE": f"UPDATE {table} SET {column} = DEFAULT WHERE false",
            }.items():
                may = verb == "SELECT" or column in MAY[role].get((table, verb), "").split()
                code = refusal(connection, statement)
                # A generated column cannot be named in an INSERT, whoever does it.
                assert code in ([""] if may else ["42501", "428C9"]), (statement, code)
                allowed, denied = allowed + may, denied + (not may)
        whole = {
            f"DELETE FROM {table} WHERE false": (
                "DELETE" in {v for t, v in MAY[role] if t == table}
            ),
            f"SELECT * FROM {table} LIMIT 1 FOR KEY SHARE": any(
                (table, verb) in MAY[role] for verb in ("UPDATE", "DELETE")
            ),
            f"SELECT * FROM {table} LIMIT 1 FOR UPDATE": any(
                (table, verb) in MAY[role] for verb in ("UPDATE", "DELETE")
            ),
            f"COPY {table} TO STDOUT": None,
        }
        for statement, may in whole.items():
            if may is None:
                continue
            code = refusal(connection, statement)
            assert code == ("" if may else "42501"), (statement, code)
            allowed, denied = allowed + may, denied + (not may)
    count("roles", allowed=allowed, denied=denied)


OF_OWNERS = (
    "TRUNCATE {table}",
    "TRUNCATE {table} CASCADE",
    "DROP TABLE {table}",
    "DROP TABLE {table} CASCADE",
    "ALTER TABLE {table} RENAME TO gone",
    "ALTER TABLE {table} SET SCHEMA {own}",
    "ALTER TABLE {table} ADD COLUMN evil text",
    "ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT 'evil'",
    "ALTER TABLE {table} DISABLE TRIGGER ALL",
    "ALTER TABLE {table} DISABLE TRIGGER USER",
    "ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE {table} OWNER TO {login}",
    "ALTER TABLE {table} REPLICA IDENTITY NOTHING",
    "CREATE POLICY evil ON {table} USING (true) WITH CHECK (true)",
    "CREATE TRIGGER evil BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {own}.evil()",
    "CREATE RULE evil AS ON INSERT TO {table} DO INSTEAD NOTHING",
    "CREATE INDEX evil ON {table} ({column})",
    "CREATE INDEX evil ON {table} (({own}.evil_text({column}::text)))",
    "CREATE STATISTICS evil ON {column}, {column} FROM {table}",
    "CREATE TABLE {own}.child () INHERITS ({table})",
    "CREATE TABLE {own}.child (x text REFERENCES {table} ({column}))",
    "COMMENT ON TABLE {table} IS 'evil'",
    "LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE",
    "COPY {table} FROM PROGRAM 'true'",
    "COPY {table} TO PROGRAM 'true'",
    "COPY {table} TO '/tmp/everyskill-evil'",
)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("role", ROLES)
def test_what_only_owners_do_to_a_table(
    team: Team, role: str, table: str, unchanged: None, count: Count
) -> None:
    own, denied = team.login(role), 0
    with team.connected(role) as connection:
        connection.execute(
            f"CREATE FUNCTION {own}.evil() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN RETURN NULL; END'".encode()
        )
        connection.execute(
            f"CREATE FUNCTION {own}.evil_text(text) RETURNS text LANGUAGE sql IMMUTABLE AS"
            " 'SELECT $1'".encode()
        )
        for form in OF_OWNERS:
            values = {"table": f"public.{table}", "column": columns_of(table)[0]}
            statement = form.format(own=own, login=own, **values)
            if form.startswith("LOCK") and (table, "DELETE") in MAY[role]:
                continue  # docs/security.md says what that can do: stop others for a while
            code = refusal(connection, statement)
            # The other codes: not of this kind of table, no such key, a column of that name.
            assert code in ("42501", "42809", "42P16", "42701", "42P17", "0A000"), (statement, code)
            denied += 1
    count("roles", denied=denied)


@pytest.mark.parametrize("role", ROLES)
def test_nobody_passes_a_right_on(team: Team, role: str, unchanged: None, count: Count) -> None:
    """To grant what one has and may not pass on is a warning on PostgreSQL, and has no effect."""
    login = team.login(role)
    for table in TABLES:
        for whom in (login, "PUBLIC", team.login("stranger")):
            assert team.attempt(role, [f"GRANT ALL ON {table} TO {whom}"])[0] in ("", "42501")
        assert team.attempt(role, [f"REVOKE ALL ON {table} FROM PUBLIC"])[0] in ("", "42501")
    group = f"{team.word}_{role}"
    quiet = [
        f"DROP OWNED BY {group}",
        f"DROP OWNED BY {group} CASCADE",
        f"REASSIGN OWNED BY {group} TO {login}",
        f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {group} CASCADE",
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {group} GRANT ALL ON TABLES TO PUBLIC",
        f"ALTER ROLE {group} SET search_path = evil",
        f"ALTER ROLE {group} LOGIN PASSWORD 'evil'",
        f"REVOKE {group} FROM {team.login('other')}",
    ]
    for statement in quiet:  # as one of its group, and as the group
        for statements in ([statement], [f"SET ROLE {group}", statement]):
            assert team.attempt(role, statements)[0] in ("", "42501"), statement
    count("roles", denied=4 * len(TABLES) + 2 * len(quiet))


@pytest.mark.parametrize("role", [*ROLES, "unbound"])
def test_what_a_login_does_to_the_server(
    team: Team, role: str, unchanged: None, count: Count
) -> None:
    owner, other, login = team.login("owner"), team.login("other"), team.login(role)
    statements = [
        f"SET ROLE {owner}",
        f"SET ROLE {other}",
        f"SET SESSION AUTHORIZATION {owner}",
        f"SET SESSION AUTHORIZATION {other}",
        "SET session_replication_role = replica",
        "SET LOCAL session_replication_role = replica",
        "SELECT set_config('session_replication_role', 'replica', false)",
        "CREATE FUNCTION public.evil() RETURNS text LANGUAGE sql AS 'SELECT 1::text'",
        "CREATE FUNCTION public.concat(text, text) RETURNS text LANGUAGE sql AS 'SELECT $1'",
        "CREATE OR REPLACE FUNCTION public.everyskill_raise(text) RETURNS void LANGUAGE sql"
        " AS 'SELECT'",
        "CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = name, FUNCTION = texteqname)",
        "CREATE TYPE public.evil AS ENUM ('a')",
        "CREATE TABLE public.evil (x text)",
        "CREATE VIEW public.evil AS SELECT 1",
        "CREATE SEQUENCE public.evil",
        "CREATE SCHEMA evil",
        "DROP SCHEMA public CASCADE",
        "ALTER SCHEMA public RENAME TO evil",
        "DROP FUNCTION everyskill_signed() CASCADE",
        "ALTER FUNCTION everyskill_is_owner() RESET ALL",
        "DROP TRIGGER ratings_signed ON ratings",
        "DROP POLICY ratings_change ON ratings",
        "ALTER POLICY ratings_change ON ratings USING (true)",
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT ALL ON TABLES TO {login}",
        "CREATE EVENT TRIGGER evil ON ddl_command_end EXECUTE FUNCTION pg_catalog.now()",
        "CREATE PUBLICATION evil FOR ALL TABLES",
        "CREATE ROLE evil LOGIN",
        f"ALTER ROLE {login} RENAME TO evil",
        f"ALTER ROLE {login} BYPASSRLS",
        f"ALTER ROLE {other} PASSWORD 'evil'",
        f"GRANT {owner} TO {login}",
        f"GRANT {team.word}_publisher TO {login}",
        f"GRANT {team.word}_reader TO {owner}",
        f"REVOKE {team.word}_publisher FROM {other}",
        f"DROP ROLE {other}",
        f"REASSIGN OWNED BY {owner} TO {login}",
        "SELECT lo_import('/etc/passwd')",
        "SELECT pg_read_file('/etc/passwd')",
        "CREATE EXTENSION dblink",
        "CREATE CAST (text AS integer) WITH INOUT",
        "LOAD 'plpgsql'",
        "SECURITY LABEL ON TABLE ratings IS 'evil'",
    ]
    for function in (
        "everyskill_head_hash('x')",
        "everyskill_version_id('x', 1)",
        "everyskill_entry_hash(NULL)",
        "everyskill_signed()",
        "everyskill_events_apply()",
        "everyskill_ratings_count()",
        "everyskill_delete()",
    ):
        statements.append(f"SELECT {function}")
    with team.connected(role) as connection:
        for statement in statements:
            code = refusal(connection, statement)
            # 0A000 a trigger function cannot be called at all; 22023 no such provider of labels;
            # 58P01 no such extension here, and 42704/42P17: not of this kind.
            assert code in ("42501", "0A000", "22023", "58P01", "42P17"), (statement, code)
    count("roles", denied=len(statements))


def test_a_login_without_a_role_sees_nothing(team: Team, unchanged: None, count: Count) -> None:
    with team.connected("stranger") as connection:
        for table in TABLES:
            assert refusal(connection, f"SELECT * FROM {table}") == "42501"
            assert refusal(connection, f"DELETE FROM {table}") == "42501"
        for function in ("me()", "is_owner()", "raise('x')"):
            assert refusal(connection, f"SELECT everyskill_{function}") == "42501"
    count("roles", denied=2 * len(TABLES) + 3)


# Rows: what a rater claims.

ME = "(SELECT id FROM users WHERE db_login = session_user)"
NOW = "date_trunc('milliseconds', clock_timestamp())"
RATE = (
    "INSERT INTO ratings (id, skill_id, skill_version_id, user_id, rating, created_at, updated_at)"
    " SELECT gen_random_uuid()::text, skill_id, id, {user}, 4, at, at"
    " FROM skill_versions, (SELECT {at} AS at) AS t WHERE id = '{version}'"
)
USE = (
    "INSERT INTO usage_events (id, skill_id, skill_version_id, user_id, tool_name, metadata,"
    " created_at) SELECT gen_random_uuid()::text, skill_id, id, {user}, 'ci', '{{}}', {at}"
    " FROM skill_versions WHERE id = '{version}'"
)
OTHER = "(SELECT id FROM users WHERE email = 'other@example.org')"


def rate(team: Team, user: str = ME, at: str = NOW) -> str:
    return RATE.format(user=user, at=at, version=team.first.id)


def use(team: Team, user: str = ME, at: str = NOW) -> str:
    return USE.format(user=user, at=at, version=team.first.id)


@pytest.mark.parametrize("role", ["rater", "publisher"])
def test_a_rater_writes_its_own(team: Team, role: str, unchanged: None, count: Count) -> None:
    mine = f"WHERE user_id = {ME}"
    statements = [
        rate(team),
        f"UPDATE ratings SET rating = 2, comment = 'x', updated_at = {NOW} {mine}",
        f"SELECT * FROM ratings {mine} FOR UPDATE",
        f"DELETE FROM ratings {mine}",
        rate(team) + " ON CONFLICT DO NOTHING RETURNING id",
        use(team),
        use(team) + " ON CONFLICT DO NOTHING RETURNING id",
        _with_id(use(team), "repeat('x', 200)"),
    ]
    with team.connected(role) as connection:
        for statement in statements:
            assert connection.execute(statement.encode()).rowcount == 1, statement
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    count("roles", allowed=len(statements))


def _with_id(statement: str, value: str) -> str:
    return statement.replace(", metadata", ", external_id, metadata").replace(
        "'ci', ", f"'ci', {value}, "
    )


FALSE_RATINGS: dict[str, tuple[str, list[str]]] = {
    "as somebody else": ("own user only", ["{rate_as_other}"]),
    "as nobody": ("own user only", ["{rate_as_null}"]),
    "a use as somebody else": ("own user only", ["{use_as_other}"]),
    "a use as nobody": ("own user only", ["{use_as_null}"]),
    "in the past": ("time is not", ["{rate_past}"]),
    "in the future": ("time is not", ["{rate_future}"]),
    "a use in the past": ("time is not", ["{use_past}"]),
    "changed in the past": (
        "time is not",
        ["{rate}", "UPDATE ratings SET updated_at = '2020-01-01' WHERE user_id = {me}"],
    ),
    "changed without a time": (
        "time is not",
        [
            "{rate}",
            "SELECT pg_sleep(0.01)",
            "UPDATE ratings SET rating = 1, updated_at = updated_at - interval '1 hour'"
            " WHERE user_id = {me}",
        ],
    ),
    "in a snapshot of its own": (
        "READ COMMITTED",
        ["SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "{rate}"],
    ),
    "serializable": ("READ COMMITTED", ["SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "{rate}"]),
    "over somebody's, by the id": (
        "row-level security",
        [
            "INSERT INTO ratings (id, skill_id, skill_version_id, user_id, rating, created_at,"
            " updated_at) SELECT '{rating}', skill_id, id, {me}, 1, at, at"
            " FROM skill_versions, (SELECT {now} AS at) AS t WHERE id = '{version}'"
            " ON CONFLICT (id) DO UPDATE SET rating = 1, updated_at = {now}"
        ],
    ),
    "over somebody's, by who and what": (
        "own user only",
        ["{rate_as_other} ON CONFLICT (user_id, skill_version_id) DO UPDATE SET rating = 1"],
    ),
    "merged over somebody's": (
        "permission denied|own user only|row-level",
        [
            "MERGE INTO ratings USING (SELECT 1) AS x ON ratings.id = '{rating}'"
            " WHEN NOT MATCHED THEN INSERT (id) VALUES ('x') WHEN MATCHED THEN UPDATE"
            " SET user_id = {me}"
        ],
    ),
    "with row security off": (
        "row-level security",
        ["SET LOCAL row_security = off", "UPDATE ratings SET rating = 1"],
    ),
    "copied in": ("row-level security", ["COPY ratings FROM STDIN"]),
    "behind a view": (
        "own user only",
        ["CREATE VIEW {own}.v AS SELECT * FROM public.ratings", "{rate_into_view}"],
    ),
    "by a function of the name of ours": (
        "own user only",
        [
            "CREATE FUNCTION {own}.everyskill_is_owner() RETURNS boolean LANGUAGE sql"
            " AS 'SELECT true'",
            "CREATE FUNCTION {own}.everyskill_me() RETURNS text LANGUAGE sql AS"
            " $$SELECT id FROM public.users WHERE email = 'other@example.org'$$",
            "SET LOCAL search_path = {own}, public",
            "{rate_as_other}",
        ],
    ),
    "by a table in front of ours": (
        "own user only",
        [
            "CREATE TEMP TABLE users AS SELECT id, email, 'x'::text AS x,"
            " session_user::text AS db_login FROM public.users WHERE email = 'other@example.org'",
            "SET LOCAL search_path = pg_temp, public",
            "{rate_as_temp}",
        ],
    ),
    "by an operator in front of ours": (
        "own user only",
        [
            "CREATE FUNCTION {own}.yes(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
            "CREATE OPERATOR {own}.= (LEFTARG = text, RIGHTARG = text, FUNCTION = {own}.yes)",
            "CREATE FUNCTION {own}.pg_has_role(name, oid, text) RETURNS boolean LANGUAGE sql"
            " AS 'SELECT true'",
            "SET LOCAL search_path = {own}, pg_catalog, public",
            "INSERT INTO public.ratings (id, skill_id, skill_version_id, user_id, rating,"
            " created_at, updated_at) SELECT pg_catalog.gen_random_uuid()::text, skill_id, id,"
            " '{other}', 4, at, at FROM public.skill_versions, (SELECT {now} AS at) AS t"
            " WHERE id OPERATOR(pg_catalog.=) '{version}'",
        ],
    ),
    "from a trigger of its own": (
        "own user only",
        [
            "CREATE TABLE {own}.f (x int)",
            "CREATE FUNCTION {own}.forge() RETURNS trigger LANGUAGE plpgsql AS"
            " $$BEGIN {rate_as_other}; RETURN NULL; END$$",
            "CREATE TRIGGER t AFTER INSERT ON {own}.f FOR EACH ROW EXECUTE FUNCTION {own}.forge()",
            "INSERT INTO {own}.f VALUES (1)",
        ],
    ),
    "with a function of ours on its own table": (
        "permission denied for function",
        [
            "CREATE TABLE {own}.ratings (LIKE public.ratings)",
            "CREATE TRIGGER t AFTER INSERT ON {own}.ratings FOR EACH ROW"
            " EXECUTE FUNCTION public.everyskill_ratings_count()",
        ],
    ),
    "with a check of ours on its own table": (
        "permission denied for function",
        [
            "CREATE TABLE {own}.users (LIKE public.users)",
            "CREATE TRIGGER t BEFORE INSERT ON {own}.users FOR EACH ROW"
            " EXECUTE FUNCTION public.everyskill_signed()",
        ],
    ),
    "a use through what is no slug": (
        "usage_events: a use has",
        ["{use_tool}"],
    ),
    "a use with metadata, which no client writes": ("usage_events: a use has", ["{use_metadata}"]),
    "a use with a long id": ("usage_events: a use has", ["{use_long_id}"]),
    "a use with an empty id": ("usage_events: a use has", ["{use_empty_id}"]),
    "a user of its own": (
        "permission denied",
        [
            "INSERT INTO users (id, email, created_at, updated_at)"
            " VALUES (gen_random_uuid()::text, 'boss@example.org', now(), now())"
        ],
    ),
    "the login of somebody else": (
        "permission denied",
        ["UPDATE users SET db_login = session_user WHERE email = 'other@example.org'"],
    ),
}


@pytest.mark.parametrize("what", FALSE_RATINGS)
@pytest.mark.parametrize("role", ["rater", "publisher"])
def test_a_rating_that_is_not_so(
    team: Team, role: str, what: str, unchanged: None, count: Count
) -> None:
    own = team.login(role)
    words, forms = FALSE_RATINGS[what]
    values = {
        "me": ME,
        "now": NOW,
        "own": own,
        "rating": team.rating.id,
        "other": team.rating.user_id,
        "version": team.first.id,
        "rate": rate(team),
        "rate_as_other": rate(team, OTHER),
        "rate_as_null": rate(team, "NULL"),
        "rate_as_temp": rate(team, "(SELECT id FROM pg_temp.users)"),
        "rate_past": rate(team, at=f"{NOW} - interval '1 day'"),
        "rate_future": rate(team, at=f"{NOW} + interval '1 second'"),
        "rate_into_view": rate(team, OTHER).replace("INTO ratings", f"INTO {own}.v"),
        "use_as_other": use(team, OTHER),
        "use_as_null": use(team, "NULL"),
        "use_tool": use(team).replace("'ci'", "'C I'"),
        "use_metadata": use(team).replace("'{}'", """'{"a": 1}'"""),
        "use_long_id": _with_id(use(team), "repeat('x', 201)"),
        "use_empty_id": _with_id(use(team), "''"),
        "use_past": use(team, at=f"{NOW} - interval '1 day'"),
    }
    code, said, _ = team.attempt(role, [form.format(**values) for form in forms])
    assert code in ("42501", "23001", "23502", "0A000"), (code, said)
    assert re.search(words, said), said
    count("roles", denied=1)


@pytest.mark.parametrize("role", ["rater", "publisher"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ratings SET rating = 1",
        "UPDATE ratings SET comment = 'evil'",
        "UPDATE ratings SET rating = 1 WHERE id = '{rating}'",
        "UPDATE ratings SET rating = 1 WHERE id = '{rating}' RETURNING *",
        "DELETE FROM ratings",
        "DELETE FROM ratings WHERE id = '{rating}'",
        "DELETE FROM ratings USING users WHERE users.id = user_id",
        "WITH gone AS (DELETE FROM ratings RETURNING id) SELECT * FROM gone FOR SHARE OF gone",
        "SELECT * FROM ratings WHERE id = '{rating}' FOR UPDATE",
        "SELECT * FROM ratings WHERE id = '{rating}' FOR NO KEY UPDATE",
    ],
)
def test_the_ratings_of_others_are_not_there_to_be_changed(
    team: Team, role: str, statement: str, unchanged: None, count: Count
) -> None:
    with psycopg.connect(team.url(role)) as connection:
        try:
            found = connection.execute(statement.format(rating=team.rating.id).encode())
            assert found.rowcount == 0
        except psycopg.errors.FeatureNotSupported:
            connection.rollback()
    count("roles", denied=1)


def test_a_login_that_is_bound_to_nobody_writes_nothing(
    team: Team, unchanged: None, count: Count
) -> None:
    statements = [
        rate(team, "NULL"),
        rate(team, OTHER),
        use(team, "NULL"),
        use(team, OTHER),
        f"UPDATE skills SET tags = '[]', updated_at = {NOW}",
        "UPDATE skills SET content = 'evil'",
    ]
    for statement in statements:
        code, said, _ = team.attempt("unbound", [statement])
        assert (code, "bound to no user" in said) == ("42501", True), (statement, said)
    assert team.attempt("unbound", ["UPDATE ratings SET rating = 1"]) == ("", "", 0)
    assert team.attempt("unbound", ["DELETE FROM ratings"]) == ("", "", 0)
    count("roles", denied=len(statements) + 2)


# Rows: what a publisher claims.


class Undone(Exception):
    """All of it was taken; nothing of it is kept."""


def publish(
    team: Team,
    role: str = "publisher",
    *,
    version: Mapping[str, Any] | None = None,
    event: Mapping[str, Any] | None = None,
    before: Sequence[str] = (),
    keep: bool = False,
) -> None:
    """Append a version and its event as a login, false in what is said; its hash fits the event."""
    with Database(team.url(role)) as database, database.writing() as tx:
        for statement in before:
            tx.exec_driver_sql(statement)
        skill_id, number, now = allocate(tx, "demo")
        made = make_version(skill_id, users.ensure(tx, "who@example.org"), number, now)
        said = {name: _now(value, now) for name, value in (version or {}).items()}
        made = replace(made, **said)
        versions.add(tx, [made])
        add_event(tx, made, {"kind": "publish", **(event or {})}, now)
        if not keep:
            tx.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")
            raise Undone


def add_event(tx: Transaction, version: SkillVersion, said: Mapping[str, Any], now: Any) -> None:
    """Append an event with what is said of it, hashed as it is said, unless the hash is said."""
    tail = versions.tails(tx, [version.skill_id])[version.skill_id]
    born = said.get("kind") in ("publish", "draft")
    made = VersionEvent(
        id=str(uuid.uuid4()),
        skill_id=version.skill_id,
        seq=tail.seq + 1,
        kind="publish",
        version=version.version,
        published_version=version.version if born else tail.published_version,
        draft_version=None if born else tail.draft_version,
        reason=None,
        successor=None,
        actor_id=version.created_by,
        created_at=version.created_at if born else now,
        prev_hash=tail.entry_hash,
        entry_hash="",
    )
    made = replace(made, **{name: _now(value, now) for name, value in said.items()})
    digest = event_hash(
        str(versions.registry_id(tx)),
        "demo",
        made,
        content=version.content_hash,
        size=version.size_bytes,
        details=version.details_hash,
    )
    versions.add_events(tx, [replace(made, entry_hash=made.entry_hash or digest)])


def _now(value: Any, now: Any) -> Any:
    return now + value if isinstance(value, timedelta) else value


DAY = timedelta(days=1)
FREE = "f" * 64
ENTRY = {"path": "a", "size": 1, "sha256": FREE, "executable": False}
OF_NOTHING: JsonObject = {"files": [], "metadata": {"frontmatter": {}}}
# Each with the hash that is right for it, or for it as if what is odd were not there.
ODD_VERSIONS: dict[str, tuple[str, JsonObject]] = {
    **{
        f"a file with {key} {value!r:.40}": ("a file has", {"files": [ENTRY | {key: value}]})
        for key, value in (
            ("size", 1.5),
            ("size", -1),
            ("size", "1"),
            ("size", None),
            ("size", 10**8),
            ("sha256", FREE.upper()),
            ("sha256", int("1" * 64)),
            ("sha256", None),
            ("sha256", [FREE]),
            ("executable", 1),
            ("executable", "true"),
            ("executable", None),
            ("path", 1),
            ("path", None),
            ("path", ""),
            ("path", "a" * 513),
            ("path", ["a"]),
            ("more", 1),
        )
    },
    **{
        f"a file without {key}": (
            "a file has",
            {"files": [{k: v for k, v in ENTRY.items() if k != key}]},
        )
        for key in ENTRY
    },
    **{
        f"files {value!r:.40}": ("a file has|ck_|extract|not-null|null value", {"files": value})
        for value in (["path"], [["path"]], [None], [1], [{}], {}, "a", 1, None, True)
    },
    "a file twice": ("a file has", {"files": [ENTRY, ENTRY]}),
    "files in another order": ("a file has", {"files": [ENTRY | {"path": "b"}, ENTRY]}),
    "files in the order of a language": ("a file has", {"files": [ENTRY, ENTRY | {"path": "B"}]}),
    "files too many": ("a file has", {"files": [ENTRY | {"path": f"{n:4}"} for n in range(1001)]}),
    **{
        f"metadata {value!r:.40}": ("metadata has", {"metadata": value})
        for value in (
            {},
            {"frontmatter": 5},
            {"frontmatter": None},
            {"frontmatter": []},
            {"frontmatter": {}, "declared_version": 1},
            {"frontmatter": {}, "declared_version": None},
            {"frontmatter": {}, "source": "x"},
            {"frontmatter": {}, "source": None},
            {"frontmatter": {}, "source": []},
            {"frontmatter": {}, "source": {"commit": 1}},
            {"frontmatter": {}, "source": {"commit": None}},
            {"frontmatter": {}, "source": {"modified": "yes"}},
            {"frontmatter": {}, "source": {"modified": None}},
            {"frontmatter": {}, "source": {"path": {}}},
            {"frontmatter": {"a": "x" * 2**20}},
            {"frontmatter": json.loads('{"a":' * 120 + "1" + "}" * 120)},
            [],
            None,
        )
    },
    "of another kind": ("content_type", {"content_type": "text/html"}),
    "without a name": ("64 KiB", {"name": ""}),
    "with a long name": ("64 KiB", {"name": "x" * 65_537}),
    "with a long description": ("64 KiB", {"description": "\u00e4" * 32_769}),
    "with a long message": ("ck_skill_versions_message|details_hash", {"message": "x" * 2001}),
}
FALSE_VERSIONS: dict[str, tuple[type[EveryskillError], str, dict[str, Any]]] = {
    "by somebody else": (Forbidden, "own user only", {"version": {"created_by": "OTHER"}}),
    "in the past": (Conflict, "time is not", {"version": {"created_at": -DAY}}),
    "in the future": (Conflict, "time is not", {"version": {"created_at": DAY}}),
    "with another number": (Conflict, "number must be", {"version": {"version": 7}}),
    "with the number before": (Conflict, "number must be", {"version": {"version": 1}}),
    "with a hash of nothing": (Conflict, "details_hash", {"version": {"details_hash": FREE}}),
    "with another name": (Conflict, "details_hash", {"version": {"name": "evil"}}),
    "with another message": (Conflict, "details_hash", {"version": {"message": None}}),
    "with other metadata": (
        Conflict,
        "details_hash",
        {"version": {"metadata": {"frontmatter": {}}}},
    ),
    "of another skill": (Conflict, "number must be", {"version": {"skill_id": "x"}}),
    "with another key": (Conflict, "ck_", {"version": {"content_url": "sha256/ff/x"}}),
    "born by somebody else": (Conflict, "its version says", {"event": {"actor_id": "OTHER"}}),
    "born in the past": (Conflict, "its version says", {"event": {"created_at": -DAY}}),
    "at another place": (Conflict, "must follow", {"event": {"seq": 9}}),
    "behind another event": (Conflict, "must follow", {"event": {"prev_hash": FREE}}),
    "with another entry hash": (Conflict, "entry_hash", {"event": {"entry_hash": FREE}}),
    "with another pointer": (Conflict, "pointers", {"event": {"published_version": 1}}),
    "with a draft beside it": (Conflict, "pointers", {"event": {"draft_version": 1}}),
    "of a version before": (Conflict, "born as the latest", {"event": {"version": 1}}),
    "with another reason": (Conflict, "what was allowed", {"event": {"reason": "because"}}),
    "with a successor": (Conflict, "successor", {"event": {"successor": 1}}),
}


@pytest.mark.parametrize("what", FALSE_VERSIONS)
def test_a_version_that_is_not_so(team: Team, what: str, unchanged: None, count: Count) -> None:
    kind, words, said = FALSE_VERSIONS[what]
    other = team.rating.user_id
    said = {
        part: {name: other if value == "OTHER" else value for name, value in values.items()}
        for part, values in said.items()
    }
    with pytest.raises(kind, match=words):
        publish(team, **said)
    count("roles", denied=1)


def test_a_publisher_publishes(team: Team, unchanged: None, count: Count) -> None:
    files = tuple(FileEntry(f'f/{n} "\n\u00e4☃', n, FREE, n % 2 == 0) for n in range(5))
    whole = {"metadata": DETAILS["metadata"], "files": files, "message": "a\x01\x1f\x7f\u2028"}
    kind = "text/plain; charset=utf-8"
    content = {"name": "N", "description": "D", "content_type": kind, **whole}
    for said in ({}, {**content, "details_hash": details_hash(**content)}):
        with pytest.raises(Undone):
            publish(team, version=said, event={"reason": "allowed: private-key-12"})
    count("roles", allowed=6)


@pytest.mark.parametrize("what", ODD_VERSIONS)
def test_a_version_that_no_client_could_read(
    team: Team, what: str, unchanged: None, count: Count
) -> None:
    words, said = ODD_VERSIONS[what]
    hashes = {_right_hash(said), details_hash(**_said(OF_NOTHING | {"files": ()}))}
    for digest in sorted(hashes):
        with team.connected("publisher") as connection, pytest.raises(psycopg.Error, match=words):
            forge(connection, digest, **said)
    count("roles", denied=len(hashes))


def test_a_version_at_the_limits_is_taken(team: Team, unchanged: None, count: Count) -> None:
    files = [ENTRY | {"path": f"{n:04}", "size": n} for n in range(999)]
    last = ENTRY | {"path": "\U0001f600" * 128, "size": 52_428_800, "executable": True}
    source = {"repository": "x", "commit": "x", "path": "x", "modified": True, "later": "x"}
    deep = json.loads('{"a":' * 100 + "1" + "}" * 100)
    said = {"frontmatter": deep, "declared_version": "1", "source": source, "later": [None]}
    for more in (
        {},
        {"files": [*files, last], "metadata": said, "message": "x" * 2000},
        {"name": "x" * 65_536, "description": "", "content_type": "application/zip"},
    ):
        with team.connected("publisher") as connection:
            forge(connection, _right_hash(more), **more)
    count("roles", allowed=3)


def _said(said: JsonObject) -> JsonObject:
    usual = {"name": "n", "description": "d", "content_type": "application/json", "message": None}
    return usual | OF_NOTHING | said


def _right_hash(said: JsonObject) -> str:
    """The hash that is right; another one where no client could make it."""
    try:
        return statement_hash(_said(said))
    except (ValueError, RecursionError):
        return FREE


@pytest.mark.parametrize("value", [1.5, 2**63, -(2**63), 10**30, {"a": [1, [2.25]]}], ids=str)
def test_a_number_that_other_databases_change(
    team: Team, value: Any, unchanged: None, count: Count
) -> None:
    with team.connected("publisher") as connection, pytest.raises(psycopg.Error, match="is whole"):
        forge(connection, FREE, metadata={"frontmatter": {}, "x": value})
    count("roles", denied=1)


def forge(connection: psycopg.Connection[Any], digest: str, **said: Any) -> None:
    """Insert a version past the program, with what it would not say of one."""
    connection.execute("UPDATE skills SET latest_version = latest_version + 1 WHERE slug = 'demo'")
    values = _said(said)
    values |= {name: Jsonb(values[name]) for name in ("files", "metadata")}
    connection.execute(
        "INSERT INTO skill_versions (id, skill_id, version, content_url, content_hash,"
        " content_type, size_bytes, name, description, files, metadata, message, details_hash,"
        " created_by, created_at) SELECT gen_random_uuid()::text, s.id, s.latest_version,"
        " 'sha256/ff/' || h, h, %(content_type)s, 1, %(name)s, %(description)s, %(files)s,"
        f" %(metadata)s, %(message)s, %(digest)s, {ME}, {NOW}"
        f" FROM skills AS s, (SELECT repeat('f', 64) AS h) AS x WHERE slug = 'demo'".encode(),
        values | {"digest": digest},
    )


YANK = {"kind": "yank", "reason": "x"}
OF_FIRST = {"version": 1, "draft_version": 2}
BLANK = "".join(letter for letter in map(chr, range(sys.maxunicode + 1)) if letter.isspace())


@pytest.mark.parametrize(
    ("kind", "words", "said"),
    [
        (Forbidden, "only the owner of the registry purges", {"kind": "purge"}),
        (Forbidden, "own user only", YANK | {"actor_id": "OTHER"}),
        (Conflict, "time is not", YANK | {"created_at": -DAY}),
        (Conflict, "time is not", YANK | {"created_at": DAY}),
        (Conflict, "entry_hash", YANK | {"entry_hash": FREE}),
        (Conflict, "must follow", YANK | {"prev_hash": FREE}),
        (Conflict, "a yank says why", YANK | {"reason": None}),
        (Conflict, "a yank says why", YANK | {"reason": ""}),
        (Conflict, "a yank says why", YANK | {"reason": BLANK}),
        (Conflict, "the successor", YANK | {"successor": 99}),
        (Conflict, "the successor", YANK | {"successor": 2}),  # itself
        (Conflict, "the successor", OF_FIRST | YANK | {"successor": 2, "published_version": None}),
        (Conflict, "the successor", {"kind": "promote", "published_version": 2, "successor": 1}),
        (Conflict, "nothing to unyank", {"kind": "unyank", "draft_version": 2}),
        (Conflict, "nothing to promote", OF_FIRST | {"kind": "promote"}),
        (Conflict, "nothing to rollback", OF_FIRST | {"kind": "rollback"}),
        (
            Conflict,
            "nothing to rollback",
            {"kind": "rollback", "published_version": 2, "draft_version": 2},
        ),
        (EveryskillError, "ck_version_events_kind", {"kind": "evil", "draft_version": None}),
    ],
)
def test_an_event_that_is_not_so(
    team: Team, kind: Any, words: str, said: dict[str, Any], unchanged: None, count: Count
) -> None:
    said = {n: team.rating.user_id if value == "OTHER" else value for n, value in said.items()}
    with (
        pytest.raises(kind, match=words),
        Database(team.url("publisher")) as database,
        database.writing() as tx,
    ):
        skills.lock(tx, ["demo"])
        version = team.first if said.get("version") == 1 else team.second
        version = replace(version, created_by=users.ensure(tx, "who@example.org"))
        add_event(tx, version, {"draft_version": None, **said}, records.now(tx))
    count("roles", denied=1)


def test_a_publisher_withdraws_and_takes_back(team: Team, unchanged: None, count: Count) -> None:
    """What clients do in this order is taken; the same once more is not."""
    withdrawn = YANK | {"draft_version": None}
    steps: list[tuple[dict[str, Any], str]] = [
        (withdrawn | {"successor": 1, "reason": BLANK + "\u200b"}, ""),
        (withdrawn, ""),
        (withdrawn, "nothing to yank"),
        ({"kind": "unyank"}, ""),
        ({"kind": "unyank"}, "nothing to unyank"),
        ({"kind": "promote", "published_version": 2, "reason": " "}, ""),
        (OF_FIRST | {"kind": "rollback", "published_version": 1, "draft_version": None}, ""),
    ]
    with (
        Database(team.url("publisher")) as database,
        pytest.raises(Undone),
        database.writing() as tx,
    ):
        skills.lock(tx, ["demo"])
        me = users.ensure(tx, "who@example.org")
        for said, words in steps:
            version = replace(team.first if "version" in said else team.second, created_by=me)
            if words:
                with pytest.raises(DBAPIError, match=words), tx.begin_nested():
                    add_event(tx, version, said, records.now(tx))
            else:
                add_event(tx, version, said, records.now(tx))
        raise Undone
    count("roles", allowed=5, denied=2)


NEW_SKILL = (
    "INSERT INTO skills (id, slug, name, description, tags, author_id, created_at, updated_at)"
    " VALUES (gen_random_uuid()::text, 'fresh', 'n', 'd', '[]', {author}, {made}, {changed})"
)
SKILLS: dict[str, tuple[str, list[str]]] = {
    "by somebody else": ("own user only", [NEW_SKILL.format(author=OTHER, made=NOW, changed=NOW)]),
    "made in the past": (
        "time is not",
        [NEW_SKILL.format(author=ME, made=f"{NOW} - interval '1 day'", changed=NOW)],
    ),
    "changed in the past": (
        "time is not",
        [NEW_SKILL.format(author=ME, made=NOW, changed=f"{NOW} - interval '1 day'")],
    ),
    "without a version": (
        "begins with its first version",
        [NEW_SKILL.format(author=ME, made=NOW, changed=NOW)],
    ),
    "in a snapshot that does not see a tombstone": (
        "READ COMMITTED",
        [
            "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
            NEW_SKILL.format(author=ME, made=NOW, changed=NOW),
        ],
    ),
    "a number without a version": (
        "fk_skills_id_head_version",
        ["UPDATE skills SET latest_version = latest_version + 1"],
    ),
    "such a number, checked early": (
        "fk_skills_id_head_version",
        [
            "UPDATE skills SET latest_version = latest_version + 1",
            "SET CONSTRAINTS ALL IMMEDIATE",
            "SET CONSTRAINTS ALL DEFERRED",
        ],
    ),
    "two numbers": ("moves by one", ["UPDATE skills SET latest_version = latest_version + 2"]),
    "a number back": ("moves by one", ["UPDATE skills SET latest_version = latest_version - 1"]),
    "an old time": ("time is not", ["UPDATE skills SET updated_at = '2020-01-01'"]),
    **{
        f"{column} {value:.30}": (words, [f"UPDATE skills SET {column} = {value}"])
        for column, words, values in (
            (
                "tags",
                "20 slugs",
                (
                    "'[1]'",
                    "'[null]'",
                    "'[[]]'",
                    """'["A"]'""",
                    """'["a b"]'""",
                    """'[""]'""",
                    "'{}'",
                    "'null'",
                    """'"a"'""",
                    "(SELECT jsonb_agg('t' || n) FROM generate_series(1, 21) AS n)",
                    "to_jsonb(ARRAY[repeat('a', 65)])",
                ),
            ),
            ("category", "is a slug", ("'A'", "''", "'a--b'", "E'a\\n'", "repeat('a', 65)")),
            ("content", "256 KiB", ("repeat('x', 262145)", "repeat('\u00e4', 131073)")),
        )
        for value in values
    },
    **{
        f"a new one with {column} {value:.30}": (
            words,
            [
                "INSERT INTO skills (id, slug, name, description, category, tags, content,"
                " author_id, created_at, updated_at) SELECT gen_random_uuid()::text, 'fresh',"
                " s.name, s.description, s.category, s.tags, s.content, {me}, {now}, {now}"
                " FROM jsonb_populate_record(NULL::skills, jsonb_build_object('name', 'n',"
                " 'description', 'd', 'tags', '[]'::jsonb) || jsonb_build_object("
                f"'{column}', {value})) AS s"
            ],
        )
        for column, words, value in (
            ("tags", "20 slugs", "'[1]'::jsonb"),
            ("category", "is a slug", "'A'"),
            ("content", "256 KiB", "repeat('x', 262145)"),
            ("name", "64 KiB", "''"),
            ("name", "64 KiB", "repeat('x', 65537)"),
            ("description", "64 KiB", "repeat('x', 65537)"),
        )
    },
    "a counter, from a trigger": (
        "permission denied|triggers only",
        [
            "CREATE TABLE {own}.f (x int)",
            "CREATE FUNCTION {own}.forge() RETURNS trigger LANGUAGE plpgsql AS"
            " $$BEGIN UPDATE public.skills SET stars_5 = 1000; RETURN NULL; END$$",
            "CREATE TRIGGER t AFTER INSERT ON {own}.f FOR EACH ROW EXECUTE FUNCTION {own}.forge()",
            "INSERT INTO {own}.f VALUES (1)",
        ],
    ),
    "over the slug of another": (
        "permission denied|own user",
        [
            NEW_SKILL.format(author=ME, made=NOW, changed=NOW).replace("'fresh'", "'demo'")
            + " ON CONFLICT (slug) DO UPDATE SET author_id = excluded.author_id"
        ],
    ),
}


@pytest.mark.parametrize("what", SKILLS)
def test_a_skill_that_is_not_so(team: Team, what: str, unchanged: None, count: Count) -> None:
    words, forms = SKILLS[what]
    values = {"{own}": team.login("publisher"), "{me}": ME, "{now}": NOW}
    statements = [re.sub(r"\{(own|me|now)\}", lambda m: values[m[0]], form) for form in forms]
    code, said, _ = team.attempt("publisher", statements)
    assert code in ("42501", "23001", "23503", "23505"), (code, said)
    assert re.search(words, said), said
    count("roles", denied=1)


def test_a_publisher_puts_odd_labels_right(team: Team, count: Count) -> None:
    """What somebody with more rights wrote: a change of the rest is not refused for it."""
    team.known = None
    with psycopg.connect(team.owner) as owner:
        owner.execute("UPDATE skills SET tags = '[1]', category = 'Odd' WHERE slug = 'others'")
    fill = "UPDATE skills SET content = repeat('x', 262144), updated_at = updated_at"
    tags = "(SELECT jsonb_agg(repeat('t', 62) || n) FROM generate_series(10, 29) AS n)"
    heal = f"UPDATE skills SET tags = {tags}, category = repeat('c', 64)"
    for statement in (fill, heal, "UPDATE skills SET tags = '[]', category = NULL, content = NULL"):
        done = team.attempt("publisher", [f"{statement} WHERE slug = 'others'"])
        assert done == ("", "", 1)
    count("roles", allowed=3)


# The marks of garbage collection.

MARKS = {"fresh": "a", "abandoned": "b", "deleted": "c"}


def key_of(mark: str) -> str:
    digest = MARKS[mark] * 64
    return f"sha256/{digest[:2]}/{digest}"


@pytest.fixture(scope="module")
def marks(team: Team) -> None:
    team.known = None
    ages = {"fresh": "0 minutes", "abandoned": "11 minutes", "deleted": "1 minute"}
    with psycopg.connect(team.owner) as owner:
        for mark, age in ages.items():
            owner.execute(
                "INSERT INTO condemned (content_url, since, deleted_at) SELECT %s, since,"
                " CASE WHEN %s = 'deleted' THEN since END"
                f" FROM (SELECT {NOW} - %s::interval AS since) AS s".encode(),
                [key_of(mark), mark, age],
            )


DELETED_NOW = f"UPDATE condemned SET deleted_at = {NOW} WHERE content_url = "


@pytest.mark.parametrize(
    ("words", "statement"),
    [
        ("permission", "INSERT INTO condemned (content_url, since) VALUES ('x', now())"),
        ("permission", "UPDATE condemned SET since = now()"),
        ("permission", "UPDATE condemned SET content_url = 'x'"),
        ("abandoned", DELETED_NOW + f"'{key_of('fresh')}'"),
        ("abandoned", DELETED_NOW + f"'{key_of('deleted')}'"),
        ("abandoned", "UPDATE condemned SET deleted_at = NULL"),
        (
            "abandoned",
            "UPDATE condemned SET deleted_at = now() - interval '1 day'"
            f" WHERE content_url = '{key_of('abandoned')}'",
        ),
        ("until its object", f"DELETE FROM condemned WHERE content_url = '{key_of('fresh')}'"),
        ("together with", f"DELETE FROM condemned WHERE content_url = '{key_of('deleted')}'"),
    ],
)
def test_a_mark_is_the_collectors(
    team: Team, marks: None, words: str, statement: str, unchanged: None, count: Count
) -> None:
    code, said, _ = team.attempt("publisher", [statement])
    assert code in ("42501", "23001"), (code, said)
    assert words in said, said
    count("roles", denied=1)


def test_what_a_publisher_does_about_a_mark(
    team: Team, marks: None, unchanged: None, count: Count
) -> None:
    with team.connected("publisher") as connection:
        take_over = f"{DELETED_NOW}'{key_of('abandoned')}'"
        assert connection.execute(take_over.encode()).rowcount == 1
    gone = f"DELETE FROM condemned WHERE content_url = '{key_of('deleted')}'"
    digest = MARKS["deleted"] * 64
    content = {"content_hash": digest, "content_url": key_of("deleted")}
    with pytest.raises(Undone):
        publish(team, before=[gone], version=content)
    with pytest.raises(Conflict, match="garbage"):
        publish(team, version=content)
    with pytest.raises(Forbidden, match="together with"):  # with another version
        publish(team, before=[gone])
    count("roles", allowed=2, denied=2)


# Whatever was granted.


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO users (id, email, created_at, updated_at)"
        " VALUES (gen_random_uuid()::text, 'boss@example.org', now(), now())",
        "UPDATE users SET db_login = 'evil' WHERE email = 'other@example.org'",
        "DELETE FROM users WHERE email = 'other@example.org'",
        "INSERT INTO registry (id, format_version, created_at)"
        " VALUES (gen_random_uuid()::text, 1, now())",
        "INSERT INTO condemned (content_url, since) VALUES ('x', now())",
        "INSERT INTO tombstones (slug, skill_id, last_version, head_hash, reason, actor_id,"
        " created_at) SELECT slug, id, latest_version, (SELECT entry_hash FROM version_events AS e"
        " WHERE e.skill_id = s.id ORDER BY seq DESC LIMIT 1), 'evil', author_id, now()"
        " FROM skills AS s WHERE slug = 'demo'",
        "DELETE FROM skills",
        "DELETE FROM skill_versions",
        "DELETE FROM version_events",
        "UPDATE skill_versions SET name = 'evil'",
        "UPDATE version_events SET reason = 'evil'",
        "UPDATE version_state SET uses = 9",
        "DELETE FROM version_state",
        "UPDATE usage_events SET user_id = NULL",
        "DELETE FROM usage_events",
        "UPDATE ratings SET rating = 1",
        "DELETE FROM ratings",
        "UPDATE skills SET stars_5 = 9",
        "UPDATE skills SET author_id = 'x'",
        "UPDATE registry SET format_version = 2",
        "DELETE FROM tombstones",
        "TRUNCATE ratings",
    ],
)
def test_rights_too_many_open_nothing(
    team: Team, careless: str, statement: str, unchanged: None, count: Count
) -> None:
    """The triggers and policies of the registry are a second wall behind the rights."""
    code, said, changed = team.attempt(careless, [statement])
    assert code in ("42501", "23001") or (code, changed) == ("", 0), (code, said, changed)
    count("roles", denied=1)


@pytest.fixture(scope="module")
def careless(team: Team) -> str:
    """A publisher to whom somebody granted everything."""
    team.known = None
    with Database(team.url("publisher")) as database, database.writing() as tx:
        tx.exec_driver_sql(use(team))  # a row to forget
    with psycopg.connect(team.owner) as owner:
        name = sql.Identifier(team.login("careless"))
        owner.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(name, PASSWORD))
    team.join("careless", "publisher", "careless@example.org")
    with psycopg.connect(team.owner) as owner:
        owner.execute(sql.SQL("GRANT ALL ON ALL TABLES IN SCHEMA public TO {}").format(name))
    return "careless"


# The statements that are hashed.


@pytest.fixture(scope="module")
def hashing(team: Team) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(team.owner, autocommit=True) as connection:
        yield connection


def hash_in_sql(connection: psycopg.Connection[Any], details: dict[str, Any]) -> str:
    """What PostgreSQL makes of a version that says this."""
    said = details | {"files": [f.to_json() for f in details["files"]]}
    row = connection.execute(
        "SELECT everyskill_details_hash(jsonb_populate_record(NULL::skill_versions, %s))",
        [Jsonb(said)],
    ).fetchone()
    assert row is not None
    return str(row[0])


def test_the_golden_vector_of_the_details_runs_in_sql(
    hashing: psycopg.Connection[Any], count: Count
) -> None:
    digest = golden("Golden vector: details").splitlines()[1]
    assert hash_in_sql(hashing, DETAILS) == digest == details_hash(**DETAILS)
    count("roles", vectors=1)


@given(json_values, json_text, json_text)
@hypothesis_settings(max_examples=100)
def test_details_hash_alike_in_python_and_sql(
    hashing: psycopg.Connection[Any], value: Any, name: str, path: str
) -> None:
    entry = FileEntry(path, abs(hash(name)) % 10**12, FREE, bool(len(path) % 2))
    details = DETAILS | {"metadata": {"x": value}, "name": name, "files": (entry, entry)}
    assert hash_in_sql(hashing, details) == details_hash(**details)


@given(json_values)
@hypothesis_settings(max_examples=100)
def test_canonical_json_is_alike_in_python_and_sql(
    hashing: psycopg.Connection[Any], value: Any
) -> None:
    row = hashing.execute("SELECT everyskill_canonical(%s)", [Jsonb(value)]).fetchone()
    assert row == (canonical_json(value).decode(),)


# What the program makes of rows that are hidden.


def test_no_row_changed_is_forbidden(team: Team, unchanged: None, count: Count) -> None:
    with Database(team.url("rater")) as database:
        for act in (ratings.change, ratings.remove):
            with pytest.raises(Forbidden, match="change nothing"), database.writing() as tx:
                act(tx, team.rating)
    with Database(team.url("publisher")) as database:
        for change in (
            lambda tx: skills.next_versions(tx, ["no-such-id"]),
            lambda tx: skills.change(tx, {"no-such-id": {"tags": []}}),
        ):
            with pytest.raises(Forbidden, match="change nothing"), database.writing() as tx:
                change(tx)
    count("roles", denied=4)


def test_psql_is_refused_as_well(
    team: Team, postgres_server: PostgresServer, unchanged: None, count: Count
) -> None:
    psql = program("psql", getattr(postgres_server, "_binaries", Path("/usr/bin")))
    assert psql is not None
    attempts = {
        "reader": [
            rate(team),
            "DELETE FROM ratings",
            "COPY ratings FROM STDIN",
            "DROP TABLE users",
        ],
        "rater": [rate(team, OTHER), NEW_SKILL.format(author=ME, made=NOW, changed=NOW)],
        "publisher": ["DELETE FROM skills", "UPDATE version_events SET reason = 'evil'"],
    }
    for role, statements in attempts.items():
        for statement in statements:
            command = [psql, team.url(role), "-v", "ON_ERROR_STOP=1", "-qc", statement]
            done = subprocess.run(command, capture_output=True, text=True, env={"LC_ALL": "C"})
            assert done.returncode == 1, done
            assert "ERROR:" in done.stderr, done
    count("roles", denied=8)

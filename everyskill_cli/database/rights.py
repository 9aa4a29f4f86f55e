"""Who may do what on PostgreSQL: the rights of each role, and what this session's login has.

The one list from which ``admin grants`` makes its script, and against which ``doctor`` holds a
login. The migrations hold what the database checks whatever was granted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import text

from everyskill_cli.database.tables import metadata
from everyskill_cli.model import Role

if TYPE_CHECKING:
    from sqlalchemy import Connection

ROLES: Final[tuple[Role, ...]] = ("reader", "rater", "publisher")
REVISION_TABLE: Final = "everyskill_revision"
# What only triggers and migrations write, and is no record: by table, its columns.
DERIVED: Final = {REVISION_TABLE: ("version_num",), "skill_search": ("skill_id", "words")}
FUNCTIONS: Final = (  # that a client's own statements and the triggers behind them call
    "everyskill_are_tags(jsonb)",
    "everyskill_by_client(oid)",
    "everyskill_check_labels(text, jsonb, text)",
    "everyskill_forbid(text)",
    "everyskill_is_now(timestamp with time zone)",
    "everyskill_is_owner()",
    "everyskill_is_slug(text)",
    "everyskill_me()",
    "everyskill_raise(text)",
)
OPINION: Final = ("rating", "comment", "hours_saved_estimate", "updated_at")
NEW_SKILL: Final = ("id", "slug", "name", "description", "category", "tags", "author_id")
OF_CLIENTS: Final = ("latest_version", "category", "tags", "content", "updated_at")


class Right(NamedTuple):
    """What may be done with a table, or with some of its columns; none stands for all."""

    table: str
    verb: str
    columns: tuple[str, ...] = ()


def _insert(table: str) -> Right:
    """Every column that a client gives; the others are generated."""
    columns = metadata.tables[table].columns
    return Right(table, "INSERT", tuple(c.name for c in columns if c.computed is None))


RIGHTS: Final[dict[Role, tuple[Right, ...]]] = {  # each besides those of the roles before it
    "reader": tuple(Right(table, "SELECT") for table in (*metadata.tables, *DERIVED)),
    "rater": (
        _insert("ratings"),
        Right("ratings", "UPDATE", OPINION),
        Right("ratings", "DELETE"),
        _insert("usage_events"),
    ),
    "publisher": (
        Right("skills", "INSERT", (*NEW_SKILL, "content", "created_at", "updated_at")),
        Right("skills", "UPDATE", OF_CLIENTS),
        _insert("skill_versions"),
        _insert("version_events"),
        Right("condemned", "UPDATE", ("deleted_at",)),
        Right("condemned", "DELETE"),
    ),
}

Atom = tuple[str, str, str]  # table, verb, column; no column where a verb has none
_REACHED: Final = """
    WITH here AS (SELECT relnamespace AS oid FROM pg_class
        WHERE oid = to_regclass('everyskill_revision')),
    reached AS (SELECT oid, rolname FROM pg_roles
        WHERE pg_has_role(CAST(:login AS name), oid, 'MEMBER'))
"""  # a login, and every role that SET ROLE makes it
_HELD: Final = text(f"""{_REACHED}
    SELECT c.relname::text, verb, a.attname::text,
        has_column_privilege(session_user, c.oid, a.attnum, verb)
    FROM pg_class AS c
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) AS verb
    WHERE c.relnamespace = (SELECT oid FROM here)
        AND c.relkind IN ('r', 'p', 'v', 'm')
        AND EXISTS (SELECT FROM reached AS r
            WHERE has_column_privilege(r.oid, c.oid, a.attnum, verb))
    UNION ALL
    SELECT c.relname::text, verb, '', has_table_privilege(session_user, c.oid, verb)
    FROM pg_class AS c
    CROSS JOIN unnest(ARRAY['DELETE', 'TRUNCATE', 'TRIGGER']) AS verb
    WHERE c.relnamespace = (SELECT oid FROM here)
        AND c.relkind IN ('r', 'p', 'v', 'm')
        AND EXISTS (SELECT FROM reached AS r WHERE has_table_privilege(r.oid, c.oid, verb))
""")  # noqa: S608 - a constant in it
_POWERS: Final = text(f"""{_REACHED}
    SELECT word || CASE WHEN r.rolname = :login THEN '' ELSE ' as ' || r.rolname END
    FROM reached JOIN pg_roles AS r USING (oid)
    CROSS JOIN LATERAL (VALUES (rolsuper, 'SUPERUSER'), (rolbypassrls, 'BYPASSRLS'),
        (rolcreaterole, 'CREATEROLE'), (rolreplication, 'REPLICATION')) AS p (has, word)
    WHERE has
    UNION ALL SELECT 'member of ' || rolname FROM reached
    WHERE rolname IN ('pg_write_all_data', 'pg_read_server_files', 'pg_write_server_files',
        'pg_execute_server_program', 'pg_maintain')
    UNION ALL SELECT 'owner of the database' FROM pg_database
    WHERE datname = current_database() AND datdba IN (SELECT oid FROM reached)
""")  # noqa: S608 - a constant in it
_PLACES: Final = text(f"""{_REACHED}
    SELECT 'owner of the schema' FROM pg_namespace
    WHERE oid = (SELECT oid FROM here) AND nspowner IN (SELECT oid FROM reached)
    UNION ALL SELECT 'CREATE in the database' WHERE EXISTS (SELECT FROM reached AS r
        WHERE has_database_privilege(r.oid, current_database(), 'CREATE'))
    UNION ALL SELECT 'CREATE in the schema' WHERE EXISTS (SELECT FROM reached AS r
        WHERE has_schema_privilege(r.oid, (SELECT oid FROM here), 'CREATE'))
    UNION ALL SELECT 'owner of ' || relname FROM pg_class
    WHERE relnamespace = (SELECT oid FROM here)
        AND relkind IN ('r', 'p', 'v', 'm')
        AND relowner IN (SELECT oid FROM reached)
    UNION ALL SELECT 'GRANT OPTION on ' || relname FROM pg_class AS c
    WHERE relnamespace = (SELECT oid FROM here)
        AND relkind IN ('r', 'p', 'v', 'm')
        AND EXISTS (SELECT FROM reached AS r WHERE has_any_column_privilege(r.oid, c.oid,
            'SELECT WITH GRANT OPTION, INSERT WITH GRANT OPTION, UPDATE WITH GRANT OPTION')
            OR has_table_privilege(r.oid, c.oid, 'DELETE WITH GRANT OPTION'))
    UNION ALL SELECT 'owner of ' || proname FROM pg_proc
    WHERE pronamespace = (SELECT oid FROM here)
        AND proowner IN (SELECT oid FROM reached)
    UNION ALL SELECT 'ADMIN of ' || rolname FROM reached
    WHERE rolname <> :login AND pg_has_role(CAST(:login AS name), oid, 'MEMBER WITH ADMIN OPTION')
        AND has_table_privilege(oid, (SELECT to_regclass('everyskill_revision')), 'SELECT')
""")  # noqa: S608 - a constant in it
# Such a login switches every trigger off for itself.
_REPLICA: Final = text(f"""{_REACHED}
    SELECT EXISTS (SELECT FROM reached AS r WHERE has_parameter_privilege(r.oid,
        'session_replication_role', 'SET, ALTER SYSTEM'))
""")  # noqa: S608 - a constant in it
_LOGIN: Final = text(
    "SELECT session_user::text AS login, everyskill_is_owner() AS is_owner,"
    " (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) AS is_superuser,"
    " (SELECT email FROM users WHERE id = everyskill_me()) AS email,"
    " current_setting('server_version_num')::integer AS version"
)


@dataclass(frozen=True, slots=True)
class Standing:
    """What this session's login is to the registry.

    Attributes:
        role: the highest whose rights it has all of; None for an owner, and for no role at all.
        email: of the user to whom it is bound.
        more: what it may do beyond its role.
    """

    login: str
    is_owner: bool
    is_superuser: bool
    email: str | None
    role: Role | None
    more: tuple[str, ...]


def standing(connection: Connection) -> Standing:
    """Find out what this session's login may do, on PostgreSQL."""
    login = connection.execute(_LOGIN).one()
    role: Role | None = None
    more: tuple[str, ...] = ()
    if not login.is_owner:
        who = {"login": login.login}
        rows = connection.execute(_HELD, who).all()
        held = {(table, verb, column) for table, verb, column, at_once in rows if at_once}
        role = next((r for r in reversed(ROLES) if rights_of(r) <= held), None)
        reached = {(table, verb, column) for table, verb, column, _ in rows}
        beyond = reached - (rights_of(role) if role is not None else set())
        places = [str(place) for place in connection.scalars(_PLACES, who)]
        if login.version >= 150000 and connection.scalar(_REPLICA, who):
            places.append("SET session_replication_role")
        more = (*powers(connection, login.login), *places, *_said(beyond))
    return Standing(login.login, login.is_owner, login.is_superuser, login.email, role, more)


def powers(connection: Connection, login: str) -> tuple[str, ...]:
    """Name what a login that is there may do by what it is on the server, by SET ROLE as well."""
    return tuple(map(str, connection.scalars(_POWERS, {"login": login})))


def rights_of(role: Role) -> set[Atom]:
    """Give every right of a role, one by one."""
    rights = [right for r in ROLES[: ROLES.index(role) + 1] for right in RIGHTS[r]]
    return {(right.table, right.verb, column) for right in rights for column in _columns(right)}


def _columns(right: Right) -> tuple[str, ...]:
    if right.verb not in ("SELECT", "INSERT", "UPDATE"):
        return ("",)
    if right.table in DERIVED:
        return DERIVED[right.table]
    return right.columns or tuple(column.name for column in metadata.tables[right.table].columns)


def _said(atoms: Iterable[Atom]) -> list[str]:
    """Say rights in few words: the columns of one verb on one table together."""
    groups = groupby(sorted(atoms), key=lambda atom: atom[:2])
    return [f"{verb} on {table}" for (table, verb), _ in groups]

"""The script of ``admin grants``: the roles of a registry, each with its rights and no other.

It can be run again and again, by the owner of the registry or a superuser. Names are written as
PostgreSQL's own quoting says, whatever is in them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from everyskill_cli.database.groups import elsewhere, made, named, obstacle
from everyskill_cli.database.membership import KEEPS_GRANTORS, Member, identifier, membership
from everyskill_cli.database.rights import (
    DERIVED,
    FUNCTIONS,
    RIGHTS,
    ROLES,
    Right,
)
from everyskill_cli.database.schema import LOCK_KEY
from everyskill_cli.database.tables import metadata
from everyskill_cli.model import Role, Statement

if TYPE_CHECKING:
    from sqlalchemy import Connection

_SCHEMA: Final = (  # of the registry; a login may have one of its own name that comes before it
    "SELECT {} FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
    " WHERE c.oid = to_regclass('everyskill_revision')"
)


# From PostgreSQL 16 on, who made a role is a member of it, and has nothing of it by that alone.
_HAS_ROLE: Final = (
    "(pg_has_role(m.oid, r.oid, 'USAGE') OR pg_has_role(m.oid, r.oid,"
    f" CASE WHEN {KEEPS_GRANTORS} THEN 'SET' ELSE 'MEMBER' END))"
)


@dataclass(frozen=True, slots=True)
class Binding:
    """How a login stands before it is made a member.

    Attributes:
        exists: whether the server knows it.
        logs_in: whether anybody can log in as it; a group has no login.
        is_superuser: whether it is one.
        is_owner: whether it is the registry's owner, a member of it or a superuser.
        email: of the user to whom it is bound.
        members: other roles than owners that are members of it, by whatever way.
        rival: the other login to which the wanted user is bound.
    """

    exists: bool
    logs_in: bool
    is_superuser: bool
    is_owner: bool
    members: str | None
    email: str | None
    rival: str | None


def script(connection: Connection, prefix: str, member: Member | None = None) -> list[Statement]:
    """Write what gives each role its rights, and then what makes a login a member."""
    schema = _schema(connection)
    groups = named(prefix)
    parts = [
        *_opening(schema),
        *made(schema, groups),
        *_taken(connection, schema, groups),
        *_given(schema, groups),
        *(membership(groups, member) if member is not None else ()),
    ]
    return [Statement(why=why, sql=sql) for why, sql in parts]


def binding(connection: Connection, login: str, email: str | None) -> Binding:
    """Look how a login stands."""
    statement = text(
        "SELECT r.oid IS NOT NULL, coalesce(rolcanlogin, false), coalesce(rolsuper, false),"  # noqa: S608 - a constant in it
        " coalesce(pg_has_role(r.oid, c.relowner, 'MEMBER'), false),"
        " (SELECT string_agg(m.rolname, ', ' ORDER BY m.rolname) FROM pg_roles AS m"
        f" WHERE {_HAS_ROLE} AND m.oid <> r.oid"
        " AND NOT pg_has_role(m.oid, c.relowner, 'MEMBER')),"
        " (SELECT u.email FROM users AS u WHERE u.db_login = l.login),"
        " (SELECT u.db_login FROM users AS u WHERE u.email = :email AND u.db_login <> l.login)"
        " FROM (SELECT CAST(:login AS text) AS login) AS l"
        " JOIN pg_class AS c ON c.oid = 'users'::regclass"
        " LEFT JOIN pg_roles AS r ON r.rolname = l.login"
    )
    return Binding(*connection.execute(statement, {"login": login, "email": email}).one())


def is_open(connection: Connection) -> bool:
    """Tell whether everybody may create functions in the registry's schema."""
    statement = _SCHEMA.format("has_schema_privilege('public', n.oid, 'CREATE')")
    return bool(connection.scalar(text(statement)))


def run(connection: Connection, statements: Sequence[Statement]) -> None:
    """Run a script in the transaction that is open."""
    raw = connection.execution_options(no_parameters=True)  # % stays what it is
    for statement in statements:
        raw.exec_driver_sql(statement.sql)


def refusal(connection: Connection, prefix: str) -> tuple[str, str] | None:
    """Say why the script would refuse these groups, and what to do; None where it takes them."""
    return obstacle(connection, _schema(connection), named(prefix))


def shared(connection: Connection, prefix: str) -> list[str]:
    """Name other databases of the server where these groups have rights."""
    return elsewhere(connection, _schema(connection), named(prefix))


def _schema(connection: Connection) -> str:
    return str(connection.scalar(text(_SCHEMA.format("nspname"))))


def _opening(schema: str) -> Iterator[tuple[str, str]]:
    yield "One such script, or upgrade, at a time", f"SELECT pg_advisory_xact_lock({LOCK_KEY})"
    yield "Where the registry is", f"SET LOCAL search_path = {identifier(schema)}, pg_temp"


def _taken(
    connection: Connection, schema: str, groups: dict[Role, str]
) -> Iterator[tuple[str, str]]:
    """Start from nothing, so that what was granted by hand does not stay."""
    holders = _holders(connection)
    tables = ", ".join(map(identifier, sorted([*metadata.tables, *DERIVED])))
    yield (
        "No right on a table but those below, whoever gave or passed it on",
        f"REVOKE ALL ON TABLE {tables} FROM {_everybody(groups, holders, 'table')} CASCADE",
    )
    yield (
        "Nobody but the owner creates anything beside them, functions above all",
        f"REVOKE CREATE ON SCHEMA {identifier(schema)}"
        f" FROM {_everybody(groups, holders, 'schema')} CASCADE",
    )
    functions = connection.scalars(
        text(
            "SELECT p.oid::regprocedure::text FROM pg_proc AS p"  # noqa: S608 - a constant in it
            f" WHERE pronamespace = ({_SCHEMA.format('n.oid')})"
            " AND starts_with(proname, 'everyskill_') ORDER BY 1"
        )
    )
    yield (
        "Nobody calls a function of the registry but those below",
        f"REVOKE ALL ON ROUTINE {', '.join(functions)}"
        f" FROM {_everybody(groups, holders, 'function')} CASCADE",
    )


def strangers(connection: Connection, prefix: str) -> list[str]:
    """Name who has a right on the registry by themselves, and loses it by the script."""
    return sorted({name for _, name in _holders(connection)} - set(named(prefix).values()))


def _holders(connection: Connection) -> list[tuple[str, str]]:
    """List who was granted something on tables, functions and the schema, besides their owners."""
    rows = connection.execute(
        text(
            "WITH here AS ("  # noqa: S608 - a constant in it
            + _SCHEMA.format("n.oid")
            + """)
            SELECT DISTINCT kind, r.rolname::text FROM (
                SELECT 'table' AS kind, relacl AS acl, relowner AS owner FROM pg_class
                WHERE relnamespace IN (TABLE here) AND relname = ANY(:tables)
                UNION ALL
                SELECT 'table', attacl, relowner FROM pg_attribute
                JOIN pg_class AS c ON c.oid = attrelid
                WHERE relnamespace IN (TABLE here) AND relname = ANY(:tables)
                UNION ALL
                SELECT 'function', proacl, proowner FROM pg_proc
                WHERE pronamespace IN (TABLE here) AND starts_with(proname, 'everyskill_')
                UNION ALL
                SELECT 'schema', nspacl, nspowner FROM pg_namespace WHERE oid IN (TABLE here)
            ) AS o CROSS JOIN aclexplode(acl) AS a JOIN pg_roles AS r ON r.oid = a.grantee
            WHERE a.grantee <> owner AND (kind <> 'schema' OR a.privilege_type = 'CREATE')
            ORDER BY 1, 2
            """
        ),
        {"tables": [*metadata.tables, *DERIVED]},
    )
    return [(kind, name) for kind, name in rows]


def _everybody(groups: dict[Role, str], holders: list[tuple[str, str]], kind: str) -> str:
    found = [name for of, name in holders if of == kind and name not in groups.values()]
    return ", ".join(["PUBLIC", *map(identifier, [*groups.values(), *found])])


def _given(schema: str, groups: dict[Role, str]) -> Iterator[tuple[str, str]]:
    reader = identifier(groups["reader"])
    yield "Readers find the tables", f"GRANT USAGE ON SCHEMA {identifier(schema)} TO {reader}"
    tables = ", ".join(identifier(right.table) for right in RIGHTS["reader"])
    yield "Readers read everything", f"GRANT SELECT ON TABLE {tables} TO {reader}"
    yield (
        "The checks behind a statement run with the rights of whoever made it",
        f"GRANT EXECUTE ON FUNCTION {', '.join(FUNCTIONS)} TO {reader}",
    )
    for role in ROLES[1:]:
        for right in RIGHTS[role]:
            yield f"{role.capitalize()}s: {_WHY[right[:2]]}", _grant(right, groups[role])


_WHY = {
    ("ratings", "INSERT"): "rate, as themselves",
    ("ratings", "UPDATE"): "change their own rating",
    ("ratings", "DELETE"): "take their own rating back",
    ("usage_events", "INSERT"): "record a use of their own",
    ("skills", "INSERT"): "begin a skill",
    ("skills", "UPDATE"): "take the next number, and set what belongs to no version",
    ("skill_versions", "INSERT"): "append a version",
    ("version_events", "INSERT"): "append an event; pointers and state follow by trigger",
    ("condemned", "UPDATE"): "take over the mark of a garbage collection that died",
    ("condemned", "DELETE"): "take a mark off together with adding the version",
}


def _grant(right: Right, group: str) -> str:
    columns = f" ({', '.join(map(identifier, right.columns))})" if right.columns else ""
    return f"GRANT {right.verb}{columns} ON TABLE {identifier(right.table)} TO {identifier(group)}"

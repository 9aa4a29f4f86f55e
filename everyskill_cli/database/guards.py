"""What must stand in a registry's schema, and what is missing or was changed.

For ``doctor`` and ``verify``. Alembic's comparison is blind to a dropped trigger and a dropped
check. On SQLite, and for PostgreSQL's functions and policies, the migrations' own SQL is the list:
what they made last under a name must be there, as they wrote it. For the rest, see ``shapes``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from everyskill_cli.database.schema import MIGRATIONS, revision
from everyskill_cli.database.shapes import can_compare_texts, compared
from everyskill_cli.database.tables import metadata

if TYPE_CHECKING:
    from sqlalchemy import Connection

SEARCH: Final = "skill_search"  # a table that is no record: the words that search has
POSTGRES_FUNCTION: Final = re.compile(
    r"^CREATE (?:OR REPLACE )?FUNCTION (\w+)\((.*?)AS \$\$(.*?)\$\$;", re.M | re.S
)
POSTGRES_POLICY: Final = re.compile(r"^CREATE POLICY (\w+) ON (\w+) (.*?);", re.M | re.S)
POSTGRES_ROWS: Final = re.compile(r"^ALTER TABLE (\w+) ENABLE ROW LEVEL SECURITY;", re.M)


def differences(connection: Connection, migrations: Path = MIGRATIONS) -> list[str]:
    """Name what is missing, switched off or not as the migrations made it; empty is intact."""
    dialect = connection.dialect.name
    until = str(revision(connection))  # an older SQLite file may be read before it is upgraded
    files = sorted((migrations / "versions").glob(f"*.{dialect}.sql"))
    script = "\n".join(f.read_text(encoding="utf-8") for f in files if f.name[:4] <= until)
    return _sqlite(connection, script) if dialect == "sqlite" else _postgresql(connection, script)


def compares_texts(connection: Connection) -> bool:
    """Tell whether what checks, defaults and indexes say is compared, not only their shape."""
    return connection.dialect.name == "sqlite" or can_compare_texts(connection)


def _sqlite(connection: Connection, script: str) -> list[str]:
    import sqlite3

    model = sqlite3.connect(":memory:")
    try:
        model.executescript(script)
        wanted = dict(model.execute("SELECT name, sql FROM sqlite_master"))
    finally:
        model.close()
    rows = connection.execute(text("SELECT name, sql, type, tbl_name FROM sqlite_master")).all()
    found: dict[str, str | None] = {row.name: row.sql for row in rows}
    return [
        *(
            f"{name} is missing" if name not in found else f"{name} was changed"
            for name, sql in sorted(wanted.items())
            if found.get(name, "missing") != sql
        ),
        *(
            f"{row.name} on {row.tbl_name} is not ours"
            for row in rows
            if row.type == "trigger" and row.name not in wanted and row.tbl_name in wanted
        ),
    ]


def _postgresql(connection: Connection, script: str) -> list[str]:
    schema = _schema(connection)["schema"]
    found = [
        *_functions(connection, script),
        *_strangers(connection),
        *_hidden(connection),
        *compared(connection, schema),
        *_policies(connection, script),
    ]
    return list(dict.fromkeys(found))  # a unique constraint and its index have one name


def _functions(connection: Connection, script: str) -> list[str]:
    """Compare text, whose rights it runs with, and where it looks for names; one of each name.

    Of a function that several migrations make, the last is the one that stands.
    """
    rows = connection.execute(
        text(
            "SELECT proname, prosrc, prosecdef, proconfig[1] = 'search_path=' || :schema"
            " || ', pg_temp' AND array_length(proconfig, 1) = 1 AS has_path"
            " FROM pg_proc WHERE pronamespace = to_regnamespace(:schema)"
        ),
        _schema(connection),
    )
    found: dict[str, list[tuple[str, bool, bool]]] = {}
    for row in rows:
        found.setdefault(row.proname, []).append((row.prosrc, row.prosecdef, bool(row.has_path)))
    wanted = {
        name: (body, "SECURITY DEFINER" in head, True)
        for name, head, body in POSTGRES_FUNCTION.findall(script)
    }
    return [
        f"{name} " + ("was changed" if name in found else "is missing")
        for name, made in wanted.items()
        if found.get(name) != [made]
    ]


def _strangers(connection: Connection) -> list[str]:
    """Name tables of ours that are somebody else's, and functions and operators put beside ours.

    Names in our functions could mean them: which overload is called is chosen over the whole path.
    """
    found = connection.scalars(
        text(
            "SELECT name || ' is of ' || rolname FROM (SELECT 'pg_proc'::regclass AS kind, oid,"
            " proname AS name, proowner AS owner, pronamespace AS place FROM pg_proc UNION ALL"
            " SELECT 'pg_operator'::regclass, oid, oprname, oprowner, oprnamespace FROM pg_operator"
            " UNION ALL SELECT 'pg_class'::regclass, oid, relname, relowner, relnamespace"
            " FROM pg_class WHERE relname = ANY(:tables)) AS o"
            " JOIN pg_roles AS r ON r.oid = owner AND NOT rolsuper"
            " WHERE place = to_regnamespace(:schema)"
            " AND NOT pg_has_role(owner, (SELECT relowner FROM pg_class"
            " WHERE oid = to_regclass(:schema || '.users')), 'MEMBER')"
            " AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = o.kind"
            " AND d.objid = o.oid AND d.deptype = 'e') ORDER BY 1"
        ),
        _schema(connection) | {"tables": [*metadata.tables, SEARCH]},
    )
    return list(found)


def _hidden(connection: Connection) -> list[str]:
    """Name what this session does not find, for another of its name comes first in its path.

    A view in a schema that is named like the login, say; what it does with rows nobody knows.
    """
    found = connection.scalars(
        text(
            "SELECT name || ' is hidden by another one that comes first in your search path'"
            " FROM (SELECT relname::text AS name FROM pg_class"
            " WHERE relnamespace = to_regnamespace(:schema) AND relname = ANY(:tables)"
            " AND NOT pg_table_is_visible(oid) UNION ALL SELECT proname FROM pg_proc"
            " WHERE pronamespace = to_regnamespace(:schema) AND starts_with(proname, 'everyskill_')"
            " AND NOT pg_function_is_visible(oid)) AS o ORDER BY 1"
        ),
        _schema(connection) | {"tables": [*metadata.tables, SEARCH]},
    )
    return list(found)


def _policies(connection: Connection, script: str) -> list[str]:
    """Compare which rows whom a policy lets at, in the server's own words; none but ours stands."""
    tables = POSTGRES_ROWS.findall(script)
    rows = connection.execute(
        text(
            "SELECT polname, relname, concat_ws(' ', CASE WHEN NOT polpermissive THEN 'RESTRICTIVE'"
            " END, 'FOR ' || CASE polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT'"
            " WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,"
            " CASE WHEN polroles <> '{0}' THEN 'TO some' END,"
            " 'USING (' || pg_get_expr(polqual, polrelid) || ')',"
            " 'WITH CHECK (' || pg_get_expr(polwithcheck, polrelid) || ')') AS rule"
            " FROM pg_policy JOIN pg_class c ON c.oid = polrelid"
            " WHERE relnamespace = to_regnamespace(:schema)"
        ),
        _schema(connection),
    )
    found = {(row.polname, row.relname): row.rule for row in rows}
    wanted = {
        (name, table): " ".join(rule.split())
        for name, table, rule in POSTGRES_POLICY.findall(script)
    }
    switched_on = connection.scalars(
        text(
            "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace(:schema)"
            " AND relrowsecurity"
        ),
        _schema(connection),
    ).all()
    off = [
        f"row security of {table} is switched off" for table in tables if table not in switched_on
    ]
    return [
        *off,
        *(
            f"{name} " + ("was changed" if (name, table) in found else "is missing")
            for (name, table), rule in wanted.items()
            if found.get((name, table)) != rule
        ),
        *(f"{name} on {table} is not ours" for name, table in found.keys() - wanted.keys()),
    ]


def _schema(connection: Connection) -> dict[str, Any]:
    """Name the registry's schema; a login may have one of its own name that comes before it."""
    statement = (
        "SELECT quote_ident(nspname) FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE pg_class.oid = to_regclass('everyskill_revision')"
    )
    return {"schema": str(connection.scalar(text(statement)))}

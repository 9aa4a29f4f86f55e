"""The three groups of a registry: how they are made, and when a role of their name is not taken.

Roles belong to the whole server. One of the right name may be a person's login, may have members
whom nobody here named, or may be the group of a registry in another database: rights that it got
would fall to all of these. A registry knows its own groups by the rights that they have on its
tables, which nobody but its owner can give; and where those were taken away, by their comment,
as long as nobody but the owner makes members of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from everyskill_cli.database.membership import block, identifier, literal
from everyskill_cli.database.rights import ROLES
from everyskill_cli.model import Role

if TYPE_CHECKING:
    from sqlalchemy import Connection

Groups = dict[Role, str]
MEMBERS_NAMED: Final = 6
MARKS: Final[dict[Role, tuple[str, str]]] = {  # a right that each has and those below it have not
    "reader": ("everyskill_revision", "SELECT"),
    "rater": ("ratings", "INSERT"),
    "publisher": ("skill_versions", "INSERT"),
}


def named(prefix: str) -> Groups:
    """Give the names of the groups."""
    return {role: f"{prefix}_{role}" for role in ROLES}


def obstacle(connection: Connection, schema: str, groups: Groups) -> tuple[str, str] | None:
    """Say why a role of such a name cannot be taken, and what to do; None where nothing is."""
    found = _execute(connection, _obstacles(schema, groups))
    return (found[0][0], found[0][1]) if found else None


def elsewhere(connection: Connection, schema: str, groups: Groups) -> list[str]:
    """Name other databases where these groups have rights: a copy of this registry, mostly."""
    statement = (
        f"{_found(schema, groups)} SELECT DISTINCT datname::text FROM found"  # noqa: S608 - quoted
        " JOIN pg_shdepend AS d ON d.refobjid = found.oid AND d.refclassid = 'pg_authid'::regclass"
        " JOIN pg_database AS b ON b.oid = d.dbid AND datname <> current_database() ORDER BY 1"
    )
    return [str(row[0]) for row in _execute(connection, statement)]


def made(schema: str, groups: Groups) -> Iterator[tuple[str, str]]:
    """Write what makes the groups, each statement behind what it is for."""
    yield (
        "A role of such a name that is not this registry's group is left alone",
        block(
            f"DECLARE o record; BEGIN SELECT * INTO o FROM ({_obstacles(schema, groups)}) AS x;"  # noqa: S608 - quoted
            " IF FOUND THEN RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',"
            " MESSAGE = 'everyskill: ' || o.message, HINT = o.hint; END IF; END"
        ),
    )
    for role, group in groups.items():
        yield (
            f"The {role}s, a group: nobody logs in as it",
            block(
                f"BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {literal(group)})"
                f" THEN CREATE ROLE {identifier(group)} NOLOGIN; EXECUTE format('COMMENT ON ROLE"
                f" %I IS %L', {literal(group)}, {_comment(schema, role)}); END IF; END"
            ),
        )
    for lower, upper in pairwise(ROLES):
        yield (
            f"What a {lower} may, a {upper} may too",
            f"GRANT {identifier(groups[lower])} TO {identifier(groups[upper])}",
        )


def _execute(connection: Connection, statement: str) -> list[tuple[str, ...]]:
    raw = connection.execution_options(no_parameters=True)  # % stays what it is
    return [tuple(row) for row in raw.exec_driver_sql(statement)]


_MORE: Final = (  # what a group must not have: whoever is in it can take it up with SET ROLE
    "concat_ws(', ', CASE WHEN rolcanlogin THEN 'LOGIN' END, CASE WHEN rolsuper THEN 'SUPERUSER'"
    " END, CASE WHEN rolcreaterole THEN 'CREATEROLE' END, CASE WHEN rolcreatedb THEN 'CREATEDB'"
    " END, CASE WHEN rolreplication THEN 'REPLICATION' END, CASE WHEN rolbypassrls THEN"
    " 'BYPASSRLS' END)"
)
_UNMARKED: Final = "The role %s is there already, is not this registry''s, and has"
_IS_MORE: Final = (
    "SELECT 1 AS worth, n, format('The role %s is there already and is more than a group: %s',"
    " name, more) AS message, 'Choose another --prefix; if it is this registry''s group, let an"
    " administrator take that from it: ALTER ROLE' AS hint FROM found WHERE more <> ''"
)
_IS_MEMBER: Final = (  # of anything but a lower group
    "SELECT 2, m.n, format('The role %s is a member of %s, so its own members would be that too',"
    " m.name, g.rolname), format('Choose another --prefix, or first run: REVOKE %I FROM %I',"
    " g.rolname, m.name) FROM found AS m JOIN pg_auth_members AS a ON a.member = m.oid"
    " JOIN pg_roles AS g ON g.oid = a.roleid"
    " WHERE NOT EXISTS (SELECT FROM found AS f WHERE f.oid = a.roleid AND f.n < m.n)"
)
_HAS_MEMBERS: Final = (
    f"SELECT 4, n, format('{_UNMARKED} members: %s', name,"  # noqa: S608 - constants
    f" array_to_string((array_agg(DISTINCT who))[1:{MEMBERS_NAMED}], ', ')"
    f" || CASE WHEN count(DISTINCT who) > {MEMBERS_NAMED}"
    f" THEN format(' and %s more', count(DISTINCT who) - {MEMBERS_NAMED}) ELSE '' END),"
    " 'Choose another --prefix; or drop these roles, run this again, and name each member with"
    " --login' FROM (SELECT m.n, m.name, p.rolname AS who FROM found AS m"
    " JOIN pg_auth_members AS a ON a.roleid = m.oid JOIN pg_roles AS p ON p.oid = a.member"
    " WHERE NOT m.is_ours AND NOT pg_has_role(p.oid, m.owner, 'MEMBER')"
    " AND NOT EXISTS (SELECT FROM found AS f WHERE f.oid = a.member AND f.n > m.n)) AS x"
    " GROUP BY n, name"
)
_HAS_RIGHTS: Final = (  # but not those to connect to a database, which are of the whole server
    f"SELECT 3, n, format('{_UNMARKED} rights in %s', name,"  # noqa: S608 - a constant
    " coalesce('the database ' || datname, 'the whole server')), 'Choose another --prefix: roles"
    " belong to the whole server, and two registries cannot share them' FROM found"
    " JOIN pg_shdepend AS d ON d.refobjid = found.oid AND d.refclassid = 'pg_authid'::regclass"
    " AND NOT (d.dbid = 0 AND d.deptype = 'a') LEFT JOIN pg_database AS b ON b.oid = d.dbid"
    " WHERE NOT is_ours"
)


def _obstacles(schema: str, groups: Groups) -> str:
    """Write the query for the first thing in the way: what it is, and what to do."""
    parts = " UNION ALL ".join((_IS_MORE, _IS_MEMBER, _HAS_MEMBERS, _HAS_RIGHTS))
    return (
        f"{_found(schema, groups)} SELECT message, hint FROM ({parts}) AS o"  # noqa: S608 - quoted
        " ORDER BY worth, n, message LIMIT 1"
    )


def _found(schema: str, groups: Groups) -> str:
    """Begin a statement with the roles of these names that there are, and whose they are."""
    wanted = ", ".join(
        f"({n}, {literal(groups[role])}, {literal(table)}, '{verb}', {_comment(schema, role)})"
        for n, (role, (table, verb)) in enumerate(MARKS.items())
    )
    return (
        "WITH given AS (SELECT c.oid AS place, a.grantee, a.privilege_type FROM pg_class AS c"  # noqa: S608 - quoted
        " CROSS JOIN aclexplode(relacl) AS a UNION ALL SELECT attrelid, a.grantee,"
        " a.privilege_type FROM pg_attribute CROSS JOIN aclexplode(attacl) AS a),"
        f" found AS (SELECT w.n, w.name, r.oid, c.relowner AS owner, {_MORE} AS more,"
        " EXISTS (SELECT FROM given WHERE place = c.oid AND grantee = r.oid AND privilege_type"
        " = w.verb) OR coalesce(shobj_description(r.oid, 'pg_authid') = w.comment, false)"
        " AND NOT EXISTS (SELECT FROM pg_auth_members AS a WHERE a.roleid = r.oid AND admin_option"
        " AND NOT pg_has_role(a.member, c.relowner, 'MEMBER')) AS is_ours"
        f" FROM (VALUES {wanted}) AS w (n, name, place, verb, comment)"
        " JOIN pg_roles AS r ON r.rolname = w.name JOIN pg_class AS c ON c.relname = w.place"
        f" JOIN pg_namespace AS s ON s.oid = c.relnamespace AND s.nspname = {literal(schema)})"
    )


def _comment(schema: str, role: Role) -> str:
    """Write the expression of what stands on a group that a script has made."""
    return f"concat('everyskill: {role}s of ', current_database(), ', schema ', {literal(schema)})"

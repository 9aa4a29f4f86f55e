"""What makes a login a member of one of the groups, and of no other, in SQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from everyskill_cli.database.rights import ROLES
from everyskill_cli.model import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A login, what it is to be, and whose it is.

    Attributes:
        role: None takes every role away, and the user.
        email: of its user; None leaves that as it is.
    """

    login: str
    role: Role | None
    email: str | None


def identifier(name: str) -> str:
    """Quote a name."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """Quote a text, whatever standard_conforming_strings says."""
    quoted = "'" + value.replace("'", "''") + "'"
    return "E" + quoted.replace("\\", "\\\\") if "\\" in value else quoted


def membership(groups: dict[Role, str], member: Member) -> Iterator[tuple[str, str]]:
    """Write what makes a login this and nothing more, each statement behind what it is for."""
    login = identifier(member.login)
    others = [group for role, group in groups.items() if role != member.role]
    yield (
        "No other role, whoever granted it, and none to pass on",
        _revoked(member.login, others, list(groups.values())),
    )
    if member.role is not None:
        yield f"A {member.role}", f"GRANT {identifier(groups[member.role])} TO {login}"
    above = ROLES if member.role is None else ROLES[ROLES.index(member.role) + 1 :]
    yield (
        "Nothing else makes it more",
        _left(member.login, [groups[role] for role in above], list(groups.values())),
    )
    now = "date_trunc('milliseconds', clock_timestamp())"
    if member.role is None or member.email is not None:
        kept = "" if member.email is None else f" AND email <> {literal(member.email)}"
        yield (
            "The login is nobody else",
            f"UPDATE users SET db_login = NULL, updated_at = {now}"  # noqa: S608 - quoted by literal
            f" WHERE db_login = {literal(member.login)}{kept}",
        )
    if member.role is not None and member.email is not None:
        yield (
            "What it writes is this user's",
            "INSERT INTO users (id, email, db_login, created_at, updated_at)"  # noqa: S608 - quoted by literal
            f" VALUES (gen_random_uuid()::text, {literal(member.email)}, {literal(member.login)},"
            f" {now}, {now}) ON CONFLICT (email) DO UPDATE SET db_login = excluded.db_login,"
            " updated_at = excluded.updated_at WHERE users.db_login IS DISTINCT FROM"
            " excluded.db_login",
        )


KEEPS_GRANTORS: Final = "current_setting('server_version_num')::integer >= 160000"
# No role limits an owner; what it may grant is not taken away from it here.
_NO_OWNER: Final = (
    "NOT pg_has_role(l.oid, (SELECT relowner FROM pg_class WHERE oid = 'users'::regclass),"
    " 'MEMBER')"
)


def _revoked(login: str, groups: list[str], to_pass_on: list[str]) -> str:
    """Take groups away; from PostgreSQL 16 on, REVOKE alone takes what its own user granted."""
    return block(
        "DECLARE m record; BEGIN FOR m IN SELECT g.rolname AS role, l.rolname AS login,"  # noqa: S608 - quoted by literal
        f" b.rolname AS grantor, {KEEPS_GRANTORS} AS apart FROM pg_auth_members AS a"
        " JOIN pg_roles AS g ON g.oid = a.roleid JOIN pg_roles AS l ON l.oid = a.member"
        " LEFT JOIN pg_roles AS b ON b.oid = a.grantor"
        f" WHERE l.rolname = {literal(login)} AND {_too_much(groups, to_pass_on)}"
        f" AND {_NO_OWNER} LOOP IF NOT m.apart THEN"
        " EXECUTE format('REVOKE %I FROM %I', m.role, m.login);"
        " ELSIF pg_has_role(m.grantor, 'USAGE') THEN EXECUTE"
        " format('REVOKE %I FROM %I GRANTED BY %I CASCADE', m.role, m.login, m.grantor);"
        " END IF; END LOOP; END"
    )


def _too_much(groups: list[str], to_pass_on: list[str]) -> str:
    """Write the condition for being in a group, or for making others members of one."""
    names, admins = (", ".join(map(literal, each)) for each in (groups, to_pass_on))
    held = f"g.rolname IN ({names}) OR " if groups else ""
    return f"({held}admin_option AND g.rolname IN ({admins}))"


def _left(login: str, groups: list[str], to_pass_on: list[str]) -> str:
    """Refuse it all where a login keeps more: by somebody else's grant, or by another role."""
    return block(
        "DECLARE m record; BEGIN WITH RECURSIVE held AS (SELECT a.roleid, a.roleid AS first,"  # noqa: S608 - quoted by literal
        " a.grantor, l.rolname AS login, a.admin_option FROM pg_auth_members AS a"
        " JOIN pg_roles AS l ON l.oid = a.member"
        f" WHERE l.rolname = {literal(login)} AND {_NO_OWNER}"
        " UNION SELECT a.roleid, h.first, h.grantor, h.login, a.admin_option"
        " FROM pg_auth_members AS a JOIN held AS h ON a.member = h.roleid)"
        " SELECT g.rolname AS role, f.rolname AS first, b.rolname AS grantor, login INTO m"
        " FROM held JOIN pg_roles AS g ON g.oid = held.roleid"
        " JOIN pg_roles AS f ON f.oid = held.first LEFT JOIN pg_roles AS b ON b.oid = held.grantor"
        f" WHERE {_too_much(groups, to_pass_on)} ORDER BY 1, 2, 3 LIMIT 1;"
        " IF FOUND THEN RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE ="
        " format('everyskill: %s stays in %s, which %s granted. Nothing was changed; first run:"
        " REVOKE %I FROM %I', m.login, m.role, m.grantor, m.first, m.login) || CASE WHEN"
        f" {KEEPS_GRANTORS} THEN format(' GRANTED BY %I', m.grantor) ELSE '' END; END IF; END"
    )


def block(body: str) -> str:
    """Quote a block of statements, whatever names are in it."""
    tag = "$$"
    while tag in body:
        tag = f"${'x' * (len(tag) - 1)}$"
    return f"DO {tag} {body} {tag}"

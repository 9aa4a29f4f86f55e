"""Give the roles of a registry their rights, and make a login a member of one."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from everyskill_cli.database.grants import (
    Binding,
    binding,
    is_open,
    refusal,
    run,
    script,
    shared,
    strangers,
)
from everyskill_cli.database.membership import Member
from everyskill_cli.database.rights import powers, standing
from everyskill_cli.errors import Conflict, Forbidden, NotFound, NotReady, UsageError
from everyskill_cli.model import Finding, GrantsAnswer, Role
from everyskill_cli.registry import Registry
from everyskill_cli.settings import EMAIL

if TYPE_CHECKING:
    from everyskill_cli.database.engine import Transaction

PREFIX: Final = "everyskill"
LOGIN_MAX: Final = 63  # bytes: where PostgreSQL cuts names off
_PREFIX_RULE: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the script is to do.

    Attributes:
        prefix: what the names of the three groups begin with.
        login: made a member; None makes nobody one.
        role: what it is to be; None takes its roles away.
        email: whose it is.
    """

    prefix: str = PREFIX
    login: str | None = None
    role: Role | None = None
    email: str | None = None


def grants(registry: Registry, wish: Wish, *, apply: bool) -> GrantsAnswer:
    """Write the script of the roles, and run it in one transaction where that is asked for.

    Raises:
        UsageError: a name cannot be one, or is of a group or a superuser.
        NotReady: the registry is on SQLite.
        NotFound: the server has no such login.
        Forbidden: this login is not the registry's owner, or may not make roles.
        Conflict: roles of these names are something else already.
    """
    member = _member(wish)
    _require_prefix(wish.prefix)
    if registry.database.dialect == "sqlite":
        raise NotReady(
            "A SQLite registry has no roles: whoever may write its file is its owner.",
            "Roles need PostgreSQL: see docs/security.md.",
        )
    with registry.database.reading() as tx:
        if apply and not standing(tx).is_owner:
            raise Forbidden(
                "Only the registry's owner grants roles.",
                "Log in as the one who ran everyskill upgrade, or give them what this prints:"
                f" {_typed(wish)}",
            )
        _require_free(tx, wish.prefix)
        warnings = _warnings(tx, member) + _shared(tx, wish.prefix) + _taken(tx, wish.prefix)
        statements = tuple(script(tx, wish.prefix, member))
    if not apply:
        return GrantsAnswer(status="printed", results=statements, warnings=warnings)
    try:
        with registry.database.writing() as tx:
            run(tx, statements)
    except Forbidden as error:
        raise Forbidden(
            error.message,
            "An administrator of the server can run the same script:"
            f" {_typed(wish)} | psql DATABASE",
        ) from error
    with registry.database.reading() as tx:
        warnings += _open_schema(tx)
    return GrantsAnswer(status="applied", results=statements, warnings=warnings)


def _typed(wish: Wish) -> str:
    """Give the command that prints the script of this wish."""
    words = ["everyskill", "admin", "grants"]
    if wish.prefix != PREFIX:
        words += ["--prefix", wish.prefix]
    if wish.login is not None:
        words += ["--login", wish.login, "--role", wish.role or "none"]
    if wish.email is not None:
        words += ["--email", wish.email]
    return shlex.join(words)


def _require_prefix(prefix: str) -> None:
    if not _PREFIX_RULE.fullmatch(prefix):
        raise UsageError(
            f"{prefix!a} cannot begin the name of a role.",
            "Use a to z, 0 to 9 and _, 40 characters at most.",
        )
    if f"{prefix}_".startswith("pg_"):
        raise UsageError(
            f"{prefix} cannot begin the name of a role: PostgreSQL keeps pg_ for its own.",
            "Choose another --prefix.",
        )


def _require_free(tx: Transaction, prefix: str) -> None:
    """Refuse roles that are there already and would take the rights to people nobody named."""
    found = refusal(tx, prefix)
    if found is not None:
        raise Conflict(f"{found[0]}.", found[1])


def _member(wish: Wish) -> Member | None:
    if wish.login is None:
        return None
    login, email = wish.login, wish.email
    if not login.isprintable() or not 1 <= len(login.encode()) <= LOGIN_MAX:
        raise UsageError(
            f"{login!a} is not the name of a login.",
            f"Names are printable and have {LOGIN_MAX} bytes at most.",
        )
    if email is not None and not (EMAIL.fullmatch(email) and email.isprintable()):
        raise UsageError(f"{email!a} is not an email address.", "Name the login's user: --email.")
    return Member(login=login, role=wish.role, email=None if email is None else email.lower())


def _warnings(tx: Transaction, member: Member | None) -> tuple[Finding, ...]:
    if member is None:
        return ()
    before = binding(tx, member.login, member.email)
    if not before.exists:
        raise NotFound(
            f"The server has no login {member.login}.",
            "Make it first, with a password of its own: createuser --pwprompt NAME",
        )
    found = _moved(member, before)
    if member.role is not None:
        _require_a_login(member.login, before)
        if before.members:
            message = f"Whoever is a member of {member.login} gets the role too: {before.members}."
            found.append(("members", message))
        more = "" if before.is_owner else "; ".join(powers(tx, member.login))
        if more:
            message = f"{member.login} may do more than any role allows: {more}."
            found.append(("powers", message))
    return tuple(Finding(rule, message) for rule, message in found)


def _require_a_login(login: str, found: Binding) -> None:
    """Refuse whom a role does not fit; taking one away fits everybody."""
    if not found.logs_in:
        raise UsageError(
            f"{login} is a group, as which nobody logs in: its members would get a role unnamed.",
            "Name the login of each member: --login NAME",
        )
    if found.is_superuser:
        raise UsageError(
            f"{login} is a superuser, whom no role limits.",
            "Make a login without that, and name it: createuser --pwprompt NAME",
        )


def _taken(tx: Transaction, prefix: str) -> tuple[Finding, ...]:
    """Say who has rights by another way than the groups; the script takes them away."""
    names = ", ".join(strangers(tx, prefix))
    message = f"What was granted past the roles is taken away by this script, from: {names}."
    return (Finding("taken", message),) if names else ()


def _shared(tx: Transaction, prefix: str) -> tuple[Finding, ...]:
    """Say where else a role of this registry counts: a copy of a database has its rights too."""
    names = ", ".join(shared(tx, prefix))
    message = (
        f"The groups of this registry have rights in other databases of the server: {names}."
        " Whoever is a member here is one there."
    )
    return (Finding("shared", message),) if names else ()


def _moved(member: Member, before: Binding) -> list[tuple[str, str]]:
    """Say what a login loses or keeps that nobody may expect."""
    found = []
    if before.is_owner:
        message = f"{member.login} is the registry's owner or a superuser: no role limits it."
        found.append(("owner", message))
    if (
        before.email is not None
        and before.email != member.email
        and (member.email or not member.role)
    ):
        found.append(("rebound", f"{member.login} was {before.email} until now."))
    if before.rival is not None:
        message = f"{member.email} was bound to the login {before.rival}, which loses it."
        found.append(("rebound", message))
    return found


def _open_schema(tx: Transaction) -> tuple[Finding, ...]:
    if not is_open(tx):
        return ()
    return (
        Finding(
            "open-schema",
            "Everybody may still create functions in the registry's schema, and only its owner or"
            " a superuser can change that: REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        ),
    )

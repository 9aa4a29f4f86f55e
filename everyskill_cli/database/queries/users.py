"""People and CI jobs, by their email address or by the login that the owner has bound to them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, select, text

from everyskill_cli.database.faults import unbound
from everyskill_cli.database.queries.records import among, clock, insert_or_not
from everyskill_cli.database.tables import users
from everyskill_cli.model import Role

_SIGNED = text(
    "SELECT s.login, u.id, u.email, has_any_column_privilege('version_events', 'INSERT')"
    " FROM (SELECT CASE WHEN NOT everyskill_is_owner() THEN session_user::text END AS login) AS s"
    " LEFT JOIN users AS u ON u.id = CASE WHEN s.login IS NULL"
    " THEN (SELECT id FROM users WHERE email = :email) ELSE everyskill_me() END"
)


class Signature(NamedTuple):
    """Who writes.

    Attributes:
        login: the one that settles it; None where the address is a claim that is believed: on
            SQLite, and from the owner of the registry.
        user_id: None while there is no such user, or the login is bound to none.
        email: the user's; with a login not necessarily the address that was claimed.
        may_publish: whether the database lets this session append to a skill's history.
    """

    login: str | None
    user_id: str | None
    email: str | None
    may_publish: bool


def signed(connection: Connection, email: str | None) -> Signature:
    """Find out in one statement whom the database takes this session for.

    Args:
        connection: any.
        email: who says to be at work; None where nobody said.
    """
    if connection.dialect.name == "postgresql":
        return Signature(*connection.execute(_SIGNED, {"email": email}).one())
    found = connection.scalar(select(users.c.id).where(users.c.email == email))
    return Signature(None, found, email, True)


def id_of(connection: Connection, email: str) -> str | None:
    """Find the user with an address."""
    return connection.scalar(select(users.c.id).where(users.c.email == email))


def ids(connection: Connection, emails: Iterable[str]) -> dict[str, str]:
    """Find the users with addresses, all in one statement; absent ones are absent."""
    found = select(users.c.email, users.c.id).where(among(connection, users.c.email, emails))
    return dict(connection.execute(found).all())


def ensure(connection: Connection, email: str, role: Role = "publisher") -> str:
    """Give the user's id; a user is made on first use.

    Args:
        connection: a writing one.
        email: who says to be at work.
        role: what is about to be done, for the hint to a login that is bound to nobody.

    Raises:
        Forbidden: the login is bound to nobody.
    """
    found = signed(connection, email)
    if found.login is not None and found.user_id is None:
        raise unbound(found.login, role, email)
    return found.user_id or add(connection, email)


def add(connection: Connection, email: str) -> str:
    """Make a user that was not found, and give its id.

    On PostgreSQL a racing first use waits for the other and finds its row. Callers do this before
    they lock anything else, so that two of them never wait for each other.
    """
    now = clock(connection)
    connection.execute(
        insert_or_not(connection, users).values(
            id=str(uuid.uuid4()), email=email, created_at=now, updated_at=now
        )
    )
    return str(connection.execute(select(users.c.id).where(users.c.email == email)).scalar_one())

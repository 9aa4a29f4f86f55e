"""Whose a change is: the user to whom the owner has bound the login, else whoever says to be it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everyskill_cli.database.faults import not_a, not_owner, unbound
from everyskill_cli.database.queries import users
from everyskill_cli.errors import NotReady
from everyskill_cli.model import Role
from everyskill_cli.registry import Registry

if TYPE_CHECKING:
    from everyskill_cli.database.engine import Transaction


def sign(registry: Registry, tx: Transaction, role: Role) -> str:
    """Give the id of the user at work, who is made on first use; before anything is locked.

    Args:
        registry: that is written to.
        tx: a writing transaction.
        role: what is about to be done.

    Raises:
        Forbidden: the login is bound to nobody.
        NotReady: nobody said who is at work, and the login does not tell.
    """
    user_id = sign_or_not(registry, tx, role)
    return user_id or users.ensure(tx, str(registry.user.value), role)  # the error it stands for


def sign_or_not(registry: Registry, tx: Transaction, role: Role) -> str | None:
    """Do the same; None where nobody said who is at work, and the login does not tell."""
    email = claimed(registry)
    found = users.signed(tx, email)
    if found.login is not None:
        if found.user_id is None:
            raise unbound(found.login, role, email)
        registry.login, registry.email = found.login, str(found.email)
        return found.user_id
    if email is None:
        return None
    registry.email = email
    return found.user_id or users.add(tx, email)


def require_publisher(registry: Registry, tx: Transaction) -> None:
    """Find out before a byte is stored whether the rows could be written.

    Raises:
        Forbidden: the login may not publish, or is bound to nobody.
        NotReady: nobody said who is at work, and the login does not tell.
    """
    email = claimed(registry)
    found = users.signed(tx, email)
    if found.login is None and email is None:
        _ = registry.user  # the error that nobody said who
    if found.login is not None and found.user_id is None:
        raise unbound(found.login, "publisher", email)
    if not found.may_publish:
        raise not_a("publisher", found.login or "")


def require_owner(registry: Registry) -> None:
    """Find out before anything is tried, and anybody is asked, whether this may delete at all.

    Raises:
        Forbidden: the login is not the registry's owner; on SQLite everybody is.
    """
    with registry.database.reading() as tx:
        login = users.signed(tx, None).login
    if login is not None:
        raise not_owner(login)


def claimed(registry: Registry) -> str | None:
    """Give the address of whoever says to be at work; None where nobody said."""
    try:
        return str(registry.user.value)
    except NotReady:
        if registry.settings.user is not None:
            raise  # somebody said who, in words that are no address
        return None

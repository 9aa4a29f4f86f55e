"""What a database driver raises, said in our own errors.

The only place that knows SQLite's error names and PostgreSQL's SQLSTATE codes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from everyskill_cli.errors import (
    Conflict,
    EveryskillError,
    Forbidden,
    IntegrityFailure,
    NotReady,
    Unavailable,
)

if TYPE_CHECKING:
    from everyskill_cli.model import Role


ASK: Final = "Ask the registry's owner for the role you need (everyskill admin grants)."


class ObjectCondemned(Conflict):
    """The object is marked for deletion by garbage collection; it must be stored anew."""


class ObjectInUse(Conflict):
    """A version refers to the object, so it is none of garbage collection's."""


class CommitUnknown(Unavailable):
    """COMMIT was sent and its answer was lost: the change may stand, or not."""


class UnreadableValue(ValueError):
    """A value in a row is not of its column's kind."""


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Raise our errors for the driver's; ``where`` names the database without its password."""
    try:
        yield
    except DBAPIError as error:
        raise translate(error, where) from error
    except sqlite3.Error as error:  # past SQLAlchemy: while a file is copied aside
        raise _sqlite(error, where) from error
    except UnreadableValue as error:
        raise _foreign(where, str(error)) from error
    except SQLAlchemyError as error:
        raise NotReady(
            f"The database {where} cannot be used: {first_line(error)}.", _HINTS[NotReady]
        ) from error


def translate(error: DBAPIError, where: str) -> EveryskillError:
    """Choose the error by what the caller can do about it."""
    if isinstance(error, IntegrityError):
        return _refused(str(error.orig))
    if isinstance(error.orig, sqlite3.Error):
        return _sqlite(error.orig, where)
    return _postgresql(error, where)


def _foreign(where: str, what: str) -> IntegrityFailure:
    return IntegrityFailure(
        f"The database {where} holds what everyskill never wrote: {what}.",
        "Somebody changed its records: trust none of them, and compare with a backup.",
    )


def read_only(where: str) -> Forbidden:
    """Say that a file may be read and not written."""
    return Forbidden(
        f"The database {where} is read-only for you.",
        "Ask for write permission on the file and its folder.",
    )


def no_role(where: str) -> Forbidden:
    """Say that a login may not even look at the registry."""
    return Forbidden(f"This login has no role in the registry {where}.", ASK)


def hidden(what: str) -> Forbidden:
    """Say that rows which are there were not changed: a policy of the database hid them."""
    return Forbidden(f"The database let this login change nothing of {what}.", ASK)


def not_a(role: Role, login: str) -> Forbidden:
    """Say that a login lacks a role, where that is found out before anything is tried."""
    return Forbidden(f"The login {login} is no {role} of this registry.", ASK)


def not_owner(login: str) -> Forbidden:
    """Say that a login may not do what no role may, and the owner alone."""
    return Forbidden(
        f"The login {login} is not the owner of this registry, who alone deletes.",
        "Ask the registry's owner to run this command; no role gives the right to it.",
    )


def unbound(login: str, role: Role, email: str | None) -> Forbidden:
    """Say that a login writes nothing as long as nobody said whose it is."""
    from shlex import quote

    asked = f"--login {quote(login)} --role {role} --email {quote(email or 'EMAIL')}"
    return Forbidden(
        f"The login {login} is bound to no user of this registry, so it cannot write.",
        f"Ask the registry's owner to run: everyskill admin grants {asked} --apply",
    )


def first_line(error: BaseException) -> str:
    """The first line of a driver's message; the rest repeats the statement."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


_RULES = {  # what a publisher meets who was overtaken by a purge
    "the bytes were purged": (
        "These bytes were purged from the registry and are not taken again.",
        "Change the skill: what was purged must not come back.",
    ),
    "slug of a deleted skill": (
        "A skill of this slug was deleted for good, and its slug is never free again.",
        "Publish it under another one: --slug SLUG",
    ),
}


def _refused(message: str) -> EveryskillError:
    line = message.strip().splitlines()[0]
    if "the object is condemned" in line:
        return ObjectCondemned("The object is being deleted by garbage collection.")
    if "a version refers to the object" in line:
        return ObjectInUse("A version refers to the object.")
    for rule, (message, hint) in _RULES.items():
        if rule in line:
            return Conflict(message, hint)
    return Conflict(
        f"The database refused the change: {line.removeprefix('everyskill: ')}.",
        "Look at it as it is now (everyskill versions SLUG), then try again.",
    )


def _sqlite(error: sqlite3.Error, where: str) -> EveryskillError:
    # Errors that the module raises itself carry no name.
    name = getattr(error, "sqlite_errorname", "")
    said = first_line(error)
    if said == "no such module: fts5":
        return NotReady(
            f"Python's SQLite has no full-text search (FTS5), which {where} needs.",
            "Use another Python, or PostgreSQL.",
        )
    if not name and said.startswith("Could not decode"):
        return _foreign(where, "a text is not UTF-8")
    if said == "integer overflow":  # of a sum
        return _foreign(where, "counters that nobody can add up")
    return _by_name(name.split("_")[1] if "_" in name else "", said, where)


def _by_name(name: str, said: str, where: str) -> EveryskillError:
    match name:
        case "BUSY" | "LOCKED":
            return Unavailable(
                f"The database {where} is locked by another program.",
                "Try again; if it stays locked, look for a program that keeps it open.",
            )
        case "READONLY" | "PERM" | "AUTH":
            return read_only(where)
        case "FULL":
            return Unavailable(
                f"There is no room left on the disk of {where}.",
                "Free some space and run the command again; nothing was changed.",
            )
        case "CORRUPT" | "NOTADB" | "FORMAT":
            return IntegrityFailure(
                f"{where} is not an intact SQLite database ({said}).",
                "Restore it from a backup, or point EVERYSKILL_DATABASE_URL to another file.",
            )
        case "CANTOPEN":
            return Forbidden(
                f"The database {where} cannot be opened.",
                "Check that the folder exists and that you may read and write it.",
            )
        case "IOERR":  # of a full disk too, where SQLite finds no room beside the file
            return Unavailable(
                f"The disk of the database {where} failed: {said}.",
                "Free some space or check that disk, then run the command again.",
            )
        case _:
            return Unavailable(f"The database {where} failed: {said}.", _HINTS[Unavailable])


_BY_STATE: Final = {
    "28": NotReady,  # invalid authorization
    "3D": NotReady,  # no such database
    "3F": NotReady,  # no such schema
    "42": NotReady,  # no such table or column: not our schema
    "25006": Forbidden,  # read-only transaction: a standby server
    "XX": IntegrityFailure,  # internal error, data corrupted
}
_HINTS: Final = {
    NotReady: "Check EVERYSKILL_DATABASE_URL, then run: everyskill doctor",
    Forbidden: ASK,
    Unavailable: "Check that the server runs and can be reached, then try again.",
    IntegrityFailure: "Tell the database's administrator.",
}


def _postgresql(error: DBAPIError, where: str) -> EveryskillError:
    state = getattr(error.orig, "sqlstate", None) or ""
    said = first_line(error.orig or error)
    if state == "42501":
        return Forbidden(f"The database refused: {said.removeprefix('everyskill: ')}.", ASK)
    kind = _BY_STATE.get(state) or _BY_STATE.get(state[:2])
    kind = kind or (_without_state(said) if not state else Unavailable)
    return kind(f"The database {where} failed: {said}.", _HINTS[kind])


def _without_state(said: str) -> type[EveryskillError]:
    """A connection that never stood has no SQLSTATE, only the server's words."""
    settings = (
        "authentication failed",
        "no password supplied",
        "does not exist",
        "pg_hba",
        "SSL",
        "invalid connection option",
        "invalid sslmode value",
        "invalid integer value",
        "invalid port number",
    )
    return NotReady if any(words in said for words in settings) else Unavailable

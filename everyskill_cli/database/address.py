"""A database's URL as people write it, read strictly: what cannot be meant is refused with a hint.

No message repeats the URL, nor anything that a library says about it: a password with an ``@`` in
it ends up in the host's name.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from everyskill_cli.errors import NotReady
from everyskill_cli.settings import hide_password

POSTGRES_DRIVERS: Final = ("postgres", "postgresql", "postgresql+psycopg")
LIBPQ: Final = ("PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGSERVICE", "PGOPTIONS")


def parse(url: str) -> URL:
    """Read ``sqlite:///path`` or ``postgresql://user@host/name`` as SQLAlchemy understands it.

    Raises:
        NotReady: it is neither.
    """
    if url.startswith("sqlite:"):
        return _parse_sqlite(url)
    if not url.isprintable() or "%00" in url:  # the driver's own parser would stop at a NUL
        raise _unreadable()
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise _unreadable() from None  # its own words may repeat a piece of a password
    if "@" in (parsed.host or ""):
        raise _unreadable()
    if parsed.drivername not in POSTGRES_DRIVERS:
        raise NotReady(
            f"The database {parsed.drivername!r} is not supported.",
            "Use sqlite:///… or postgresql://….",
        )
    return parsed.set(drivername="postgresql+psycopg")


def place_of(url: str) -> str:
    """Say where a database is so that the same words always mean the same place; no password.

    What a PostgreSQL URL leaves out, its driver takes from the environment.
    """
    parsed = parse(url)
    if parsed.get_backend_name() == "sqlite":
        return f"sqlite:{Path(str(parsed.database)).expanduser().absolute()}"
    shown = hide_password(parsed.set(password=None).render_as_string())
    return " ".join(
        [shown, *(f"{name}={os.environ[name]}" for name in LIBPQ if name in os.environ)]
    )


def _parse_sqlite(url: str) -> URL:
    """Read a file's URL ourselves: SQLAlchemy 2.1 decodes ``%20`` in it, and 2.0 does not."""
    place, _, query = url.partition("?")
    path = unquote(place.removeprefix("sqlite:///"), errors="surrogateescape")
    if not place.startswith("sqlite:///") or path in ("", ":memory:") or "\0" in path:
        raise NotReady(
            "EVERYSKILL_DATABASE_URL names no SQLite file, and in memory nothing is kept.",
            "Write sqlite:////absolute/path.db, with four slashes.",
        )
    try:
        Path(path).expanduser()
    except RuntimeError as error:  # ~nobody
        raise NotReady(
            f"EVERYSKILL_DATABASE_URL names no file: {error}", "Write an absolute path."
        ) from error
    options = dict(parse_qsl(query, keep_blank_values=True))
    seconds = options.get("timeout", "0")
    if set(options) - {"timeout"} or not (seconds.isdecimal() and len(seconds) < 5):
        raise NotReady(
            "EVERYSKILL_DATABASE_URL says something behind its ? that SQLite does not take.",
            "All there is: ?timeout=30, the whole seconds to wait for another writer.",
        )
    return URL.create("sqlite", database=path, query=options)


def _unreadable() -> NotReady:
    return NotReady(
        "EVERYSKILL_DATABASE_URL is not a database URL.",
        "Write sqlite:////absolute/path.db or postgresql://user@host/name; in a password,"
        " %40 stands for @ and %3A for a colon.",
    )

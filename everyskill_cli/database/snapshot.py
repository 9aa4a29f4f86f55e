"""Reading for whoever looks whether records are what they were: at one moment, as they stand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection

from everyskill_cli.database.engine import Database


@contextmanager
def snapshot(database: Database) -> Iterator[Connection]:
    """Read at one moment on either database, and from SQLite texts that are no UTF-8 as well.

    Their bytes stand in them as lone surrogates, which no digest takes.
    """
    with database.reading(level="REPEATABLE READ") as connection:
        raw: Any = connection.connection.dbapi_connection
        if database.dialect != "sqlite":
            yield connection
            return
        usual, raw.text_factory = raw.text_factory, _as_it_stands
        try:
            yield connection
        finally:
            raw.text_factory = usual


def _as_it_stands(text: bytes) -> str:
    return text.decode(errors="surrogateescape")

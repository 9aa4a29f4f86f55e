"""The quickest way into each database: guards and indexes off, rows in, both on again.

For registries that are made up alone; see ``bulk``.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import psycopg
from psycopg import sql

from everyskill_cli.database.schema import MIGRATIONS

SCRAMBLE = 2_654_435_761  # times a number, cut to 32 bits: as good as random, and none twice
DAYS = 300  # that a registry which is made up has existed


class Writer(Protocol):
    """Writes into one database; fragments of SQL that each writes its own way."""

    def key(self, kind: int, number: str) -> str:
        """Write the key of a row: its kind's digit, and an expression for its number."""

    def digest(self, number: str) -> str:
        """Write a hash that is made up."""

    def at(self, seconds: str) -> str:
        """Write a moment, from the registry's first on."""

    def json(self, text: str) -> str:
        """Write a value of JSON."""

    def series(self, amount: int, name: str) -> str:
        """Write a table with one column, the numbers from 0 up to one."""

    def run(self, statement: str) -> None:
        """Run a statement."""

    def row(self, statement: str) -> tuple[Any, ...]:
        """Read one row."""

    def put(self, table: str, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
        """Insert rows."""

    def put_words(self, rows: Iterable[tuple[str, set[str]]]) -> None:
        """Insert what skills are found by: their keys, in order, and their tokens."""

    def finish(self) -> None:
        """Put indexes and guards back."""


def key_of(kind: int, number: int) -> str:
    """Give what ``Writer.key`` writes."""
    return f"{number * SCRAMBLE & 0xFFFF_FFFF:08x}-000{kind}-4000-8000-{number:012x}"


@contextmanager
def open_writer(url: str) -> Iterator[Writer]:
    """Open an empty registry that has its schema, with guards and indexes off."""
    if url.startswith("sqlite"):
        path = url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            yield _SQLite(connection)
    else:
        with psycopg.connect(url, autocommit=True) as connection:
            yield _PostgreSQL(connection)


def _first_day() -> str:
    day = datetime.now(UTC).date() - timedelta(days=DAYS)
    return f"{day:%Y-%m-%d}"


class _SQLite:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._first = _first_day()
        for pragma in (
            "journal_mode = OFF",
            "synchronous = OFF",
            "cache_size = -2000000",
            "foreign_keys = OFF",
            "ignore_check_constraints = ON",
        ):
            connection.execute(f"PRAGMA {pragma}")
        found = connection.execute(
            "SELECT type, name, sql FROM sqlite_master"
            " WHERE sql IS NOT NULL AND type IN ('index', 'trigger') ORDER BY type"
        ).fetchall()
        for kind, name, _ in found:
            connection.execute(f"DROP {kind} {name}")
        self._later = [statement for _, _, statement in found]  # indexes before triggers
        connection.execute("BEGIN")

    def key(self, kind: int, number: str) -> str:
        scrambled = f"({number}) * {SCRAMBLE} & 4294967295"
        return f"printf('%08x-000{kind}-4000-8000-%012x', {scrambled}, {number})"

    def digest(self, number: str) -> str:
        return f"printf('%08x%056x', ({number}) * {SCRAMBLE} & 4294967295, {number})"

    def at(self, seconds: str) -> str:
        return f"strftime('%Y-%m-%dT%H:%M:%fZ', '{self._first}', ({seconds}) || ' seconds')"

    def json(self, text: str) -> str:
        return text

    def series(self, amount: int, name: str) -> str:
        numbers = (
            f"SELECT 0 AS {name} UNION ALL SELECT {name} + 1 FROM s WHERE {name} < {amount - 1}"
        )
        return f"(WITH RECURSIVE s AS ({numbers}) SELECT {name} FROM s) AS numbers_{name}"

    def run(self, statement: str) -> None:
        self._connection.execute(statement)

    def row(self, statement: str) -> tuple[Any, ...]:
        found: tuple[Any, ...] = self._connection.execute(statement).fetchone()
        return found

    def put(self, table: str, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
        marks = ", ".join("?" for _ in columns)
        statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"
        self._connection.executemany(statement, rows)

    def put_words(self, rows: Iterable[tuple[str, set[str]]]) -> None:
        search = "INSERT INTO skill_search (number, skill_id, is_stale) VALUES (?, ?, 0)"
        words = "INSERT INTO skill_words (rowid, words) VALUES (?, ?)"
        for number, (skill_id, tokens) in enumerate(rows, 1):
            self._connection.execute(search, (number, skill_id))
            self._connection.execute(words, (number, " ".join(sorted(tokens))))

    def finish(self) -> None:
        for statement in self._later:
            self._connection.execute(statement)
        self._connection.execute("COMMIT")
        self._connection.execute("PRAGMA journal_mode = WAL")


class _PostgreSQL:
    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self._first = _first_day()
        # Triggers and foreign keys are off, for whoever may do that: a superuser.
        connection.execute("SET session_replication_role = replica")
        for setting in (
            "maintenance_work_mem = '1GB'",
            "work_mem = '256MB'",
            "synchronous_commit = off",
        ):
            connection.execute(sql.SQL(f"SET {setting}"))
        # As the migrations wrote them: what the server says of an index makes almost the same.
        scripts = sorted((MIGRATIONS / "versions").glob("*.postgresql.sql"))
        written = "\n".join(script.read_text(encoding="utf-8") for script in scripts)
        found = re.findall(r"^(CREATE (?:UNIQUE )?INDEX (\w+) ON .*?);$", written, re.M | re.S)
        for _, name in found:
            self.run(f"DROP INDEX {name}")
        self._later = [statement for statement, _ in found]

    def key(self, kind: int, number: str) -> str:
        return (
            f"({self._scrambled(number)} || '-000{kind}-4000-8000-'"
            f" || lpad(to_hex({number}), 12, '0'))"
        )

    def digest(self, number: str) -> str:
        return f"({self._scrambled(number)} || lpad(to_hex({number}), 56, '0'))"

    def _scrambled(self, number: str) -> str:
        return f"lpad(to_hex(({number}) * {SCRAMBLE} & 4294967295), 8, '0')"

    def at(self, seconds: str) -> str:
        return f"(timestamptz '{self._first}Z' + ({seconds}) * interval '1 second')"

    def json(self, text: str) -> str:
        return f"CAST({text} AS jsonb)"

    def series(self, amount: int, name: str) -> str:
        return f"generate_series(CAST(0 AS bigint), {amount - 1}) AS numbers_{name} ({name})"

    def run(self, statement: str) -> None:
        self._connection.execute(sql.SQL(statement))

    def row(self, statement: str) -> tuple[Any, ...]:
        found = self._connection.execute(sql.SQL(statement)).fetchone()
        assert found is not None
        return found

    def put(self, table: str, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
        names = ", ".join(columns)
        with (
            self._connection.cursor() as cursor,
            cursor.copy(sql.SQL(f"COPY {table} ({names}) FROM STDIN")) as copy,
        ):
            for row in rows:
                copy.write_row(row)

    def put_words(self, rows: Iterable[tuple[str, set[str]]]) -> None:
        written = ((key, " ".join(f"'{token}'" for token in tokens)) for key, tokens in rows)
        self.put("skill_search", ("skill_id", "words"), written)

    def finish(self) -> None:
        for statement in self._later:
            self.run(statement)
        self.run("VACUUM ANALYZE")  # autovacuum would, a minute later

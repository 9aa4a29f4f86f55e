"""The SQL files of migrations: each revision has one for SQLite and one for PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection


def run_script(connection: Connection, migration: str) -> None:
    """Run the SQL file that stands beside a migration, for the database at hand.

    On SQLite one statement after the other, which is all that its driver takes.

    Args:
        connection: in the transaction of the upgrade.
        migration: the path of the migration's module, as ``__file__`` says it.
    """
    dialect = connection.dialect.name
    script = Path(migration).with_suffix(f".{dialect}.sql").read_text(encoding="utf-8")
    raw = connection.execution_options(no_parameters=True)  # % stays what it is
    for statement in _statements(script) if dialect == "sqlite" else [script]:
        raw.exec_driver_sql(statement)


def _statements(script: str) -> Iterator[str]:
    """Split at the ends of statements; a trigger's inner semicolons do not end it."""
    current = ""
    for line in script.splitlines(keepends=True):
        current += line
        if sqlite3.complete_statement(current):
            yield current
            current = ""

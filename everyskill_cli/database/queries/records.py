"""Between rows and records: the one place where a row becomes a dataclass and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from sqlalchemy import (
    Connection,
    Row,
    Table,
    Text,
    any_,
    bindparam,
    insert,
    literal_column,
    select,
    type_coerce,
)
from sqlalchemy.sql import ColumnElement

from everyskill_cli.database.tables import Moment
from everyskill_cli.errors import IntegrityFailure
from everyskill_cli.model import FileEntry

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from sqlalchemy.dialects.postgresql import Insert as PostgresqlInsert
    from sqlalchemy.dialects.sqlite import Insert as SqliteInsert

    Record = TypeVar("Record", bound=DataclassInstance)
    OnConflict: TypeAlias = PostgresqlInsert | SqliteInsert

Value = TypeVar("Value")

CHUNK: Final = 10_000  # values a statement; SQLite takes 32,766 parameters, PostgreSQL 65,535

CLOCKS = {  # read when the row is written, not when the transaction began
    "sqlite": "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')",
    "postgresql": "date_trunc('milliseconds', clock_timestamp())",
}


def record(kind: type[Record], row: Row[*tuple[Any, ...]]) -> Record:
    """Fill a record from the columns of the same names; lists become tuples."""
    values = row._mapping
    try:
        return kind(**{f.name: _from_row(f.name, values[f.name]) for f in fields(kind)})
    except (TypeError, ValueError) as error:
        raise IntegrityFailure(
            f"A {kind.__name__} of the registry is none that everyskill wrote.",
            "Somebody changed its records: trust none of them, and compare with a backup.",
        ) from error


def add(connection: Connection, table: Table, rows: Iterable[DataclassInstance]) -> None:
    """Insert records as they are; their fields are the table's columns."""
    connection.execute(insert(table), [to_row(row) for row in rows])


def insert_or_not(connection: Connection, table: Table) -> OnConflict:
    """Make an INSERT that leaves a row alone which a racing one has written.

    On PostgreSQL it waits for the other's transaction and then finds its row.
    """
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table).on_conflict_do_nothing()
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table).on_conflict_do_nothing()


def among(
    connection: Connection, column: ColumnElement[str], values: Iterable[str]
) -> ColumnElement[bool]:
    """Say that a column is one of many texts; PostgreSQL takes them as one array."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import ARRAY

        return column == any_(bindparam(None, list(values), type_=ARRAY(Text)))
    return column.in_(list(values))


def chunks(values: Iterable[Value]) -> Iterator[list[Value]]:
    """Split values into lists that one statement may name; one list for most registries."""
    rest = iter(values)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk


def clock(connection: Connection) -> ColumnElement[datetime]:
    """The database's time, in milliseconds: everyone who writes reads the same clock."""
    return type_coerce(literal_column(CLOCKS[connection.dialect.name]), Moment)


def now(connection: Connection) -> datetime:
    """Read the database's time."""
    moment: datetime = connection.execute(select(clock(connection))).scalar_one()
    return moment


def _from_row(name: str, value: Any) -> Any:
    if name == "files":
        return tuple(FileEntry(**entry) for entry in value)
    if name == "metadata" and not isinstance(value, dict):
        raise TypeError(f"metadata is of type {type(value).__name__}")
    return tuple(value) if isinstance(value, list) else value


def to_row(record: DataclassInstance) -> dict[str, Any]:
    """Give a record as the values of its columns; tuples become lists for JSON."""
    return {field.name: _to_column(getattr(record, field.name)) for field in fields(record)}


def _to_column(value: Any) -> Any:
    if not isinstance(value, tuple):
        return value
    return [item.to_json() if isinstance(item, FileEntry) else item for item in value]

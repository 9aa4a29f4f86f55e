"""Between rows and records: the one place where a row becomes a dataclass and back."""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection, Row, Table, insert, literal_column, select, type_coerce
from sqlalchemy.sql import ColumnElement

from everyskill_cli.database.tables import Moment
from everyskill_cli.model import FileEntry

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Record = TypeVar("Record", bound=DataclassInstance)

CLOCKS = {  # read when the row is written, not when the transaction began
    "sqlite": "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')",
    "postgresql": "date_trunc('milliseconds', clock_timestamp())",
}


def record(kind: type[Record], row: Row[*tuple[Any, ...]]) -> Record:
    """Fill a record from the columns of the same names; lists become tuples."""
    values = row._mapping
    return kind(**{field.name: _from_row(field.name, values[field.name]) for field in fields(kind)})


def add(connection: Connection, table: Table, record: DataclassInstance) -> None:
    """Insert a record as it is; its fields are the table's columns."""
    connection.execute(insert(table).values(**to_row(record)))


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
    return tuple(value) if isinstance(value, list) else value


def to_row(record: DataclassInstance) -> dict[str, Any]:
    """Give a record as the values of its columns; tuples become lists for JSON."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in asdict(record).items()
    }

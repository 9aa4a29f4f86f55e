"""Between rows and records: the one place where a row becomes a dataclass and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, fields
from datetime import datetime
from functools import cache
from itertools import islice
from types import MappingProxyType
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

from everyskill_cli.database.faults import UnreadableValue
from everyskill_cli.database.tables import Moment
from everyskill_cli.model import FileEntry, JsonObject, SkillVersion

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from sqlalchemy.dialects.postgresql import Insert as PostgresqlInsert
    from sqlalchemy.dialects.sqlite import Insert as SqliteInsert

    Record = TypeVar("Record", bound=DataclassInstance)
    OnConflict: TypeAlias = PostgresqlInsert | SqliteInsert

Value = TypeVar("Value")

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
CHUNK: Final = 10_000  # values a statement; SQLite takes 32,766 parameters, PostgreSQL 65,535

CLOCKS = {  # read when the row is written, not when the transaction began
    "sqlite": "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')",
    "postgresql": "date_trunc('milliseconds', clock_timestamp())",
}


def record(
    kind: type[Record],
    row: Row[*tuple[Any, ...]],
    *,
    prefix: str = "",
    derived: Mapping[str, Any] = _NOTHING,
) -> Record:
    """Fill a record from the columns of the same names; lists become tuples.

    Args:
        kind: of the record.
        row: what was read.
        prefix: before the columns' names, where two records come from one row.
        derived: fields that are no column.

    Raises:
        UnreadableValue: a value is missing, or is none that this program writes.
    """
    values = row._mapping
    filled = {
        name: derived[name] if name in derived else _from_row(kind, name, values[prefix + name])
        for name in _columns(kind)
    }
    for name in _required(kind):
        if filled[name] is None:
            raise UnreadableValue(f"the {name} of a {kind.__name__} is missing")
    return kind(**filled)


@cache
def _columns(kind: type[DataclassInstance]) -> tuple[str, ...]:
    """Name the fields that a row fills: those without a value of their own."""
    return tuple(field.name for field in fields(kind) if field.default is MISSING)


@cache
def _required(kind: type[DataclassInstance]) -> tuple[str, ...]:
    """Name those that are never absent; annotations are texts in ``model``."""
    own = {field.name: str(field.type) for field in fields(kind)}
    return tuple(name for name in _columns(kind) if not own[name].endswith("| None"))


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


def manifest(stored: Any) -> tuple[FileEntry, ...]:
    """Read the list of files of a version.

    Raises:
        UnreadableValue: it is none that this program writes.
    """
    if not isinstance(stored, list):
        raise UnreadableValue(f"{stored!r:.40} is no list of files")
    return tuple(_file(entry) for entry in stored)


def _file(stored: Any) -> FileEntry:
    try:
        entry = FileEntry(**stored)
    except TypeError as error:
        raise UnreadableValue(f"{stored!r:.40} is no file") from error
    size = entry.size
    kinds = (type(entry.path), type(size), type(entry.sha256), type(entry.executable))
    if kinds != (str, int, str, bool) or size < 0:
        raise UnreadableValue(f"{stored!r:.40} is no file")
    return entry


def said(stored: Any) -> JsonObject:
    """Read what a version says of itself beside its columns (docs/format.md).

    Raises:
        UnreadableValue: it is none that this program writes.
    """
    if not isinstance(stored, dict):
        raise UnreadableValue(f"{stored!r:.40} is no metadata")
    for name, kind in (("frontmatter", dict), ("declared_version", str), ("source", dict)):
        if name in stored and not isinstance(stored[name], kind):
            raise UnreadableValue(f"{stored[name]!r:.40} is no {name}")
    for name, value in stored.get("source", {}).items():
        if not isinstance(value, bool if name == "modified" else str):
            raise UnreadableValue(f"{value!r:.40} is no {name} of a source")
    return stored


def _texts(stored: Any) -> tuple[str, ...]:
    """Read tags: what is none is left out, because it must not end every list that meets it.

    Tags are part of no version, and whoever publishes next with ``--tag`` replaces them.
    """
    items = stored if isinstance(stored, list) else []
    return tuple(item for item in items if isinstance(item, str))


def declared_version(stored: Any) -> str | None:
    """Read the version that a skill names itself; None where nobody can read it.

    Lists of versions need nothing else of the metadata: reading one version whole refuses it.
    """
    found = stored.get("declared_version") if isinstance(stored, dict) else None
    return found if isinstance(found, str) else None


def _from_row(kind: type[DataclassInstance], name: str, value: Any) -> Any:
    match name:
        case "files":
            return manifest(value)
        case "tags":
            return _texts(value)
        case "metadata" if kind is SkillVersion:
            return said(value)
    return value


def to_row(record: DataclassInstance) -> dict[str, Any]:
    """Give a record as the values of its columns; tuples become lists for JSON."""
    return {field.name: _to_column(getattr(record, field.name)) for field in fields(record)}


def _to_column(value: Any) -> Any:
    if not isinstance(value, tuple):
        return value
    return [item.to_json() if isinstance(item, FileEntry) else item for item in value]

"""Uses and ratings of a period, by skill, by version, by its parts: for ``stats``.

Rows are read by an index, of one skill or of all, the newest first, and no more of them than a
window allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from sqlalchemy import (
    CTE,
    ColumnElement,
    CompoundSelect,
    Connection,
    Table,
    Text,
    case,
    distinct,
    func,
    literal,
    literal_column,
    select,
    true,
    union_all,
)

from everyskill_cli.database.tables import ratings, skills, usage_events

Key: TypeAlias = Literal["all", "skill", "version", "period"]
ZERO: Final[ColumnElement[int]] = literal_column("0")
ONE: Final[ColumnElement[int]] = literal_column("1")
INSTALL = "install"  # the tool of uses that ``install`` and ``update`` record


class Scope(NamedTuple):
    """Of which skills: those that are named, those that a user published first, or all."""

    skill_ids: tuple[str, ...] | None = None
    author_id: str | None = None


class Window(NamedTuple):
    """A period of some skills.

    Attributes:
        since, until: both included.
        edges: where its parts begin, in order; the first is ``since``.
        rows_max: rows of uses, and of ratings, that are read at most, the newest.
    """

    scope: Scope
    since: datetime
    until: datetime
    edges: tuple[datetime, ...]
    rows_max: int


class Uses(NamedTuple):
    """Uses of a window under one key; ``oldest`` is when the first of them was."""

    uses: int = 0
    users: int = 0
    installs: int = 0
    oldest: datetime | None = None


class Opinions(NamedTuple):
    """Ratings of a window under one key; hours are whole."""

    ratings: int = 0
    raters: int = 0
    stars: int = 0
    hours: int = 0
    oldest: datetime | None = None


class Counts(NamedTuple):
    """Uses and ratings of a window, by each of some keys."""

    uses: dict[Key, dict[Any, Uses]]
    opinions: dict[Key, dict[Any, Opinions]]


def counts(connection: Connection, window: Window, *keys: Key, limit: int | None = None) -> Counts:
    """Count uses and ratings, each in one reading of their rows.

    Args:
        connection: a reading one.
        window: which rows.
        keys: what to count by.
        limit: skills at most, those with most uses or ratings, most first.
    """
    return Counts(_uses(connection, window, keys, limit), opinions(connection, window, keys, limit))


def _uses(
    connection: Connection, window: Window, keys: Sequence[Key], limit: int | None
) -> dict[Key, dict[Any, Uses]]:
    own = usage_events.c
    rows = _rows(window, keys, usage_events, own.created_at, own.user_id, own.tool_name)
    found: dict[Key, dict[Any, Uses]] = {key: {} for key in keys}
    counted = (
        func.count(distinct(rows.c.user_id)),
        func.count(case((rows.c.tool_name == INSTALL, ONE))),
        func.min(rows.c.at),
    )
    for kind, key, *rest in connection.execute(_grouped(rows, keys, counted, limit)):
        found[kind][_read(kind, key)] = Uses(*rest)
    return found


def opinions(
    connection: Connection, window: Window, keys: Sequence[Key], limit: int | None = None
) -> dict[Key, dict[Any, Opinions]]:
    """Count ratings alone, by when each was given or last changed."""
    own = ratings.c
    hours = own.hours_saved_estimate.label("hours")
    rows = _rows(window, keys, ratings, own.updated_at, own.user_id, own.rating, hours)
    found: dict[Key, dict[Any, Opinions]] = {key: {} for key in keys}
    counted = (
        func.count(distinct(rows.c.user_id)),
        func.coalesce(func.sum(rows.c.rating), ZERO),  # a damaged one is NULL
        func.coalesce(func.sum(rows.c.hours), ZERO),
        func.min(rows.c.at),
    )
    for kind, key, *rest in connection.execute(_grouped(rows, keys, counted, limit)):
        given, raters, stars, hours_saved, oldest = rest
        said = Opinions(given, raters, int(stars), int(hours_saved), oldest)
        found[kind][_read(kind, key)] = said
    return found


def _rows(
    window: Window,
    keys: Sequence[Key],
    table: Table,
    at: ColumnElement[datetime],
    *columns: ColumnElement[Any],
) -> CTE:
    """Choose the rows of a window, the newest, each with its keys."""
    known: dict[Key, ColumnElement[Any]] = {
        "all": literal_column("''", Text),
        "skill": table.c.skill_id,
        "version": table.c.skill_version_id,
        "period": case(
            *(
                (at >= literal(edge, at.type), literal_column(f"'{number}'", Text))
                for number, edge in reversed(list(enumerate(window.edges)))
            ),
            else_=literal_column("'0'", Text),
        ),
    }
    return (
        select(*(known[key].label(key) for key in keys), at.label("at"), *columns)
        .where(within(table.c.skill_id, window.scope), at >= window.since, at <= window.until)
        .order_by(at.desc())
        .limit(window.rows_max)
        .cte("counted")
        .prefix_with("MATERIALIZED")
    )


def _grouped(
    rows: CTE, keys: Sequence[Key], counted: Sequence[ColumnElement[Any]], limit: int | None
) -> CompoundSelect[Any]:
    """Count all rows by one key after the other; a key is a text."""
    parts = []
    for key in keys:
        own = rows.c[key].label("key")
        count = func.count().label("amount")
        part = select(literal_column(f"'{key}'", Text).label("kind"), own, count, *counted)
        part = part.group_by(own).order_by(count.desc(), own)
        parts.append(select(part.limit(limit if key == "skill" else None).subquery()))
    return union_all(*parts)


def _read(kind: Key, key: str | None) -> Any:
    """Give the key of a row: of a period its number, of all rows nothing."""
    return int(key or 0) if kind in ("all", "period") else key


def within(column: ColumnElement[str], scope: Scope) -> ColumnElement[bool]:
    """Say that a skill's id is of a scope."""
    if scope.skill_ids is not None:
        return column.in_(scope.skill_ids)
    if scope.author_id is not None:
        return column.in_(select(skills.c.id).where(skills.c.author_id == scope.author_id))
    return true()

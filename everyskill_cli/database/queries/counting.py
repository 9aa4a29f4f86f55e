"""Figures for ``stats``: sums of counters, and counts over the rows of a period.

Counters of one skill and its versions are read as they stand. Rows are read by the index of one
skill, the newest first, and no more of them than a window allows. Over a whole registry the sums
read every skill once, and a period is looked for among all uses and ratings.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Connection,
    Subquery,
    Table,
    case,
    distinct,
    func,
    literal,
    literal_column,
    select,
    true,
)

from everyskill_cli.database.queries.skills import POINTED, POINTERS
from everyskill_cli.database.tables import (
    ratings,
    skill_versions,
    skills,
    usage_events,
    users,
    version_state,
)

Key: TypeAlias = Literal["all", "skill", "version", "period"]
STARS = tuple(f"stars_{given}" for given in range(1, 6))
ZERO: Final[ColumnElement[int]] = literal_column("0")
COUNTERS = tuple(skills.c[name] for name in ("total_uses", "hours_saved", *STARS))
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


class Sums(NamedTuple):
    """The counters of one skill, or of some together; ``unused`` skills were never used."""

    skills: int
    unused: int
    uses: int
    hours: int
    stars: tuple[int, ...]


class Listed(NamedTuple):
    """A skill with what belongs to it in other tables."""

    id: str
    slug: str
    author: str
    published_version: int | None
    sums: Sums


class RatedVersion(NamedTuple):
    """A version of a skill with its histogram."""

    version: int
    stars_1: int
    stars_2: int
    stars_3: int
    stars_4: int
    stars_5: int


def uses(
    connection: Connection, window: Window, key: Key, *, limit: int | None = None
) -> dict[Any, Uses]:
    """Count uses by a key; with a limit the keys with most uses, most first."""
    own = usage_events.c
    rows = _rows(window, key, usage_events, own.created_at, own.user_id, own.tool_name)
    count = func.count()
    statement = (
        select(
            rows.c.key,
            count,
            func.count(distinct(rows.c.user_id)),
            func.count(case((rows.c.tool_name == INSTALL, 1))),
            func.min(rows.c.at),
        )
        .group_by(rows.c.key)
        .order_by(count.desc(), rows.c.key)
        .limit(limit)
    )
    return {found: Uses(*rest) for found, *rest in connection.execute(statement)}


def opinions(
    connection: Connection, window: Window, key: Key, *, limit: int | None = None
) -> dict[Any, Opinions]:
    """Count ratings by a key, by when each was given or last changed; with a limit as above."""
    own = ratings.c
    hours = own.hours_saved_estimate.label("hours")
    rows = _rows(window, key, ratings, own.updated_at, own.user_id, own.rating, hours)
    count = func.count()
    statement = (
        select(
            rows.c.key,
            count,
            func.count(distinct(rows.c.user_id)),
            func.coalesce(func.sum(rows.c.rating), ZERO),  # a damaged one is NULL
            func.coalesce(func.sum(rows.c.hours), ZERO),
            func.min(rows.c.at),
        )
        .group_by(rows.c.key)
        .order_by(count.desc(), rows.c.key)
        .limit(limit)
    )
    return {
        found: Opinions(given, raters, int(stars), int(hours), oldest)
        for found, given, raters, stars, hours, oldest in connection.execute(statement)
    }


def _rows(
    window: Window,
    key: Key,
    table: Table,
    at: ColumnElement[datetime],
    *columns: ColumnElement[Any],
) -> Subquery:
    """Choose the rows of a window, the newest, each with its key."""
    keys: dict[Key, ColumnElement[Any]] = {
        "all": ZERO,
        "skill": table.c.skill_id,
        "version": table.c.skill_version_id,
        "period": case(
            *(
                (at >= literal(edge, at.type), literal_column(str(number)))
                for number, edge in reversed(list(enumerate(window.edges)))
            ),
            else_=ZERO,
        ),
    }
    return (
        select(keys[key].label("key"), at.label("at"), *columns)
        .where(within(table.c.skill_id, window.scope), at >= window.since, at <= window.until)
        .order_by(at.desc())
        .limit(window.rows_max)
        .subquery()
    )


def within(column: ColumnElement[str], scope: Scope) -> ColumnElement[bool]:
    """Say that a skill's id is of a scope."""
    if scope.skill_ids is not None:
        return column.in_(scope.skill_ids)
    if scope.author_id is not None:
        return column.in_(select(skills.c.id).where(skills.c.author_id == scope.author_id))
    return true()


def begun_by(connection: Connection, user_id: str, limit: int) -> list[str]:
    """Find the skills that a user published first, so many at most."""
    found = select(skills.c.id).where(skills.c.author_id == user_id).limit(limit)
    return list(connection.scalars(found))


def sums(connection: Connection, scope: Scope) -> Sums:
    """Add the counters of some skills up; this reads each of them."""
    row = connection.execute(
        select(
            func.count(),
            func.count(case((skills.c.total_uses == ZERO, 1))),
            *(func.coalesce(func.sum(column), ZERO) for column in COUNTERS),
        ).where(within(skills.c.id, scope))
    ).one()
    count, unused, total, hours, *stars = map(int, row)
    return Sums(count, unused, total, hours, tuple(stars))


def listed(connection: Connection, skill_ids: Iterable[str]) -> dict[str, Listed]:
    """Read some skills and their counters, by their ids."""
    own = [func.coalesce(column, ZERO) for column in COUNTERS]  # a damaged one is NULL
    statement = (
        select(skills.c.id, skills.c.slug, users.c.email, POINTERS[0], *own)
        .select_from(POINTED.join(users, users.c.id == skills.c.author_id))
        .where(skills.c.id.in_(list(skill_ids)))
    )
    found = {}
    for row in connection.execute(statement):
        skill_id, slug, author, published, total, hours, *stars = row
        counters = Sums(1, int(total == 0), total, hours, tuple(stars))
        found[skill_id] = Listed(skill_id, slug, author, published, counters)
    return found


def version_ids(connection: Connection, skill_id: str, numbers: Iterable[int]) -> dict[int, str]:
    """Read the ids of some versions of a skill, by their numbers."""
    version = skill_versions.c
    rows = connection.execute(
        select(version.version, version.id).where(
            version.skill_id == skill_id, version.version.in_(list(numbers))
        )
    )
    return {number: version_id for number, version_id in rows}  # noqa: C416 - rows are no pairs to mypy


def histograms(
    connection: Connection, skill_ids: Iterable[str], newest: int
) -> dict[str, list[RatedVersion]]:
    """Read the rated ones among the newest versions of some skills, newest first."""
    version, state = skill_versions.c, version_state.c
    statement = (
        select(version.skill_id, version.version, *(state[name] for name in STARS))
        .join(version_state, state.skill_version_id == version.id)
        .join(skills, skills.c.id == version.skill_id)
        .where(
            version.skill_id.in_(list(skill_ids)),
            version.version > skills.c.latest_version - newest,
            state.average_rating.is_not(None),
        )
        .order_by(version.skill_id, version.version.desc())
    )
    found: dict[str, list[RatedVersion]] = {}
    for skill_id, *rest in connection.execute(statement):
        found.setdefault(skill_id, []).append(RatedVersion(*rest))
    return found

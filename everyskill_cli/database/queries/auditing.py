"""Rows as ``verify`` reads them: page by page in the order of a key, and nothing taken for granted.

SQLite gives times and JSON as the texts that they are stored as, so that one which is none any
more is seen as such, and does not end the reading of all others.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import Any, Final

from sqlalchemy import (
    Connection,
    LargeBinary,
    Select,
    Text,
    case,
    cast,
    func,
    literal,
    literal_column,
    select,
    tuple_,
    type_coerce,
)
from sqlalchemy.sql import ColumnElement
from sqlalchemy.types import NullType

from everyskill_cli.chain import DETAILS
from everyskill_cli.database.queries import records
from everyskill_cli.database.tables import (
    Moment,
    ratings,
    skill_versions,
    skills,
    usage_events,
    version_events,
    version_state,
)
from everyskill_cli.model.evidence import (
    NOTHING,
    StoredEvent,
    StoredSkill,
    StoredState,
    StoredVersion,
    Tally,
)

_STAMP: Final[ColumnElement[Any]] = literal_column("""'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'""")
_STARS: Final = tuple(f"stars_{n}" for n in range(1, 6))


def skills_after(
    connection: Connection, slug: str, limit: int, only: Collection[str] = ()
) -> list[StoredSkill]:
    """Read skills in the order of their slugs, those behind one; only some where they are named."""
    row = skills.c
    statement = (
        select(
            *stored(
                connection,
                row.id,
                row.slug,
                row.name,
                row.description,
                row.author_id,
                row.latest_version,
                row.published_version_id,
                row.draft_version_id,
                row.average_rating,
                *(row[name] for name in _STARS),
                row.hours_saved,
                row.total_uses,
            )
        )
        .where(behind(connection, row.slug, slug))
        .order_by(row.slug)
        .limit(limit)
    )
    if only:
        statement = statement.where(records.among(connection, row.slug, only))
    found = connection.execute(statement)
    return [
        StoredSkill._make([*each[:9], Tally(tuple(each[9:14]), each[14], each[15])])
        for each in found
    ]


def versions_after(
    connection: Connection, skill_ids: Collection[str], place: tuple[str, int], limit: int
) -> list[StoredVersion]:
    """Read versions of some skills, in the order of skill and number, those behind a place."""
    row = skill_versions.c
    found = _behind(
        connection,
        select(
            *stored(
                connection,
                row.skill_id,
                row.version,
                row.id,
                row.content_url,
                row.content_hash,
                row.size_bytes,
                row.details_hash,
                row.created_by,
                row.created_at,
                *(row[name] for name in DETAILS),
            )
        ),
        (row.skill_id, row.version),
        skill_ids,
        place,
        limit,
    )
    return [StoredVersion._make([*each[:6], _details(each[9:]), *each[6:9]]) for each in found]


def events_after(
    connection: Connection, skill_ids: Collection[str], place: tuple[str, int], limit: int
) -> list[StoredEvent]:
    """Read events of some skills, in the order of skill and place, those behind one."""
    row = version_events.c
    statement = select(
        *stored(
            connection,
            row.skill_id,
            row.seq,
            row.id,
            row.kind,
            row.version,
            row.published_version,
            row.draft_version,
            row.reason,
            row.successor,
            row.actor_id,
            row.created_at,
            row.prev_hash,
            row.entry_hash,
        )
    )
    found = _behind(connection, statement, (row.skill_id, row.seq), skill_ids, place, limit)
    return [StoredEvent(*each) for each in found]


def _behind(
    connection: Connection,
    statement: Select[Any],
    key: tuple[ColumnElement[str], ColumnElement[int]],
    skill_ids: Collection[str],
    place: tuple[str, int],
    limit: int,
) -> Iterable[Any]:
    return connection.execute(
        statement.where(records.among(connection, key[0], skill_ids), tuple_(*key) > tuple_(*place))
        .order_by(*key)
        .limit(limit)
    )


def states(connection: Connection, skill_ids: Collection[str]) -> list[StoredState]:
    """Read what the database says of the versions of some skills."""
    row = version_state.c
    found = connection.execute(
        select(
            *stored(
                connection,
                row.skill_id,
                row.skill_version_id,
                row.average_rating,
                *(row[name] for name in _STARS),
                row.hours_saved,
                row.uses,
                row.yanked_at,
                row.yank_reason,
                row.successor,
                row.purged_at,
            )
        ).where(records.among(connection, row.skill_id, skill_ids))
    )
    return [
        StoredState._make([*each[:3], Tally(tuple(each[3:8]), each[8], each[9]), *each[10:]])
        for each in found
    ]


def tallies(
    connection: Connection, skill_ids: Collection[str]
) -> dict[tuple[str, str | None], Tally]:
    """Count ratings and uses anew, by skill and version; uses may be of no version."""
    row = ratings.c
    found: dict[tuple[str, str | None], Tally] = {}
    counted: Iterable[Any] = connection.execute(
        select(
            *stored(connection, row.skill_id, row.skill_version_id),
            *(func.sum(case((row.rating == n, 1), else_=0)) for n in range(1, 6)),
            func.coalesce(func.sum(row.hours_saved_estimate), 0),
        )
        .where(records.among(connection, row.skill_id, skill_ids))
        .group_by(row.skill_id, row.skill_version_id)
    )
    for each in counted:
        found[each[0], each[1]] = Tally(tuple(int(n) for n in each[2:7]), int(each[7]), 0)
    used = usage_events.c
    counted = connection.execute(
        select(*stored(connection, used.skill_id, used.skill_version_id), func.count())
        .where(records.among(connection, used.skill_id, skill_ids))
        .group_by(used.skill_id, used.skill_version_id)
    )
    for skill, version, uses in counted:
        found[skill, version] = found.get((skill, version), NOTHING)._replace(uses=uses)
    return found


def with_text(connection: Connection, skill_ids: Collection[str]) -> set[str]:
    """Find which of some skills have a copy of a text, by their ids."""
    row = skills.c
    return set(
        connection.scalars(
            select(*stored(connection, row.id)).where(
                records.among(connection, row.id, skill_ids), row.content.is_not(None)
            )
        )
    )


def stored(connection: Connection, *columns: ColumnElement[Any]) -> list[ColumnElement[Any]]:
    """Give columns so that they are read as they stand there, and times as the texts hashed.

    On SQLite that is whatever stands there, JSON as its text; PostgreSQL holds every column to its
    type.
    """
    if connection.dialect.name == "sqlite":
        return [type_coerce(column, NullType()) for column in columns]
    return [
        func.to_char(func.timezone("UTC", column), _STAMP, type_=Text)
        if isinstance(column.type, Moment)
        else column
        for column in columns
    ]


def behind(connection: Connection, column: ColumnElement[str], place: str) -> ColumnElement[bool]:
    """Compare with a text that was read as it stands: on SQLite it need not be UTF-8."""
    if connection.dialect.name == "sqlite" and isinstance(place, str):  # a blob is behind all texts
        stands = literal(place.encode(errors="surrogateescape"), LargeBinary)
        return column > cast(stands, Text)
    return column > place


def _details(values: Iterable[Any]) -> dict[str, Any] | None:
    found = dict(zip(DETAILS, values, strict=True))
    try:
        found |= {name: parsed(found[name], strict=True) for name in ("files", "metadata")}
    except ValueError:
        return None
    return found


def parsed(value: Any, *, strict: bool = False) -> Any:
    """Read SQLite's JSON; what is none is None, or with ``strict`` a ValueError."""
    if not isinstance(value, str | bytes):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        if strict:
            raise ValueError("no JSON") from error
        return None

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
    Select,
    Text,
    case,
    exists,
    func,
    literal_column,
    select,
    tuple_,
    type_coerce,
)
from sqlalchemy.sql import ColumnElement

from everyskill_cli.chain import DETAILS
from everyskill_cli.database.queries import records
from everyskill_cli.database.tables import (
    condemned,
    ratings,
    registry,
    skill_versions,
    skills,
    tombstones,
    usage_events,
    version_events,
    version_state,
)
from everyskill_cli.model.evidence import (
    StoredEvent,
    StoredSkill,
    StoredState,
    StoredVersion,
    Tally,
)

_STAMP: Final[ColumnElement[Any]] = literal_column("""'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'""")
_STARS: Final = tuple(f"stars_{n}" for n in range(1, 6))
NOTHING: Final = Tally((0, 0, 0, 0, 0), 0, 0)


def skills_after(
    connection: Connection, slug: str, limit: int, only: Collection[str] = ()
) -> list[StoredSkill]:
    """Read skills in the order of their slugs, those behind one; only some where they are named."""
    row = skills.c
    statement = (
        select(
            row.id,
            row.slug,
            row.name,
            row.description,
            row.author_id,
            row.latest_version,
            row.published_version_id,
            row.draft_version_id,
            *(row[name] for name in _STARS),
            row.hours_saved,
            row.total_uses,
        )
        .where(row.slug > slug)
        .order_by(row.slug)
        .limit(limit)
    )
    if only:
        statement = statement.where(records.among(connection, row.slug, only))
    return [
        StoredSkill(*found[:8], Tally(tuple(found[8:13]), found[13], found[14]))
        for found in connection.execute(statement)
    ]


def versions_after(
    connection: Connection, skill_ids: Collection[str], place: tuple[str, int], limit: int
) -> list[StoredVersion]:
    """Read versions of some skills, in the order of skill and number, those behind a place."""
    row = skill_versions.c
    found = _behind(
        connection,
        select(
            row.skill_id,
            row.version,
            row.id,
            row.content_url,
            row.content_hash,
            row.size_bytes,
            row.details_hash,
            row.created_by,
            stamp(connection, row.created_at),
            *(as_stored(connection, row[name]) for name in DETAILS),
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
        stamp(connection, row.created_at),
        row.prev_hash,
        row.entry_hash,
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
            row.skill_id,
            row.skill_version_id,
            *(row[name] for name in _STARS),
            row.hours_saved,
            row.uses,
            stamp(connection, row.yanked_at),
            row.yank_reason,
            row.successor,
            stamp(connection, row.purged_at),
        ).where(records.among(connection, row.skill_id, skill_ids))
    )
    return [
        StoredState._make([*each[:2], Tally(tuple(each[2:7]), each[7], each[8]), *each[9:]])
        for each in found
    ]


def tallies(
    connection: Connection, skill_ids: Collection[str]
) -> dict[tuple[str, str | None], Tally]:
    """Count ratings and uses anew, by skill and version; uses may be of no version."""
    row = ratings.c
    found: dict[tuple[str, str | None], Tally] = {}
    for skill, version, *stars, hours in connection.execute(
        select(
            row.skill_id,
            row.skill_version_id,
            *(func.sum(case((row.rating == n, 1), else_=0)) for n in range(1, 6)),
            func.coalesce(func.sum(row.hours_saved_estimate), 0),
        )
        .where(records.among(connection, row.skill_id, skill_ids))
        .group_by(row.skill_id, row.skill_version_id)
    ):
        found[skill, version] = Tally(tuple(map(int, stars)), int(hours), 0)
    used = usage_events.c
    for skill, version, uses in connection.execute(
        select(used.skill_id, used.skill_version_id, func.count())
        .where(records.among(connection, used.skill_id, skill_ids))
        .group_by(used.skill_id, used.skill_version_id)
    ):
        found[skill, version] = found.get((skill, version), NOTHING)._replace(uses=uses)
    return found


def with_text(connection: Connection, skill_ids: Collection[str]) -> set[str]:
    """Find which of some skills have a copy of a text, by their ids."""
    row = skills.c
    return set(
        connection.scalars(
            select(row.id).where(
                records.among(connection, row.id, skill_ids), row.content.is_not(None)
            )
        )
    )


def sizes(connection: Connection) -> tuple[int, int]:
    """Count skills and versions, for whoever waits."""
    count = func.count()
    return (
        connection.scalar(select(count).select_from(skills)) or 0,
        connection.scalar(select(count).select_from(skill_versions)) or 0,
    )


def undead(connection: Connection) -> list[str]:
    """Find skills that live under a tombstone: by slug or by id; there are none."""
    same = (tombstones.c.slug == skills.c.slug) | (tombstones.c.skill_id == skills.c.id)
    return list(connection.scalars(select(skills.c.slug).join(tombstones, same)))


def marked(connection: Connection) -> list[str]:
    """Find objects that a version needs and garbage collection has marked; there are none."""
    row, state = skill_versions.c, version_state.c
    return list(
        connection.scalars(
            select(condemned.c.content_url)
            .join(skill_versions, row.content_url == condemned.c.content_url)
            .join(version_state, state.skill_version_id == row.id)
            .where(state.purged_at.is_(None))
            .distinct()
        )
    )


def orphans(connection: Connection) -> dict[str, int]:
    """Find skills of which there are rows, and no row of their own: versions by the skill's id."""
    row = skill_versions.c
    missing = ~exists().where(skills.c.id == row.skill_id)
    found = connection.execute(
        select(row.skill_id, func.count()).where(missing).group_by(row.skill_id)
    )
    return {each.skill_id: each[1] for each in found}


def registry_ids(connection: Connection) -> list[str]:
    """Read who this registry is: one row."""
    return list(connection.scalars(select(registry.c.id)))


def stamp(connection: Connection, column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Give a time as the text that is hashed, and on SQLite whatever stands there."""
    if connection.dialect.name == "sqlite":
        return type_coerce(column, Text)
    return func.to_char(func.timezone("UTC", column), _STAMP, type_=Text)


def as_stored(connection: Connection, column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Give JSON on SQLite as its text; anything else as it is."""
    if connection.dialect.name == "sqlite" and column.name in ("files", "metadata"):
        return type_coerce(column, Text)
    return column


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

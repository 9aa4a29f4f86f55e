"""What happened to a skill's versions: its events, read back."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, func, select, true

from everyskill_cli.database.queries import records
from everyskill_cli.database.tables import skill_versions, users, version_events, version_state
from everyskill_cli.model import EventEntry, VersionEvent


def newest(connection: Connection, skill_id: str, limit: int) -> list[VersionEvent]:
    """Read a skill's newest events, the newest first."""
    rows = connection.execute(
        select(version_events)
        .where(version_events.c.skill_id == skill_id)
        .order_by(version_events.c.seq.desc())
        .limit(limit)
    )
    return [records.record(VersionEvent, row) for row in rows]


def was_published(connection: Connection, skill_id: str, number: int) -> bool:
    """Tell whether a version has been the published one at some time, or is it now."""
    events = version_events.c
    found = select(events.id).where(events.skill_id == skill_id, events.published_version == number)
    return connection.scalar(found.limit(1)) is not None


def published_below(
    connection: Connection, skill_id: str, number: int, *, but_of: str | None = None
) -> int | None:
    """Find the highest version below a number that people may be given back.

    It was published at some time, and is neither yanked nor purged.

    Args:
        connection: a reading one.
        skill_id: whose versions.
        number: of the version to go back from.
        but_of: the key of an object that is about to go, with all versions of it.

    """
    events, state = version_events.c, version_state.c
    version = skill_versions.alias("version")
    found: int | None = connection.scalar(
        select(func.max(events.published_version))
        .join(
            version,
            (version.c.skill_id == events.skill_id)
            & (version.c.version == events.published_version),
        )
        .join(version_state, state.skill_version_id == version.c.id)
        .where(
            events.skill_id == skill_id,
            events.published_version < number,
            state.yanked_at.is_(None),
            state.purged_at.is_(None),
            true() if but_of is None else version.c.content_url != but_of,
        )
    )
    return found


def stories(
    connection: Connection, skill_id: str, numbers: Collection[int], limit: int
) -> dict[int, tuple[EventEntry, ...]]:
    """Read what happened to some versions of a skill, newest first, by their numbers.

    Args:
        connection: a reading one.
        skill_id: whose versions.
        numbers: neighbours, as they stand on a page.
        limit: events at most, the newest of them.

    """
    if not numbers:
        return {}
    events = version_events.c
    rows = connection.execute(
        select(
            events.seq,
            events.kind,
            events.version,
            events.published_version,
            events.draft_version,
            events.reason,
            events.successor,
            users.c.email.label("actor"),
            events.created_at,
        )
        .join(users, users.c.id == events.actor_id)
        .where(events.skill_id == skill_id, events.version.between(min(numbers), max(numbers)))
        .order_by(events.seq.desc())
        .limit(limit)
    )
    found: dict[int, list[EventEntry]] = {}
    for row in rows:
        found.setdefault(row.version, []).append(records.record(EventEntry, row))
    return {number: tuple(entries) for number, entries in found.items()}


def purges(connection: Connection, content_url: str) -> dict[tuple[str, int], VersionEvent]:
    """Read the events that purged certain bytes, by skill id and number."""
    events = version_events.c
    rows = connection.execute(
        select(version_events)
        .join(
            skill_versions,
            (skill_versions.c.skill_id == events.skill_id)
            & (skill_versions.c.version == events.version),
        )
        .where(skill_versions.c.content_url == content_url, events.kind == "purge")
    )
    found = (records.record(VersionEvent, row) for row in rows)
    return {(event.skill_id, event.version): event for event in found}

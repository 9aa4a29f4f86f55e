"""Uses of skills: one row each, never changed; counters follow by trigger."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, select

from everyskill_cli.database.queries import records
from everyskill_cli.database.tables import (
    skill_versions,
    skills,
    usage_events,
    version_events,
    version_state,
)
from everyskill_cli.model import UsageEvent


class Counted(NamedTuple):
    """A use that stands there, with the names of what was used and the counts after it."""

    event: UsageEvent
    slug: str
    version: int | None
    uses: int
    total_uses: int


def id_of(connection: Connection, external_id: str) -> str | None:
    """Find the use that has the caller's own id."""
    found = select(usage_events.c.id).where(usage_events.c.external_id == external_id)
    return connection.scalar(found)


def exists(connection: Connection, event_id: str) -> bool:
    """Tell whether a use was committed: ids are made by the client for this question."""
    found = select(usage_events.c.id).where(usage_events.c.id == event_id)
    return connection.scalar(found) is not None


def add(connection: Connection, event: UsageEvent) -> bool:
    """Insert a use; False where the same external id came first from another session."""
    row = records.insert_or_not(connection, usage_events).values(**records.to_row(event))
    return connection.scalar(row.returning(usage_events.c.id)) is not None


def add_all(connection: Connection, events: Iterable[UsageEvent]) -> None:
    """Insert uses without external ids, sorted by slug: each locks its skill's counters."""
    records.add(connection, usage_events, events)


def find(connection: Connection, event_id: str) -> Counted:
    """Read a use that is there, and how often its version and its skill were used."""
    row = connection.execute(
        select(
            usage_events,
            skills.c.slug,
            skills.c.total_uses,
            skill_versions.c.version,
            version_state.c.uses,
        )
        .select_from(
            usage_events.join(skills, skills.c.id == usage_events.c.skill_id)
            .outerjoin(skill_versions, skill_versions.c.id == usage_events.c.skill_version_id)
            .outerjoin(
                version_state,
                version_state.c.skill_version_id == usage_events.c.skill_version_id,
            )
        )
        .where(usage_events.c.id == event_id)
    ).one()
    event = records.record(UsageEvent, row)
    return Counted(event, row.slug, row.version, row.uses or 0, row.total_uses)


class Target(NamedTuple):
    """A skill that may have been used, and which version was published from when on, in order."""

    skill_id: str
    published: list[tuple[datetime, str | None]]

    def version_at(self, moment: datetime) -> str | None:
        """Give the version that was published then; None where none was."""
        place = bisect_right(self.published, moment, key=lambda since: since[0])
        return self.published[place - 1][1] if place else None


def targets(connection: Connection, slugs: Iterable[str]) -> dict[str, Target]:
    """Read skills and the times of their published versions; absent ones are absent."""
    event, version = version_events.c, skill_versions.c
    rows = connection.execute(
        select(skills.c.slug, skills.c.id, event.created_at, version.id)
        .select_from(
            skills.join(version_events, event.skill_id == skills.c.id).outerjoin(
                skill_versions,
                (version.skill_id == event.skill_id) & (version.version == event.published_version),
            )
        )
        .where(records.among(connection, skills.c.slug, slugs))
        .order_by(skills.c.slug, event.seq)
    )
    found: dict[str, Target] = {}
    for slug, skill_id, at, version_id in rows:
        found.setdefault(slug, Target(skill_id, [])).published.append((at, version_id))
    return found


def known(connection: Connection, external_ids: Iterable[str]) -> set[str]:
    """Tell which of the callers' own ids are there."""
    own = usage_events.c.external_id
    return set(
        connection.scalars(select(own).where(records.among(connection, own, external_ids)))
    ) - {None}


def add_new(connection: Connection, events: Iterable[UsageEvent]) -> set[str]:
    """Insert uses, sorted by slug; give the ids of those that no other session was quicker with."""
    rows = [records.to_row(event) for event in events]
    if not rows:
        return set()
    statement = records.insert_or_not(connection, usage_events).returning(usage_events.c.id)
    return set(connection.scalars(statement, rows))

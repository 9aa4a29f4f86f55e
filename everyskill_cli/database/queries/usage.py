"""Uses of skills: one row each, never changed; counters follow by trigger."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, select

from everyskill_cli.database.queries import records
from everyskill_cli.database.tables import skill_versions, skills, usage_events, version_state
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

"""Uses of skills: one row each, never changed; counters follow by trigger."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, false, or_, select

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
    """A skill that may have been used, as far as its history was read.

    Attributes:
        skill_id: whose id changes where a skill of the same slug was deleted before.
        seq: of the last event that was read.
        published: which version was published from when on, in order.
    """

    skill_id: str
    seq: int
    published: Sequence[tuple[datetime, str | None]]

    def version_at(self, moment: datetime) -> str | None:
        """Give the version that was published then; None where none was."""
        place = bisect_right(self.published, moment, key=lambda since: since[0])
        return self.published[place - 1][1] if place else None


def targets(
    connection: Connection, slugs: Iterable[str], kept: Mapping[str, Target]
) -> dict[str, Target]:
    """Read skills and the times of their published versions; absent ones are absent.

    Args:
        connection: any.
        slugs: of a few hundred skills at most.
        kept: what was read before: of these, only what is newer is read.
    """
    own = records.among(connection, skills.c.slug, slugs)
    found: dict[str, Target] = {}
    for slug, skill_id in connection.execute(select(skills.c.slug, skills.c.id).where(own)):
        before = kept.get(slug)
        found[slug] = before if before and before.skill_id == skill_id else Target(skill_id, 0, ())
    newer = _changes(connection, found.values())
    return {
        slug: _continued(target, newer.get(target.skill_id, ())) for slug, target in found.items()
    }


class _Change(NamedTuple):
    seq: int
    at: datetime
    version_id: str | None


def _changes(connection: Connection, behind: Iterable[Target]) -> dict[str, list[_Change]]:
    """Read what happened since each was read: by the skill's id, in order."""
    event, version = version_events.c, skill_versions.c
    since = [(event.skill_id == each.skill_id) & (event.seq > each.seq) for each in behind]
    rows = connection.execute(
        select(event.skill_id, event.seq, event.created_at, version.id)
        .select_from(
            version_events.outerjoin(
                skill_versions,
                (version.skill_id == event.skill_id) & (version.version == event.published_version),
            )
        )
        .where(or_(false(), *since))
        .order_by(event.skill_id, event.seq)
    )
    found: dict[str, list[_Change]] = {}
    for skill_id, seq, at, version_id in rows:
        found.setdefault(skill_id, []).append(_Change(seq, at, version_id))
    return found


def _continued(target: Target, changes: Sequence[_Change]) -> Target:
    """Add what is newer; events that publish no other version, such as drafts, take no room."""
    if not changes:
        return target
    published = list(target.published)
    for change in changes:
        if change.version_id != (published[-1][1] if published else None):
            published.append((change.at, change.version_id))
    return Target(target.skill_id, changes[-1].seq, published)


def known(connection: Connection, external_ids: Iterable[str]) -> set[str]:
    """Tell which of the callers' own ids are there."""
    own = usage_events.c.external_id
    return set(
        connection.scalars(select(own).where(records.among(connection, own, external_ids)))
    ) - {None}


def add_new(connection: Connection, events: Iterable[UsageEvent]) -> set[str]:
    """Insert uses; give the ids of those that no other session was quicker with.

    Sorted by slug and then by external id, and few enough for one statement (SQLAlchemy makes one
    of a thousand rows): so every session waits for others' ids first, and only then, with nothing
    to wait for but counters, locks these skill by skill.
    """
    rows = [records.to_row(event) for event in events]
    if not rows:
        return set()
    statement = records.insert_or_not(connection, usage_events).returning(usage_events.c.id)
    return set(connection.scalars(statement, rows))

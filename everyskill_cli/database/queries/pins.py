"""Versions as an installer needs to see them: with the event of their birth, and their state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, select, tuple_

from everyskill_cli.database.queries import records
from everyskill_cli.database.tables import skill_versions, skills, version_events, version_state
from everyskill_cli.model import Pin, SkillVersion, VersionEvent

_BIRTH: Final = "birth_"  # before the names of the event's columns: the version has some of them


def find(connection: Connection, wanted: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Pin]:
    """Read many versions by slug and number; absent ones are absent in the answer."""
    found: dict[tuple[str, int], Pin] = {}
    for chunk in records.chunks(wanted):
        place = tuple_(skills.c.slug, skill_versions.c.version)
        for row in connection.execute(_pins().where(place.in_(chunk))):
            found[row.slug, row.version] = _pin(row)
    return found


def numbers(
    connection: Connection, wanted: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], int]:
    """Find which versions, by slug and digest of their object, were published: the newest of each.

    Whoever asks wants to know whether bytes on a disk are a skill's, and nobody's own work. So
    purged ones count: they are to go, also from there.
    """
    found: dict[tuple[str, str], int] = {}
    for chunk in records.chunks(wanted):
        rows = connection.execute(
            select(skills.c.slug, skill_versions.c.content_hash, skill_versions.c.version)
            .join(skill_versions, skill_versions.c.skill_id == skills.c.id)
            .where(tuple_(skills.c.slug, skill_versions.c.content_hash).in_(chunk))
            .order_by(skill_versions.c.version)
        )
        for slug, digest, version in rows:
            found[slug, digest] = version
    return found


def _pins() -> Select[Any]:
    birth, state = version_events.c, version_state.c
    return select(
        skills.c.slug,
        *skill_versions.c,
        *(column.label(_BIRTH + column.name) for column in birth),
        state.yanked_at,
        state.yank_reason,
        state.successor,
        state.purged_at,
    ).select_from(
        skills.join(skill_versions, skill_versions.c.skill_id == skills.c.id)
        .join(version_state, state.skill_version_id == skill_versions.c.id)
        .join(
            version_events,
            (birth.skill_id == skills.c.id) & (birth.born_version == skill_versions.c.version),
        )
    )


def _pin(row: Row[Any]) -> Pin:
    return Pin(
        slug=row.slug,
        version=records.record(SkillVersion, row),
        birth=records.record(VersionEvent, row, prefix=_BIRTH),
        yanked_at=row.yanked_at,
        yank_reason=row.yank_reason,
        successor=row.successor,
        purged_at=row.purged_at,
    )

"""What stands in a registry as a whole: how much, whose, and rows that no guard would let in."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Connection, exists, func, select
from sqlalchemy.sql import ColumnElement

from everyskill_cli.database.queries.auditing import stored
from everyskill_cli.database.tables import (
    condemned,
    ratings,
    registry,
    skill_versions,
    skills,
    tombstones,
    usage_events,
    users,
    version_events,
    version_state,
)


def sizes(connection: Connection) -> tuple[int, int]:
    """Count skills and versions, for whoever waits."""
    count = func.count()
    return (
        connection.scalar(select(count).select_from(skills)) or 0,
        connection.scalar(select(count).select_from(skill_versions)) or 0,
    )


def any_skill(connection: Connection) -> bool:
    """Tell whether there is a row of a skill, whatever it holds."""
    return bool(connection.scalar(select(exists().select_from(skills))))


def undead(connection: Connection) -> list[str]:
    """Find skills that live under a tombstone: by slug or by id; there are none."""
    same = (tombstones.c.slug == skills.c.slug) | (tombstones.c.skill_id == skills.c.id)
    return list(
        connection.scalars(select(*stored(connection, skills.c.slug)).join(tombstones, same))
    )


def marked(connection: Connection) -> list[str]:
    """Find objects that a version needs and garbage collection has marked; there are none."""
    row, state = skill_versions.c, version_state.c
    return list(
        connection.scalars(
            select(*stored(connection, condemned.c.content_url))
            .join(skill_versions, row.content_url == condemned.c.content_url)
            .join(version_state, state.skill_version_id == row.id)
            .where(state.purged_at.is_(None))
            .distinct()
        )
    )


def orphans(connection: Connection) -> dict[str, int]:
    """Find skills of which there are rows, and no row of their own: how many, by the skill's id."""
    found: dict[str, int] = {}
    for table in (skill_versions, version_events, version_state, ratings, usage_events):
        row = table.c
        missing = ~exists().where(skills.c.id == row.skill_id)
        counted = select(*stored(connection, row.skill_id), func.count())
        for each in connection.execute(counted.where(missing).group_by(row.skill_id)):
            found[str(each[0])] = found.get(str(each[0]), 0) + each[1]
    return found


def dangling(connection: Connection) -> dict[str, int]:
    """Count rows whose users or versions are not there, by table and column; there are none."""
    found: dict[str, int] = {}
    for column in (
        skills.c.author_id,
        skill_versions.c.created_by,
        version_events.c.actor_id,
        ratings.c.user_id,
        usage_events.c.user_id,
    ):
        missing = ~exists().where(users.c.id == column)
        _count(connection, found, column, missing)
    for table in (ratings, usage_events):
        row, version = table.c, skill_versions.c
        missing = ~exists().where(
            version.id == row.skill_version_id, version.skill_id == row.skill_id
        )
        _count(connection, found, row.skill_version_id, missing)
    return found


def _count(
    connection: Connection,
    found: dict[str, int],
    column: Column[Any],
    missing: ColumnElement[bool],
) -> None:
    count = connection.scalar(select(func.count()).where(column.is_not(None), missing))
    if count:
        found[f"{column.table.name}.{column.name}"] = count


def formats(connection: Connection) -> list[object]:
    """Read the format of the registry's rows and objects, as it stands there."""
    return list(connection.scalars(select(*stored(connection, registry.c.format_version))))


def registry_ids(connection: Connection) -> list[str]:
    """Read who this registry is: one row."""
    return list(connection.scalars(select(*stored(connection, registry.c.id))))

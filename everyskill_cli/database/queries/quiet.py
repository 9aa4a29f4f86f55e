"""Published skills of which nobody is heard: not used, or not rated; looked for in bounded work."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, exists, select

from everyskill_cli.database.queries import records
from everyskill_cli.database.queries.windows import Scope, Window, within
from everyskill_cli.database.tables import (
    skill_versions,
    skills,
    usage_events,
    users,
    version_state,
)
from everyskill_cli.model import QuietSkill

LOOKED_AT: Final = 20_000  # skills, so that none that is quiet is no reason to look at all


def unused(connection: Connection, window: Window, limit: int) -> list[QuietSkill]:
    """List published skills that nobody used in the window, least used first."""
    event = usage_events.c
    order = (skills.c.total_uses, skills.c.slug)
    used = exists().where(
        event.skill_id == skills.c.id,
        event.created_at >= window.since,
        event.created_at <= window.until,
    )
    statement = _quiet(window.scope, *order).where(~used).order_by(*order)
    return [records.record(QuietSkill, row) for row in connection.execute(statement.limit(limit))]


def unrated(connection: Connection, scope: Scope, limit: int) -> list[QuietSkill]:
    """List skills whose published version nobody rated, most used first."""
    state = version_state.c
    order = (skills.c.total_uses.desc(), skills.c.slug.desc())
    statement = (
        _quiet(scope, *order)
        .join(version_state, state.skill_version_id == skills.c.published_version_id)
        .where(state.average_rating.is_(None))
        .order_by(*order)
        .limit(limit)
    )
    return [records.record(QuietSkill, row) for row in connection.execute(statement)]


def _quiet(scope: Scope, *order: ColumnElement[Any]) -> Select[Any]:
    """Select what is said of published skills, of the first so many in an order."""
    published = skill_versions.alias("published")
    first = (
        select(skills.c.id)
        .where(within(skills.c.id, scope), skills.c.published_version_id.is_not(None))
        .order_by(*order)
        .limit(LOOKED_AT)
        .subquery("first")
    )
    return (
        select(
            skills.c.slug,
            users.c.email.label("author"),
            published.c.version,
            published.c.created_at,
            skills.c.total_uses,
        )
        .join_from(first, skills, skills.c.id == first.c.id)
        .join(published, published.c.id == skills.c.published_version_id)
        .join(users, users.c.id == skills.c.author_id)
    )

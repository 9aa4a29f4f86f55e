"""A skill with the version that is meant, in one statement: for ``show``."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, func, literal, select

from everyskill_cli.database.queries.records import record
from everyskill_cli.database.queries.skills import (
    POINTED,
    WHOLE,
    FoundSkill,
    draft,
    found_of,
    published,
)
from everyskill_cli.database.tables import skill_versions, skills, users
from everyskill_cli.model import Reference, SkillVersion

_SHOWN: Final = skill_versions.alias("shown")
_PREFIX: Final = "shown_"
_MEANT: Final[dict[str | None, ColumnElement[Any]]] = {
    None: func.coalesce(published.c.version, draft.c.version, skills.c.latest_version),
    "published": published.c.version,
    "draft": draft.c.version,
    "latest": skills.c.latest_version,
}


def find(
    connection: Connection, reference: Reference
) -> tuple[FoundSkill, SkillVersion | None] | None:
    """Read a skill and the version to show of it; without a version where it means none."""
    wanted = reference.version
    number = literal(wanted) if isinstance(wanted, int) else _MEANT[wanted]
    row = connection.execute(
        select(*WHOLE, *(column.label(_PREFIX + column.name) for column in _SHOWN.c))
        .select_from(
            POINTED.join(users, users.c.id == skills.c.author_id).outerjoin(
                _SHOWN, (_SHOWN.c.skill_id == skills.c.id) & (_SHOWN.c.version == number)
            )
        )
        .where(skills.c.slug == reference.slug)
    ).one_or_none()
    if row is None:
        return None
    is_there = row._mapping[f"{_PREFIX}id"] is not None
    return found_of(row), record(SkillVersion, row, prefix=_PREFIX) if is_there else None

"""Sums of the counters that the database keeps with each skill and version: for ``stats``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, case, func, select

from everyskill_cli.database.queries.skills import POINTED, POINTERS
from everyskill_cli.database.queries.windows import ZERO, Scope, within
from everyskill_cli.database.tables import skill_versions, skills, users, version_state

STARS = tuple(f"stars_{given}" for given in range(1, 6))
COUNTERS = tuple(skills.c[name] for name in ("total_uses", "hours_saved", *STARS))


class Sums(NamedTuple):
    """The counters of one skill, or of some together; ``unused`` skills were never used."""

    skills: int
    unused: int
    uses: int
    hours: int
    stars: tuple[int, ...]


class Listed(NamedTuple):
    """A skill with what belongs to it in other tables."""

    id: str
    slug: str
    author: str
    published_version: int | None
    sums: Sums


class RatedVersion(NamedTuple):
    """A version of a skill with its histogram."""

    version: int
    stars_1: int
    stars_2: int
    stars_3: int
    stars_4: int
    stars_5: int


def begun_by(connection: Connection, user_id: str, limit: int) -> list[str]:
    """Find the skills that a user published first, so many at most."""
    found = select(skills.c.id).where(skills.c.author_id == user_id).limit(limit)
    return list(connection.scalars(found))


def sums(connection: Connection, scope: Scope) -> Sums:
    """Add the counters of some skills up; this reads each of them."""
    row = connection.execute(
        select(
            func.count(),
            func.count(case((skills.c.total_uses == ZERO, 1))),
            *(func.coalesce(func.sum(column), ZERO) for column in COUNTERS),
        ).where(within(skills.c.id, scope))
    ).one()
    count, unused, total, hours, *stars = map(int, row)
    return Sums(count, unused, total, hours, tuple(stars))


def listed(connection: Connection, skill_ids: Iterable[str]) -> dict[str, Listed]:
    """Read some skills and their counters, by their ids."""
    own = [func.coalesce(column, ZERO) for column in COUNTERS]  # a damaged one is NULL
    statement = (
        select(skills.c.id, skills.c.slug, users.c.email, POINTERS[0], *own)
        .select_from(POINTED.join(users, users.c.id == skills.c.author_id))
        .where(skills.c.id.in_(list(skill_ids)))
    )
    found = {}
    for row in connection.execute(statement):
        skill_id, slug, author, published, total, hours, *stars = row
        counters = Sums(1, int(total == 0), total, hours, tuple(stars))
        found[skill_id] = Listed(skill_id, slug, author, published, counters)
    return found


def version_ids(connection: Connection, skill_id: str, numbers: Iterable[int]) -> dict[int, str]:
    """Read the ids of some versions of a skill, by their numbers."""
    version = skill_versions.c
    rows = connection.execute(
        select(version.version, version.id).where(
            version.skill_id == skill_id, version.version.in_(list(numbers))
        )
    )
    return {number: version_id for number, version_id in rows}  # noqa: C416 - rows are no pairs to mypy


def histograms(
    connection: Connection, skill_ids: Iterable[str], newest: int
) -> dict[str, list[RatedVersion]]:
    """Read the rated ones among the newest versions of some skills, newest first."""
    version, state = skill_versions.c, version_state.c
    statement = (
        select(version.skill_id, version.version, *(state[name] for name in STARS))
        .join(version_state, state.skill_version_id == version.id)
        .join(skills, skills.c.id == version.skill_id)
        .where(
            version.skill_id.in_(list(skill_ids)),
            version.version > skills.c.latest_version - newest,
            state.average_rating.is_not(None),
        )
        .order_by(version.skill_id, version.version.desc())
    )
    found: dict[str, list[RatedVersion]] = {}
    for skill_id, *rest in connection.execute(statement):
        found.setdefault(skill_id, []).append(RatedVersion(*rest))
    return found

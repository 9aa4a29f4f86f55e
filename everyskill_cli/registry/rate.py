"""Rate a version, change the rating, or take it back."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from everyskill_cli.database.queries import ratings, records, versions
from everyskill_cli.errors import Conflict, NotFound
from everyskill_cli.model import (
    Opinion,
    RateAnswer,
    RateResult,
    RateStatus,
    Rating,
    Reference,
    SkillVersion,
)
from everyskill_cli.registry import Registry
from everyskill_cli.registry.lookup import Found, because, find_skill, find_version, number_to_use
from everyskill_cli.registry.signing import sign

if TYPE_CHECKING:
    from everyskill_cli.database.engine import Transaction


def rate(registry: Registry, reference: Reference, opinion: Opinion) -> RateAnswer:
    """Rate a version; the same person's rating of the same version is replaced or taken back.

    Raises:
        NotFound: no such skill, version or rating, or none is published and none was named.
        Forbidden: the login may not rate, or is bound to nobody.
        Conflict: the version was purged.
    """
    with registry.database.writing() as tx:
        user_id = sign(registry, tx, "rater")
        found = find_skill(tx, reference.slug)
        version = find_version(tx, found, number_to_use(tx, found, reference), whole=False)
        before = ratings.find(tx, user_id, version.id)
        if opinion.stars is None:
            status, rating = _remove(
                tx, registry, Reference(reference.slug, version.version), before
            )
        else:
            _refuse_purged(tx, found, version)
            status, rating = _put(tx, before, opinion, opinion.stars, version, user_id)
        return _answer(tx, registry, status, found, version, rating)


def _remove(
    tx: Transaction, registry: Registry, reference: Reference, before: Rating | None
) -> tuple[RateStatus, None]:
    if before is None:
        raise NotFound(
            f"{registry.email} has not rated {reference}.",
            f"See the ratings: everyskill ratings {reference.slug}",
        )
    ratings.remove(tx, before)
    return "removed", None


def _put(
    tx: Transaction,
    before: Rating | None,
    opinion: Opinion,
    stars: int,
    version: SkillVersion,
    user_id: str,
) -> tuple[RateStatus, Rating]:
    """Insert or change; where the same person's other session was quicker, change what it wrote."""
    wanted = _wanted(before, opinion, stars, version, user_id, records.now(tx))
    if before is None:
        if ratings.add(tx, wanted):
            return "rated", wanted
        return _put(tx, ratings.find(tx, user_id, version.id), opinion, stars, version, user_id)
    if replace(wanted, updated_at=before.updated_at) == before:
        return "unchanged", before
    ratings.change(tx, wanted)
    return "replaced", wanted


def _refuse_purged(tx: Transaction, found: Found, version: SkillVersion) -> None:
    if versions.summary(tx, version, found.pointers).purged_at is not None:
        raise Conflict(
            f"{found.skill.slug}@{version.version} was purged and is not rated"
            f"{because(tx, version)}.",
            f"Rate another: everyskill versions {found.skill.slug}",
        )


def _wanted(
    before: Rating | None,
    opinion: Opinion,
    stars: int,
    version: SkillVersion,
    user_id: str,
    now: datetime,
) -> Rating:
    comment = opinion.comment
    if comment is None and before is not None:
        comment = before.comment
    hours = opinion.hours_saved
    if hours is None and before is not None:
        hours = before.hours_saved_estimate
    return Rating(
        id=str(uuid.uuid4()) if before is None else before.id,
        skill_id=version.skill_id,
        skill_version_id=version.id,
        user_id=user_id,
        rating=stars,
        comment=comment or None,
        hours_saved_estimate=hours,
        created_at=now if before is None else before.created_at,
        updated_at=now,
    )


def _answer(
    tx: Transaction,
    registry: Registry,
    status: RateStatus,
    before: Found,
    version: SkillVersion,
    rating: Rating | None,
) -> RateAnswer:
    """Read what the triggers made of it, still in the transaction."""
    found = find_skill(tx, before.skill.slug)
    summary = versions.summary(tx, version, found.pointers)
    skill = found.skill
    result = RateResult(
        slug=skill.slug,
        version=version.version,
        rating=rating,
        average_rating=skill.average_rating,
        rating_count=skill.stars_1 + skill.stars_2 + skill.stars_3 + skill.stars_4 + skill.stars_5,
        version_average_rating=summary.average_rating,
        version_rating_count=summary.rating_count,
    )
    return RateAnswer(status=status, results=(result,), warnings=registry.user_notes())

"""Record that skills were used: who came back to what, through which tool."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from everyskill_cli.database.faults import CommitUnknown
from everyskill_cli.database.queries import records, usage, versions
from everyskill_cli.errors import Conflict
from everyskill_cli.model import Finding, Reference, SkillVersion, UsageEvent, UseAnswer, UseResult
from everyskill_cli.registry import Registry
from everyskill_cli.registry.commits import require_recorded
from everyskill_cli.registry.lookup import because, find_skill, find_version, number_to_use
from everyskill_cli.registry.signing import sign_or_not

if TYPE_CHECKING:
    from everyskill_cli.database.engine import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One use of a version.

    Attributes:
        skill: which skill, and which of its versions; without one the published.
        tool: through what, a slug.
        external_id: the caller's own id: what has it already is the same use.
    """

    skill: Reference
    tool: str = "cli"
    external_id: str | None = None


def record(registry: Registry, uses: Sequence[Use]) -> UseAnswer:
    """Record uses in one transaction, all of them or none; give a result for each, in order.

    Their rows are written in the order of the slugs, as every writer of several does it: so no
    two wait for each other.

    Raises:
        NotFound: no such skill or version, or none is published and none was named.
        Conflict: a version was purged.
        Unavailable: the database did not answer, and nothing new stands there.
    """
    ids: dict[int, str] = {}
    new: list[str] = []
    found: list[usage.Counted] = []
    try:
        with registry.database.writing() as tx:
            user_id = sign_or_not(registry, tx, "rater")
            for place in sorted(range(len(uses)), key=lambda place: uses[place].skill.slug):
                ids[place], is_new = _ensure(tx, uses[place], user_id)
                new += [ids[place]] if is_new else []
            found = [usage.find(tx, ids[place]) for place in range(len(uses))]
    except CommitUnknown as error:
        require_recorded(registry, new, error)
    return UseAnswer(
        status="recorded" if new else "unchanged",
        results=tuple(_result(counted) for counted in found),
        warnings=(*registry.user_notes(), *_strangers(uses, found)),
    )


def new_event(
    version: SkillVersion,
    user_id: str | None,
    tool: str,
    at: datetime,
    external_id: str | None = None,
) -> UsageEvent:
    """Make the row of one use of a version; see ``Use``."""
    return UsageEvent(
        id=str(uuid.uuid4()),
        skill_id=version.skill_id,
        skill_version_id=version.id,
        user_id=user_id,
        tool_name=tool,
        external_id=external_id,
        metadata={},
        created_at=at,
    )


def _ensure(tx: Transaction, use: Use, user_id: str | None) -> tuple[str, bool]:
    """Insert a use, unless the caller's own id is there; give its id, and whether it is new."""
    found = find_skill(tx, use.skill.slug)
    known = None if use.external_id is None else usage.id_of(tx, use.external_id)
    if known is not None:
        return known, False
    version = find_version(tx, found, number_to_use(tx, found, use.skill), whole=False)
    if versions.summary(tx, version, found.pointers).purged_at is not None:
        raise Conflict(
            f"{use.skill.slug}@{version.version} was purged and is not used any more"
            f"{because(tx, version)}.",
            f"Use another one: everyskill versions {use.skill.slug}",
        )
    event = new_event(version, user_id, use.tool, records.now(tx), use.external_id)
    if usage.add(tx, event):
        return event.id, True
    return _ensure(tx, use, user_id)  # another session was quicker with the same id


def _strangers(uses: Sequence[Use], found: Sequence[usage.Counted]) -> tuple[Finding, ...]:
    """Say where a caller's own id is that of a use of another skill."""
    return tuple(
        Finding(
            "same-external-id",
            f"{use.external_id} is already a use of {counted.slug};"
            f" nothing was recorded for {use.skill.slug}.",
        )
        for use, counted in zip(uses, found, strict=True)
        if counted.slug != use.skill.slug
    )


def _result(counted: usage.Counted) -> UseResult:
    event = counted.event
    return UseResult(
        slug=counted.slug,
        version=counted.version,
        tool_name=event.tool_name,
        external_id=event.external_id,
        uses=counted.uses,
        total_uses=counted.total_uses,
        created_at=event.created_at,
    )

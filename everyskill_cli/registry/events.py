"""Appending to a skill's chain: the one place where an event is made and hashed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from everyskill_cli.chain import event_hash
from everyskill_cli.database.queries import versions
from everyskill_cli.model import EventKind, SkillVersion, VersionEvent

if TYPE_CHECKING:
    from everyskill_cli.database.engine import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What happens to a version.

    Attributes:
        id: the event's, made by the client, so that a lost answer can be looked up.
        slug: the skill's.
        actor_id: the user's id.
        at: the database's time.
        reason: free text, at most 2,000 characters.
        successor: the version to use instead of a yanked one.
        falls_back_to: what becomes published where the published version is yanked or purged.
    """

    id: str
    kind: EventKind
    slug: str
    actor_id: str
    at: datetime
    reason: str | None = None
    successor: int | None = None
    falls_back_to: int | None = None


def append(tx: Transaction, acts: Sequence[tuple[Act, SkillVersion]]) -> list[VersionEvent]:
    """Append an event about a version of each of some skills, under their locks.

    Triggers apply them. At most one act for a skill, since each follows its skill's newest event.
    """
    registry = versions.registry_id(tx)
    tails = versions.tails(tx, [version.skill_id for _, version in acts])
    new = [_event(registry or "", act, version, tails[version.skill_id]) for act, version in acts]
    versions.add_events(tx, new)
    return new


def _event(registry: str, act: Act, version: SkillVersion, tail: versions.Tail) -> VersionEvent:
    """Make the event that follows a skill's newest one, and hash it."""
    published, draft = _pointers(act, version.version, tail)
    event = VersionEvent(
        id=act.id,
        skill_id=version.skill_id,
        seq=tail.seq + 1,
        kind=act.kind,
        version=version.version,
        published_version=published,
        draft_version=draft,
        reason=act.reason,
        successor=act.successor,
        actor_id=act.actor_id,
        created_at=act.at,
        prev_hash=tail.entry_hash,
        entry_hash="",
    )
    digest = event_hash(
        registry,
        act.slug,
        event,
        content=version.content_hash,
        size=version.size_bytes,
        details=version.details_hash,
    )
    return replace(event, entry_hash=digest)


def _pointers(act: Act, version: int, tail: versions.Tail) -> tuple[int | None, int | None]:
    """Give the published and the draft version as they stand after the event.

    The database holds every event to the same rule (docs/format.md).
    """
    published, draft = tail.published_version, tail.draft_version
    match act.kind:
        case "publish":
            return version, None
        case "draft":
            return published, version
        case "promote":
            return version, None if draft == version else draft
        case "rollback":
            return version, draft
        case "unyank":
            return published, draft
        case "yank" | "purge":
            return (
                act.falls_back_to if published == version else published,
                None if draft == version else draft,
            )

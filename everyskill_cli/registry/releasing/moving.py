"""Carrying out what moves a skill's pointers or withdraws a version: one event, or nothing.

What to do is decided twice by the same rule, before the text is fetched that search keeps and
again under the skill's lock, because somebody else may have come first.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

from everyskill_cli.database.faults import CommitUnknown, hidden
from everyskill_cli.database.queries import records, skills, versions
from everyskill_cli.errors import Conflict
from everyskill_cli.model import (
    EventKind,
    Finding,
    ReleaseAnswer,
    ReleaseResult,
    ReleaseStatus,
    SkillVersion,
    VersionEvent,
)
from everyskill_cli.model.evidence import Entry
from everyskill_cli.registry import Registry, events
from everyskill_cli.registry.commits import require_committed
from everyskill_cli.registry.consent import Consent
from everyskill_cli.registry.excerpt import excerpt
from everyskill_cli.registry.lookup import Found, find_skill
from everyskill_cli.registry.memory import meet, remember
from everyskill_cli.registry.show import read_text
from everyskill_cli.registry.signing import sign

if TYPE_CHECKING:
    from everyskill_cli.database.engine import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What there is to do about a version.

    Attributes:
        found: the skill as it stood when this was decided.
        version: that it is about.
        kind: of the event to append; None where the wanted state stands already.
        moves: whether another version becomes the published one, or none does.
        becomes: that version.
        question: what somebody must agree to first; empty where nobody need be asked.
        since: when the state came about that stands already, where that is known.
    """

    found: Found
    version: SkillVersion
    kind: EventKind | None
    moves: bool = False
    becomes: SkillVersion | None = None
    reason: str | None = None
    successor: int | None = None
    question: str = ""
    since: datetime | None = None


Decide: TypeAlias = "Callable[[Transaction, Found], Step]"


def carry_out(
    registry: Registry,
    slug: str,
    status: ReleaseStatus,
    decide: Decide,
    consent: Consent | None = None,
) -> ReleaseAnswer:
    """Do what a rule decides about a skill, under its lock.

    Args:
        registry: that the skill is in.
        slug: the skill's.
        status: what the answer says where something was done.
        decide: the rule; asked at least twice, and writes nothing.
        consent: asks somebody; None where they agreed to whatever it is.

    Raises:
        NotFound: no such skill.
        Conflict: it is not what was agreed to any more.
        IntegrityFailure: the bytes of what becomes published are not what they were.
        Unavailable: a server did not answer; running the command again has one effect.
    """
    with registry.database.reading() as tx:
        found = find_skill(tx, slug)
        meet(registry, tx, found)
        step = decide(tx, found)
    if step.kind is None:
        return _answer("unchanged", step, None, tuple(registry.notices))
    if step.question and consent is not None:
        consent((step.question,), "Go on?")
    agreed = None if consent is None else step.question
    event_id, event = str(uuid.uuid4()), None
    while event is None and step.kind is not None:
        step, event = _attempt(registry, step, decide, agreed, event_id)
    if event is not None:
        remember(registry, found.registry_id, {slug: Entry(event.seq, event.entry_hash)})
    notes = (*registry.user_notes(), *registry.notices)
    return _answer("unchanged" if event is None else status, step, event, notes)


def _attempt(
    registry: Registry, planned: Step, decide: Decide, agreed: str | None, event_id: str
) -> tuple[Step, VersionEvent | None]:
    """Append the event, unless under the lock there turns out to be something else to do.

    Then give that, and no event: another version's text is to be fetched first.
    """
    content = _search_copy(registry, planned.becomes)
    step, event = planned, None
    try:
        with registry.database.writing() as tx:
            user_id = sign(registry, tx, "publisher")
            locked = skills.lock(tx, [planned.found.skill.slug])
            step = decide(tx, find_skill(tx, planned.found.skill.slug))
            if not locked:  # and yet it was found
                raise hidden("that skill")
            _require_agreed(step, agreed)
            if step.kind is not None and step.becomes == planned.becomes:
                event = _append(tx, step, step.kind, event_id, user_id)
                if step.moves:
                    skills.change(tx, {step.found.skill.id: {"content": content}})
    except CommitUnknown as error:
        require_committed(lambda: _stands(registry, event_id), error)
    return step, event


def _search_copy(registry: Registry, version: SkillVersion | None) -> str | None:
    """Fetch and verify the text that search is to find, as publish keeps it."""
    if version is None:
        return None
    return excerpt(read_text(registry, version).removeprefix("\ufeff"))


def _require_agreed(step: Step, agreed: str | None) -> None:
    """Refuse what nobody was asked about: what was said before is what was agreed to."""
    if agreed is not None and step.question not in ("", agreed):
        raise Conflict(
            f"Meanwhile that has changed: {step.question}",
            "Run the same command again to be asked about it, or agree to it with --yes.",
        )


def _append(
    tx: Transaction, step: Step, kind: EventKind, event_id: str, user_id: str
) -> VersionEvent:
    act = events.Act(
        id=event_id,
        kind=kind,
        slug=step.found.skill.slug,
        actor_id=user_id,
        at=records.now(tx),
        reason=step.reason,
        successor=step.successor,
        falls_back_to=None if step.becomes is None else step.becomes.version,
    )
    [event] = events.append(tx, [(act, step.version)])
    return event


def _stands(registry: Registry, event_id: str) -> bool:
    with registry.database.reading() as tx:
        return versions.event(tx, event_id) is not None


def _answer(
    status: ReleaseStatus,
    step: Step,
    event: VersionEvent | None,
    warnings: tuple[Finding, ...] = (),
) -> ReleaseAnswer:
    before = step.found
    published, draft = before.pointers
    if event is not None:
        published, draft = event.published_version, event.draft_version
    result = ReleaseResult(
        slug=before.skill.slug,
        version=step.version.version,
        published_version=published,
        draft_version=draft,
        previous_version=before.published_version,
        reason=step.reason,
        successor=step.successor,
        created_at=step.since if event is None else event.created_at,
    )
    return ReleaseAnswer(status=status, results=(result,), warnings=warnings)

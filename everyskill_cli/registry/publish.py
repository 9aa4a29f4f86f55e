"""Publish: read, pack, compare, store the bytes, and then one transaction for the row.

Bytes first, row last: stopped in between, a nameless object stays behind and harms nobody; a row
without its object can never exist. What to do is decided twice by the same rule, before the bytes
are stored and again under the skill's lock, because another publisher may have come first.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from everyskill_cli.database.faults import CommitUnknown, ObjectCondemned
from everyskill_cli.database.queries import records, skills, users, versions
from everyskill_cli.errors import Unavailable
from everyskill_cli.model import (
    Condemned,
    Finding,
    Head,
    PublishAnswer,
    PublishResult,
    PublishStatus,
    SkillVersion,
    VersionEvent,
)
from everyskill_cli.registry import Registry, events
from everyskill_cli.registry.candidate import Candidate
from everyskill_cli.registry.decision import Decision, PublishOptions, decide, purged

if TYPE_CHECKING:
    from everyskill_cli.database.engine import Transaction

STALE_MARK: Final = timedelta(minutes=10)  # after this a mark's collector is taken for dead
STATUSES: Final[dict[str | None, PublishStatus]] = {
    "publish": "published",
    "draft": "draft",
    "promote": "promoted",
    None: "unchanged",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What stands in the registry afterwards."""

    decision: Decision
    created_at: datetime | None
    published_version: int | None
    draft_version: int | None


def publish(registry: Registry, path: Path, options: PublishOptions) -> PublishAnswer:
    """Publish one skill; the same bytes again change nothing.

    Raises:
        InvalidSkill: the skill breaks a rule.
        Conflict: the latest version is not the expected one.
        Unavailable: a server did not answer; running the command again has one effect.
    """
    candidate = Candidate.read(path, options)
    with registry.database.reading() as tx:
        head = skills.heads(tx, [candidate.slug]).get(candidate.slug)
        if versions.is_purged(tx, candidate.key):
            raise purged(candidate.slug)
    decision = decide(candidate.slug, head, candidate.bundle.content_hash, options)
    warnings = candidate.local.warnings + _unkept(options, decision)
    if options.dry_run or (decision.event is None and not decision.updated):
        outcome = _foreseen(head, decision)
    else:
        warnings += registry.user_notes()
        outcome = _carry_out(registry, candidate, decision)
    return _answer(registry, candidate, outcome, warnings)


def _unkept(options: PublishOptions, decision: Decision) -> tuple[Finding, ...]:
    """Say which wishes come to nothing where the bytes are there already."""
    if decision.event is not None:
        return ()
    unkept = []
    if options.message is not None:
        unkept.append(Finding("message-not-kept", "Nothing is published, so the message is lost."))
    if options.draft and not decision.warnings:
        unkept.append(
            Finding("no-draft", f"Version {decision.version} holds these bytes; no draft is made.")
        )
    return tuple(unkept)


def _foreseen(head: Head | None, decision: Decision) -> Outcome:
    """What stands, or would stand, without writing anything."""
    published = None if head is None else head.published_version
    draft = None if head is None else head.draft_version
    if decision.event is None:
        return Outcome(decision, None if head is None else head.created_at, published, draft)
    if decision.event == "draft":
        return Outcome(decision, None, published, decision.version)
    return Outcome(decision, None, decision.version, None)


def _carry_out(registry: Registry, candidate: Candidate, decision: Decision) -> Outcome:
    """Store the bytes, then write the row; again if garbage collection came between."""
    mark: Condemned | None = None
    while True:
        if decision.event in ("publish", "draft"):
            _store(registry, candidate)
        outcome: Outcome | None = None
        try:
            with registry.database.writing() as tx:
                outcome = _write(tx, registry, candidate, mark)
        except ObjectCondemned:
            mark = _outlast_collector(registry, candidate.key)
            continue
        except CommitUnknown as error:
            assert outcome is not None  # noqa: S101 - COMMIT is sent behind the last statement
            _require_committed(registry, candidate, outcome.decision, error)
        return outcome


def _store(registry: Registry, candidate: Candidate) -> None:
    with registry.database.reading() as tx:
        registry_id = versions.registry_id(tx)
        first = not versions.any_exist(tx)
    assert registry_id is not None  # noqa: S101 - a writable registry was made when it was opened
    registry.store.claim(registry_id, first=first)
    registry.store.put(candidate.key, candidate.bundle.data, candidate.bundle.content_type)


def _write(
    tx: Transaction, registry: Registry, candidate: Candidate, mark: Condemned | None
) -> Outcome:
    """Lock the skill, compare again, and write what is then to be written.

    Where that is a new version although none was to be stored, another publisher came between,
    and an older version of this skill keeps these very bytes in the store.
    """
    slug = candidate.slug
    user_id = users.ensure(tx, str(registry.user.value))
    skill_id = skills.lock(tx, slug) or skills.add(tx, candidate.as_skill(user_id))
    head = skills.heads(tx, [slug]).get(slug)
    decision = decide(slug, head, candidate.bundle.content_hash, candidate.options)
    created_at = None if head is None else head.created_at
    pointers = (None, None) if head is None else (head.published_version, head.draft_version)
    if decision.event in ("publish", "draft"):
        newcomer = _newcomer(tx, skill_id, user_id, head)
        decision = Decision(decision.event, decision.version, decision.updated, newcomer)
        number, created_at = skills.next_version(tx, skill_id)
        version = candidate.as_version(skill_id, user_id, number, created_at)
        if mark is not None:
            versions.reprieve(tx, mark)
        versions.add(tx, version)
        event = _append(tx, candidate, decision, version, user_id, created_at)
        pointers = event.published_version, event.draft_version
    elif decision.event == "promote":
        found = versions.find(tx, skill_id, decision.version)
        assert found is not None  # noqa: S101 - it is the head that was just read under the lock
        event = _append(tx, candidate, decision, found, user_id, records.now(tx))
        pointers = event.published_version, event.draft_version
    _change_skill(tx, skill_id, candidate, decision)
    return Outcome(decision, created_at, *pointers)


def _append(
    tx: Transaction,
    candidate: Candidate,
    decision: Decision,
    version: SkillVersion,
    user_id: str,
    at: datetime,
) -> VersionEvent:
    """Append the event; which findings were allowed is recorded with it."""
    assert decision.event is not None  # noqa: S101 - the caller has an event to append
    act = events.Act(
        id=candidate.event_id,
        kind=decision.event,
        slug=candidate.slug,
        actor_id=user_id,
        at=at,
        reason=candidate.reason_of(decision.event),
    )
    return events.append(tx, act, version)


def _change_skill(tx: Transaction, skill_id: str, candidate: Candidate, decision: Decision) -> None:
    """Write what belongs to the skill and not to a version, and the copy for search."""
    values: dict[str, object] = {}
    if "tags" in decision.updated:
        values["tags"] = list(candidate.options.tags or ())
    if "category" in decision.updated:
        values["category"] = candidate.options.category or None
    if decision.event in ("publish", "promote"):
        values["content"] = candidate.search_copy
    if values:
        skills.change(tx, skill_id, **values)


def _newcomer(
    tx: Transaction, skill_id: str, user_id: str, head: Head | None
) -> tuple[Finding, ...]:
    """Name the earlier authors to somebody who publishes here for the first time."""
    if head is None or versions.published_before(tx, skill_id, user_id):
        return ()
    earlier = ", ".join(sorted(versions.authors(tx, skill_id)))
    return (Finding("new-author", f"Earlier versions of {head.slug} are by {earlier}."),)


def _outlast_collector(registry: Registry, key: str) -> Condemned | None:
    """Wait until garbage collection has deleted the object; give the mark that it leaves.

    The mark stays until a publisher who has stored the object anew takes it off together with
    adding the version: so no version slips in between a collector's look and its deletion. The
    mark of a collector that died is taken over.
    """
    while True:
        with registry.database.reading() as tx:
            mark = versions.mark(tx, key)
            now = records.now(tx)
        if mark is None or mark.deleted_at is not None:
            return mark
        if now - mark.since > STALE_MARK:
            with registry.database.writing() as tx:
                versions.take_over(tx, mark)
        else:
            time.sleep(0.2)


def _require_committed(
    registry: Registry, candidate: Candidate, decision: Decision, error: CommitUnknown
) -> None:
    """Find out on a new connection whether the transaction was committed; else Unavailable."""
    with registry.database.reading() as tx:
        if decision.event is not None:
            stands = versions.event(tx, candidate.event_id) is not None
        else:  # only the skill's own fields were changed
            head = skills.heads(tx, [candidate.slug]).get(candidate.slug)
            options = replace(candidate.options, expect=None)
            again = decide(candidate.slug, head, candidate.bundle.content_hash, options)
            stands = not again.updated
    if not stands:
        raise Unavailable(
            f"{error.message.rstrip('.')}, and nothing new stands there yet.",
            "Run the same command again: it has one effect, however often it is run.",
        ) from error


def _answer(
    registry: Registry, candidate: Candidate, outcome: Outcome, warnings: tuple[Finding, ...]
) -> PublishAnswer:
    local, bundle, decision = candidate.local, candidate.bundle, outcome.decision
    status = STATUSES[decision.event]
    if candidate.options.dry_run and decision.event is not None:
        status = "would-publish"
    result = PublishResult(
        path=local.source,
        slug=local.slug,
        status=status,
        version=decision.version,
        name=local.name,
        description=local.description,
        content_type=bundle.content_type,
        content_hash=bundle.content_hash,
        content_url=candidate.key,
        location=registry.store.location(candidate.key),
        size_bytes=len(bundle.data),
        files=bundle.files,
        omitted=local.omitted,
        updated=decision.updated,
        published_version=outcome.published_version,
        draft_version=outcome.draft_version,
        created_at=outcome.created_at,
    )
    return PublishAnswer(status=status, results=(result,), warnings=(*warnings, *decision.warnings))

"""Purge the bytes of a version for good: every version of every skill that holds them.

Rows first, then the object: from the commit on nobody is handed the bytes or publishes them again,
and whatever is stopped behind it, the same command or garbage collection finishes.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from everyskill_cli.database.faults import CommitUnknown
from everyskill_cli.database.queries import history, purging, records, skills, versions
from everyskill_cli.errors import Conflict, IntegrityFailure, UsageError
from everyskill_cli.model import (
    Finding,
    PurgeAnswer,
    PurgeResult,
    Reference,
    RemovedObject,
    SkillVersion,
    VersionEvent,
)
from everyskill_cli.registry import Registry, events
from everyskill_cli.registry.auditing.condemning import require_own_store
from everyskill_cli.registry.auditing.taking import COPIES, take_out
from everyskill_cli.registry.commits import require_committed
from everyskill_cli.registry.consent import Consent
from everyskill_cli.registry.excerpt import excerpt
from everyskill_cli.registry.lookup import find_skill, find_version
from everyskill_cli.registry.show import read_text
from everyskill_cli.registry.signing import require_owner, sign
from everyskill_cli.registry.watch import Watch

if TYPE_CHECKING:
    from everyskill_cli.database.engine import Transaction
    from everyskill_cli.database.queries.purging import Holder


@dataclass(frozen=True, slots=True)
class _Plan:
    """What there is to do about certain bytes.

    Attributes:
        version: the one that was named.
        holders: every version that holds the bytes, by slug and number.
        heirs: by the id of each skill whose published version goes: what becomes that instead.
    """

    version: SkillVersion
    holders: tuple[Holder, ...]
    heirs: dict[str, int | None]

    @property
    def doomed(self) -> list[Holder]:
        """The versions that are not purged yet."""
        return [holder for holder in self.holders if not holder.is_purged]


def purge(
    registry: Registry,
    reference: Reference,
    *,
    reason: str,
    consent: Consent | None = None,
    watch: Watch | None = None,
) -> PurgeAnswer:
    """Purge the bytes of a version.

    Args:
        registry: that the skill is in.
        reference: the skill and the number of its version.
        reason: why, not empty; whoever asks for the version is told.
        consent: told what will be done, and asks somebody; None where they agreed to it.
        watch: told whether the object is gone; may stop that.

    Raises:
        UsageError: the reference names no number.
        NotFound: no such skill or version.
        Conflict: it is not what was agreed to any more.
        Forbidden: the login is not the registry's owner.
        NotReady: the store is not this registry's.
        Unavailable: a server did not answer; running the command again has one effect.
    """
    number = _number(reference)
    require_owner(registry)
    with registry.database.reading() as tx:
        plan = _plan(tx, reference.slug, number)
    require_own_store(registry)
    if plan.doomed and consent is not None:
        consent(_said(plan), "Purge them?" if len(plan.doomed) > 1 else "Purge it?")
    done: dict[tuple[str, int], VersionEvent] = {}
    warnings = registry.user_notes() if plan.doomed else ()
    while plan.doomed and not done:
        texts, notes = _texts(registry, plan)
        plan, done = _attempt(registry, plan, reference, reason, texts, is_agreed=consent is None)
        warnings += notes if done else ()
    [gone] = take_out(registry, [plan.version.content_url], is_purged=True, watch=watch)
    return _answer(registry, plan, done, gone, warnings)


def _number(reference: Reference) -> int:
    """Read the number: latest, say, means another version when the command is run again."""
    if isinstance(reference.version, int):
        return reference.version
    slug = reference.slug
    raise UsageError(
        f"{reference} names no number of a version."
        if reference.version
        else f"{slug} alone is not purged by accident: name a version, or say --everything.",
        f"One version's bytes: everyskill purge {slug}@N --reason TEXT"
        f" (the skill with all its rows: everyskill purge {slug} --everything --reason TEXT)",
    )


def _plan(tx: Transaction, slug: str, number: int) -> _Plan:
    version = find_version(tx, find_skill(tx, slug), number, whole=False)
    key = version.content_url
    holders = tuple(purging.holders(tx, key))
    heirs = {
        holder.skill_id: history.published_below(tx, holder.skill_id, holder.version, but_of=key)
        for holder in holders
        if holder.version == holder.published_version
    }
    return _Plan(version, holders, heirs)


def _said(plan: _Plan) -> list[str]:
    """Say what will be done, and what will not."""
    version = plan.version
    lines = [
        f"These hold the same {version.size_bytes:,} bytes, which will be deleted for good"
        f" (sha256:{version.content_hash[:12]}…):"
    ]
    for holder in plan.doomed:
        this = f"  {holder.slug}@{holder.version}"
        if holder.skill_id in plan.heirs and holder.version == holder.published_version:
            heir = plan.heirs[holder.skill_id]
            then = f"{holder.slug}@{heir} becomes that" if heir else "then none of it is published"
            this += f", the published version; {then}"
        lines.append(this)
    return [*lines, ROWS, COPIES]


ROWS = "The rows stay, with names, descriptions, metadata, lists of files and messages."


def _texts(registry: Registry, plan: _Plan) -> tuple[dict[str, str | None], tuple[Finding, ...]]:
    """Fetch the texts that search is to find instead; a damaged one keeps back no purge."""
    texts: dict[str, str | None] = {}
    notes: list[Finding] = []
    for skill_id, number in plan.heirs.items():
        texts[skill_id] = None
        try:
            with registry.database.reading() as tx:
                heir = None if number is None else versions.find(tx, skill_id, number)
            if heir is not None:
                texts[skill_id] = excerpt(read_text(registry, heir).removeprefix("\ufeff"))
        except IntegrityFailure as error:
            notes.append(Finding("search-copy", f"Search finds nothing of it: {error.message}"))
    return texts, tuple(notes)


def _attempt(
    registry: Registry,
    planned: _Plan,
    reference: Reference,
    reason: str,
    texts: dict[str, str | None],
    *,
    is_agreed: bool,
) -> tuple[_Plan, dict[tuple[str, int], VersionEvent]]:
    """Append the events, unless under the locks there turns out to be something else to do."""
    done: dict[tuple[str, int], VersionEvent] = {}
    plan = planned
    try:
        with registry.database.writing() as tx:
            user_id = sign(registry, tx, "publisher")
            purging.lock_counts(tx)
            skills.lock(tx, sorted({holder.slug for holder in planned.holders}))
            purging.lock_object(tx, planned.version.content_url)
            plan = _plan(tx, reference.slug, _number(reference))
            if plan == planned:
                done = _append(tx, plan, reason, user_id)
                skills.change(tx, {id_: {"content": text} for id_, text in texts.items()})
            elif plan.doomed and not is_agreed:
                raise Conflict(
                    "Meanwhile other versions hold these bytes, or another one is published.",
                    "Run the same command again to be asked about it, or agree to it with --yes.",
                )
    except CommitUnknown as error:
        require_committed(lambda: _stands(registry, done), error)
    return plan, done


def _append(
    tx: Transaction, plan: _Plan, reason: str, user_id: str
) -> dict[tuple[str, int], VersionEvent]:
    """Append one event a version; of a skill that has several, each follows the one before."""
    waiting = plan.doomed
    done: dict[tuple[str, int], VersionEvent] = {}
    while waiting:
        turn = {holder.skill_id: holder for holder in reversed(waiting)}  # of each the lowest
        acts = []
        for holder in turn.values():
            version = versions.find(tx, holder.skill_id, holder.version, whole=False)
            if version is None:  # somebody edits the records past every lock
                raise IntegrityFailure(
                    f"The row of {holder.slug}@{holder.version} was there a moment ago, and is gone"
                    " though its skill is locked.",
                    "Nothing was purged. Find out what else is gone: everyskill verify",
                )
            act = events.Act(
                id=str(uuid.uuid4()),
                kind="purge",
                slug=holder.slug,
                actor_id=user_id,
                at=records.now(tx),
                reason=reason,
                falls_back_to=plan.heirs.get(holder.skill_id),
            )
            acts.append((act, version))
        for (act, _), event in zip(acts, events.append(tx, acts), strict=True):
            done[act.slug, event.version] = event
        waiting = [holder for holder in waiting if (holder.slug, holder.version) not in done]
    return done


def _stands(registry: Registry, done: dict[tuple[str, int], VersionEvent]) -> bool:
    with registry.database.reading() as tx:
        return all(versions.event(tx, event.id) is not None for event in done.values())


def _answer(
    registry: Registry,
    plan: _Plan,
    done: dict[tuple[str, int], VersionEvent],
    gone: RemovedObject,
    warnings: tuple[Finding, ...],
) -> PurgeAnswer:
    with registry.database.reading() as tx:
        now = purging.holders(tx, plan.version.content_url)
        told = history.purges(tx, plan.version.content_url)
    before = {holder.skill_id: holder.published_version for holder in plan.holders}
    results = tuple(
        PurgeResult(
            status="purged" if (holder.slug, holder.version) in done else "unchanged",
            slug=holder.slug,
            version=holder.version,
            published_version=holder.published_version,
            draft_version=holder.draft_version,
            previous_version=before.get(holder.skill_id),
            reason=told[holder.skill_id, holder.version].reason,
            created_at=told[holder.skill_id, holder.version].created_at,
        )
        for holder in now
        if (holder.skill_id, holder.version) in told  # else it is deleted whole just now
    )
    return PurgeAnswer(
        status="purged" if done else "unchanged",
        content_hash=plan.version.content_hash,
        size_bytes=plan.version.size_bytes,
        results=results,
        objects=(gone,),
        warnings=(*warnings, Finding("rows-stay", ROWS), Finding("copies-stay", COPIES)),
    )

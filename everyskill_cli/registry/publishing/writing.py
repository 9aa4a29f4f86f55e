"""Writing the rows of many skills whose bytes are stored: one transaction, all of them or none."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from everyskill_cli.database.faults import CommitUnknown, ObjectCondemned, hidden
from everyskill_cli.database.queries import records, skills, versions
from everyskill_cli.model import (
    BIRTHS,
    STALE_MARK,
    Condemned,
    Finding,
    Head,
    SkillVersion,
    VersionEvent,
)
from everyskill_cli.model.evidence import Entry
from everyskill_cli.registry import Registry, events
from everyskill_cli.registry.commits import require_committed
from everyskill_cli.registry.memory import recall, remember
from everyskill_cli.registry.publishing.candidate import Candidate
from everyskill_cli.registry.publishing.decision import Decision, decide
from everyskill_cli.registry.signing import sign

if TYPE_CHECKING:
    from everyskill_cli.database.engine import Transaction

AUTHORS_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Outcome:
    """What stands in the registry afterwards, or would stand after a dry run."""

    decision: Decision
    created_at: datetime | None
    published_version: int | None
    draft_version: int | None


def foresee(head: Head | None, decision: Decision) -> Outcome:
    """Say what stands, or would stand, without writing anything."""
    published = None if head is None else head.published_version
    draft = None if head is None else head.draft_version
    if decision.event is None:
        return Outcome(decision, None if head is None else head.created_at, published, draft)
    if decision.event == "draft":
        return Outcome(decision, None, published, decision.version)
    return Outcome(decision, None, decision.version, None)


@dataclass(slots=True)
class _Row:
    """One skill inside of the transaction: locked, compared, and what was written of it."""

    candidate: Candidate
    skill_id: str
    head: Head | None
    decision: Decision
    version: SkillVersion | None = None
    at: datetime | None = None
    event: VersionEvent | None = None

    @property
    def entry(self) -> Entry | None:
        """The new end of the skill's chain."""
        return None if self.event is None else Entry(self.event.seq, self.event.entry_hash)

    @property
    def outcome(self) -> Outcome:
        standing = self.event or self.head
        assert standing is not None  # noqa: S101 - a skill without a head gets its first event
        made = self.version.created_at if self.version is not None else None
        if made is None and self.head is not None:
            made = self.head.created_at
        return Outcome(self.decision, made, standing.published_version, standing.draft_version)


def write(
    registry: Registry, candidates: Sequence[Candidate], *, is_last: bool = False
) -> dict[str, Outcome]:
    """Write what is to be written of some skills, whose bytes are stored; give it by slug.

    Args:
        registry: that they are added to.
        candidates: their bytes are in its store.
        is_last: nobody waits behind this one skill: where garbage collection came between, its
            end is waited for, and the skill is stored and written again.

    Raises:
        ObjectCondemned: garbage collection came between.
        Conflict: another publisher did, and a skill's latest version is not the expected one.
        Unavailable: the database did not answer, and nothing new stands there.
    """
    mark: Condemned | None = None
    while True:
        rows: list[_Row] = []
        outcomes: dict[str, Outcome] = {}
        try:
            with registry.database.writing() as tx:
                rows = _write(tx, registry, candidates, mark)
                outcomes = {row.candidate.slug: row.outcome for row in rows}
                own = _recall(tx, registry, rows)
        except ObjectCondemned:
            if not is_last:
                raise
            (candidate,) = candidates
            mark = _outlast_collector(registry, candidate.key)
            registry.store.put(candidate.key, candidate.data(), candidate.bundle.content_type)
            continue
        except CommitUnknown as error:
            require_committed(partial(_stands, registry, candidates, outcomes), error)
        remember(registry, own, {row.candidate.slug: row.entry for row in rows if row.entry})
        return outcomes


def _write(
    tx: Transaction,
    registry: Registry,
    candidates: Sequence[Candidate],
    mark: Condemned | None,
) -> list[_Row]:
    """Lock the skills, compare again, and write what is then to be written.

    Where that is a new version although none was to be stored, another publisher came between,
    and an older version of that skill keeps these very bytes in the store.
    """
    user_id = sign(registry, tx, "publisher")
    rows = _lock(tx, candidates, user_id)
    born = [row for row in rows if row.decision.event in BIRTHS]
    moved = [row for row in rows if row.decision.event == "promote"]
    if born:
        _name_newcomers(tx, born, user_id)
        if mark is not None:
            versions.reprieve(tx, mark)
        _add_versions(tx, born, user_id)
    for row in moved:
        row.version = versions.find(tx, row.skill_id, row.decision.version, whole=False)
        row.at = records.now(tx)
    if born or moved:
        _append_events(tx, (*born, *moved), user_id)
    changes = {row.skill_id: values for row in rows if (values := _changes(row))}
    skills.change(tx, changes)
    return rows


def _recall(tx: Transaction, registry: Registry, rows: Sequence[_Row]) -> str | None:
    """Compare the histories that are gone on with; give the registry's id if there are any."""
    before = {
        row.candidate.slug: Entry(row.event.seq - 1, row.event.prev_hash)
        for row in rows
        if row.event is not None
    }
    if not before:
        return None
    own = versions.registry_id(tx)
    recall(registry, tx, own, {slug: entry for slug, entry in before.items() if entry.seq})
    return own


def _lock(tx: Transaction, candidates: Sequence[Candidate], user_id: str) -> list[_Row]:
    """Make the skills that are not there yet, lock all, and compare under the locks.

    In the order of the slugs, as every publisher does it: so no two wait for each other. A skill
    that is there and not to be locked is Forbidden: a policy of the database hides it.
    """
    ordered = sorted(candidates, key=lambda candidate: candidate.slug)
    slugs = [candidate.slug for candidate in ordered]
    ids = skills.lock(tx, slugs)
    missing = [candidate for candidate in ordered if candidate.slug not in ids]
    if missing:
        skills.add(tx, [candidate.as_skill(user_id) for candidate in missing])
        ids |= skills.lock(tx, [candidate.slug for candidate in missing])
        if len(ids) < len(slugs):
            raise hidden("a skill")
    heads = skills.heads(tx, slugs)
    rows = []
    for candidate in ordered:
        head = heads.get(candidate.slug)
        decision = decide(candidate.slug, head, candidate.bundle.content_hash, candidate.options)
        rows.append(_Row(candidate, ids[candidate.slug], head, decision))
    return rows


def _name_newcomers(tx: Transaction, born: Sequence[_Row], user_id: str) -> None:
    """Name the earlier authors to somebody who publishes a skill for the first time."""
    known = [row for row in born if row.head is not None]
    if not known:
        return
    authors = versions.authors(tx, [row.skill_id for row in known])
    for row in known:
        mine = authors.get(row.skill_id, {})  # nobody, where somebody removed users
        if user_id not in mine:
            earlier = ", ".join(sorted(filter(None, mine.values()))[:AUTHORS_NAMED])
            slug = row.candidate.slug
            note = Finding("new-author", f"Earlier versions of {slug} are by {earlier}.")
            row.decision = replace(row.decision, warnings=(note,))


def _add_versions(tx: Transaction, born: Sequence[_Row], user_id: str) -> None:
    numbers = skills.next_versions(tx, [row.skill_id for row in born])
    for row in born:
        number, at = numbers[row.skill_id]
        row.version, row.at = row.candidate.as_version(row.skill_id, user_id, number, at), at
    versions.add(tx, [row.version for row in born if row.version is not None])


def _append_events(tx: Transaction, rows: Sequence[_Row], user_id: str) -> None:
    """Append one event a skill; which findings were allowed is recorded with it."""
    acts = []
    for row in rows:
        candidate, kind = row.candidate, row.decision.event
        assert kind is not None and row.version is not None and row.at is not None  # noqa: S101 - set by the caller
        act = events.Act(
            id=candidate.event_id,
            kind=kind,
            slug=candidate.slug,
            actor_id=user_id,
            at=row.at,
            reason=candidate.reason_of(kind),
        )
        acts.append((act, row.version))
    for row, event in zip(rows, events.append(tx, acts), strict=True):
        row.event = event


def _changes(row: _Row) -> dict[str, object]:
    """Give what belongs to the skill and not to a version, and the copy for search."""
    candidate, decision = row.candidate, row.decision
    values: dict[str, object] = {}
    if "tags" in decision.updated:
        values["tags"] = list(candidate.options.tags or ())
    if "category" in decision.updated:
        values["category"] = candidate.options.category or None
    if decision.event in ("publish", "promote") and row.head is not None:
        values["content"] = candidate.text()  # a new skill was made with its own
    return values


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


def _stands(
    registry: Registry, candidates: Sequence[Candidate], outcomes: Mapping[str, Outcome]
) -> bool:
    """Look whether a transaction was committed; one of its changes tells for all of them."""
    changed = [c for c in candidates if outcomes[c.slug].decision.event is not None]
    with registry.database.reading() as tx:
        if changed:
            return versions.event(tx, changed[0].event_id) is not None
        # Only the skills' own fields were changed.
        return not any(_is_still_to_change(tx, candidate) for candidate in candidates)


def _is_still_to_change(tx: Transaction, candidate: Candidate) -> bool:
    head = skills.heads(tx, [candidate.slug]).get(candidate.slug)
    options = replace(candidate.options, expect=None)
    return bool(decide(candidate.slug, head, candidate.bundle.content_hash, options).updated)

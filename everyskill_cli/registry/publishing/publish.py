"""Publish: read, pack, compare, store the bytes, and then one transaction for the rows.

Bytes first, row last: stopped in between, a nameless object stays behind and harms nobody; a row
without its object can never exist. What to do is decided twice by the same rule, before the bytes
are stored and again under the skills' locks, because another publisher may have come first.

One skill and two thousand go the same way. Among many, a bad one stops no other.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from everyskill_cli.database.faults import ObjectCondemned
from everyskill_cli.database.queries import purging, skills, versions
from everyskill_cli.errors import (
    EveryskillError,
    Forbidden,
    IntegrityFailure,
    NotReady,
    PartialFailure,
    Unavailable,
)
from everyskill_cli.model import BIRTHS, Finding, Head, PublishAnswer
from everyskill_cli.provenance import provenance
from everyskill_cli.registry import Registry
from everyskill_cli.registry.publishing.candidate import Candidate
from everyskill_cli.registry.publishing.decision import (
    Decision,
    PublishOptions,
    decide,
    deleted,
    purged,
)
from everyskill_cli.registry.publishing.reading import (
    Batch,
    Item,
    duplicated,
    duplicates,
    read_batch,
)
from everyskill_cli.registry.publishing.results import answer_of
from everyskill_cli.registry.publishing.storing import store_all
from everyskill_cli.registry.publishing.writing import Outcome, foresee, write
from everyskill_cli.registry.signing import require_publisher
from everyskill_cli.registry.watch import Watch

GROUP: Final = 100  # skills of one transaction, which holds their locks for a tenth of a second
GROUP_SECONDS: Final = 1.0  # how long a stored skill may wait for its row
PATIENCE: Final = 5  # refusals and silences in a row, after which no other skill is begun
DATABASE_PATIENCE: Final = 2  # the same of the database, where each may take half a minute


def publish(
    registry: Registry,
    paths: Iterable[Path],
    options: PublishOptions,
    watch: Watch | None = None,
) -> PublishAnswer:
    """Publish skills; the same bytes again change nothing.

    Raises:
        InvalidSkill: the one skill breaks a rule, or two sources make one slug.
        Conflict: the latest version of the one skill is not the expected one.
        Unavailable: a server did not answer; running the command again has one effect.
        UsageError: the options do not fit what the paths hold.
    """
    watch = watch or Watch()
    ask = None if options.strict or options.slug else partial(_heads, registry)
    batch = read_batch(paths, options, watch, ask)
    if found := duplicates(batch.items):
        raise duplicated(found)
    run = _Run(registry, batch, options, watch)
    run.compare()
    if not options.dry_run:
        run.carry_out()
    if batch.is_single and (error := batch.items[0].error):
        raise error
    return answer_of(registry, batch, run.outcomes, options, (*run.warnings, *registry.notices))


def _heads(registry: Registry, slugs: list[str]) -> dict[str, Head]:
    if not registry.exists:  # what is refused leaves nothing behind, not even an empty registry
        return {}
    with registry.database.reading() as tx:
        return skills.heads(tx, slugs)


def incomplete(answer: PublishAnswer) -> PartialFailure | None:
    """Give the error that ends a command which did not do everything that it was asked for."""
    counts = Counter(result.status for result in answer.results)
    bad = counts["refused"] + counts["failed"] + counts["skipped"]
    if not bad:
        return None
    verb = "was" if bad == 1 else "were"
    what = [f"{counts[name]:,} {name}" for name in ("refused", "failed") if counts[name]]
    what += [f"{counts['skipped']:,} not begun"] if counts["skipped"] else []
    return PartialFailure(
        f"{bad:,} of {len(answer.results):,} skills {verb} not published: {', '.join(what)}.",
        ("Correct what is refused; then run" if counts["refused"] else "Run")
        + " the same command again: it publishes the rest.",
    )


@dataclass(slots=True)
class _Run:
    """One publish of any number of skills: what came of each so far.

    Attributes:
        outcomes: by slug, of what stands in the registry or needs nothing.
        warnings: about the command as a whole.
    """

    registry: Registry
    batch: Batch
    options: PublishOptions
    watch: Watch
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    warnings: tuple[Finding, ...] = ()
    _wanted: list[tuple[Item, Candidate, Decision]] = field(default_factory=list)
    _store_failures: int = 0  # in a row
    _database_failures: int = 0  # in a row
    _is_over: bool = False
    _late: list[Candidate] = field(default_factory=list)

    def compare(self) -> None:
        """Find out what there is to do; the store is not asked."""
        read = [(item, item.candidate) for item in self.batch.items if item.candidate is not None]
        if any(item.error for item in self.batch.items):
            self._note_failure(None)
        if not read or self._is_over:
            return
        unasked = [c.slug for _, c in read if c.slug not in self.batch.asked]
        with self.registry.database.reading() as tx:
            heads = {**self.batch.heads, **skills.heads(tx, unasked)}
            gone = purging.reasons(tx, [candidate.key for _, candidate in read])
            buried = purging.buried(tx, [c.slug for _, c in read if c.slug not in heads])
        for item, candidate in read:
            try:
                if candidate.slug in buried:
                    raise deleted(buried[candidate.slug])
                if candidate.key in gone:
                    raise purged(candidate.slug, gone[candidate.key])
                self._decide(item, candidate, heads.get(candidate.slug))
            except EveryskillError as error:
                item.error = error
                self._note_failure(error)
        self._describe(heads)

    def _decide(self, item: Item, candidate: Candidate, head: Head | None) -> None:
        decision = decide(candidate.slug, head, candidate.bundle.content_hash, self.options)
        idle = decision.event is None and not decision.updated
        if idle or self.options.dry_run:
            self.outcomes[candidate.slug] = foresee(head, decision)
        if idle:
            candidate.drop()
            return
        if candidate.is_settled:  # there is a draft to promote, or a tag to change
            candidate.look_into()
        self._wanted.append((item, candidate, decision))

    def _describe(self, heads: dict[str, Head]) -> None:
        """Note what new versions change, and where they come from."""
        born = [c for _, c, decision in self._wanted if decision.event in BIRTHS]
        known = {heads[c.slug].version_id: c for c in born if c.slug in heads}
        if known:
            with self.registry.database.reading() as tx:
                before = versions.manifests(tx, known)
            for version_id, candidate in known.items():
                base = heads[candidate.slug].latest_version
                candidate.compare_files(base, before.get(version_id, ()))
        if born and not self.options.dry_run:
            origins = provenance([candidate.source for candidate in born])
            for candidate, origin in zip(born, origins, strict=True):
                candidate.origin = origin

    def carry_out(self) -> None:
        """Store the bytes, and write the rows in groups as the bytes arrive."""
        if not self._wanted or not self._may_go_on():
            return
        stored = [c for _, c, decision in self._wanted if decision.event in BIRTHS]
        ready = [c for _, c, decision in self._wanted if decision.event not in BIRTHS]
        if stored:
            self._claim()
        sent, size = 0, sum(candidate.size for candidate in stored)
        since = time.monotonic()
        stream = store_all(
            self.registry.store, stored, self._jobs, self._may_go_on, self._hear_of_store
        )
        for done in stream:
            if done is not None and done[1] is None:
                ready.append(done[0])
                sent += done[0].size
            elif done is not None:
                self._fail(*done)
            if len(ready) >= GROUP or time.monotonic() - since > GROUP_SECONDS:
                self._write(ready)
                ready, since = [], time.monotonic()
            self.watch.store(len(self.outcomes), len(self.batch.items), sent, size)
        self._write(ready)
        self._write_late()
        self.warnings += self.registry.user_notes()

    def _hear_of_store(self, error: EveryskillError | None) -> None:
        """Note how one put ended; the threads that put call this, and ask then whether to go on."""
        if error is None:
            self._store_failures = 0
            return
        self._store_failures += isinstance(error, Unavailable | Forbidden)
        self._note_failure(error)

    @property
    def _jobs(self) -> int:
        return self.options.jobs or self.registry.store.jobs

    def _claim(self) -> None:
        """Make sure, before a byte is stored, that rows may follow, and whose the store is."""
        with self.registry.database.reading() as tx:
            require_publisher(self.registry, tx)
            registry_id, is_used = versions.beginning(tx)
        if registry_id is None:  # a writable one was made when it was opened
            raise IntegrityFailure(
                "The registry has no id any more.",
                "Somebody changed its records: everyskill verify says more; compare a backup.",
            )
        self.registry.store.claim(registry_id, first=not is_used)

    def _write(self, candidates: Sequence[Candidate]) -> None:
        """Write rows in groups; the first is written even where nothing else may be begun."""
        for start in range(0, len(candidates), GROUP):
            if start == 0 or self._may_go_on():
                self._write_group(candidates[start : start + GROUP])

    def _write_group(self, group: Sequence[Candidate]) -> None:
        """Write rows together, or one by one where something is wrong with one of them."""
        try:
            self._note(group, write(self.registry, group, is_last=self.batch.is_single))
        except ObjectCondemned:
            if len(group) == 1:
                self._late.append(group[0])
            self._write_apart(group)
        except EveryskillError as error:
            if len(group) == 1:
                self._database_failures += isinstance(error, Unavailable)
                self._fail(group[0], error)
            self._write_apart(group)

    def _write_apart(self, group: Sequence[Candidate]) -> None:
        for candidate in group if len(group) > 1 else ():
            if self._may_go_on():
                self._write_group([candidate])

    def _write_late(self) -> None:
        """Write those whose objects garbage collection was about to delete, once it is done."""
        for candidate in self._late:
            if self._may_go_on():
                try:
                    self._note([candidate], write(self.registry, [candidate], is_last=True))
                except EveryskillError as error:
                    self._fail(candidate, error)

    def _note(self, group: Sequence[Candidate], outcomes: dict[str, Outcome]) -> None:
        self.outcomes |= outcomes
        self._database_failures = 0
        for candidate in group:
            candidate.drop()

    def _fail(self, candidate: Candidate, error: EveryskillError | None) -> None:
        """Note why one was not published."""
        item = next(item for item, wanted, _ in self._wanted if wanted is candidate)
        item.error = error
        self._note_failure(error)

    def _note_failure(self, error: EveryskillError | None) -> None:
        """Note whether nothing else is to be begun: all the others would fail as well."""
        self._is_over = self._is_over or self.options.fail_fast or isinstance(error, NotReady)

    def _may_go_on(self) -> bool:
        """Tell whether another skill may be begun."""
        if self.watch.stopped or self._is_over:
            return False
        return self._store_failures < PATIENCE and self._database_failures < DATABASE_PATIENCE

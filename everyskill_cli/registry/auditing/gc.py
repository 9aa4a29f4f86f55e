"""Collect garbage: find the objects and files that nothing needs, and delete them if that is asked.

Finding takes one look at every object, a page at a time, and asks the database which of them a
version refers to. What is found may be in use a moment later: the marks decide, not this look.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Final, Literal, TypeAlias

from everyskill_cli.database.queries import garbage
from everyskill_cli.errors import (
    Conflict,
    EveryskillError,
    Forbidden,
    NotReady,
    PartialFailure,
)
from everyskill_cli.model import STALE_MARK, Finding, Garbage, GcAnswer
from everyskill_cli.registry import Registry
from everyskill_cli.registry.auditing.condemning import (
    PATIENCE,
    Outcome,
    problem_of,
    remove_all,
    require_own_store,
)
from everyskill_cli.registry.auditing.pile import Pile
from everyskill_cli.registry.signing import require_owner
from everyskill_cli.registry.watch import Watch
from everyskill_cli.stores import ObjectInfo

PAGE: Final = 1000  # objects that the database is asked about at once
LISTED_MAX: Final = 1000  # things that the answer names; all are counted
# A folder's writers put a file aside for as long as its bytes take to write; no grace is shorter.
WRITING: Final = timedelta(hours=1)

Kind: TypeAlias = Literal["orphan", "purged", "leftover"]
Status: TypeAlias = Literal["would-delete", "deleted", "kept", "busy", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GcOptions:
    """What the caller asked for.

    Attributes:
        older_than: what was written later is left alone.
        delete: else nothing is, and the answer says what would be.
        force: also where it is more than half of all objects.
        jobs: connections to the store at once; None leaves it to the store.
    """

    older_than: timedelta
    delete: bool = False
    force: bool = False
    jobs: int | None = None


def collect(registry: Registry, options: GcOptions, watch: Watch | None = None) -> GcAnswer:
    """Find what no version refers to, and delete it where that is asked for.

    Raises:
        NotReady: the store is not this registry's.
        Conflict: more than half of all objects would go.
        Forbidden: the login is not the registry's owner, or the store lets nothing be deleted.
        Unavailable: a server did not answer; what was deleted is gone, nothing is half done.
    """
    if options.delete:
        require_owner(registry)
    require_own_store(registry)
    run = _Run(registry, options, watch or Watch())
    run.look()
    doubt = run.doubt()
    if options.delete:
        if doubt is not None and not options.force:
            raise doubt
        run.delete()
    return run.answer(doubt)


def incomplete(answer: GcAnswer) -> PartialFailure | None:
    """Give the error that ends a command which could not delete everything."""
    if answer.status != "failed":
        return None
    left = answer.garbage - answer.deleted
    return PartialFailure(
        f"{left:,} of {answer.garbage:,} were not deleted.",
        "The answer says why; then run the same command again: it deletes the rest.",
    )


@dataclass(slots=True)
class _Run:
    """One collection: what was found, and what became of it so far."""

    registry: Registry
    options: GcOptions
    watch: Watch
    objects: int = 0
    objects_bytes: int = 0
    orphans: int = 0
    pile: Pile = field(default_factory=Pile)
    leftovers: list[ObjectInfo] = field(default_factory=list)
    young: list[int] = field(default_factory=lambda: [0, 0])
    deleted: list[int] = field(default_factory=lambda: [0, 0])
    results: list[Garbage] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    first_error: EveryskillError | None = None
    failures: int = 0  # in a row

    def look(self) -> None:
        """Look at every object and every file that was left aside."""
        now = self.registry.store.now()
        for page in _pages(self.registry.store.list()):
            with self.registry.database.reading() as tx:
                keys = [found.key for found in page]
                known = garbage.known(tx, keys)
            for found in page:
                self.objects += 1
                self.objects_bytes += found.size
                is_purged = known.get(found.key)
                if is_purged is not False:
                    self._sort(found, now, is_purged=bool(is_purged))
            self.watch.look(self.objects, _estimate(self.objects, page[-1].key))
        for found in self.registry.store.leftovers():
            if _is_young(found, now, max(self.options.older_than, WRITING)):
                _count(self.young, found.size)
            else:
                self.leftovers.append(found)

    def _sort(self, found: ObjectInfo, now: datetime, *, is_purged: bool) -> None:
        """Keep what somebody may just be publishing; nobody can publish what was purged."""
        if not is_purged and _is_young(found, now, self.options.older_than):
            _count(self.young, found.size)
            return
        self.orphans += not is_purged
        self.pile.add(found, is_purged=is_purged)

    def doubt(self) -> Conflict | None:
        """Say that so much is garbage that the database is likely the wrong one."""
        if self.orphans * 2 <= self.objects:
            return None
        return Conflict(
            f"{self.orphans:,} of {self.objects:,} objects belong to no version of this registry,"
            " more than half: as if its database were restored from an older backup, or not the one"
            " that the store was filled from.",
            "Check EVERYSKILL_DATABASE_URL (everyskill list); where all is as it should be, add"
            " --force to --delete.",
        )

    def delete(self) -> None:
        """Delete what was found, one object after the other by the protocol."""
        self.watch.collect(0, self.total)
        try:
            for done, (thing, kind, outcome, error) in enumerate(self._outcomes(), 1):
                self._note(outcome, error, thing.size)
                self._name(thing, kind, outcome, error)
                self.watch.collect(done, self.total)
        except EveryskillError as error:  # the answer says what was done until then
            self.first_error = self.first_error or error
        if self.first_error is not None and not self.deleted[0]:
            raise self.first_error

    def _outcomes(self) -> Iterator[tuple[ObjectInfo, Kind, Outcome, EveryskillError | None]]:
        jobs = self.options.jobs or self.registry.store.jobs
        known: dict[str, tuple[ObjectInfo, bool]] = {}  # of those that are under way
        unfinished = self._unfinished()

        def begin() -> Iterator[tuple[str, bool]]:
            for found, is_purged in self.pile:
                known[found.key] = found, is_purged
                yield found.key, is_purged
            yield from ((key, False) for key in unfinished)

        for key, outcome, error in remove_all(self.registry, begin(), jobs, self._may_go_on):
            if key not in known:
                continue  # it is not in the store, and so no garbage
            found, is_purged = known.pop(key)
            yield found, "purged" if is_purged else "orphan", outcome, error
        for found in self.leftovers:
            if self._may_go_on():
                yield found, "leftover", *self._discard(found)

    def _unfinished(self) -> list[str]:
        """Give what collectors that died had deleted: their marks still keep publishers waiting.

        Who cannot be asked keeps back nothing: the next collection finds those marks.
        """
        gone: list[str] = []
        try:
            with self.registry.database.reading() as tx:
                keys = garbage.unfinished(tx, STALE_MARK, PAGE)
            gone.extend(key for key in keys if self.registry.store.head(key) is None)
        except EveryskillError as error:
            message = f"Marks of a collection that died may still be there: {error.message}"
            self.notes.append(Finding("marks-left", message))
        return gone

    def _discard(self, found: ObjectInfo) -> tuple[Outcome, EveryskillError | None]:
        try:
            self.registry.store.discard(found.key)
        except EveryskillError as error:
            return "failed", error
        return "deleted", None

    def _note(self, outcome: Outcome, error: EveryskillError | None, size: int) -> None:
        if outcome == "deleted":
            _count(self.deleted, size)
        if error is None:
            self.failures = 0
            return
        self.first_error = self.first_error or error
        self.failures += PATIENCE if isinstance(error, Forbidden | NotReady) else 1

    def _may_go_on(self) -> bool:
        return not self.watch.stopped and self.failures < PATIENCE

    @property
    def total(self) -> int:
        """How many things are old enough to go."""
        return len(self.pile) + len(self.leftovers)

    def _name(
        self, thing: ObjectInfo, kind: Kind, status: Status, error: EveryskillError | None = None
    ) -> None:
        """Name one thing in the answer, among the first or because something is wrong with it."""
        if len(self.results) < LISTED_MAX * (2 if error is not None else 1):
            self.results.append(_garbage(self.registry, thing, kind, status, error))

    def answer(self, doubt: Conflict | None) -> GcAnswer:
        """Say what was found, and what was deleted of it."""
        if not self.options.delete:
            for found, is_purged in islice(self.pile, LISTED_MAX):
                self._name(found, "purged" if is_purged else "orphan", "would-delete")
            for found in self.leftovers:
                self._name(found, "leftover", "would-delete")
        if doubt is not None:
            self.notes.append(Finding("more-than-half", doubt.message))
        return GcAnswer(
            status=self._status(),
            older_than=round(self.options.older_than.total_seconds()),
            objects=self.objects,
            objects_bytes=self.objects_bytes,
            garbage=self.total,
            garbage_bytes=self.pile.size + sum(found.size for found in self.leftovers),
            young=self.young[0],
            young_bytes=self.young[1],
            deleted=self.deleted[0],
            deleted_bytes=self.deleted[1],
            results=tuple(self.results),
            warnings=tuple(self.notes),
        )

    def _status(self) -> Literal["clean", "would-delete", "deleted", "unchanged", "failed"]:
        if self.first_error is not None:
            return "failed"
        if not self.total:
            return "clean"
        if not self.options.delete:
            return "would-delete"
        return "deleted" if self.deleted[0] else "unchanged"


def _garbage(
    registry: Registry, thing: ObjectInfo, kind: Kind, status: Status, error: EveryskillError | None
) -> Garbage:
    return Garbage(
        kind=kind,
        status=status,
        key=thing.key,
        location=registry.store.location(thing.key),
        size_bytes=thing.size,
        modified=thing.modified,
        error=None if error is None else problem_of(error),
    )


def _is_young(found: ObjectInfo, now: datetime, grace: timedelta) -> bool:
    return bool(grace) and now - found.modified < grace


def _count(sums: list[int], size: int) -> None:
    sums[0] += 1
    sums[1] += size


def _pages(found: Iterable[ObjectInfo]) -> Iterator[list[ObjectInfo]]:
    rest = iter(found)
    while page := list(islice(rest, PAGE)):
        yield page


def _estimate(seen: int, key: str) -> int:
    """Guess how many objects there are: they come in order, and digests are spread evenly."""
    share = (int(key.rpartition("/")[2][:8], 16) + 1) / 2**32
    return max(seen, round(seen / share))

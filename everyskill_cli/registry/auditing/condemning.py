"""Deleting objects beside publishers of the same bytes, by the protocol of docs/format.md.

Mark and commit, delete, note that it is done and commit: no transaction is open while a server is
waited for. From the mark on no version can come to refer to the object; the database sees to that.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from everyskill_cli.database.faults import CommitUnknown, ObjectInUse
from everyskill_cli.database.queries import garbage, versions
from everyskill_cli.errors import (
    EveryskillError,
    Forbidden,
    IntegrityFailure,
    NotReady,
    Unavailable,
)
from everyskill_cli.model import STALE_MARK, Condemned, Problem
from everyskill_cli.registry import Registry
from everyskill_cli.stores import Store

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

# Of the minutes of STALE_MARK, until a deletion must have begun; one takes five, with all retries.
BEGIN_SECONDS: Final = 60.0
PATIENCE: Final = 5  # failures in a row after which nothing else is begun
TRIES: Final = 10  # to take a mark over that others take over as well

Outcome: TypeAlias = Literal["deleted", "kept", "busy", "failed"]


class Removal(NamedTuple):
    """What became of one object that was to go.

    Attributes:
        outcome: ``kept`` is in use by now, ``busy`` another collector is about to delete.
    """

    key: str
    outcome: Outcome
    error: EveryskillError | None = None


@dataclass(frozen=True, slots=True)
class _Flight:
    """One object that is marked, and its deletion under way."""

    claim: garbage.Claim
    deletion: Future[None]


def remove_all(
    registry: Registry,
    objects: Iterable[tuple[str, bool]],
    jobs: int,
    go_on: Callable[[], bool],
) -> Iterator[Removal]:
    """Delete objects that no version refers to; tell of each what became of it.

    Args:
        registry: the store is its own.
        objects: their keys, and whether their bytes were purged: nobody can publish those, so
            another's mark on them is not waited for.
        jobs: connections to the store at once.
        go_on: asked before each is begun; what was begun is finished.

    Raises:
        EveryskillError: finding the objects met it; what was begun is finished, and told, before.
    """
    from concurrent.futures import ThreadPoolExecutor  # 8 ms that nobody else pays

    pool = ThreadPoolExecutor(jobs, "everyskill-delete")
    flights = _Flights(registry, pool, jobs)
    try:
        try:
            yield from flights.begin(objects, go_on)
        except EveryskillError:
            yield from flights.land()
            raise
        yield from flights.land()
    finally:
        for _ in flights.land():  # nobody listens any more; what was begun is finished all the same
            pass
        pool.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class _Flights:
    """The deletions that are under way, the oldest first."""

    registry: Registry
    pool: ThreadPoolExecutor
    jobs: int
    flying: deque[_Flight] = field(default_factory=deque)

    def begin(
        self, objects: Iterable[tuple[str, bool]], go_on: Callable[[], bool]
    ) -> Iterator[Removal]:
        """Mark objects and begin to delete them; tell of those that are done meanwhile."""
        for key, is_purged in objects:
            if not go_on():
                return
            if len(self.flying) >= self.jobs:
                yield _land(self.registry, self.flying.popleft())
            begun = _now()
            marked = _mark(self.registry, key, is_purged=is_purged)
            if isinstance(marked, Removal):
                yield marked
            else:
                deletion = self.pool.submit(_delete, self.registry.store, key, begun)
                self.flying.append(_Flight(marked, deletion))

    def land(self) -> Iterator[Removal]:
        """Wait for all of them; tell of each."""
        while self.flying:
            yield _land(self.registry, self.flying.popleft())


def _mark(registry: Registry, key: str, *, is_purged: bool) -> garbage.Claim | Removal:
    try:
        for _ in range(TRIES if is_purged else 1):  # of several purges at once each wins one
            with registry.database.writing() as tx:
                claim = garbage.condemn(tx, key, timedelta() if is_purged else STALE_MARK)
            if claim is not None:
                return claim
    except ObjectInUse:
        return Removal(key, "kept")
    except EveryskillError as error:
        return Removal(key, "failed", error)
    return Removal(key, "busy")


def _delete(store: Store, key: str, begun: tuple[float, float]) -> None:
    """Delete an object, unless so long has passed that somebody may take us for dead soon."""
    if max(now - then for now, then in zip(_now(), begun, strict=True)) > BEGIN_SECONDS:
        raise _Late(
            f"{store.location(key)} was not deleted: its turn came too late.",
            "Run the same command again.",
        )
    store.delete(key)


class _Late(Unavailable):
    """Nothing was sent."""


def _now() -> tuple[float, float]:
    """Read two clocks: one that nobody sets, and one that goes on while the machine sleeps."""
    return time.monotonic(), time.time()


def _land(registry: Registry, flight: _Flight) -> Removal:
    """Wait for a deletion, and let publishers of the same bytes go on.

    Where the store did not answer it may still delete: then the mark keeps publishers waiting. So
    it does where another may, from whom the mark was taken over.
    """
    (mark, is_shared), error = flight.claim, None
    try:
        flight.deletion.result()
    except EveryskillError as failure:
        error = failure
    try:
        if not is_shared and (error is None or isinstance(error, Forbidden | NotReady | _Late)):
            _finish(registry, mark, is_deleted=error is None)
    except EveryskillError as failure:
        error = error or failure
    return Removal(mark.content_url, "deleted" if error is None else "failed", error)


def _finish(registry: Registry, mark: Condemned, *, is_deleted: bool) -> None:
    try:
        with registry.database.writing() as tx:
            ours = garbage.finish(tx, mark)
    except CommitUnknown:
        with registry.database.writing() as tx:
            garbage.finish(tx, mark)  # of one that is finished already this changes nothing
        return
    if is_deleted and not ours:
        _look_after(registry, mark.content_url)


def _look_after(registry: Registry, key: str) -> None:
    """Find that nobody has published an object that we deleted behind the end of our mark.

    Raises:
        IntegrityFailure: somebody has, who took us for dead, and its bytes are gone.
    """
    with registry.database.reading() as tx:
        is_purged = garbage.known(tx, [key]).get(key)
    if is_purged is False and registry.store.head(key) is None:
        raise IntegrityFailure(
            f"{registry.store.location(key)} was deleted while it was published anew: this program"
            " was held up for more than ten minutes between two steps.",
            "Restore that object from a backup of the store, or put its bytes there again.",
        )


def problem_of(error: EveryskillError) -> Problem:
    """Say why something was not deleted, in an answer about many."""
    return Problem(type=error.public_type, code=error.code, message=error.message, hint=error.hint)


def require_own_store(registry: Registry) -> None:
    """Find that the store is this registry's; nothing is ever deleted in another one.

    Raises:
        NotReady: it is another's, or nobody's and not empty; or there is no registry.
    """
    with registry.database.reading() as tx:
        own, has_versions = versions.registry_id(tx), versions.any_exist(tx)
    if own is None:
        raise NotReady(
            f"There is no registry at {registry.database.where}, so nothing tells which objects"
            f" of {registry.store.url} are needed.",
            "Check EVERYSKILL_DATABASE_URL.",
        )
    store = registry.store
    if has_versions or store.marker() is not None:
        store.claim(own, first=False)  # which writes nothing
    elif next(store.list(), None) is not None:
        raise NotReady(
            f"The registry has no versions and {store.url} belongs to none: its objects may be"
            " another registry's.",
            "Check EVERYSKILL_DATABASE_URL and EVERYSKILL_STORE_URL.",
        )

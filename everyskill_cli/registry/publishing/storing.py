"""Storing the bytes of many skills: over several connections at once, within a budget of memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final

from everyskill_cli.errors import EveryskillError
from everyskill_cli.registry.publishing.candidate import Candidate

if TYPE_CHECKING:
    from everyskill_cli.stores import Store

IN_FLIGHT_MAX: Final = 100 * 1024 * 1024  # bytes of bundles that are under way to the store
LOOK_UP_SECONDS: Final = 0.2  # how long Ctrl-C may go unnoticed while the store is silent


def store_all(
    store: Store,
    candidates: Iterable[Candidate],
    jobs: int,
    go_on: Callable[[], bool],
    hear: Callable[[EveryskillError | None], None],
) -> Iterator[tuple[Candidate, EveryskillError | None] | None]:
    """Put the bundles of candidates, and yield each when it is there or could not be put.

    Those that were not begun when ``go_on`` became false are not yielded. While the store is
    silent, None comes now and then, so that the caller can look after other things.

    Args:
        store: claimed by its registry already.
        candidates: their bytes are let go one by one.
        jobs: connections at once.
        go_on: asked before each is begun, by the threads that put them.
        hear: told how each ended before another is begun in its place, by the same threads.
    """
    waiting = deque(candidates)
    if len(waiting) <= 1:
        for candidate in waiting:
            error = _put(store, candidate)
            hear(error)
            yield candidate, error
        return
    crew = _Crew(store, min(jobs, len(waiting)), go_on, hear)
    try:
        while crew.flying or (waiting and go_on()):
            while waiting and crew.has_room(waiting[0]):
                crew.take(waiting.popleft())
            yield crew.next_done()
    finally:
        crew.close()


class _Crew:
    """Threads that put bundles, and how much they have taken on."""

    def __init__(
        self,
        store: Store,
        jobs: int,
        go_on: Callable[[], bool],
        hear: Callable[[EveryskillError | None], None],
    ) -> None:
        from concurrent.futures import ThreadPoolExecutor  # 8 ms that one skill does not pay
        from queue import SimpleQueue

        self.flying = 0
        self._size = 0
        self._store = store
        self._go_on = go_on
        self._hear = hear
        self._pool = ThreadPoolExecutor(jobs, "everyskill-store")
        self._done: SimpleQueue[tuple[Candidate, Exception | None, bool]] = SimpleQueue()

    def has_room(self, candidate: Candidate) -> bool:
        return not self.flying or self._size + candidate.size <= IN_FLIGHT_MAX

    def take(self, candidate: Candidate) -> None:
        self.flying += 1
        self._size += candidate.size
        self._pool.submit(self._run, candidate)

    def next_done(self) -> tuple[Candidate, EveryskillError | None] | None:
        """Give the next that was put or failed; None for one not begun, or while there is none."""
        from queue import Empty

        try:
            candidate, error, begun = self._done.get(timeout=LOOK_UP_SECONDS)
        except Empty:
            return None
        self.flying -= 1
        self._size -= candidate.size
        if error is not None and not isinstance(error, EveryskillError):
            raise error
        return (candidate, error) if begun else None

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, candidate: Candidate) -> None:
        if not self._go_on():
            self._done.put((candidate, None, False))
            return
        try:
            error = _put(self._store, candidate)
            self._hear(error)
            self._done.put((candidate, error, True))
        except Exception as bug:  # noqa: BLE001 - raised again where somebody hears it
            self._done.put((candidate, bug, True))


def _put(store: Store, candidate: Candidate) -> EveryskillError | None:
    """Store one bundle and let its bytes go, or give the reason why not."""
    try:
        store.put(candidate.key, candidate.data(), candidate.bundle.content_type)
    except EveryskillError as error:
        return error
    candidate.drop_data()
    return None

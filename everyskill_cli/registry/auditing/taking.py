"""Taking the objects out of the store, and this machine's cache, whose rows say that they go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Literal, TypeAlias

from everyskill_cli.errors import EveryskillError, PartialFailure
from everyskill_cli.installs.cache import Cache
from everyskill_cli.model import RemovedObject
from everyskill_cli.registry.auditing.condemning import PATIENCE, problem_of, remove_all
from everyskill_cli.registry.fetching import ahead
from everyskill_cli.registry.watch import Watch

if TYPE_CHECKING:
    from everyskill_cli.model import DeletionAnswer, PurgeAnswer
    from everyskill_cli.registry import Registry

COPIES = (
    "Copies elsewhere stay: where it was installed, in caches of other machines, in backups and old"
    " versions of the bucket."
)
# What finishes it; many objects of one skill may be more than gc deletes without being told twice.
FINISH = (
    "everyskill gc --delete --older-than 0 (with --force, where it says that this is more than half"
    " of all objects)"
)
WHY_LEFT = {"busy": "garbage collection is about to delete it.", "skipped": "it was stopped."}
Status: TypeAlias = Literal["deleted", "absent", "kept", "busy", "failed", "skipped"]


def take_out(
    registry: Registry, keys: Sequence[str], *, is_purged: bool, watch: Watch | None = None
) -> list[RemovedObject]:
    """Delete objects, in order; tell of each what became of it.

    Args:
        registry: the store is its own.
        keys: of objects that no version refers to any more, or only such as are purged.
        is_purged: whether they are purged.
        watch: told how far it is; may stop it.
    """
    cache = Cache.of(registry.settings)
    for key in keys:
        cache.drop(key)
    taking = _Taking(registry, keys, watch or Watch())
    taking.run(is_purged=is_purged)
    return [taking.found.get(key) or _removed(registry, key, "skipped") for key in keys]


class _Taking:
    """One run over many objects.

    Attributes:
        found: what became of those that were seen to, by key.
    """

    def __init__(self, registry: Registry, keys: Sequence[str], watch: Watch) -> None:
        self.found: dict[str, RemovedObject] = {}
        self._registry = registry
        self._keys = keys
        self._watch = watch
        self._failures = 0  # in a row

    def run(self, *, is_purged: bool) -> None:
        """Delete those that are there, while the next ones are looked for."""
        store = self._registry.store
        self._watch.collect(0, len(self._keys))
        with closing(ahead(self._look, self._keys, store.jobs, lambda _: 0)) as looks:
            there = ((key, is_purged) for key in self._there(looks))
            for key, outcome, error in remove_all(
                self._registry, there, store.jobs, self._may_go_on
            ):
                self._note(key, outcome, error)

    def _look(self, key: str) -> tuple[str, bool | EveryskillError]:
        """Tell whether an object is there; threads ask this."""
        if not self._may_go_on():
            return key, False  # nobody listens any more
        try:
            return key, self._registry.store.head(key) is not None
        except EveryskillError as error:
            return key, error

    def _there(self, looks: Iterator[tuple[str, bool | EveryskillError]]) -> Iterator[str]:
        for key, seen in looks:
            if not self._may_go_on():
                return
            if isinstance(seen, EveryskillError):
                self._note(key, "failed", seen)
            elif seen:
                yield key
            else:
                self._note(key, "absent")

    def _note(self, key: str, status: Status, error: EveryskillError | None = None) -> None:
        self.found[key] = _removed(self._registry, key, status, error)
        self._failures = 0 if error is None else self._failures + 1
        self._watch.collect(len(self.found), len(self._keys))

    def _may_go_on(self) -> bool:
        return not self._watch.stopped and self._failures < PATIENCE


def _removed(
    registry: Registry,
    key: str,
    status: Status,
    error: EveryskillError | None = None,
) -> RemovedObject:
    return RemovedObject(
        status=status,
        key=key,
        location=registry.store.location(key),
        error=None if error is None else problem_of(error),
    )


def unfinished(answer: PurgeAnswer | DeletionAnswer) -> PartialFailure | None:
    """Give the error that ends a command whose rows stand and whose objects are not all gone."""
    left = [each for each in answer.objects if each.status in ("busy", "failed", "skipped")]
    if not left:
        return None
    first = left[0]
    why = first.error.message if first.error else WHY_LEFT[first.status]
    others = f" and {len(left) - 1:,} others" if len(left) > 1 else ""
    return PartialFailure(
        f"What the registry says is done, and {first.location}{others} may still be there: {why}",
        f"Garbage collection finishes it: {FINISH}",
    )

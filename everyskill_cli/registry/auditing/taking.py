"""Taking the objects out of the store, and this machine's cache, whose rows say that they go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from everyskill_cli.errors import EveryskillError, PartialFailure
from everyskill_cli.installs.cache import Cache
from everyskill_cli.model import RemovedObject
from everyskill_cli.registry.auditing.condemning import problem_of, remove_all

if TYPE_CHECKING:
    from everyskill_cli.model import DeletionAnswer, PurgeAnswer
    from everyskill_cli.registry import Registry

COPIES = (
    "Copies elsewhere stay: where it was installed, in caches of other machines, in backups and old"
    " versions of the bucket."
)
Status: TypeAlias = Literal["deleted", "absent", "kept", "busy", "failed"]


def take_out(registry: Registry, keys: Sequence[str], *, is_purged: bool) -> list[RemovedObject]:
    """Delete objects, in order; tell of each what became of it.

    Args:
        registry: the store is its own.
        keys: of objects that no version refers to any more, or only such as are purged.
        is_purged: whether they are purged.
    """
    cache = Cache.of(registry.settings)
    found: dict[str, RemovedObject] = {}
    there = []
    for key in keys:
        cache.drop(key)
        try:
            if registry.store.head(key) is not None:
                there.append((key, is_purged))
                continue
            found[key] = _removed(registry, key, "absent")
        except EveryskillError as error:
            found[key] = _removed(registry, key, "failed", error)
    for key, outcome, failure in remove_all(registry, there, registry.store.jobs, lambda: True):
        found[key] = _removed(registry, key, outcome, failure)
    return [found[key] for key in keys]


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
    left = [each for each in answer.objects if each.status in ("busy", "failed")]
    if not left:
        return None
    first = left[0]
    why = first.error.message if first.error else "garbage collection is about to delete it."
    others = f" and {len(left) - 1:,} others" if len(left) > 1 else ""
    return PartialFailure(
        f"What the registry says is done, and {first.location}{others} may still be there: {why}",
        "Garbage collection finishes it: everyskill gc --delete --older-than 0",
    )

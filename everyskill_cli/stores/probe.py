"""What ``doctor`` tries on a store: all that a publish needs, with one small object."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from everyskill_cli.errors import EveryskillError, IntegrityFailure
from everyskill_cli.stores.keys import PROBE

if TYPE_CHECKING:
    from everyskill_cli.model import Check
    from everyskill_cli.stores.base import Store

_STEPS = ("store", "store-write", "store-write-once", "store-more")


def check_of(
    name: str, status: Literal["ok", "warning", "failed"], found: str, fix: str = ""
) -> Check:
    """Make one line of the answer; an empty fix is none."""
    from everyskill_cli.model import Check  # stores are opened by many that check nothing

    return Check(name=name, status=status, found=found, fix=fix or None)


def probe(store: Store) -> Iterator[Check]:
    """Yield the checks of a store one by one; the first that fails is the last.

    The object is removed again, whatever happens. A place that does not exist yet is not made.
    """
    done = 0
    try:
        for check in _checks(store, PROBE + os.urandom(8).hex()):
            yield check
            done += 1
    except EveryskillError as error:
        yield check_of(_STEPS[min(done, 3)], "failed", error.message, error.hint)


def _checks(store: Store, key: str) -> Iterator[Check]:
    absent = store._probe_absent()
    if absent is not None:
        yield absent
        return
    owner = store.marker()
    yield check_of("store", "ok", f"{store.url}, {f'registry {owner}' if owner else 'empty'}")
    left: Check | None = None
    try:
        yield from _write_checks(store, key)
        yield from store._probe_more(key)
    finally:
        left = _remove(store, key)
    if left is not None:
        yield left


def _write_checks(store: Store, key: str) -> Iterator[Check]:
    first, second = b"everyskill probe 1\n", b"everyskill probe 2\n"
    store._put(key, first, "text/plain", overwrite=False)
    if store._get(key, len(first) + 1) != first:
        raise IntegrityFailure(
            "The store gave back other bytes than it was given.",
            "Use another store (EVERYSKILL_STORE_URL) until this one is repaired.",
        )
    yield check_of("store-write", "ok", "writable, and reads back what was written")
    store._put(key, second, "text/plain", overwrite=False)
    if store._get(key, len(first) + 1) == first:
        yield check_of("store-write-once", "ok", "refuses to overwrite")
        return
    yield check_of(
        "store-write-once",
        "warning",
        "ignores the no-overwrite condition: digests and read-back keep skills safe, but two"
        " registries might claim this store at the same time",
        "Use a store that honours If-None-Match, as R2, AWS and SeaweedFS do.",
    )


def _remove(store: Store, key: str) -> Check | None:
    """Remove the object; not being able to is a warning, because publishing never deletes."""
    try:
        store._delete(key)
    except EveryskillError:
        found = f"does not let delete, so {store.location(key)} stays"
        return check_of("store-delete", "warning", found, "Remove that object by hand.")
    return None

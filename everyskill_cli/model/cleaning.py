"""Answers of commands that take out what must go: ``gc`` and ``purge``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime

    from everyskill_cli.model.bookkeeping import Tombstone
    from everyskill_cli.model.words import Finding, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Garbage:
    """One thing in the store that nothing needs.

    Attributes:
        kind: ``orphan`` is an object that no version refers to, ``purged`` one that was put again
            though its bytes were purged, ``leftover`` what a killed command left aside.
        status: ``kept`` is in use by now, ``busy`` another collection is about to delete.
        key: its name, relative to the store's root.
        location: where it is, for people: a URL or a path.
        modified: when it was written, by the store's clock.
        error: why it ``failed``; else None.
    """

    kind: Literal["orphan", "purged", "leftover"]
    status: Literal["would-delete", "deleted", "kept", "busy", "failed"]
    key: str
    location: str
    size_bytes: int
    modified: datetime
    error: Problem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GcAnswer:
    """What ``gc`` found, and what it deleted.

    Attributes:
        status: ``unchanged`` where all that was found is in use by now or another collection's,
            ``failed`` where anything could not be deleted.
        older_than: the grace period in seconds.
        objects, objects_bytes: all that the store has.
        garbage, garbage_bytes: what is old enough to go, or went.
        young, young_bytes: orphans and leftovers of the grace period.
        deleted, deleted_bytes: what is gone.
        results: of the garbage the first thousand, in the order in which it was looked at.
    """

    status: Literal["clean", "would-delete", "deleted", "unchanged", "failed"]
    older_than: int
    objects: int
    objects_bytes: int
    garbage: int
    garbage_bytes: int
    young: int
    young_bytes: int
    deleted: int
    deleted_bytes: int
    results: tuple[Garbage, ...]
    warnings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedObject:
    """An object that had to go.

    Attributes:
        status: ``absent`` was gone before, ``kept`` is another version's, ``busy`` a collection is
            about to delete, ``failed`` is still there, ``skipped`` was not begun.
        error: why it ``failed``; else None.
    """

    status: Literal["deleted", "absent", "kept", "busy", "failed", "skipped"]
    key: str
    location: str
    error: Problem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeResult:
    """One version whose bytes were purged.

    Attributes:
        status: ``unchanged`` was purged before.
        published_version, draft_version: of its skill, afterwards.
        previous_version: the number that the published pointer named before.
        reason, created_at: of the event that purged it.
    """

    status: Literal["purged", "unchanged"]
    slug: str
    version: int
    published_version: int | None
    draft_version: int | None
    previous_version: int | None
    reason: str | None
    created_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeAnswer:
    """What ``purge`` did: every version of every skill that held the bytes."""

    status: Literal["purged", "unchanged"]
    content_hash: str
    size_bytes: int
    results: tuple[PurgeResult, ...]
    objects: tuple[RemovedObject, ...]
    warnings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionAnswer:
    """What ``purge --everything`` did.

    Attributes:
        status: ``unchanged`` where the skill was deleted before.
        results: its tombstone.
        versions, ratings, uses: how many rows of each kind went with the skill.
        objects: those of its versions.
    """

    status: Literal["deleted", "unchanged"]
    results: tuple[Tombstone, ...]
    versions: int
    ratings: int
    uses: int
    objects: tuple[RemovedObject, ...]
    warnings: tuple[Finding, ...]

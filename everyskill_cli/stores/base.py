"""The contract of every store, and the checks that no backend can forget.

A backend writes eight small methods; whatever makes a store safe (keys, limits, hashing, read-back,
the marker) is here, in methods that are final.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, final

from everyskill_cli.errors import IntegrityFailure, NotFound, NotReady, Unavailable
from everyskill_cli.stores.keys import CONTENT_KEY, LEFTOVER, PREFIX, digest_of
from everyskill_cli.stores.marker import FORMAT, MARKER, MARKER_MAX, read_marker, write_marker

if TYPE_CHECKING:
    from everyskill_cli.model import Check

OBJECT_MAX: Final = 50 * 1024 * 1024  # bytes; one request each way, never a multipart upload
TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One stored object: its key below the store's root, its size in bytes, when it was written."""

    key: str
    size: int
    modified: datetime


class Store(ABC):
    """Objects that are written once and named by the digest of their bytes.

    Every method may raise Unavailable (no answer, no room: try again), Forbidden (this login may
    not) and NotReady (a setting is wrong). A key that is no content key is an IntegrityFailure:
    keys come from digests and records, so a strange one was never written by this program.
    Objects may be used by many threads at once.

    Attributes:
        url: where it is, without a secret.
        jobs: how many threads make the most of it.
    """

    jobs: int = 4  # of a disk: enough to sync one file while others are written

    def __init__(self, url: str) -> None:
        self.url: Final = url

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:  # noqa: B027 - a folder has nothing to let go
        """Let connections go; the store may be used again and then makes new ones."""

    @final
    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Store bytes under their content key, and return once they were read back and compared.

        An object that is already there is left alone if it is right. A wrong or missing one is
        written again, without the no-overwrite condition, three tries in all; then it is an
        IntegrityFailure. Without the read-back, 9 of 63 injected faults of an S3 service ended in
        an object that was missing or corrupt.
        """
        if len(data) > OBJECT_MAX:
            raise ValueError(f"an object holds at most {OBJECT_MAX} bytes, not {len(data)}")
        if hashlib.sha256(data).hexdigest() != digest_of(key):
            raise IntegrityFailure(f"The bytes to store do not hash to their key {key!r}.")
        for attempt in range(TRIES):
            self._put(key, data, content_type, overwrite=attempt > 0)
            # The second look tells a wrong object from a bad transfer, and so spares an overwrite.
            if any(self._get(key, OBJECT_MAX + 1) == data for _ in range(2)):
                return
        raise IntegrityFailure(
            f"{self.location(key)} was written {TRIES} times and never read back as written.",
            "Nothing was published. Run `everyskill doctor`; do not trust this store until then.",
        )

    @final
    def get(self, key: str) -> bytes:
        """Read an object and verify its digest; absent: NotFound; wrong: IntegrityFailure."""
        return self._verified(key, digest_of(key), lambda: self._get(key, OBJECT_MAX + 1))

    @final
    def get_part(self, key: str, start: int, size: int, sha256: str) -> bytes:
        """Read a part of an object and verify its digest; fails as ``get`` does.

        Nothing is asked for a part of no bytes.

        Args:
            key: of the object.
            start: where the part begins, bytes from the object's first.
            size: of the part, in bytes.
            sha256: of the part, hex, from a record that was made with the object.
        """
        digest_of(key)
        if start < 0 or size < 0 or start + size > OBJECT_MAX:
            raise IntegrityFailure(f"No object has {size} bytes from byte {start} on.")
        return self._verified(
            key, sha256, lambda: self._get_part(key, start, size) if size else b""
        )

    def _verified(self, key: str, digest: str, read: Callable[[], bytes | None]) -> bytes:
        data: bytes | None = None
        for _ in range(2):  # one bad answer is not yet a bad object
            data = read()
            if data is not None and hashlib.sha256(data).hexdigest() == digest:
                return data
        if data is None:
            raise NotFound(f"There is no object at {self.location(key)}.")
        raise IntegrityFailure(
            f"{self.location(key)} does not hold the bytes that were published.",
            "Do not use what it holds, and find out who changed it or which disk failed.",
        )

    @final
    def head(self, key: str) -> int | None:
        """Give an object's size in bytes without reading it; None where there is none."""
        digest_of(key)
        return self._head(key)

    @final
    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Yield the content objects under a prefix (``sha256/``, ``sha256/ab``), sorted by key.

        Whatever else lies in the store (the marker, leftovers, other people's files) is not ours
        to collect and is never listed.
        """
        if not PREFIX.fullmatch(prefix):
            raise ValueError(f"{prefix!r} is no prefix of a content key")
        for found in self._list(prefix):
            if CONTENT_KEY.fullmatch(found.key):
                yield found

    @final
    def delete(self, key: str) -> None:
        """Remove an object; an absent one is a success. For garbage collection and purge only."""
        digest_of(key)
        self._delete(key)

    @final
    def leftovers(self) -> Iterator[ObjectInfo]:
        """Yield what was left aside by writers that were killed, sorted by name: no objects."""
        for found in self._leftovers():
            if LEFTOVER.fullmatch(found.key):
                yield found

    @final
    def discard(self, name: str) -> None:
        """Remove what ``leftovers`` named; an absent one is a success. For garbage collection."""
        if not LEFTOVER.fullmatch(name):
            raise IntegrityFailure(f"{name!r} is nothing that everyskill left behind.")
        self._delete(name)

    @final
    def now(self) -> datetime:
        """Tell the time by the clock that ``modified`` is written by: ages count by one clock."""
        return self._now()

    @final
    def marker(self) -> str | None:
        """Read which registry this store belongs to: its id, or None while it belongs to none.

        A marker of another format is NotReady; one that cannot be read at all is an
        IntegrityFailure, because only whole markers are ever written.
        """
        for _ in range(2):
            data = self._get(MARKER, MARKER_MAX + 1)
            if data is None:
                return None
            version, registry = read_marker(data)
            if version is not None and version != FORMAT:
                raise NotReady(
                    f"{self.location(MARKER)} has format {version}; this program knows {FORMAT}.",
                    "Install a newer everyskill.",
                )
            if registry is not None:
                return registry
        raise IntegrityFailure(
            f"{self.location(MARKER)} is damaged, so nobody can tell whose store this is.",
            "If it is yours, delete that file; the next publish writes it again.",
        )

    @final
    def claim(self, registry_id: str, *, first: bool = True) -> None:
        """Make the store this registry's, or find that it is; another's is NotReady.

        A registry that has versions has claimed its store before (``first`` is False): then one
        without a marker is another place, and writing there would split the registry.

        Of two registries that claim a new store at once, the store's no-overwrite condition lets
        one win; reading the marker back tells the other.
        """
        owner = self.marker()
        if owner is None and not first:
            owner = self.marker()  # one bad answer is not yet an absent marker
            if owner is None:
                raise self.unclaimed()
        for _ in range(TRIES):
            if owner is None:
                self._put(MARKER, write_marker(registry_id), "application/json", overwrite=False)
            if owner != registry_id:  # the marker has no digest, so one bad transfer looks foreign
                owner = self.marker()
        if owner is None:
            raise Unavailable(
                f"{self.location(MARKER)} was written and cannot be read yet.",
                "Run the same command again.",
            )
        if owner != registry_id:
            raise NotReady(
                f"The store {self.url} belongs to another registry ({owner}), not to this one"
                f" ({registry_id}).",
                "Use that registry's database, or give this one a store or prefix of its own"
                " (EVERYSKILL_STORE_URL).",
            )

    @final
    def unclaimed(self) -> NotReady:
        """Say that a registry with versions cannot keep them in a store without its marker."""
        return NotReady(
            f"The registry has versions, and {self.url} is not theirs: there is no {MARKER}.",
            "Check EVERYSKILL_STORE_URL or R2_BUCKET_NAME; a store that was moved is moved whole.",
        )

    @final
    def probe(self) -> tuple[Check, ...]:
        """Try what a publish needs, with one small object that is removed again; for ``doctor``.

        Nothing is raised for a store that fails: the failed check is the last one. A store that
        does not exist yet is not created.
        """
        from everyskill_cli.stores.probe import probe  # imports this module's types

        return tuple(probe(self))

    @abstractmethod
    def location(self, key: str) -> str:
        """Say for people where an object is: a path or a URL."""

    @abstractmethod
    def _put(self, key: str, data: bytes, content_type: str, *, overwrite: bool) -> None:
        """Write an object whole or not at all; one that is there stays, unless ``overwrite``."""

    @abstractmethod
    def _get(self, key: str, limit: int) -> bytes | None:
        """Read at most ``limit`` bytes of an object; None where there is none."""

    @abstractmethod
    def _get_part(self, key: str, start: int, size: int) -> bytes | None:
        """Read ``size`` bytes (1 or more) from ``start`` on, or what there is of them; or None."""

    @abstractmethod
    def _head(self, key: str) -> int | None:
        """Give an object's size in bytes; None where there is none."""

    @abstractmethod
    def _list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield what lies under a prefix, sorted by key; strange names are filtered above."""

    @abstractmethod
    def _delete(self, key: str) -> None:
        """Remove an object; an absent one is a success."""

    @abstractmethod
    def _leftovers(self) -> Iterator[ObjectInfo]:
        """Yield what may have been left aside, sorted by key; strange names are filtered above."""

    def _now(self) -> datetime:
        return datetime.now(UTC)

    def _probe_absent(self) -> Check | None:
        """Give the one check of a place that the first publish makes; None where there is one."""
        return None

    @abstractmethod
    def _probe_more(self, key: str) -> Iterator[Check]:
        """Yield the checks that only this kind of store has; ``key`` exists and goes afterwards."""

"""Objects that were found, a million of them in 50 MB: digests, sizes and dates."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import Final

from everyskill_cli.stores import ObjectInfo, content_key

_ENTRY: Final = Struct("<32s?qq")  # digest, whether its bytes were purged, size, milliseconds
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Pile:
    """Objects in the order in which they were added, and how many bytes they have."""

    def __init__(self) -> None:
        self._entries = bytearray()
        self.size = 0

    def __len__(self) -> int:
        return len(self._entries) // _ENTRY.size

    def __iter__(self) -> Iterator[tuple[ObjectInfo, bool]]:
        """Give each object, and whether its bytes were purged."""
        for start in range(0, len(self._entries), _ENTRY.size):
            digest, is_purged, size, since = _ENTRY.unpack_from(self._entries, start)
            modified = _EPOCH + timedelta(milliseconds=since)
            yield ObjectInfo(content_key(digest.hex()), size, modified), is_purged

    def add(self, found: ObjectInfo, *, is_purged: bool) -> None:
        """Put an object on the pile."""
        digest = bytes.fromhex(found.key.rpartition("/")[2])
        since = (found.modified - _EPOCH) // timedelta(milliseconds=1)
        self._entries += _ENTRY.pack(digest, is_purged, found.size, since)
        self.size += found.size

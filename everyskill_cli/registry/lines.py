"""Read a stream by lines as they come, and hear where nothing comes for a moment."""

from __future__ import annotations

import select
import time
from collections.abc import Iterator
from typing import BinaryIO, Final

CHUNK: Final = 64 * 1024  # bytes; what a pipe holds
PAUSE: Final = 1.0  # seconds


def lines(stream: BinaryIO, longest: int) -> Iterator[bytes | None]:
    """Give each line without its end; None where nothing comes, once in a ``PAUSE`` at most.

    Args:
        stream: gives what is there when it is asked for more, as an unbuffered file does; where
            nobody can look at it without reading, as in memory, there is no None.
        longest: bytes of a line; of a longer one, one more is given and the rest passed by, so
            that it is seen to be longer and never is in memory.
    """
    begun = bytearray()
    for data in _chunks(stream):
        if data is None:
            yield None
            continue
        *ends, rest = data.split(b"\n")
        for end in ends:
            yield bytes(begun + end)[: longest + 1]
            begun.clear()
        begun += rest
        del begun[longest + 1 :]
    if begun:
        yield bytes(begun)


def _chunks(stream: BinaryIO) -> Iterator[bytes | None]:
    due = time.monotonic() + PAUSE
    while True:
        is_quiet = not _comes(stream, max(0.0, due - time.monotonic()))
        if is_quiet:
            yield None
        data = stream.read(CHUNK)  # waits for it
        if is_quiet:
            due = time.monotonic() + PAUSE
        if not data:
            return
        yield data


def _comes(stream: BinaryIO, seconds: float) -> bool:
    """Wait until a read would find something, or the end."""
    try:
        return bool(select.select([stream], [], [], seconds)[0])
    except (OSError, ValueError):  # nothing that the system knows of
        return True

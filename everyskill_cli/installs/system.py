"""What an installer asks of the operating system and Python has no word for."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, Final

from everyskill_cli.errors import Unavailable

HOLD_SECONDS: Final = 30.0  # how long another everyskill in the same place is waited for
_LOOK_AGAIN: Final = 0.05  # seconds
_NOREPLACE: Final = 1  # of renameat2(2)
_EXCHANGE: Final = 2
# What a kernel or a file system says that does not know the flag, or the call.
_UNKNOWN: Final = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP})
_NO_LOCKS: Final = frozenset({errno.ENOLCK, errno.EBADF, errno.ENOTSUP, errno.EOPNOTSUPP})


def exchange(one: str, in_one: int, other: str, in_other: int) -> bool:
    """Let two names change places in one step; False where this system cannot.

    ``RENAME_EXCHANGE`` of renameat2(2), Linux 3.15 and newer on ext4, XFS, Btrfs and tmpfs.

    Args:
        one: a name that exists.
        in_one: descriptor of its folder.
        other: another one, on the same file system.
        in_other: descriptor of that folder.
    """
    return _rename(one, in_one, other, in_other, _EXCHANGE)


def rename_new(name: str, folder: int, new: str, new_folder: int) -> None:
    """Rename to a name that is free; FileExistsError where it is not.

    Where the system cannot promise that in one step it is looked at before.
    """
    if _rename(name, folder, new, new_folder, _NOREPLACE):
        return
    with suppress(FileNotFoundError):
        os.stat(new, dir_fd=new_folder, follow_symlinks=False)
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new)
    os.rename(name, new, src_dir_fd=folder, dst_dir_fd=new_folder)


def take(descriptor: int) -> bool:
    """Take the lock of an open folder for as long as it is open; False where another has it.

    A process that ends, however it ends, loses its locks: so a folder whose lock can be taken has
    nobody at work in it. Where a file system has no locks nobody is kept out.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    return True


@contextmanager
def holding(folder: Path) -> Iterator[None]:
    """Be the only everyskill that changes what is installed in a place.

    Raises:
        Unavailable: another one is at it for longer than somebody waits.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        deadline = time.monotonic() + HOLD_SECONDS
        while not take(descriptor):
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"Another everyskill has been installing in {folder} for"
                    f" {HOLD_SECONDS:.0f} seconds.",
                    "Wait for it, or end it; then run the same command again.",
                )
            time.sleep(_LOOK_AGAIN)
        yield
    finally:
        os.close(descriptor)


def _rename(one: str, in_one: int, other: str, in_other: int, flag: int) -> bool:
    call = _renameat2()
    if call is None:
        return False
    if call(in_one, os.fsencode(one), in_other, os.fsencode(other), flag) == 0:
        return True
    number = ctypes.get_errno()
    if number in _UNKNOWN:
        return False
    raise OSError(number, os.strerror(number), other)


@cache
def _renameat2() -> Any:
    """Find the C library's function; None where there is none (macOS, musl before 1.2.6)."""
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is not None:
        text, number = ctypes.c_char_p, ctypes.c_int
        call.argtypes = (number, text, number, text, ctypes.c_uint)
    return call

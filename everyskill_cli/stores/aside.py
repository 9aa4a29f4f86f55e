"""Files written aside, which get their names in one step: no reader sees a part of one."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from everyskill_cli.stores.keys import STAGING

ROOT: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC

_WRITE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})


def make(name: str, parent: int) -> None:
    """Make a folder, unless there is one."""
    with suppress(FileExistsError):
        os.mkdir(name, dir_fd=parent)
        sync(parent)


def store(data: bytes, name: str, folder: int, *, overwrite: bool) -> None:
    """Write aside, then give the file its name in one step: a reader sees it whole or not."""
    staged = STAGING + os.urandom(8).hex()
    try:
        _write(staged, folder, data)
        if overwrite:
            os.replace(staged, name, src_dir_fd=folder, dst_dir_fd=folder)
        else:
            _link(staged, name, folder)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(staged, dir_fd=folder)


def _write(name: str, folder: int, data: bytes) -> None:
    """Write a new file that is on the disk when this returns."""
    descriptor = os.open(name, _WRITE, 0o644, dir_fd=folder)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _link(staged: str, name: str, folder: int) -> None:
    """Give a finished file its name, unless that name is taken.

    ``link`` is the one call on Linux and macOS that does this atomically (rename overwrites, and
    its no-replace variants differ and are not in Python). Where a file system has no links, the
    caller's look before this must do: contents are equal for equal names, but for the marker.
    """
    with suppress(FileExistsError):
        try:
            os.link(staged, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            os.replace(staged, name, src_dir_fd=folder, dst_dir_fd=folder)


def try_link(name: str, other: str, folder: int) -> bool:
    """Tell whether files of a folder can have second names."""
    try:
        os.link(name, other, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return False
    os.unlink(other, dir_fd=folder)
    return True


def sync(folder: int) -> None:
    """Put a folder's names on the disk, where its file system can do that for folders."""
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise


def sync_path(path: Path) -> None:
    """Put the names of a folder on the disk."""
    descriptor = os.open(path, ROOT)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)

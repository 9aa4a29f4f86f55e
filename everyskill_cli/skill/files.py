"""One file of a skill, read so that nothing can be slipped in while we look.

No link is followed, no device or pipe is waited for, no more bytes are read than the limits
allow, and a file that changes between the first and the last look is refused.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from typing import Final

from everyskill_cli.errors import EveryskillError, InvalidSkill, Unavailable

FILE_MAX: Final = 10 * 1024 * 1024  # bytes of one file
FILES_MAX: Final = 1_000  # files of one skill
BUNDLE_MAX: Final = 50 * 1024 * 1024  # bytes of one bundle, its directory included

# O_NONBLOCK: opening a pipe that nobody writes to would wait for ever.
_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class SkillFile:
    """One file of a skill: its path inside (``/``-separated, NFC), its bytes, the owner's x."""

    path: str
    data: bytes
    executable: bool


def bundled_size(path: str, size: int) -> int:
    """Bytes that a file of this path and size takes in a bundle, its two headers included."""
    name = len(path) if path.isascii() else len(path.encode())
    return 30 + 46 + 2 * name + size


def read_file(name: str, path: str, folder: int | None, budget: int = BUNDLE_MAX) -> SkillFile:
    """Read a regular file.

    Args:
        name: what to open, relative to ``folder``.
        path: what it is called inside the skill, and in messages.
        folder: descriptor of an open folder; None for the working directory.
        budget: bytes that the bundle has left, headers included.

    Raises:
        InvalidSkill: a link or another special file, too large, unreadable, changed meanwhile.
        Unavailable: the disk failed.
    """
    try:
        descriptor = os.open(name, _FLAGS, dir_fd=folder)
    except OSError as error:
        raise unreadable(error, path) from error
    try:
        before = os.fstat(descriptor)
        _check_kind_and_size(before, path, budget)
        data = _read_all(descriptor, before.st_size + 1)
        after = os.fstat(descriptor)
    except OSError as error:
        raise unreadable(error, path) from error
    finally:
        os.close(descriptor)
    if len(data) != before.st_size or _stamp(before) != _stamp(after):
        raise changed(path)
    return SkillFile(path, data, bool(before.st_mode & stat.S_IXUSR))


def unreadable(error: OSError, path: str) -> EveryskillError:
    """Say in our words why the file system refused: what the person can do decides the type."""
    if error.errno in (errno.ELOOP, errno.EMLINK):
        return linked(path)
    if error.errno in (errno.ENXIO, errno.EOPNOTSUPP):
        return special(path)
    if isinstance(error, PermissionError):
        return InvalidSkill(
            f"{path} may not be read by this user.",
            "Give yourself the right to read it (chmod u+r), or name it in .everyskillignore.",
            rule="unreadable-file",
            path=path,
        )
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return changed(path)
    return Unavailable(f"{path} could not be read: {error.strerror}.", "Try again.")


def linked(path: str) -> InvalidSkill:
    """Say that a path is a symbolic link."""
    hint = "Replace it by the file itself, or name it in .everyskillignore."
    if path.endswith("SKILL.md"):
        hint = "Publish the folder of the file that it points to."
    return InvalidSkill(
        f"{path} is a symbolic link, and a skill holds only files.",
        hint,
        rule="symlink",
        path=path,
    )


def special(path: str) -> InvalidSkill:
    """Say that a path is a device, a pipe or a socket."""
    return InvalidSkill(
        f"{path} is a device, a pipe or a socket, and a skill holds only files.",
        "Remove it, or name it in .everyskillignore.",
        rule="special-file",
        path=path,
    )


def changed(path: str) -> InvalidSkill:
    """Say that somebody wrote to a file while we read it."""
    return InvalidSkill(
        f"{path} changed while it was being read.",
        "Wait until nothing writes to it, then try again.",
        rule="changed-while-read",
        path=path,
    )


def _check_kind_and_size(status: os.stat_result, path: str, budget: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise special(path)
    if status.st_size > FILE_MAX:
        raise InvalidSkill(
            f"{path} is larger than {FILE_MAX // 2**20} MiB.",
            "Make it smaller, or let the skill fetch it; .everyskillignore leaves it out.",
            rule="file-too-large",
            path=path,
        )
    if bundled_size(path, status.st_size) > budget:
        raise InvalidSkill(
            f"With {path} the skill is larger than {BUNDLE_MAX // 2**20} MiB.",
            "Leave out what an agent does not need: name it in .everyskillignore.",
            rule="bundle-too-large",
            path=path,
        )


def _read_all(descriptor: int, limit: int) -> bytes:
    data = os.read(descriptor, limit)
    while len(data) < limit - 1:  # a signal may cut a read short
        more = os.read(descriptor, limit - len(data))
        if not more:
            break
        data += more
    return data


def _stamp(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns

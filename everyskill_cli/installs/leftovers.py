"""What a change of a target leaves behind: deleted where it can be had again, kept where not.

A work folder is locked by the process that works in it: one whose lock is free belongs to a
process that ended, and whoever comes next finishes or undoes its work.
"""

from __future__ import annotations

import errno
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from everyskill_cli.errors import Conflict, EveryskillError, Forbidden, Unavailable
from everyskill_cli.installs.folder import FOLDER, look
from everyskill_cli.installs.razing import clear, raze
from everyskill_cli.installs.system import rename_new, take
from everyskill_cli.model import is_slug
from everyskill_cli.skill.files import read_file

KEPT: Final = ".everyskill-kept"
JOURNAL: Final = "journal"
PARTIAL: Final = "partial"
READY: Final = "ready"
OLD: Final = "old"
DOOMED: Final = "doomed"  # being deleted: half of it is no reason to keep the rest
JOURNAL_MAX: Final = 1024 * 1024  # bytes; 2,000 files need 140 kB
PARENT: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_WORK: Final = re.compile(r"\.everyskill-[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Journal:
    """Which bytes of a target that is being changed can be had again.

    Attributes:
        new: digest of what is put in its place; None where it is only taken away.
        old: digest of what stands there, where that is a published version.
        files: SHA-256 of every file of both.
    """

    new: str | None
    old: str | None
    files: tuple[str, ...] = ()

    def to_bytes(self) -> bytes:
        """Give it as it is written down."""
        said = {"new": self.new, "old": self.old, "files": self.files}
        return json.dumps(said).encode()

    @property
    def published(self) -> set[str]:
        """Digests of what can be had again, and may be deleted."""
        return {digest for digest in (self.new, self.old) if digest}


def recover(folder: Path) -> list[tuple[Path, Path]]:
    """Finish or undo what a process left half done in a folder of skills.

    Returns:
        Of somebody's own work that was found: the target, and where it is kept now.
    """
    kept = []
    with border(folder):
        try:
            parent = os.open(folder, PARENT)
        except (FileNotFoundError, NotADirectoryError):
            return []
        try:
            for name in _works(parent):
                kept += [(folder / target, folder / own) for target, own in _revive(parent, name)]
        finally:
            os.close(parent)
    return kept


def dispose(parent: int, work: int, target: str, name: str, journal: Journal) -> Path | None:
    """Delete what was published and can be had again; keep anything else, and give its place.

    Args:
        parent: descriptor of the folder of skills.
        work: descriptor of the target's own work folder.
        target: the target's name.
        name: what it is about: ``READY`` or ``OLD``.
        journal: which bytes can be had again.
    """
    seen = look(name, work)
    if seen.kind == "absent":
        return None
    if seen.is_something and seen.content_hash not in journal.published:
        return _keep(parent, work, name, target)
    clear(work, DOOMED)
    os.rename(name, DOOMED, src_dir_fd=work, dst_dir_fd=work)
    return _finish_off(parent, work, target, journal)


def _finish_off(parent: int, work: int, target: str, journal: Journal) -> Path | None:
    """Delete what is doomed; what somebody has written into it meanwhile is kept.

    What cannot be deleted and was left by programs stays for whoever comes next.
    """
    if raze(DOOMED, work, frozenset(journal.files), work) or not look(DOOMED, work).is_something:
        return None
    return _keep(parent, work, DOOMED, target)


def clear_up(parent: int, work: int, target: str, journal: Journal) -> list[Path]:
    """Leave nothing of a target's work folder; give the places of what is kept."""
    kept = [_finish_off(parent, work, target, journal)]
    kept += [dispose(parent, work, target, name, journal) for name in (READY, OLD)]
    with os.scandir(work) as entries:
        rest = [entry.name for entry in entries if entry.name not in (DOOMED, READY, OLD)]
    clear(work, *rest)
    return [path for path in kept if path is not None]


@contextmanager
def border(path: Path) -> Iterator[None]:
    """Turn what the operating system says about a target into our errors."""
    try:
        yield
    except OSError as error:
        raise _fault(path, error) from error


def _fault(path: Path, error: OSError) -> EveryskillError:
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return Conflict(
            f"{path} cannot be a folder: a file is in its place, or in that of one above it.",
            "Look at what it is, and move it away.",
        )
    kind = Forbidden if isinstance(error, PermissionError) else Unavailable
    return kind(
        f"{path} cannot be read or changed: {error.strerror or error}.",
        "Look at that folder and the ones above it, then run the same command again.",
    )


def is_there(name: str, parent: int, descriptor: int) -> bool:
    """Tell whether an open folder still has its name: nobody removed it before we had its lock."""
    with suppress(FileNotFoundError):
        found = os.stat(name, dir_fd=parent, follow_symlinks=False)
        return os.path.samestat(found, os.fstat(descriptor))
    return False


def _works(parent: int) -> list[str]:
    with os.scandir(parent) as entries:
        return sorted(entry.name for entry in entries if _WORK.fullmatch(entry.name))


def _revive(parent: int, name: str) -> list[tuple[str, str]]:
    """Finish or undo the work of a process that ended; one that is at work is left alone."""
    try:
        work = os.open(name, FOLDER, dir_fd=parent)
    except OSError:  # gone by now, or none of ours
        return []
    try:
        if not take(work) or not is_there(name, parent, work):
            return []
        with os.scandir(work) as entries:
            targets = sorted(entry.name for entry in entries if is_slug(entry.name))
        kept = [(t, own.as_posix()) for t in targets for own in _finish(parent, work, t)]
        with suppress(OSError):  # what could not be deleted stays for the next time
            os.rmdir(name, dir_fd=parent)
        return kept
    finally:
        os.close(work)


def _finish(parent: int, work: int, target: str) -> list[Path]:
    """Finish or undo the change of one target, and give where somebody's own work is kept."""
    try:
        own = os.open(target, FOLDER, dir_fd=work)
    except OSError:  # no folder of ours
        return []
    try:
        journal = _read_journal(own)
        if journal is not None:
            _settle(parent, own, target, journal)
        kept = clear_up(parent, own, target, journal or Journal(None, None))
    finally:
        os.close(own)
    with suppress(OSError):
        os.rmdir(target, dir_fd=work)
    return kept


def _settle(parent: int, own: int, target: str, journal: Journal) -> None:
    """See to it that the target stands again, where the process ended between two renames."""
    if look(target, parent).kind != "absent" or look(OLD, own).kind == "absent":
        return
    if journal.new is None:
        return  # it was to go
    whole = look(READY, own).content_hash == journal.new
    rename_new(READY if whole else OLD, own, target, parent)


def _keep(parent: int, work: int, name: str, target: str) -> Path:
    place, folder = _open_kept(parent)
    try:
        with suppress(OSError):  # nobody wants these in a commit
            ignore = os.open(".gitignore", NEW, 0o666, dir_fd=folder)
            os.write(ignore, b"*\n")
            os.close(ignore)
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        own = f"{target}-{stamp}"
        while True:
            try:
                rename_new(name, work, own, folder)
            except FileExistsError:
                own = f"{target}-{stamp}-{os.urandom(4).hex()}"
            else:
                return Path(place, own)
    finally:
        os.close(folder)


def _open_kept(parent: int) -> tuple[str, int]:
    """Open the folder of what is kept; where something else has its name, one of another name."""
    for place in (KEPT, f"{KEPT}-{os.urandom(4).hex()}"):
        with suppress(FileExistsError):
            os.mkdir(place, dir_fd=parent)
        try:
            return place, os.open(place, FOLDER, dir_fd=parent)
        except OSError as error:
            refused = error
    raise refused


def _read_journal(work: int) -> Journal | None:
    """Read which bytes can be had again; None where nobody got so far as to say so."""
    try:
        said = json.loads(read_file(JOURNAL, JOURNAL, work, JOURNAL_MAX).data)
        journal = Journal(said["new"], said["old"], tuple(said["files"]))
    except (EveryskillError, ValueError, KeyError, TypeError, RecursionError):
        return None
    said_of = (journal.new or "", journal.old or "", *journal.files)
    return journal if all(isinstance(digest, str) for digest in said_of) else None

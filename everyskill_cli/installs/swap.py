"""Putting a skill's folder in its place in one step, so that nobody ever sees half of one.

A work folder beside the target holds what is not yet, or not any more, in its place. It is locked
by the process that works in it: one whose lock is free belongs to a process that ended, and
whoever comes next finishes or undoes its work. What stood in the target is deleted only where it
is what was published; anything else is somebody's work, and kept.

    .claude/skills/
        code-review/                    the target
        .everyskill-0123456789abcdef/   a work folder of one process
            code-review/
                journal                 the digests of what may be deleted
                partial/                being written
                ready/                  complete; after the exchange, what stood in the target
                old/                    what stood in the target
                doomed/                 being deleted
        .everyskill-kept/
            code-review-20261127T081500Z/
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from everyskill_cli.errors import Conflict, EveryskillError
from everyskill_cli.installs.folder import ABSENT, FOLDER, Seen, look
from everyskill_cli.installs.leftovers import (
    JOURNAL,
    NEW,
    OLD,
    PARENT,
    PARTIAL,
    READY,
    Journal,
    border,
    clear_up,
    dispose,
    is_there,
)
from everyskill_cli.installs.razing import clear
from everyskill_cli.installs.system import exchange, rename_new, take
from everyskill_cli.skill import SkillFile

TRIES: Final = 3


@dataclass(slots=True)
class Workshop:
    """A work folder in a folder of skills, ours as long as it is open.

    Attributes:
        folder: of skills.
    """

    folder: Path
    parent: int
    work: int
    _name: str
    _made: list[Path]

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Make a work folder, and the folders above it that are missing."""
        with border(folder):
            made = _make_parents(folder)
            parent = os.open(folder, PARENT)
            try:
                name, work = _make_work(parent)
            except OSError:
                os.close(parent)
                _unmake(made)
                raise
            return cls(folder, parent, work, name, made)

    def begin(self, target: str, journal: Journal) -> Work:
        """Begin the change of one target."""
        with border(self.folder / target):
            self._require_movable(target)
            os.mkdir(target, 0o700, dir_fd=self.work)
            try:
                _write(self.work, f"{target}/{JOURNAL}", journal.to_bytes(), 0o600)
            except OSError:
                clear(self.work, target)
                raise
        return Work(self, target, journal)

    def _require_movable(self, target: str) -> None:
        """Find that what stands in the target's place may be moved, before anything is."""
        with suppress(FileNotFoundError):
            found = os.stat(target, dir_fd=self.parent, follow_symlinks=False)
            is_folder = stat.S_ISDIR(found.st_mode)  # its entry for the folder above changes
            if is_folder and not os.access(target, os.W_OK, dir_fd=self.parent):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    def close(self, *, undo: bool = False) -> None:
        """Remove the work folder; ``undo`` also the folders that were made for it."""
        with suppress(OSError):  # what could not be removed is removed by whoever comes next
            os.rmdir(self._name, dir_fd=self.parent)
        for descriptor in (self.work, self.parent):
            os.close(descriptor)
        if undo:
            _unmake(self._made)


class Workshops:
    """The work folders of one command, one in each folder of skills that it changes."""

    def __init__(self) -> None:
        self._open: dict[Path, Workshop] = {}
        self._works: list[Work] = []

    def begin(self, path: Path, journal: Journal) -> Work:
        """Begin the change of a target."""
        if path.parent not in self._open:
            self._open[path.parent] = Workshop.open(path.parent)
        work = self._open[path.parent].begin(path.name, journal)
        self._works.append(work)
        return work

    def close(self, *, undo: bool = False) -> list[tuple[Path, Path]]:
        """Remove what is left of all work; ``undo`` also the folders that were made for it.

        Returns:
            Of somebody's own work that was found: the target, and where it is kept now.
        """
        kept = [(work.path, place) for work in self._works for place in work.close()]
        for shop in reversed(self._open.values()):  # the first has made folders that others are in
            shop.close(undo=undo)
        return kept


@dataclass(frozen=True, slots=True)
class Work:
    """A change of one target that is being made ready, and then happens in one step."""

    shop: Workshop
    target: str
    journal: Journal

    @property
    def path(self) -> Path:
        """The target."""
        return self.shop.folder / self.target

    def stage(self, files: Iterable[SkillFile]) -> None:
        """Write the files, whose paths and contents were verified, and call them ready."""
        with self._inside() as own:
            os.mkdir(PARTIAL, dir_fd=own)
            folders = {PARTIAL}
            for file in files:
                path = f"{PARTIAL}/{file.path}"
                _make_folders(own, path.rpartition("/")[0], folders)
                _write(own, path, file.data, 0o777 if file.executable else 0o666)
            os.rename(PARTIAL, READY, src_dir_fd=own, dst_dir_fd=own)

    def put(self, seen: Seen) -> Path | None:
        """Put what is ready in its place, and give where somebody's own work is kept.

        Args:
            seen: what stood there when it was looked at.

        Raises:
            Conflict: something stands there now and nothing did.
        """
        with self._inside() as own:
            if seen.kind == "absent":
                self._put_first(own)
                return None
            if exchange(READY, own, self.target, self.shop.parent):
                os.rename(READY, OLD, src_dir_fd=own, dst_dir_fd=own)
            else:
                self._take_out(own)
                rename_new(READY, own, self.target, self.shop.parent)
            return self._dispose(own, OLD)

    def remove(self) -> Path | None:
        """Take the target away in one step, and give where somebody's own work is kept."""
        with self._inside() as own:
            self._take_out(own)
            return self._dispose(own, OLD)

    def close(self) -> list[Path]:
        """Remove what is left of the work, and give where somebody's own work is kept.

        What cannot be removed now is removed by whoever installs here next.
        """
        kept: list[Path] = []
        with suppress(EveryskillError, OSError):
            with self._inside() as own:
                kept = clear_up(self.shop.parent, own, self.target, self.journal)
            os.rmdir(self.target, dir_fd=self.shop.work)
        return [self.shop.folder / path for path in kept]

    @contextmanager
    def _inside(self) -> Iterator[int]:
        """Open the target's own work folder, for as long as it takes: there may be thousands."""
        with border(self.path):
            own = os.open(self.target, FOLDER, dir_fd=self.shop.work)
            try:
                yield own
            finally:
                os.close(own)

    def _dispose(self, own: int, name: str) -> Path | None:
        kept = dispose(self.shop.parent, own, self.target, name, self.journal)
        return None if kept is None else self.shop.folder / kept

    def _put_first(self, own: int) -> None:
        try:
            rename_new(READY, own, self.target, self.shop.parent)
        except FileExistsError as error:
            raise Conflict(
                f"{self.path} was made by somebody else in this moment.",
                "Look at it, then run the same command again.",
            ) from error

    def _take_out(self, own: int) -> None:
        os.rename(self.target, OLD, src_dir_fd=self.shop.parent, dst_dir_fd=own)


def look_at(path: Path) -> Seen:
    """Look at what lies in a target's place."""
    with border(path):
        try:
            parent = os.open(path.parent, PARENT)
        except (FileNotFoundError, NotADirectoryError):
            return ABSENT
        try:
            return look(path.name, parent)
        finally:
            os.close(parent)


def _make_folders(work: int, path: str, made: set[str]) -> None:
    if path not in made:
        _make_folders(work, path.rpartition("/")[0], made)
        os.mkdir(path, dir_fd=work)
        made.add(path)


def _write(work: int, path: str, data: bytes, mode: int) -> None:
    descriptor = os.open(path, NEW, mode, dir_fd=work)
    try:
        if mode & 0o100 and not os.fstat(descriptor).st_mode & 0o100:
            os.fchmod(descriptor, 0o700)  # a umask may close files to others, not to agents
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    finally:
        os.close(descriptor)


def _make_parents(folder: Path) -> list[Path]:
    missing = []
    for path in (folder, *folder.parents):
        if path.is_dir():
            break
        missing.append(path)
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
    return missing[::-1]


def _unmake(folders: list[Path]) -> None:
    for folder in reversed(folders):
        with suppress(OSError):  # somebody else has put something there
            folder.rmdir()


def _make_work(parent: int) -> tuple[str, int]:
    """Make a work folder and take its lock; one that a recovery took first is made again."""
    for _ in range(TRIES):
        name = f".everyskill-{os.urandom(8).hex()}"
        os.mkdir(name, 0o700, dir_fd=parent)
        with suppress(FileNotFoundError):
            folder = os.open(name, FOLDER, dir_fd=parent)
            if take(folder) and is_there(name, parent, folder):
                return name, folder
            os.close(folder)
    raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

"""Putting a skill's folder in its place in one step, so that nobody ever sees half of one.

A work folder beside the target holds what is not yet, or not any more, in its place. It is locked
by the process that works in it: one whose lock is free belongs to a process that ended, and
whoever comes next finishes or undoes its work. What stood in the target is deleted only where it
is what was published; anything else is somebody's work, and kept.

    .claude/skills/
        code-review/                    the target
        .everyskill-0123456789abcdef/   a work folder
            journal                     the target's name, and which digests may be deleted
            partial/                    being written
            ready/                      complete; after the exchange, what stood in the target
            old/                        what stood in the target
            doomed/                     being deleted
        .everyskill-kept/
            code-review-20261127T081500Z/
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from everyskill_cli.errors import Conflict
from everyskill_cli.installs.folder import ABSENT, FOLDER, Seen, look
from everyskill_cli.installs.leftovers import (
    DOOMED,
    JOURNAL,
    NEW,
    OLD,
    PARENT,
    PARTIAL,
    READY,
    Journal,
    border,
    clear,
    dispose,
    is_there,
)
from everyskill_cli.installs.system import exchange, rename_new, take
from everyskill_cli.skill import SkillFile

TRIES: Final = 3


@dataclass(slots=True)
class Work:
    """A change of one target that is being made ready, and then happens in one step."""

    path: Path
    journal: Journal
    _parent: int
    _name: str
    _folder: int
    _made: list[Path] = field(default_factory=list)

    @classmethod
    def begin(cls, path: Path, journal: Journal) -> Self:
        """Make a work folder beside a target, and the folders above it that are missing."""
        with border(path):
            made = _make_parents(path.parent)
            parent = os.open(path.parent, PARENT)
            name, folder = _make_work(parent)
            work = cls(path, journal, parent, name, folder, made)
            work._write(JOURNAL, journal.to_bytes(), 0o600)
            return work

    def stage(self, files: Iterable[SkillFile]) -> None:
        """Write the files, whose paths and contents were verified, and call them ready."""
        with border(self.path):
            os.mkdir(PARTIAL, dir_fd=self._folder)
            folders = {PARTIAL}
            for file in files:
                path = f"{PARTIAL}/{file.path}"
                self._make_folders(path.rpartition("/")[0], folders)
                self._write(path, file.data, 0o777 if file.executable else 0o666)
            os.rename(PARTIAL, READY, src_dir_fd=self._folder, dst_dir_fd=self._folder)

    def put(self, seen: Seen) -> Path | None:
        """Put what is ready in its place, and give where somebody's own work is kept.

        Args:
            seen: what stood there when it was looked at.

        Raises:
            Conflict: something stands there now and nothing did.
        """
        with border(self.path):
            if seen.kind == "absent":
                self._put_first()
                return None
            if exchange(READY, self._folder, self.path.name, self._parent):
                os.rename(READY, OLD, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            else:
                self._take_out()
                rename_new(READY, self._folder, self.path.name, self._parent)
            return self._dispose(OLD)

    def remove(self) -> Path | None:
        """Take the target away in one step, and give where somebody's own work is kept."""
        with border(self.path):
            self._take_out()
            return self._dispose(OLD)

    def close(self, *, undo: bool = False) -> None:
        """Remove the work folder; ``undo`` also the folders that were made for the target.

        What cannot be removed now is removed by whoever installs here next.
        """
        with suppress(OSError):
            self._dispose(READY)
            self._dispose(OLD)
            clear(self._folder, PARTIAL, DOOMED, JOURNAL)
            os.rmdir(self._name, dir_fd=self._parent)
        for descriptor in (self._folder, self._parent):
            os.close(descriptor)
        for folder in reversed(self._made) if undo else ():
            with suppress(OSError):  # somebody else has put something there
                folder.rmdir()

    def _dispose(self, name: str) -> Path | None:
        kept = dispose(self._parent, self._folder, name, self.journal)
        return None if kept is None else self.path.parent / kept

    def _put_first(self) -> None:
        try:
            rename_new(READY, self._folder, self.path.name, self._parent)
        except FileExistsError as error:
            raise Conflict(
                f"{self.path} was made by somebody else in this moment.",
                "Look at it, then run the same command again.",
            ) from error

    def _take_out(self) -> None:
        os.rename(self.path.name, OLD, src_dir_fd=self._parent, dst_dir_fd=self._folder)

    def _make_folders(self, path: str, made: set[str]) -> None:
        if path not in made:
            self._make_folders(path.rpartition("/")[0], made)
            os.mkdir(path, dir_fd=self._folder)
            made.add(path)

    def _write(self, path: str, data: bytes, mode: int) -> None:
        descriptor = os.open(path, NEW, mode, dir_fd=self._folder)
        try:
            if mode & 0o100 and not os.fstat(descriptor).st_mode & 0o100:
                os.fchmod(descriptor, 0o700)  # a umask may close files to others, not to agents
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        finally:
            os.close(descriptor)


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


def _make_parents(folder: Path) -> list[Path]:
    missing = []
    for path in (folder, *folder.parents):
        if path.is_dir():
            break
        missing.append(path)
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
    return missing[::-1]


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
    raise BlockingIOError

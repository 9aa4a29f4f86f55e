"""A skill's folder as it lies there now: what is in it, and whether those are published bytes.

Nothing is followed and nothing is left out, but for what programs put beside a skill's files when
an agent runs them; an ignore file in the folder hides no edit.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal

from everyskill_cli.bundle import content_hash_of, manifest
from everyskill_cli.errors import InvalidSkill
from everyskill_cli.model import FileEntry
from everyskill_cli.skill import SkillFile
from everyskill_cli.skill.files import BUNDLE_MAX, FILES_MAX, bundled_size, read_file
from everyskill_cli.skill.ignore import is_residue
from everyskill_cli.skill.paths import DEPTH_MAX, as_text

FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
ENTRIES_MAX: Final = 10_000  # names looked at before a folder is taken for something else


@dataclass(frozen=True)
class Seen:
    """What lies under a name.

    Attributes:
        kind: ``other`` is a file, a link or anything else that is no folder.
        files: sorted by path.
        strange: paths in it that no skill has: links, devices, files too large or unreadable.
        content_hash: of the object that would hold these files; None where none does.
        has_residue: whether programs left anything in it that is none of the skill's.
        is_cut: whether there is so much in it that nobody looked at the rest.
    """

    kind: Literal["absent", "folder", "other"]
    files: tuple[FileEntry, ...] = ()
    strange: tuple[str, ...] = ()
    content_hash: str | None = None
    has_residue: bool = False
    is_cut: bool = False

    @property
    def is_something(self) -> bool:
        """Whether anything stands there that could be lost; an empty folder is nothing."""
        return self.kind == "other" or bool(self.files or self.strange)


ABSENT: Final = Seen("absent")


def look(name: str, parent: int) -> Seen:
    """Look at what lies under a name in an open folder.

    Raises:
        OSError: it cannot be read at all.
        Unavailable: the disk failed.
    """
    try:
        found = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return ABSENT
    if not stat.S_ISDIR(found.st_mode):
        return Seen("other")
    walk = _Walk()
    descriptor = os.open(name, FOLDER, dir_fd=parent)
    try:
        walk.enter(descriptor, "")
    finally:
        os.close(descriptor)
    return walk.seen


@dataclass
class _Walk:
    """A walk through a folder that stops where no skill can be any more."""

    _files: list[SkillFile] = field(default_factory=list)
    _strange: list[str] = field(default_factory=list)
    _looked_at: int = 0
    _has_residue: bool = False
    _is_cut: bool = False
    _left: int = BUNDLE_MAX

    @cached_property
    def seen(self) -> Seen:
        files = tuple(sorted(self._files, key=lambda file: file.path))
        digest = None if self._strange else content_hash_of(files)
        strange = tuple(sorted(self._strange))
        found = manifest(files)
        return Seen("folder", found, strange, digest, self._has_residue, self._is_cut)

    def enter(self, folder: int, prefix: str) -> None:
        with os.scandir(folder) as entries:
            for entry in entries:
                self._looked_at += 1
                if self._looked_at > ENTRIES_MAX:
                    self._strange += [] if self._is_cut else ["…"]
                    self._is_cut = True
                    return
                if is_residue(entry.name):
                    self._has_residue = True
                else:
                    self._take(entry, folder, prefix)

    def _take(self, entry: os.DirEntry[str], folder: int, prefix: str) -> None:
        path = prefix + as_text(entry.name)
        if entry.is_dir(follow_symlinks=False) and path.count("/") < DEPTH_MAX:
            self._descend(entry.name, folder, path)
        elif entry.is_file(follow_symlinks=False) and len(self._files) < FILES_MAX:
            self._read(entry.name, folder, path)
        else:
            self._strange.append(path)

    def _descend(self, name: str, folder: int, path: str) -> None:
        try:
            descriptor = os.open(name, FOLDER, dir_fd=folder)
        except OSError:
            self._strange.append(path)
            return
        try:
            self.enter(descriptor, path + "/")
        finally:
            os.close(descriptor)

    def _read(self, name: str, folder: int, path: str) -> None:
        try:
            file = read_file(name, path, folder, self._left)
        except InvalidSkill:  # too large, unreadable, or written to at the moment
            self._strange.append(path)
            return
        self._left -= bundled_size(path, len(file.data))
        self._files.append(file)

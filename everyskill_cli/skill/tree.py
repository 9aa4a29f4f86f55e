"""A folder as a list of files: walked without following a link, and stopped early.

Every folder is opened by its name inside its open parent, never by a path, so that nobody can
swap a folder for a link behind our back. The limits are checked while walking: a folder of
100,000 files is left after the first 1,001.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Final

from everyskill_cli.errors import InvalidSkill
from everyskill_cli.skill.files import (
    BUNDLE_MAX,
    FILES_MAX,
    SkillFile,
    bundled_size,
    linked,
    read_file,
    special,
    unreadable,
)
from everyskill_cli.skill.ignore import IGNORE_FILE, IgnoreRules, left_out_by_default
from everyskill_cli.skill.nearby import hint_without_skill_md
from everyskill_cli.skill.paths import PathSet, as_text, check_length, check_name

MAIN_FILE: Final = "SKILL.md"
ENTRIES_MAX: Final = 10_000  # names looked at, those left out included
END_SIZE: Final = 22  # bytes of a bundle's last record

_FOLDER_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Tree:
    """What a folder holds: files sorted by path, and the paths that were left out."""

    files: tuple[SkillFile, ...]
    omitted: tuple[str, ...]


def read_tree(folder: str) -> Tree:
    """Read a skill folder; a link is followed only where ``folder`` itself, as typed, is one.

    Raises:
        InvalidSkill: a safety rule is broken (docs/bundles.md), or there is no SKILL.md.
        Unavailable: the disk failed.
    """
    try:
        descriptor = os.open(folder, _FOLDER_FLAGS)
    except OSError as error:
        raise unreadable(error, as_text(folder)) from error
    try:
        walk = _Walk()
        walk.root(descriptor, folder)
    finally:
        os.close(descriptor)
    # By code point, which is the order of the UTF-8 bytes as well.
    files = sorted(walk.files, key=lambda file: file.path)
    return Tree(tuple(files), tuple(sorted(walk.omitted)))


@dataclass(slots=True)
class _Walk:
    files: list[SkillFile] = field(default_factory=list)
    omitted: list[str] = field(default_factory=list)
    _paths: PathSet = field(default_factory=PathSet)
    _rules: IgnoreRules | None = None
    _seen: int = 0
    _left: int = BUNDLE_MAX - END_SIZE

    def root(self, descriptor: int, folder: str) -> None:
        entries = self._entries(descriptor, folder)
        names = {entry.name for entry in entries}
        if MAIN_FILE not in names:
            raise _without_skill_md(folder, names)
        if IGNORE_FILE in names:
            self._rules = IgnoreRules.read(descriptor)
        self._take(entries, descriptor, "")
        if not any(file.path == MAIN_FILE for file in self.files):
            raise InvalidSkill(
                f"{MAIN_FILE} is left out by {IGNORE_FILE}, or is a folder.",
                f"A skill needs a file {MAIN_FILE} at its top.",
                rule="missing-skill-md",
                path=MAIN_FILE,
            )

    def _entries(self, descriptor: int, path: str) -> list[os.DirEntry[str]]:
        entries = []
        try:
            with os.scandir(descriptor) as listing:
                for entry in listing:
                    entries.append(entry)
                    self._seen += 1
                    if self._seen > ENTRIES_MAX:
                        raise _too_many(
                            f"more than {ENTRIES_MAX:,} names, left out or not",
                            "Move what is no part of the skill to another folder.",
                        )
        except OSError as error:
            raise unreadable(error, path) from error
        entries.sort(key=lambda entry: entry.name)
        return entries

    def _take(self, entries: list[os.DirEntry[str]], descriptor: int, prefix: str) -> None:
        for entry in entries:
            path = prefix + as_text(entry.name)
            is_folder = _is_folder(entry, path)
            if self._is_left_out(entry.name, path, is_folder):
                self.omitted.append(path + "/" if is_folder else path)
                continue
            _check_entry(entry, path)
            if is_folder:
                self._descend(entry.name, descriptor, path)
            else:
                self._add(entry.name, descriptor, path)

    def _is_left_out(self, name: str, path: str, is_folder: bool) -> bool:
        if left_out_by_default(name):
            return True
        return self._rules is not None and self._rules.names(path, folder=is_folder)

    def _descend(self, name: str, parent: int, path: str) -> None:
        check_length(path + "/x")  # before opening: deep trees must not use up the descriptors
        try:
            descriptor = os.open(name, _FOLDER_FLAGS | os.O_NOFOLLOW, dir_fd=parent)
        except OSError as error:
            raise unreadable(error, path) from error
        try:
            self._take(self._entries(descriptor, path), descriptor, path + "/")
        finally:
            os.close(descriptor)

    def _add(self, name: str, descriptor: int, path: str) -> None:
        if len(self.files) == FILES_MAX:
            raise _too_many(
                f"more than {FILES_MAX:,} files",
                "Leave out what an agent does not need: name it in .everyskillignore.",
            )
        check_length(path)
        self._paths.add(path)
        file = read_file(name, path, descriptor, self._left)
        self._left -= bundled_size(path, len(file.data))
        self.files.append(file)


def _is_folder(entry: os.DirEntry[str], path: str) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError as error:  # only where the file system does not tell kinds in its listing
        raise unreadable(error, path) from error


def _check_entry(entry: os.DirEntry[str], path: str) -> None:
    name = entry.name
    if not name.isascii():
        try:
            name = os.fsencode(name).decode()
        except UnicodeDecodeError as error:
            raise InvalidSkill(
                f"{path} has a name that is not UTF-8.",
                "Rename it and try again.",
                rule="name-not-utf8",
                path=path,
            ) from error
    check_name(name, path)
    if entry.is_symlink():
        raise linked(path)
    # Asked before opening, because opening a device can do things: tapes rewind.
    if not (entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False)):
        raise special(path)


def _too_many(what: str, hint: str) -> InvalidSkill:
    return InvalidSkill(
        f"The folder holds {what}.",
        hint,
        rule="too-many-files",
    )


def _without_skill_md(folder: str, names: set[str]) -> InvalidSkill:
    kept = sorted(name for name in names if not left_out_by_default(name))
    if not kept:
        return InvalidSkill(
            f"{as_text(folder)} is empty: there is nothing to publish.",
            f"A skill needs a file {MAIN_FILE} at its top.",
            rule="empty-folder",
        )
    return InvalidSkill(
        f"{as_text(folder)} has no {MAIN_FILE} at its top.",
        hint_without_skill_md(folder, kept),
        rule="missing-skill-md",
    )

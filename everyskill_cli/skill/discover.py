"""Which skills lie at the paths that somebody typed: files, skill folders, and trees of them.

A tree is walked down to the first SKILL.md of each branch; what lies below it belongs to that
skill. Links are not followed, so the walk ends and stays where it was sent.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from everyskill_cli.errors import InvalidSkill, UsageError
from everyskill_cli.model import Finding
from everyskill_cli.skill.ignore import IGNORE_FILE, IgnoreRules, left_out_by_default
from everyskill_cli.skill.paths import as_text
from everyskill_cli.skill.tree import MAIN_FILE

DEPTH_MAX: Final = 64  # folders between the one that was typed and a skill

_ENVIRONMENT: Final = "pyvenv.cfg"  # of a Python environment: its packages bring their own skills


@dataclass(frozen=True, slots=True)
class Discovery:
    """What was found.

    Attributes:
        sources: one path for each skill, in the order of what was typed and then by name; a path
            with no skill at all stands for itself, so that reading it says why.
        is_tree: whether a folder was walked, which makes of any number of skills a batch.
        warnings: what looks like a skill and was passed by.
    """

    sources: tuple[Path, ...]
    is_tree: bool
    warnings: tuple[Finding, ...]


def discover(paths: Iterable[Path], exclude: Iterable[str] = ()) -> Discovery:
    """Find the skills at some paths, each once.

    Args:
        paths: files, skill folders, and folders with skills somewhere below them.
        exclude: patterns in gitignore's syntax for what is passed by; they see a path as it was
            typed and as it is called from the folder that was typed.

    Raises:
        UsageError: a pattern cannot be read, or leaves nothing.
    """
    walk = _Walk(_Exclusion(exclude))
    for path in paths:
        walk.start(path)
    if not walk.sources:
        raise UsageError("--exclude leaves nothing to do.", "Exclude less, or name other paths.")
    return Discovery(tuple(walk.sources.values()), walk.is_tree, tuple(walk.warnings))


class _Exclusion:
    """What ``--exclude`` passes by."""

    def __init__(self, patterns: Iterable[str]) -> None:
        lines = [pattern for pattern in patterns if pattern]
        self._rules: IgnoreRules | None = None
        if lines:
            with _as_usage():
                self._rules = IgnoreRules("\n".join(lines), "--exclude")

    def names(self, typed: str, inside: str) -> bool:
        """Tell whether a path is passed by: as it was typed, or from the folder that was typed."""
        if self._rules is None:
            return False
        seen = (os.path.normpath(typed).lstrip("/"), inside)
        with _as_usage():
            return any(self._rules.names(path, folder=True) for path in seen if path.strip("."))


@contextmanager
def _as_usage() -> Iterator[None]:
    try:
        yield
    except InvalidSkill as error:
        raise UsageError(error.message, error.hint) from error


@dataclass(slots=True)
class _Walk:
    exclude: _Exclusion
    sources: dict[str, Path] = field(default_factory=dict)  # by absolute path, each once
    warnings: list[Finding] = field(default_factory=list)
    is_tree: bool = False
    _has_excluded: bool = False  # below the path that was typed last

    def start(self, path: Path) -> None:
        """Take one path that was typed."""
        if self.exclude.names(as_text(path), ""):
            return
        names = _names(path)
        if names is None or MAIN_FILE in names:
            self._take(path)
            return
        self._has_excluded = False
        skills = list(self._below(path, names, "", ()))
        for skill in skills:
            self._take(skill)
        if skills:
            self.is_tree = True
        elif not self._has_excluded:  # nothing there: reading it says what a skill would need
            self._take(path)

    def _take(self, path: Path) -> None:
        self.sources.setdefault(os.path.abspath(path), path)  # noqa: PTH100 - resolve follows links

    def _below(
        self,
        folder: Path,
        names: dict[str, os.DirEntry[str]],
        inside: str,
        ignored: tuple[tuple[str, IgnoreRules], ...],
    ) -> Iterator[Path]:
        """Yield the skills below a folder that is none itself.

        Args:
            folder: as it is opened and shown.
            names: what is in it.
            inside: its path from the one that was typed, with a slash at its end; empty for that.
            ignored: the ignore files on the way down, each with the path that it speaks from.
        """
        if _ENVIRONMENT in names:
            return
        if IGNORE_FILE in names:
            ignored = (*ignored, (inside, _read_rules(folder)))
        for name in sorted(names):
            path = inside + as_text(name)
            if not (left_out_by_default(name) or self._is_ignored(path, ignored)):
                yield from self._look(names[name], folder / name, path, ignored)

    def _look(
        self,
        entry: os.DirEntry[str],
        place: Path,
        path: str,
        ignored: tuple[tuple[str, IgnoreRules], ...],
    ) -> Iterator[Path]:
        """Yield the skills at one name of a folder that is none itself."""
        if entry.is_symlink():
            self._pass_by_link(place)
        elif entry.is_dir(follow_symlinks=False):
            if self.exclude.names(as_text(place), path):
                self._has_excluded = True
            else:
                yield from self._enter(place, path + "/", ignored)
        elif entry.name.casefold() == MAIN_FILE.casefold():
            self._pass_by(place, "skill-md-case", f"{as_text(place)} is not named {MAIN_FILE}.")

    def _enter(
        self, folder: Path, inside: str, ignored: tuple[tuple[str, IgnoreRules], ...]
    ) -> Iterator[Path]:
        if os.path.lexists(os.path.join(folder, MAIN_FILE)):  # noqa: PTH118 - 2,000 of them
            yield folder
            return
        names = _names(folder)
        if names is None:  # reading it says why it may not be listed
            yield folder
        elif inside.count("/") > DEPTH_MAX:
            self._pass_by(
                folder, "too-deep", f"{as_text(folder)} is over {DEPTH_MAX} folders deep."
            )
        else:
            yield from self._below(folder, names, inside, ignored)

    @staticmethod
    def _is_ignored(path: str, ignored: tuple[tuple[str, IgnoreRules], ...]) -> bool:
        return any(
            rules.names(path.removeprefix(beginning), folder=True) for beginning, rules in ignored
        )

    def _pass_by_link(self, place: Path) -> None:
        if os.path.exists(place / MAIN_FILE):  # noqa: PTH110 - False where one may not look
            self._pass_by(place, "link-passed-by", f"{as_text(place)} is a link to a skill.")

    def _pass_by(self, place: Path, rule: str, what: str) -> None:
        self.warnings.append(Finding(rule, f"{what} It was passed by.", source=as_text(place)))


def _names(folder: Path) -> dict[str, os.DirEntry[str]] | None:
    """List a folder; None for what is none, or cannot be listed."""
    try:
        with os.scandir(folder) as listing:
            return {entry.name: entry for entry in listing}
    except (OSError, ValueError):
        return None


def _read_rules(folder: Path) -> IgnoreRules:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return IgnoreRules.read(descriptor, as_text(folder / IGNORE_FILE))
    finally:
        os.close(descriptor)

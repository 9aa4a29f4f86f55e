"""What is left out of a skill: what no agent needs, and what .everyskillignore names."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Final

from everyskill_cli.errors import InvalidSkill
from everyskill_cli.skill.files import read_file

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

IGNORE_FILE: Final = ".everyskillignore"
IGNORE_MAX: Final = 16 * 1024  # bytes
LINES_MAX: Final = 200
WILDCARDS_MAX: Final = 2  # of a pattern; each more costs a factor of 255 in the worst case
SECONDS_MAX: Final = 1.0  # CPU time for all names together

_RESIDUE: Final = frozenset({"__pycache__", "node_modules", ".DS_Store"})
_ALWAYS: Final = _RESIDUE | {".git", ".clawhub", IGNORE_FILE}
_STARS: Final = re.compile(r"\*+")
_ANY_FOLDERS: Final = re.compile(r"(?:^|/)\*\*(?=/|$)")


def left_out_by_default(name: str) -> bool:
    """Tell whether a name is left out of every skill, whatever kind of thing has it."""
    return name in _ALWAYS or name.endswith(".pyc")


def is_residue(name: str) -> bool:
    """Tell whether programs leave a thing of this name behind, and make it again by themselves."""
    return name in _RESIDUE or name.endswith(".pyc")


class IgnoreRules:
    """The patterns of one ``.everyskillignore``, in gitignore's syntax and meaning.

    A stranger's patterns must not hold a machine up: pathspec makes backtracking regular
    expressions of them (``*a*a*a*ab`` takes 1.5 s for one name of 255 bytes, ``*a*ab`` 0.4 ms),
    so the wildcards in a pattern, the patterns, and the time for all names are limited.
    """

    def __init__(self, text: str, name: str = IGNORE_FILE) -> None:
        lines = text.splitlines()
        self._name = name  # of the file, as messages say it
        if len(lines) > LINES_MAX:
            raise _invalid(name, f"has more than {LINES_MAX:,} lines")
        for number, line in enumerate(lines, 1):
            if not line.startswith("#"):
                _check_wildcards(name, line, number)
        self._spec = _compile(name, lines)
        self._seconds = 0.0

    @classmethod
    def read(cls, folder: int, name: str = IGNORE_FILE) -> IgnoreRules:
        """Read the file from an open folder; a link or another encoding than UTF-8 is refused."""
        data = read_file(IGNORE_FILE, name, folder).data
        if len(data) > IGNORE_MAX:
            raise _invalid(name, f"is larger than {IGNORE_MAX // 1024} KiB")
        try:
            return cls(data.decode("utf-8-sig"), name)
        except UnicodeDecodeError as error:
            raise _invalid(name, "is not UTF-8") from error

    def names(self, path: str, *, folder: bool) -> bool:
        """Tell whether the patterns leave a path out; nothing below a folder is asked then."""
        start = time.thread_time()
        matched = self._names_folder(path + "/") if folder else self._spec.match_file(path)
        self._seconds += time.thread_time() - start
        if self._seconds > SECONDS_MAX:
            what = f"takes more than {SECONDS_MAX:g} s for the names of this folder"
            raise _invalid(self._name, what)
        return bool(matched)

    def _names_folder(self, path: str) -> bool:
        """Let the last pattern that matches a folder decide, as git does.

        pathspec takes a folder's own slash for the beginning of what is below it, and so does not
        hear ``!b`` behind ``*``. Folders above need no look: they were asked before.
        """
        for pattern in reversed(list(self._spec.patterns)):
            found = pattern.match_file(path) if pattern.include is not None else None
            if found is not None and _is_about(found.match, path):
                return bool(pattern.include)
        return False


def _is_about(match: re.Match[str], path: str) -> bool:
    """Tell whether a pattern matched this very folder, and not one above it.

    pathspec marks the slash behind which everything is below what a pattern names.
    """
    if match.re.groupindex.get("ps_d") is None or match["ps_d"] is None:
        return True
    return match.start("ps_d") == len(path) - 1


def _compile(name: str, lines: list[str]) -> GitIgnoreSpec:
    import pathspec  # 20 ms that only a skill with such a file needs

    try:
        return pathspec.GitIgnoreSpec.from_lines(lines)
    except (ValueError, re.error) as error:
        what = f"holds a pattern that git would not understand ({error})"
        raise _invalid(name, what) from error


def _check_wildcards(name: str, line: str, number: int) -> None:
    """Count what can make a match slow: not a star at the end, where it stands for the rest."""
    folders = len(_ANY_FOLDERS.findall(line))
    stars = len(_STARS.findall(_ANY_FOLDERS.sub("", line.strip()).rstrip("/*")))
    if stars > WILDCARDS_MAX or folders > WILDCARDS_MAX + 1:
        raise _invalid(name, f"holds a pattern with more than {WILDCARDS_MAX} wildcards", number)


def _invalid(name: str, what: str, line: int | None = None) -> InvalidSkill:
    where = "" if line is None else f" line {line}"
    return InvalidSkill(
        f"{name}{where} {what}.",
        "Write one simple pattern a line, as in .gitignore.",
        rule="invalid-ignore-file",
        path=name,
        line=line,
    )

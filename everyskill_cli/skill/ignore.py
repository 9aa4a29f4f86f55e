"""What is left out of a skill: what no agent needs, and what .everyskillignore names."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Final

from everyskill_cli.errors import InvalidSkill
from everyskill_cli.skill.files import read_file

IGNORE_FILE: Final = ".everyskillignore"
IGNORE_MAX: Final = 16 * 1024  # bytes
LINES_MAX: Final = 200
WILDCARDS_MAX: Final = 2  # of a pattern; each more costs a factor of 255 in the worst case
SECONDS_MAX: Final = 1.0  # CPU time for all names together

_ALWAYS: Final = frozenset(
    {".git", "__pycache__", "node_modules", ".DS_Store", ".clawhub", IGNORE_FILE}
)
_STARS: Final = re.compile(r"\*+")
_ANY_FOLDERS: Final = re.compile(r"(?:^|/)\*\*(?=/|$)")


def left_out_by_default(name: str) -> bool:
    """Tell whether a name is left out of every skill, whatever kind of thing has it."""
    return name in _ALWAYS or name.endswith(".pyc")


class IgnoreRules:
    """The patterns of one ``.everyskillignore``, in gitignore's syntax and meaning.

    A stranger's patterns must not hold a machine up: pathspec makes backtracking regular
    expressions of them (``*a*a*a*ab`` takes 1.5 s for one name of 255 bytes, ``*a*ab`` 0.4 ms),
    so the wildcards in a pattern, the patterns, and the time for all names are limited.
    """

    def __init__(self, text: str) -> None:
        lines = text.splitlines()
        if len(lines) > LINES_MAX:
            raise _invalid(f"has more than {LINES_MAX:,} lines")
        for number, line in enumerate(lines, 1):
            if not line.startswith("#"):
                _check_wildcards(line, number)
        self._match = _compile(lines)
        self._seconds = 0.0

    @classmethod
    def read(cls, folder: int) -> IgnoreRules:
        """Read the file from an open folder; a link or another encoding than UTF-8 is refused."""
        data = read_file(IGNORE_FILE, IGNORE_FILE, folder).data
        if len(data) > IGNORE_MAX:
            raise _invalid(f"is larger than {IGNORE_MAX // 1024} KiB")
        try:
            return cls(data.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise _invalid("is not UTF-8") from error

    def names(self, path: str, *, folder: bool) -> bool:
        """Tell whether the patterns leave a path out; nothing below a folder is asked then."""
        start = time.thread_time()
        matched = self._match(path + "/" if folder else path)
        self._seconds += time.thread_time() - start
        if self._seconds > SECONDS_MAX:
            raise _invalid(f"takes more than {SECONDS_MAX:g} s for the names of this folder")
        return bool(matched)


def _compile(lines: list[str]) -> Callable[[str], bool]:
    import pathspec  # 20 ms that only a skill with such a file needs

    try:
        return pathspec.GitIgnoreSpec.from_lines(lines).match_file
    except (ValueError, re.error) as error:
        raise _invalid(f"holds a pattern that git would not understand ({error})") from error


def _check_wildcards(line: str, number: int) -> None:
    """Count what can make a match slow: not a star at the end, where it stands for the rest."""
    folders = len(_ANY_FOLDERS.findall(line))
    names = len(_STARS.findall(_ANY_FOLDERS.sub("", line.strip()).rstrip("/*")))
    if names > WILDCARDS_MAX or folders > WILDCARDS_MAX + 1:
        raise _invalid(f"holds a pattern with more than {WILDCARDS_MAX} wildcards", number)


def _invalid(what: str, line: int | None = None) -> InvalidSkill:
    where = "" if line is None else f" line {line}"
    return InvalidSkill(
        f"{IGNORE_FILE}{where} {what}.",
        "Write one simple pattern a line, as in .gitignore.",
        rule="invalid-ignore-file",
        path=IGNORE_FILE,
        line=line,
    )

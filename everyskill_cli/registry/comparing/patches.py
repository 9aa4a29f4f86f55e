"""How two texts differ, line by line, as a unified diff; and what is too long for that.

``difflib`` needs quadratic time and more for texts of many lines that are alike. What it does is
counted, and given up when it becomes too much: the same texts give the same answer everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from difflib import Match, SequenceMatcher
from itertools import accumulate
from typing import Final

from everyskill_cli.model import FileDiff, FileEntry

TEXT_MAX: Final = 1024 * 1024  # bytes of a file whose lines are compared
# Steps of difflib, of 0.1 µs each: for one file, and for all files of one comparison. What people
# write needs less than a tenth of it: 40,000 lines with 5,000 edits take a million.
WORK_MAX: Final = 15_000_000
WORK_LEFT: Final = 60_000_000
STEPS_OF_A_LINE: Final = 5  # until it is known where each line is
CONTEXT: Final = 3  # lines around a change

_NO_LINE_BREAK: Final = "\n\\ No newline at end of file\n"
_NOTHING: Final = "/dev/null"


def is_comparable(found: FileDiff) -> bool:
    """Tell whether it has to be looked into: other bytes, and not too many of them."""
    entries = [entry for entry in (found.before, found.after) if entry is not None]
    return not has_same_bytes(found) and all(entry.size <= TEXT_MAX for entry in entries)


def has_same_bytes(found: FileDiff) -> bool:
    """Tell whether a file was only renamed, or made executable."""
    return bool(found.before and found.after and found.before.sha256 == found.after.sha256)


class LineComparer:
    """Compares the lines of files, until that has taken too long in all."""

    def __init__(self) -> None:
        self._left = WORK_LEFT

    def compare(self, found: FileDiff, before: bytes, after: bytes, *, patch: bool) -> FileDiff:
        """Say how the lines of a file differ.

        Args:
            found: the file.
            before: its bytes; empty where it was added.
            after: its bytes; empty where it was removed.
            patch: whether the lines themselves are wanted, and not only how many.
        """
        old, new = _lines(before), _lines(after)
        if old is None or new is None:
            return replace(found, is_binary=True)
        matcher = _Counted(old, new, min(WORK_MAX, self._left))
        try:
            hunks = list(matcher.get_grouped_opcodes(CONTEXT)) if old != new else []
        except _TooMuch:
            return replace(found, is_binary=False)
        finally:
            self._left -= matcher.work
        changed = [code for hunk in hunks for code in hunk if code[0] != "equal"]
        return replace(
            found,
            is_binary=False,
            removed_lines=sum(code[2] - code[1] for code in changed),
            added_lines=sum(code[4] - code[3] for code in changed),
            patch="".join(_written(found, hunks, old, new)) if patch else None,
        )


class _TooMuch(Exception):
    """The texts take too long to compare."""


class _Counted(SequenceMatcher[str]):
    """Stops when the search for lines that stayed has taken too many steps."""

    a: Sequence[str]
    b2j: dict[str, list[int]]  # where each line is in the new text, without what is everywhere

    def __init__(self, old: Sequence[str], new: Sequence[str], work_max: int) -> None:
        super().__init__(None, old, new)
        self.work = STEPS_OF_A_LINE * (len(old) + len(new))
        self._work_max = work_max
        # How often it looks at a line of the new text, summed up over the lines of the old one.
        looks = (1 + len(self.b2j.get(line, ())) for line in old)
        self._looks = [0, *accumulate(looks)]

    def find_longest_match(
        self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None
    ) -> Match:
        end = len(self.a) if ahi is None else ahi
        self.work += self._looks[end] - self._looks[alo]
        if self.work > self._work_max:
            raise _TooMuch
        return super().find_longest_match(alo, ahi, blo, bhi)


def _lines(data: bytes) -> list[str] | None:
    """Split a text behind its line feeds, which alone end a line; None for what is no text."""
    if b"\0" in data:
        return None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    *whole, rest = text.split("\n")
    lines = [line + "\n" for line in whole]
    return [*lines, rest] if rest else lines


def _written(
    found: FileDiff,
    hunks: Iterable[list[tuple[str, int, int, int, int]]],
    old: Sequence[str],
    new: Sequence[str],
) -> Iterator[str]:
    """Write a unified diff; nothing where no line differs."""
    header = f"--- {_side('a', found.before)}\n+++ {_side('b', found.after)}\n"
    for hunk in hunks:
        yield header
        header = ""
        (_, i1, _, j1, _), (_, _, i2, _, j2) = hunk[0], hunk[-1]
        yield f"@@ -{_range(i1, i2)} +{_range(j1, j2)} @@\n"
        for tag, first, last, new_first, new_last in hunk:
            if tag == "equal":
                yield from _marked(" ", old[first:last])
            else:
                yield from _marked("-", old[first:last])
                yield from _marked("+", new[new_first:new_last])


def _marked(mark: str, lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield mark + line if line.endswith("\n") else mark + line + _NO_LINE_BREAK


def _range(start: int, stop: int) -> str:
    """Write which lines a hunk is about; of none, the one before is named."""
    count = stop - start
    if count == 1:
        return str(start + 1)
    return f"{start + 1 if count else start},{count}"


def _side(letter: str, entry: FileEntry | None) -> str:
    """Name a side of a file as git does: a tab ends a name with a space in it."""
    if entry is None:
        return _NOTHING
    path = f"{letter}/{entry.path}"
    if (
        not path.isprintable()
    ):  # a space that does not break a line, or a record that was tampered with
        return json.dumps(path)
    return f"{path}\t" if " " in path else path

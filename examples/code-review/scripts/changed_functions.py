#!/usr/bin/env python3
"""List the functions that a diff touches, so that a reviewer reads them whole.

For Python files the names are exact: the old file is rebuilt from the file on disk and the diff,
both are parsed, and every changed line is counted for the innermost function or class around it.
For other files, and where the file on disk is not the one that the diff leads to, the heading
that Git writes behind the second @@ of a hunk is given instead, marked "near".

Needs Python 3.10 or later and nothing else; runs no program and writes no file.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import sys
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

TOP_LEVEL = "(top level)"
WHOLE_FILE = "(whole file)"
NO_HEADING = "(no heading)"
NOWHERE = "/dev/null"  # how a diff calls the missing side of a new or a deleted file

HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@ ?(.*)")
PREFIX = re.compile(r"[abciow]/")  # a/ and b/, or i/, w/, c/, o/ with diff.mnemonicPrefix
ESCAPE = re.compile(rb'\\([0-7]{3}|[abfnrtv"\\])')
ESCAPED = dict(zip(b'abfnrtv"\\', b'\a\b\f\n\r\t\v"\\', strict=True))

EPILOG = """\
example:
  git diff --no-ext-diff --merge-base main | changed_functions.py
  git show --no-ext-diff HEAD | changed_functions.py --json

each line of the answer:
  PATH:FIRST-LAST: STATUS NAME (+ADDED -REMOVED)

status:
  new, changed   a function or class of a Python file, with its lines on disk
  removed        it is in the old file and no longer in the new one
  near           only Git's heading is known: the last one before the hunk
  deleted        the whole file is gone

exit status: 0 done, also when nothing was touched; 2 the input is no diff
"""


class BadDiff(Exception):
    """The input is no unified diff; the message says what is wrong with it."""


@dataclass
class Side:
    """What a hunk shows of one side: lines from number ``start`` on, and which of them changed."""

    start: int
    lines: list[str] = field(default_factory=list)
    changed: list[int] = field(default_factory=list)

    def take(self, text: str, *, changed: bool) -> None:
        """Add the next line."""
        if changed:
            self.changed.append(self.start + len(self.lines))
        self.lines.append(text)


@dataclass
class Hunk:
    """One block of a diff, and the heading that Git gave it."""

    heading: str
    old: Side
    new: Side


@dataclass
class FileDiff:
    """All that a diff says about one file."""

    path: str
    deleted: bool
    hunks: list[Hunk] = field(default_factory=list)


@dataclass(frozen=True)
class Scope:
    """A function or class; ``number`` tells those of the same name in one file apart."""

    name: str
    number: int = 1


@dataclass
class Source:
    """A parsed Python file.

    Attributes:
        ranges: first and last line of each scope.
        owner: the innermost scope of each line that has one.
        texts: the lines of each scope that are in no inner one and not empty.

    """

    ranges: dict[Scope, tuple[int, int]]
    owner: dict[int, Scope]
    texts: dict[Scope, list[str]]


@dataclass(frozen=True)
class Touched:
    """One line of the answer; the numbers are those of the file on disk, None where it has none."""

    path: str
    first_line: int | None
    last_line: int | None
    status: str
    name: str
    added: int
    removed: int


def parse_diff(text: str) -> list[FileDiff]:
    """Read a unified diff, as ``git diff``, ``git show`` and ``diff -u`` write it."""
    files: list[FileDiff] = []
    lines = iter(text.split("\n"))  # only \n ends a line, for Git as well
    previous = ""
    for line in lines:
        if line.startswith("@@@"):
            raise BadDiff("a combined diff of a merge: compare two commits (git diff A B)")
        if line.startswith("+++ ") and previous.startswith("--- "):
            files.append(_file_diff(_unquoted(previous[4:]), _unquoted(line[4:])))
        elif header := HUNK.match(line):
            if not files:
                raise BadDiff("a hunk comes before the names of its file")
            files[-1].hunks.append(_read_hunk(header, lines))
        previous = line
    # A change of nothing but a mode, a name or a binary file has the first line alone.
    if not files and text.strip() and not re.search("^diff --git ", text, re.MULTILINE):
        raise BadDiff("no diff found; if there are colours in it, add --no-color to git diff")
    return files


def _read_hunk(header: re.Match[str], lines: Iterator[str]) -> Hunk:
    old_left = int(header[2] or 1)
    new_left = int(header[4] or 1)
    # A side without lines is numbered by the line before it.
    old = Side(int(header[1]) + (old_left == 0))
    new = Side(int(header[3]) + (new_left == 0))
    while old_left > 0 or new_left > 0:
        line = next(lines, None)
        if line is None:
            raise BadDiff("it ends in the middle of a hunk")
        kind, text = line[:1] or " ", line[1:]  # some mailers drop the space of an empty line
        if kind not in "+- \\":
            raise BadDiff(f"a hunk has a line that begins with {kind!r}")
        if kind in "- ":
            old.take(text, changed=kind == "-")
            old_left -= 1
        if kind in "+ ":
            new.take(text, changed=kind == "+")
            new_left -= 1
    return Hunk(header[5].strip(), old, new)


def _file_diff(old: str, new: str) -> FileDiff:
    deleted = new == NOWHERE
    path = old if deleted else new
    # Equal names have no prefix: git diff --no-prefix.
    prefixed = old != new and all(n == NOWHERE or PREFIX.match(n) for n in (old, new))
    return FileDiff(path[2:] if prefixed else path, deleted)


def _unquoted(name: str) -> str:
    """Give a file name as it is: Git quotes some as in C, and diff adds a tab and a time."""
    if not name.startswith('"'):
        return name.split("\t")[0].rstrip("\r")
    raw = name.rstrip()[1:-1].encode()

    def character(match: re.Match[bytes]) -> bytes:
        code = match[1]
        return bytes([int(code, 8) & 0xFF if len(code) == 3 else ESCAPED[code[0]]])

    return ESCAPE.sub(character, raw).decode(errors="replace")


def touched(diff: FileDiff, root: Path) -> Iterator[Touched]:
    """Say what of one file a diff touches."""
    added = sum(len(hunk.new.changed) for hunk in diff.hunks)
    removed = sum(len(hunk.old.changed) for hunk in diff.hunks)
    if diff.deleted:
        yield Touched(diff.path, None, None, "deleted", WHOLE_FILE, added, removed)
        return
    if diff.path.endswith((".py", ".pyi")):
        try:
            old, new = _both_sides(diff, root)
        except ValueError as error:
            sys.stderr.write(f"note: {_visible(diff.path)}: {error}; headings are given instead\n")
        else:
            yield from _by_scope(diff, old, new)
            return
    yield from _by_heading(diff)


def _both_sides(diff: FileDiff, root: Path) -> tuple[Source, Source]:
    """Parse the file on disk, and the old one that is rebuilt from it; ValueError says why not."""
    lines = _read(root, diff.path).split("\n")
    before: list[str] = []
    position = 1
    for hunk in diff.hunks:
        start, end = hunk.new.start, hunk.new.start + len(hunk.new.lines)
        if lines[start - 1 : end - 1] != hunk.new.lines:
            raise ValueError("the file on disk is not the one that the diff leads to")
        before += lines[position - 1 : start - 1] + hunk.old.lines
        position = end
    before += lines[position - 1 :]
    return _parse("\n".join(before)), _parse("\n".join(lines))


def _read(root: Path, path: str) -> str:
    """Read a file below the root: the names in a diff are a stranger's."""
    try:
        file = (root / path).resolve()
        if file.is_relative_to(root.resolve()) and file.is_file():
            return file.read_bytes().decode(errors="replace")
    except OSError as error:
        raise ValueError(f"it cannot be read ({error.strerror})") from error
    raise ValueError(f"there is no such file below {root}")


def _parse(text: str) -> Source:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the reviewed code, not about us
            tree = ast.parse(text.removeprefix("\ufeff"))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError("it cannot be parsed as Python, before or after the change") from error
    ranges: dict[Scope, tuple[int, int]] = {}
    seen: Counter[str] = Counter()
    for name, first, last in sorted(_definitions(tree), key=lambda found: found[1]):
        seen[name] += 1
        ranges[Scope(name, seen[name])] = (first, last)
    owner: dict[int, Scope] = {}
    for scope, (first, last) in ranges.items():  # outer ones first, inner ones over them
        owner.update(dict.fromkeys(range(first, last + 1), scope))
    texts: dict[Scope, list[str]] = {scope: [] for scope in ranges}
    for number, line in enumerate(text.split("\n"), 1):
        if number in owner and line.strip():
            texts[owner[number]].append(line)
    return Source(ranges, owner, texts)


def _definitions(tree: ast.AST) -> Iterator[tuple[str, int, int]]:
    """Give every function and class: its name with those around it, first and last line."""
    waiting: list[tuple[ast.AST, str]] = [(tree, "")]
    while waiting:
        node, prefix = waiting.pop()
        for child in ast.iter_child_nodes(node):
            inner = prefix
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                first = min([child.lineno, *(each.lineno for each in child.decorator_list)])
                yield prefix + child.name, first, child.end_lineno or child.lineno
                inner = f"{prefix}{child.name}."
            waiting.append((child, inner))


def _by_scope(diff: FileDiff, old: Source, new: Source) -> Iterator[Touched]:
    added = Counter(_owners(new, (hunk.new for hunk in diff.hunks)))
    removed = Counter(_owners(old, (hunk.old for hunk in diff.hunks)))
    # A diff may take a line of one function for the same line of another: then both have changed
    # and only one of them holds a changed line.
    both = old.texts.keys() & new.texts.keys()
    found = {*added, *removed, *(each for each in both if old.texts[each] != new.texts[each])}
    for scope in sorted(found, key=lambda each: (new.ranges.get(each, (0, 0)), each.name)):
        first, last = new.ranges.get(scope, (None, None))
        was, is_now = scope in old.ranges, scope in new.ranges
        status = "changed" if was == is_now else "removed" if was else "new"
        yield Touched(diff.path, first, last, status, scope.name, added[scope], removed[scope])


def _owners(source: Source, sides: Iterable[Side]) -> Iterator[Scope]:
    """Give the innermost scope of each changed line; empty lines between functions are nobody's."""
    for side in sides:
        for number in side.changed:
            scope = source.owner.get(number)
            if scope is not None:
                yield scope
            elif side.lines[number - side.start].strip():
                yield Scope(TOP_LEVEL)


def _by_heading(diff: FileDiff) -> Iterator[Touched]:
    groups: dict[str, list[Hunk]] = {}
    for hunk in diff.hunks:
        groups.setdefault(hunk.heading or NO_HEADING, []).append(hunk)
    for heading, hunks in groups.items():
        numbers = [n for hunk in hunks for n in hunk.new.changed or [hunk.new.start]]
        added = sum(len(hunk.new.changed) for hunk in hunks)
        removed = sum(len(hunk.old.changed) for hunk in hunks)
        yield Touched(diff.path, min(numbers), max(numbers), "near", heading, added, removed)


def _as_line(item: Touched) -> str:
    lines = "" if item.first_line is None else f":{item.first_line}-{item.last_line}"
    name = f"{item.status} {item.name} (+{item.added} -{item.removed})"
    return _visible(f"{item.path}{lines}: {name}") + "\n"


def _visible(text: str) -> str:
    """Write control characters as escapes: a diff may hold some that a terminal obeys."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="List the functions that a diff touches.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("diff", nargs="?", default="-", help="a unified diff; - is standard input")
    parser.add_argument(
        "--root",
        type=Path,
        default=Path(),
        help="the folder that the names in the diff start from: the top of the checkout (.)",
    )
    parser.add_argument("--json", action="store_true", help="a JSON list instead of lines")
    return parser


def main() -> int:
    """Read a diff, write the answer, and give the exit status."""
    parser = _arguments()
    options = parser.parse_args()
    if options.diff == "-" and sys.stdin.isatty():
        parser.error("pipe a diff into it, or name a file; see --help")
    try:
        data = sys.stdin.buffer.read() if options.diff == "-" else Path(options.diff).read_bytes()
        diffs = parse_diff(data.decode(errors="replace"))
    except OSError as error:
        parser.error(f"cannot read {options.diff}: {error.strerror}")
    except BadDiff as error:
        parser.error(str(error))
    answer = [item for diff in diffs for item in touched(diff, options.root)]
    if options.json:
        sys.stdout.write(json.dumps([asdict(item) for item in answer], indent=2) + "\n")
    else:
        sys.stdout.write("".join(map(_as_line, answer)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

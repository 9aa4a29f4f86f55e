"""A piece of a text that shows what was searched for."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from everyskill_cli.database.terms import SPACES, UNSPACED, Term, fold, is_unspaced
from everyskill_cli.model import Mark

LENGTH: Final = 160  # characters
BEFORE: Final = 40  # of them, before the first hit
_FRONTMATTER: Final = re.compile(r"---\r?\n.*?\n---\r?\n", re.S)


def snippet(terms: list[Term], description: str, content: str) -> tuple[str, tuple[Mark, ...]]:
    """Cut a piece out of the description, or else out of the text, with a hit in it.

    Where neither holds one (the slug, the name or a tag does, or a text far from its beginning), it
    is the beginning of the description.

    Args:
        terms: what was searched for.
        description: of the skill.
        content: what was published, with its frontmatter.

    Returns:
        One line, and where in it the hits are.
    """
    body = _FRONTMATTER.sub("", content, count=1) if content.startswith("---") else content
    for text in (description, body):
        line = " ".join(text.split())
        wanted = _pattern(tuple(terms), _edges(line))
        found = _marks(wanted, line, most=1)
        if found:
            cut = _cut(line, found[0].start)
            return cut, _marks(wanted, cut)
    return _cut(" ".join(description.split()), 0), ()


@lru_cache(maxsize=2)
def _pattern(terms: tuple[Term, ...], edges: str) -> re.Pattern[str]:
    """Make what finds a term among folded words: most from their beginning, pairs anywhere.

    Args:
        terms: what was searched for.
        edges: what ends a word, as a class of a pattern has it.
    """
    parts = []
    for term in sorted(terms, key=lambda each: -len(each.token)):
        token = re.escape(term.token)
        if not is_unspaced(term.token[0]):
            end = f"[^{edges}]*" if term.is_prefix else f"(?![^{edges}])"
            token = f"(?<![^{edges}]){token}{end}"
        parts.append(token)
    return re.compile("|".join(parts))


def _edges(line: str) -> str:
    """Say what ends a word: a space, and a sign of a script without any, where there is one."""
    is_mixed = not line.isascii() and any(map(is_unspaced, set(line)))
    return rf"\s{UNSPACED}" if is_mixed else r"\s"


def _marks(wanted: re.Pattern[str], line: str, most: int | None = None) -> tuple[Mark, ...]:
    folded = fold(line).translate(SPACES)
    if wanted.search(folded) is None:
        return ()
    at: list[int] = []
    if not line.isascii():
        folded, at = _by_signs(line)
    found = []
    for match in wanted.finditer(folded):
        start, end = match.span()
        if at:  # accents behind the last letter belong to it
            behind = at[end] if end < len(at) else len(line)
            start, end = at[start], max(behind, at[end - 1] + 1)
        found.append(Mark(start, end))
        if len(found) == most:
            break
    return tuple(found)


def _by_signs(line: str) -> tuple[str, list[int]]:
    """Fold a text sign by sign, and say for each of its letters from which place it comes."""
    known = {sign: fold(sign).translate(SPACES) for sign in set(line)}
    pieces = [known[sign] for sign in line]
    return "".join(pieces), [place for place, piece in enumerate(pieces) for _ in piece]


def _cut(line: str, hit: int) -> str:
    """Take what stands around a place, from one space to another where there is one near."""
    start = 0 if hit <= BEFORE else hit - BEFORE
    if start:
        space = line.find(" ", start, hit)
        start = start if space < 0 else space + 1
    end = min(len(line), start + LENGTH)
    if end < len(line):
        space = line.rfind(" ", max(hit + 1, end - BEFORE), end)
        end = end if space < 0 else space
    return f"{'…' if start else ''}{line[start:end]}{'…' if end < len(line) else ''}"

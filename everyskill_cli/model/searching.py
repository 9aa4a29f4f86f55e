"""What is searched for, and what is found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from everyskill_cli.model.answers import SkillSummary
from everyskill_cli.model.words import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What skills of a list or a search must have; nothing narrows nothing.

    Attributes:
        tags: all of them.
        author: email address of the one who published first.
        min_rating: the least average × 100; a skill that nobody rated has none.
    """

    tags: tuple[str, ...] = ()
    category: str | None = None
    author: str | None = None
    min_rating: int | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """Where in a snippet a word was found, in characters from 0; ``end`` is behind the last one."""

    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchHit(SkillSummary):
    """One skill that was found.

    Attributes:
        matched: ``name`` where its slug and name alone hold every word, else ``text``.
        score: by which it stands before others that matched alike (docs/search.md).
        snippet: a piece of the description or the published text, on one line.
        marks: what in the snippet was searched for.
    """

    matched: Literal["name", "text"]
    score: int
    snippet: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPage:
    """A page of what was found, best first.

    Attributes:
        suggestions: slugs that are written nearly so, where nothing was found.
        warnings: what was not looked at as it is now, or cannot be shown.
    """

    items: tuple[SearchHit, ...]
    next: str | None
    suggestions: tuple[str, ...] = ()
    warnings: tuple[Finding, ...] = ()

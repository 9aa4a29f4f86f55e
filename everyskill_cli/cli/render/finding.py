"""What ``search`` says: the rows of a list, and where the words were found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from everyskill_cli.cli.render.blocks import Block, Column, Table
from everyskill_cli.cli.render.lists import SKILL_COLUMNS, skill_row
from everyskill_cli.cli.render.words import Role, Words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from everyskill_cli.model import SearchHit, SearchPage

_SHOWN: Final = ("slug", "average_rating", "total_uses")  # the rest would leave snippets no room
FOUND_COLUMNS: Final = (
    *(c if c.name in _SHOWN else c._replace(place="pipe") for c in SKILL_COLUMNS),
    Column("snippet", "found", fit="folded"),
)


def found(value: SearchPage, now: datetime) -> list[Block]:
    """List what was found; a terminal shows the words in bold."""
    rows = tuple((*skill_row(item, now), _snippet(item)) for item in value.items)
    return [Table(FOUND_COLUMNS, rows)]


def _snippet(item: SearchHit) -> Words:
    return Words(_spans(item), item.snippet)


def _spans(item: SearchHit) -> Iterator[tuple[str, Role]]:
    at = 0
    for mark in item.marks:
        yield item.snippet[at : mark.start], ""
        yield item.snippet[mark.start : mark.end], "strong"
        at = mark.end
    yield item.snippet[at:], ""

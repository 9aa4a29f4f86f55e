"""What ``usage import`` says: how much was recorded of what, and what was not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from everyskill_cli.cli.render.blocks import Block, Column, Field, Fields, Headline, Table
from everyskill_cli.cli.render.words import Words, counted, number, only_shown, say, status

if TYPE_CHECKING:
    from datetime import datetime

    from everyskill_cli.model import UsageImportAnswer

USED_COLUMNS: Final = (
    Column("slug", "skill", fit="folded"),
    Column("recorded", "recorded", right=True),
    Column("known", "counted before", right=True),
)
UNKNOWN_COLUMNS: Final = (
    Column("name", "name", fit="folded"),
    Column("uses", "uses", right=True),
)
UNREAD_COLUMNS: Final = (
    Column("line", "line", right=True),
    Column("message", "why", fit="folded"),
)


def imported(value: UsageImportAnswer, _now: datetime) -> list[Block]:
    """Say how much was recorded, by skill, then names that are no skill, and unreadable lines."""
    how_many = only_shown(f"  {counted(value.recorded, 'use').shown}", "muted")
    return [
        Headline(status(value.status) + how_many),
        Fields(tuple(Field(name, _count(getattr(value, name))) for name in _COUNTS)),
        Table(
            USED_COLUMNS,
            tuple(
                (say(each.slug, "strong"), number(each.recorded), number(each.known))
                for each in value.results
            ),
            "Skills",
            "skill",
        ),
        Table(
            UNKNOWN_COLUMNS,
            tuple((say(each.name), number(each.uses)) for each in value.unknown),
            "No skills of this registry",
            "unknown",
        ),
        Table(
            UNREAD_COLUMNS,
            tuple((number(each.line), say(each.message, "bad")) for each in value.failures),
            "Not read",
            "failure",
        ),
    ]


_COUNTS: Final = (
    *("lines", "found", "recorded", "known", "redacted", "bundled", "foreign"),
    *("unknown_uses", "unread"),
)


def _count(count: int) -> Words:
    """Say a count; on a terminal none is not worth a line."""
    return number(count) if count else say("", plain="0")

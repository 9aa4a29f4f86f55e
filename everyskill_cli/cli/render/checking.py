"""What ``check`` says: what is wrong with which skill, and how many there are."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

from everyskill_cli.cli.render.blocks import Block, Column, Headline, Table
from everyskill_cli.cli.render.remarks import Remark, remarks_of, total
from everyskill_cli.cli.render.words import Words, only_piped, only_shown, role_of, say

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from everyskill_cli.model import CheckAnswer

COLUMNS: Final = tuple(
    Column(name) for name in ("status", "path", "file", "line", "rule", "message", "hint")
)
_SAID: Final = (Column("said", fit="folded"),)


def checked(value: CheckAnswer, _now: datetime) -> list[Block]:
    """Say everything that was found, by skill; those that are well are only counted."""
    remarks = remarks_of(value)
    blocks: list[Block] = []
    for (status, skill), group in groupby(remarks, lambda one: (one.status, one.skill)):
        shown = only_shown(status, role_of(status)) + only_shown(f" {skill or ''}", "strong")
        blocks += [Headline(shown), Table(_SAID, tuple(_lines(group)), place="screen")]
    return [
        *blocks,
        Table(COLUMNS, tuple(map(_row, remarks)), place="pipe"),
        Headline(say(total(value), role_of(value.status))),
    ]


def _lines(remarks: Iterable[Remark]) -> Iterable[tuple[Words, ...]]:
    for one in remarks:
        line = "" if one.line is None else f":{one.line}"
        yield (only_shown(f"{one.file or ''}{line}") + only_shown(f"  {one.rule}", "muted"),)
        yield (only_shown(one.message),)
        if one.hint:
            yield (only_shown(one.hint, "muted"),)


def _row(one: Remark) -> tuple[Words, ...]:
    values = (one.status, one.skill, one.path, one.line, one.rule, one.message, one.hint)
    return tuple(only_piped(value) for value in values)

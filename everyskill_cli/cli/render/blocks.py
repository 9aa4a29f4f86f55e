"""Blocks: what an answer looks like before it is known where it is printed.

A layout turns an answer into a few blocks; one writer draws them on a terminal, the other writes
them as lines into a pipe. Names and titles are the program's own words; everything else is Words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from everyskill_cli.cli.render.words import Words

Place: TypeAlias = Literal["both", "screen", "pipe"]


@dataclass(frozen=True, slots=True)
class Headline:
    """One line that says what happened; details follow close behind it."""

    words: Words


@dataclass(frozen=True, slots=True)
class Line:
    """One quiet line for people, such as what an empty section says."""

    words: Words
    title: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """What a thing is, framed; on a terminal alone."""

    title: Words
    aside: Words
    body: Words
    foot: Words
    foot_aside: Words


@dataclass(frozen=True, slots=True)
class Field:
    """One named value.

    Attributes:
        name: the name under ``--json``, which is the key in a pipe.
        value: None leaves the line out.
        label: the name on a terminal, where it is not the key with spaces.

    """

    name: str
    value: Words | None
    label: str = ""


@dataclass(frozen=True, slots=True)
class Fields:
    """Named values, one a line."""

    items: tuple[Field, ...]
    place: Place = "both"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        name: the name under ``--json``.
        title: over the column on a terminal.
        fit: on a terminal a value stays ``whole``, is ``cut`` to one line, or is ``folded``.
        from_width: a narrower terminal does without this column.

    """

    name: str
    title: str = ""
    right: bool = False
    fit: Literal["whole", "cut", "folded"] = "whole"
    from_width: int = 0
    place: Place = "both"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under columns.

    Attributes:
        key: the word before each row in a pipe, where the table is a part of an answer.

    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Words, ...], ...]
    title: str = ""
    key: str = ""
    place: Place = "both"


@dataclass(frozen=True, slots=True)
class Bars:
    """Amounts as bars, on a terminal alone: label, value, share of the longest (0–1)."""

    title: str
    items: tuple[tuple[Words, Words, float], ...]


@dataclass(frozen=True, slots=True)
class Quotes:
    """What people said, on a terminal alone: who and when, then their words.

    Attributes:
        lines_max: longer quotes end in ``…``; None prints them whole.

    """

    title: str
    items: tuple[tuple[Words, Words | None], ...]
    lines_max: int | None = None


@dataclass(frozen=True, slots=True)
class Side:
    """Two blocks beside each other where there is room, else below each other."""

    left: Block
    right: Block


@dataclass(frozen=True, slots=True)
class Commands:
    """What to type next, on a terminal alone: a command, kept whole, and what it does."""

    items: tuple[tuple[Words, str], ...]


Block: TypeAlias = Headline | Line | Card | Fields | Table | Bars | Quotes | Side | Commands

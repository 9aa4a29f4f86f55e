"""Blocks: what an answer looks like before it is known where it is printed.

A layout turns an answer into a few blocks; one writer draws them on a terminal, the other writes
them as lines into a pipe. Names and titles are the program's own words; everything else is Words.
They are named tuples because a start must be cheap: making as many frozen dataclasses takes 5 ms.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from everyskill_cli.cli.render.words import Patch, Words

Place: TypeAlias = Literal["both", "screen", "pipe"]


class Headline(NamedTuple):
    """One line that says what happened; details follow close behind it."""

    words: Words


class Line(NamedTuple):
    """One quiet line for people, such as what an empty section says."""

    words: Words
    title: str = ""


class Card(NamedTuple):
    """What a thing is, framed; on a terminal alone."""

    title: Words
    aside: Words
    body: Words
    foot: Words
    foot_aside: Words


class Field(NamedTuple):
    """One named value.

    Attributes:
        name: the name under ``--json``, which is the key in a pipe.
        value: None leaves the line out.
        label: the name on a terminal, where it is not the key with spaces.

    """

    name: str
    value: Words | None
    label: str = ""


class Fields(NamedTuple):
    """Named values, one a line."""

    items: tuple[Field, ...]
    place: Place = "both"


class Column(NamedTuple):
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


class Table(NamedTuple):
    """Rows under columns.

    Attributes:
        key: the word before each row in a pipe, where the table is a part of an answer.

    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Words, ...], ...]
    title: str = ""
    key: str = ""
    place: Place = "both"


class Bars(NamedTuple):
    """Amounts as bars, on a terminal alone: label, value, share of the longest (0–1)."""

    title: str
    items: tuple[tuple[Words, Words, float], ...]


class Quotes(NamedTuple):
    """What people said, on a terminal alone: who and when, then their words.

    Attributes:
        lines_max: longer quotes end in ``…``; None prints them whole.

    """

    title: str
    items: tuple[tuple[Words, Words | None], ...]
    lines_max: int | None = None


class Side(NamedTuple):
    """Two blocks beside each other where there is room, else below each other."""

    left: Block
    right: Block


class Commands(NamedTuple):
    """What to type next, on a terminal alone: a command, kept whole, and what it does."""

    items: tuple[tuple[Words, str], ...]


class Change(NamedTuple):
    """How the lines of one file differ.

    Attributes:
        remarks: lines about the file, in a pipe alone.
        patch: the lines of a unified diff.
    """

    remarks: tuple[Words, ...]
    patch: Patch


class Listing(NamedTuple):
    """Lines that a program reads, the same on a terminal and in a pipe."""

    lines: tuple[Words, ...]


Block: TypeAlias = (
    Headline | Line | Card | Fields | Table | Bars | Quotes | Side | Commands | Change | Listing
)

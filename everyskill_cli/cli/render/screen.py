"""The writer for terminals: the only file that draws with rich.

Foreign text reaches rich as ``Text`` made of Words, never as markup. Colours are the terminal's
own sixteen, so that its theme decides; without colour nothing is lost but colour.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from typing import Final, TextIO

from rich.box import ROUNDED
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.panel import Panel
from rich.style import Style
from rich.table import Table as Grid
from rich.text import Text

from everyskill_cli.cli.render import streams
from everyskill_cli.cli.render.blocks import (
    Bars,
    Block,
    Card,
    Change,
    Column,
    Commands,
    Fields,
    Headline,
    Line,
    Listing,
    Quotes,
    Side,
    Table,
)
from everyskill_cli.cli.render.folding import FoldedLines
from everyskill_cli.cli.render.words import Role, Words, say

WIDTHS: Final = (20, 120)  # lines longer than that are hard to read
_SIDE_BY_SIDE: Final = 76  # from this width on two blocks fit beside each other
_INDENT: Final = 2
_LABEL_WIDTH: Final = 12  # "this version"; fields of all blocks stand in one line
_CARD_LINES: Final = 8
_BAR_MAX: Final = 24
_STYLES: Final[dict[Role, str]] = {
    "": "",
    "strong": "bold",
    "muted": "dim",
    "good": "green",
    "attention": "yellow",
    "bad": "red",
    "stars": "yellow",
    "command": "cyan",
}


def console_for(stream: TextIO) -> Console:
    """Make a console that draws for a stream: its width, its colours, its encoding."""
    width = shutil.get_terminal_size().columns
    dumb = os.environ.get("TERM") == "dumb"
    return Console(
        file=stream,
        force_terminal=True,
        force_jupyter=False,
        color_system=None if dumb else "auto",
        no_color=not streams.may_colour(stream),
        width=min(max(width, WIDTHS[0]), WIDTHS[1]),
        height=25,
        markup=False,
        emoji=False,
        highlight=False,
    )


def text_of(blocks: Iterable[Block], stream: TextIO) -> str:
    """Draw blocks as text for a stream; the caller writes it there."""
    console = console_for(stream)
    with console.capture() as captured:
        draw(console, blocks)
    return captured.get()


def draw(console: Console, blocks: Iterable[Block]) -> None:
    """Draw what is for a terminal; an empty line between blocks, but not behind a headline."""
    close = True
    for block in blocks:
        drawn = _drawn(console, block)
        if drawn is None:
            continue
        if not close:
            console.print()
        if isinstance(block, Commands | Listing):
            console.print(drawn, soft_wrap=True)  # a line to type is never broken
        else:
            console.print(drawn)
        close = isinstance(block, Headline)


def text(console: Console, words: Words, style: Role = "") -> Text:
    """Make rich's text of words: the one way for foreign text into rich."""
    made = Text(style=_STYLES[style], overflow="fold")
    for span, role in words.spans:
        made.append(streams.encodable(span, console.encoding), _STYLES[role])
    return made


def _drawn(console: Console, block: Block) -> RenderableType | None:
    match block:
        case Headline():
            return text(console, block.words) if block.words.shown else None
        case Line():
            return _titled(console, block.title, text(console, block.words))
        case Side():
            return _side(console, block)
        case Commands():
            return _commands(console, block)
        case Listing():
            return Group(*(text(console, line) for line in block.lines))
    return _drawn_part(console, block)


def _drawn_part(console: Console, block: Block) -> RenderableType | None:
    match block:
        case Card():
            return _card(console, block)
        case Fields() if block.place != "pipe":
            return _fields(console, block)
        case Table() if block.place != "pipe" and block.rows:
            return _titled(console, block.title, _table(console, block))
        case Bars():
            return _titled(console, block.title, _bars(console, block))
        case Quotes() if block.items:
            return _titled(console, block.title, _quotes(console, block))
        case Change() if block.patch.lines:
            return FoldedLines([(s, Style.parse(_STYLES[role])) for s, role in block.patch.spans])
    return None


def _titled(console: Console, title: str, content: RenderableType) -> RenderableType:
    """Put a section's title over its content, which stands a little to the right."""
    inner = Padding(content, (0, 0, 0, _INDENT))
    return Group(text(console, say(title, "strong")), inner) if title else inner


def _card(console: Console, card: Card) -> RenderableType:
    width = console.width - 4
    parts = _ends(text(console, card.title), text(console, card.aside), width)
    if card.body:
        body = text(console, card.body).wrap(console, width)
        parts += ["", *_at_most(list(body), _CARD_LINES, width)]
    parts += ["", *_ends(text(console, card.foot), text(console, card.foot_aside), width)]
    return Panel(Group(*parts), box=ROUNDED, border_style="dim", padding=(0, 1))


def _ends(left: Text, right: Text, width: int) -> list[RenderableType]:
    """Put one text at the left edge and one at the right, or below it where both are too long."""
    if left.cell_len + 2 + right.cell_len > width:
        return [part for part in (left, right) if part.plain]
    ends = Grid.grid(expand=True)
    ends.add_column(no_wrap=True)
    ends.add_column(no_wrap=True, justify="right")
    ends.add_row(left, right)
    return [ends]


def _at_most(lines: list[Text], most: int | None, width: int) -> list[Text]:
    """Keep the first lines; the last one says with ``…`` that there were more."""
    if most is None or len(lines) <= most:
        return lines
    kept = lines[:most]
    kept[-1].rstrip()
    kept[-1].truncate(width - 2)
    kept[-1].append(" …", "dim")
    return kept


def _fields(console: Console, fields: Fields) -> RenderableType | None:
    grid = Grid.grid(padding=(0, 2, 0, 0), pad_edge=False)
    grid.add_column(style="dim", no_wrap=True, min_width=_LABEL_WIDTH)
    grid.add_column(overflow="fold")
    for field in fields.items:
        if field.value is not None and field.value.shown:
            label = say(field.label or field.name.replace("_", " "))
            grid.add_row(text(console, label), text(console, field.value))
    return Padding(grid, (0, 0, 0, _INDENT)) if grid.row_count else None


def _table(console: Console, table: Table) -> RenderableType:
    kept = [
        (number, column)
        for number, column in enumerate(table.columns)
        if column.place != "pipe"
        and column.from_width <= console.width
        and any(row[number].shown for row in table.rows)
    ]
    grid = Grid(
        box=None,
        show_header=any(column.title for _, column in kept),
        header_style="dim",
        padding=(0, 2, 0, 0),
        pad_edge=False,
    )
    for _, column in kept:
        grid.add_column(
            text(console, say(column.title)),
            justify="right" if column.right else "left",
            no_wrap=column.fit == "whole",
            overflow="fold",
        )
    for row in table.rows:
        grid.add_row(*(_cell(console, row[number], column) for number, column in kept))
    return grid


def _cell(console: Console, words: Words, column: Column) -> Text:
    cell = text(console, words)
    if column.fit == "cut":  # said of the text, not of the column, so that this one shrinks first
        has_sign = streams.encodable("…", console.encoding) == "…"
        cell.no_wrap, cell.overflow = True, "ellipsis" if has_sign else "crop"
    return cell


def _bars(console: Console, bars: Bars) -> RenderableType:
    grid = Grid.grid(padding=(0, 2, 0, 0), pad_edge=False)
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True, justify="right")
    grid.add_column()
    for label, value, share in bars.items:
        grid.add_row(text(console, label), text(console, value), _Bar(share))
    return grid


class _Bar:
    """A bar as long as its share of the room there is; a share above 0 is always seen."""

    def __init__(self, share: float) -> None:
        self.share = share

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        halves = round(self.share * min(options.max_width, _BAR_MAX) * 2)
        if self.share > 0:
            halves = max(halves, 1)
        bar = "━" * (halves // 2) + "╸" * (halves % 2)
        yield text(console, say(bar, "stars"))

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(1, min(_BAR_MAX, options.max_width))


def _quotes(console: Console, quotes: Quotes) -> RenderableType:
    width = console.width - _INDENT - 2
    bar = streams.encodable("│ ", console.encoding)
    parts: list[RenderableType] = []
    for number, (head, body) in enumerate(quotes.items):
        parts += [""] if number else []
        parts.append(text(console, head))
        if body is not None:
            lines = list(text(console, body).wrap(console, width))
            said = _at_most(lines, quotes.lines_max, width)
            parts += [Text.assemble((bar, "dim"), line) for line in said]
    return Group(*parts)


def _side(console: Console, side: Side) -> RenderableType | None:
    left, right = _drawn(console, side.left), _drawn(console, side.right)
    if left is None or right is None:
        return left or right
    if console.width < _SIDE_BY_SIDE:
        return Group(left, "", right) if isinstance(side.right, Bars) else Group(left, right)
    grid = Grid.grid(expand=True, padding=(0, 2, 0, 0), pad_edge=False)
    grid.add_column(ratio=1)
    grid.add_column(ratio=1)
    grid.add_row(left, right)
    return grid


def _commands(console: Console, commands: Commands) -> RenderableType | None:
    """Write lines to type below each other; what they do stands behind where there is room."""
    if not commands.items:
        return None
    longest = max(len(line.shown) for line, _ in commands.items)
    column = _INDENT + _LABEL_WIDTH + 2
    if column + longest > console.width:
        column = _INDENT
    lines = []
    for number, (line, why) in enumerate(commands.items):
        label = "next" if number == 0 and column > _INDENT else ""
        made = Text.assemble((f"{'':{_INDENT}}{label}".ljust(column), "dim"), text(console, line))
        made.pad_right(longest - len(line.shown) + 3)
        if column + longest + 3 + len(why) <= console.width:
            made.append(why, "dim")
        made.rstrip()
        lines.append(made)
    return Text("\n").join(lines)

"""Many lines on a terminal: folded where they are too long, each in one colour.

Made of rich's segments: its texts need fifty times as long for a line, and a patch may have
thousands of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import chop_cells
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style

from everyskill_cli.cli.render import streams


class FoldedLines:
    """Lines that passed the filter, each with its style."""

    def __init__(self, lines: Sequence[tuple[str, Style]]) -> None:
        self._lines = lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        for line, style in self._lines:
            shown = streams.encodable(line, console.encoding)
            fits = shown.isascii() and len(shown) <= width
            for piece in [shown] if fits else chop_cells(shown, width):
                yield Segment(piece, style)
                yield Segment.line()

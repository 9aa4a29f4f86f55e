"""One process, one client, on stdin and stdout: what belongs to the protocol, and how it ends.

stdout is the protocol's alone. Whatever else is printed in this process, or by one that it starts,
goes to stderr, and nobody else can read from stdin. It ends at once when stdin ends, when nobody
reads stdout any more, and with Ctrl-C: no thread is waited for, because every verb may be stopped
at any instant.
"""

from __future__ import annotations

import gc
import logging
import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, TextIO

import anyio
from anyio import to_thread
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

from everyskill_cli.mcp import Pen
from everyskill_cli.mcp.desk import Desk
from everyskill_cli.mcp.server import make_server
from everyskill_cli.settings import Settings

_ESCAPE: Final = re.compile(
    r"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)


def run(settings: Settings, pen: Pen, *, allow_publish: bool) -> None:
    """Serve one client to its end."""
    gc.enable()  # which a process of one command does without
    logging.getLogger("mcp").addHandler(logging.NullHandler())  # tracebacks are for nobody here
    desk = Desk(settings, pen)
    server = make_server(desk, allow_publish=allow_publish)
    lines, wire = _own_streams()
    with suppress(KeyboardInterrupt):
        try:
            anyio.run(_converse, server, _Lines(lines), _Wire(wire, pen.escape))
        except* BrokenPipeError:
            pass


async def _converse(server: Server[Any], lines: _Lines, wire: _Wire) -> None:
    async with stdio_server(lines, wire) as (read_stream, write_stream):
        options = server.create_initialization_options()
        await server.run(read_stream, write_stream, options)


class _Lines(anyio.AsyncFile[str]):
    """What the client says, a line at a time; whoever waits for the next can be interrupted."""

    async def readline(self) -> str:
        """Wait for the next line; nothing at the end."""
        line = await to_thread.run_sync(self.wrapped.readline, abandon_on_cancel=True)
        return _ESCAPE.sub(_whole, line) if "\\u" in line else line


def _whole(escape: re.Match[str]) -> str:
    """Replace half a character: the SDK would pass the whole line by, and its sender would wait.

    Programs in JavaScript write one where a text was cut inside of an emoji.
    """
    return r"\ufffd" if escape["half"] else escape[0]


class _Wire(anyio.AsyncFile[str]):
    """What it is told. Nothing in it acts on a terminal, where somebody looks at one."""

    def __init__(self, file: TextIO, escape: Callable[[str], str]) -> None:
        super().__init__(file)
        self._escape = escape

    async def write(self, text: str) -> int:
        """Write one message and its line break."""
        return await to_thread.run_sync(self._write, text, abandon_on_cancel=True)

    async def flush(self) -> None:
        """Send it off."""
        await to_thread.run_sync(self.wrapped.flush, abandon_on_cancel=True)

    def _write(self, text: str) -> int:
        return self.wrapped.write(self._escape(text))


def _own_streams() -> tuple[TextIO, TextIO]:
    """Take stdin and stdout away from everybody else in this process."""
    sys.stdout.flush()
    own_in, own_out = os.dup(sys.stdin.fileno()), os.dup(sys.stdout.fileno())
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, sys.stdin.fileno())
    os.close(nothing)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    # Never closed: a thread may still wait at one of them, and the end of the process is near.
    return (
        os.fdopen(own_in, encoding="utf-8", errors="replace", newline="\n", closefd=False),
        os.fdopen(own_out, "w", encoding="utf-8", newline="\n", closefd=False),
    )

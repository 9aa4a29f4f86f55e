"""A second front door: the registry for agents, over the Model Context Protocol.

The only room that knows the protocol's SDK, which is an extra and slow to load: nothing here is
imported before ``everyskill mcp`` runs. It is given a pen to write answers with, the command
line's own, so that a tool says what ``--json`` says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from everyskill_cli.errors import EveryskillError, NotReady
from everyskill_cli.model import JsonObject
from everyskill_cli.settings import Settings


@dataclass(frozen=True, slots=True)
class Pen:
    """How answers and errors are written.

    Attributes:
        answer: an answer as the object of ``--json``.
        error: an error as the object of ``--json``.
        document: such an object as text in which nothing can hide.
        visible: a sentence in which nothing can hide, on one line.
        lines: a text in which nothing can hide; line breaks and tabs stay.
        escape: a JSON text in which nothing can hide, and which means the same.
        note: print text of the program's own on stderr.
    """

    answer: Callable[[object], JsonObject]
    error: Callable[[EveryskillError], JsonObject]
    document: Callable[[JsonObject], str]
    visible: Callable[[str], str]
    lines: Callable[[str], str]
    escape: Callable[[str], str]
    note: Callable[[str], None]


def serve(settings: Settings, pen: Pen, *, allow_publish: bool) -> None:
    """Serve one client on stdin and stdout until it leaves, or Ctrl-C.

    Raises:
        NotReady: the SDK is not installed, or the settings are half a configuration.
    """
    if settings.problem is not None:
        raise settings.problem
    try:
        from everyskill_cli.mcp.serving import run
    except ImportError as error:
        if (error.name or "").partition(".")[0] == "everyskill_cli":
            raise  # a bug of ours
        raise NotReady(
            f"The MCP SDK is not installed, or is older than 2.3: {error}.",
            "Run: pip install 'mcp>=2.3,<3'",
        ) from error
    run(settings, pen, allow_publish=allow_publish)

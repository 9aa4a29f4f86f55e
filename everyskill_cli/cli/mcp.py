"""``everyskill mcp``."""

from __future__ import annotations

from typing import Annotated

import typer

from everyskill_cli.cli import options, render


def mcp(
    context: typer.Context,
    allow_publish: Annotated[
        bool, typer.Option("--allow-publish", help="Give the client a tool that publishes.")
    ] = False,
) -> None:
    """Serve the registry to an agent: MCP on stdin and stdout (docs/agents.md).

    Needs the extra 'mcp'. It ends when the client closes stdin.

    Example: everyskill mcp --allow-publish
    """
    from everyskill_cli.cli.render.documents import document, error_to_json
    from everyskill_cli.cli.render.safety import visible_json, visible_lines
    from everyskill_cli.mcp import Pen, serve

    pen = Pen(
        answer=render.to_json,
        error=error_to_json,
        document=document,
        visible=render.visible,
        lines=visible_lines,
        escape=visible_json,
        note=render.note,
    )
    serve(options.settings(context), pen, allow_publish=allow_publish)

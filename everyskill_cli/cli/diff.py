"""``everyskill diff``."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from everyskill_cli.cli import options, render, sides


def diff(
    context: typer.Context,
    before: sides.OldSide,
    after: sides.NewSide = None,
    stat: Annotated[
        bool, typer.Option("--stat", help="Count the lines of each file instead.")
    ] = False,
    name_only: Annotated[
        bool, typer.Option("--name-only", help="List the files that differ, and fetch nothing.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Compare two versions, or a version and a folder.

    Files, modes, frontmatter by field, and text; in a pipe as a patch.

    Example: everyskill diff code-review@1 code-review@3
    """
    from everyskill_cli.registry.comparing.diff import diff as run

    depth = sides.depth(stat=stat, name_only=name_only)
    answer = run(partial(options.registry, context), before, after, depth)
    render.answer(answer, as_json=as_json, part=depth)

"""``everyskill show``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from everyskill_cli.cli import combined, options, render


def show(
    context: typer.Context,
    skill: options.Skill,
    files: Annotated[
        bool, typer.Option("--files", help="List the version's files, with their digests.")
    ] = False,
    content: Annotated[
        bool,
        typer.Option("--content", help="Print the published text, verified; raw in a pipe."),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            dir_okay=False,
            metavar="FILE",
            help="With --content: write it to a file.",
        ),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Show a skill: versions, ratings, comments, hours saved.

    Example: everyskill show code-review@2 --files
    """
    from everyskill_cli.registry.show import show as run

    part = combined.part(files=files, content=content, output=output)
    with options.registry(context) as registry:
        answer = run(registry, skill, content=content)
    render.answer(answer, as_json=as_json, part=part, output=output)

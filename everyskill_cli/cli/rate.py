"""``everyskill rate``."""

from __future__ import annotations

from typing import Annotated

import typer

from everyskill_cli.cli import options, render
from everyskill_cli.model import HOURS_MAX


def rate(
    context: typer.Context,
    skill: options.Skill,
    stars: Annotated[
        int | None,
        typer.Argument(min=1, max=5, help="1 (poor) to 5 (excellent).", show_default=False),
    ] = None,
    comment: Annotated[
        str | None,
        typer.Option(
            "-c",
            "--comment",
            parser=options.prose,
            metavar="TEXT",
            help="What others should know; '' clears it.",
        ),
    ] = None,
    hours_saved: Annotated[
        int | None,
        typer.Option(min=0, max=HOURS_MAX, metavar="HOURS", help="About how many it saved you."),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take your rating back.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Rate a version; rating the same version again replaces your rating.

    Example: everyskill rate code-review 5 -c "Finds what I miss" --hours-saved 3
    """
    from everyskill_cli.registry.rate import rate as run

    opinion = options.opinion(stars, comment, hours_saved, remove=remove)
    with options.registry(context, "write") as registry:
        answer = run(registry, skill, opinion)
    render.answer(answer, as_json=as_json)

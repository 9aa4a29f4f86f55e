"""``everyskill rate``."""

from __future__ import annotations

from typing import Annotated

import typer

from everyskill_cli.cli import combined, options, render, values
from everyskill_cli.model import HOURS_MAX


def rate(
    context: typer.Context,
    skill: options.Skill,
    stars: Annotated[
        int | None,
        typer.Argument(
            parser=values.whole_number(1, 5),
            metavar="STARS",
            help="1 (poor) to 5 (excellent).",
            show_default=False,
        ),
    ] = None,
    comment: Annotated[
        str | None,
        typer.Option(
            "-c",
            "--comment",
            parser=values.prose,
            metavar="TEXT",
            help="What others should know; '' clears it.",
        ),
    ] = None,
    hours_saved: Annotated[
        int | None,
        typer.Option(
            parser=values.whole_number(0, HOURS_MAX),
            metavar="HOURS",
            help=f"About how many it saved you, 0 to {HOURS_MAX}.",
        ),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take your rating back.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Rate a version, change your rating, or take it back.

    Rating the same version again replaces your rating; what is not given stays as it was.

    Example: everyskill rate code-review 5 -c "Finds bugs" --hours-saved 3
    """
    from everyskill_cli.registry.rate import rate as run

    opinion = combined.opinion(stars, comment, hours_saved, remove=remove)
    with options.registry(context, "write") as registry:
        answer = run(registry, skill, opinion)
    render.answer(answer, as_json=as_json)

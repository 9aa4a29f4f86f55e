"""``everyskill use``."""

from __future__ import annotations

from typing import Annotated

import typer

from everyskill_cli.cli import options, render, values


def use(
    context: typer.Context,
    skill: options.Skill,
    tool: Annotated[
        str,
        typer.Option(parser=values.slug, metavar="NAME", help="Through what it was used."),
    ] = "cli",
    external_id: Annotated[
        str | None,
        typer.Option(
            parser=values.external_id,
            metavar="ID",
            help="Your own id of this use: the same again counts once.",
        ),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Record that a skill was used.

    Example: everyskill use code-review --tool ci --external-id "run-4711"
    """
    from everyskill_cli.registry.use import Use, record

    with options.registry(context, "write") as registry:
        answer = record(registry, [Use(skill=skill, tool=tool, external_id=external_id)])
    render.answer(answer, as_json=as_json)

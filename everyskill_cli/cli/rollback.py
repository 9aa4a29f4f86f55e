"""``everyskill rollback``."""

from __future__ import annotations

from typing import Annotated

import typer

from everyskill_cli.cli import options, render, values


def rollback(
    context: typer.Context,
    skill: options.SkillAlone,
    to: Annotated[
        int | None,
        typer.Option(
            parser=values.whole_number(1, 999_999_999),
            metavar="N",
            help="Go back as far as version N.",
        ),
    ] = None,
    message: options.Why = None,
    expect: options.ExpectPublished = None,
    as_json: options.AsJson = False,
) -> None:
    """Go back to the highest older version that was published.

    It must stand still: neither yanked nor purged. Again goes further back.

    Example: everyskill rollback code-review -m "Misses races"
    """
    from everyskill_cli.registry.releasing.release import rollback as run

    with options.registry(context, "write") as registry:
        answer = run(registry, skill, to=to, reason=message or None, expect=expect)
    render.answer(answer, as_json=as_json)

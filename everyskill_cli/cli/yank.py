"""``everyskill yank``."""

from __future__ import annotations

from typing import Annotated

import typer

from everyskill_cli.cli import options, render, values
from everyskill_cli.cli.consent import consent


def yank(
    context: typer.Context,
    skill: options.SkillVersion,
    reason: Annotated[
        str,
        typer.Option(parser=values.reason, metavar="TEXT", help="Why; people are shown it."),
    ],
    successor: Annotated[
        int | None,
        typer.Option(
            parser=values.whole_number(1, 999_999_999),
            metavar="M",
            help="The version to use instead; published by that, and nobody is asked.",
        ),
    ] = None,
    yes: Annotated[
        bool,
        typer.Option("-y", "--yes", help="Do not ask what may become published instead."),
    ] = False,
    expect: options.ExpectPublished = None,
    as_json: options.AsJson = False,
) -> None:
    """Withdraw a version; nothing of it is deleted.

    Where it is the published one, its successor becomes that, or the version before it.

    Example: everyskill yank code-review@3 --reason "Misses races" --successor 4
    """
    from everyskill_cli.registry.releasing.release import yank as run

    with options.registry(context, "write") as registry:
        answer = run(
            registry,
            skill,
            reason=reason,
            successor=successor,
            expect=expect,
            consent=consent(
                yes=yes,
                hint="Agree to that with --yes, or name what to use instead: --successor M.",
            ),
        )
    render.answer(answer, as_json=as_json)

"""``everyskill purge``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from everyskill_cli.cli import options, render, values
from everyskill_cli.cli.consent import consent


def purge(
    context: typer.Context,
    skill: Annotated[
        Any,  # a Reference
        typer.Argument(
            metavar="SLUG[@N]",
            parser=values.reference,
            autocompletion=options.complete_slug,
            help="A version by its number; or a skill, with --everything.",
            show_default=False,
        ),
    ],
    reason: Annotated[
        str,
        typer.Option(parser=values.reason, metavar="TEXT", help="Why; people are shown it."),
    ],
    everything: Annotated[
        bool,
        typer.Option("--everything", help="Delete the skill with all its rows; never free again."),
    ] = False,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Delete a version's bytes for good, for a leaked secret or a legal order.

    Every version of every skill that holds the same bytes is marked as purged; the rows stay.
    To withdraw a version and delete nothing, yank it.

    Example: everyskill purge code-review@3 --reason "Holds a customer's key"

    everyskill purge code-review --everything --reason "Court order 17/26"
    """
    from everyskill_cli.registry.auditing.deletion import delete_skill
    from everyskill_cli.registry.auditing.purge import purge as purge_bytes
    from everyskill_cli.registry.auditing.taking import unfinished

    run = delete_skill if everything else purge_bytes
    agree = consent(
        yes=yes,
        hint="Agree to it with --yes.",
        unasked="purge deletes for good, and nobody is here to be asked.",
    )
    with options.registry(context, "write") as registry, render.progress() as watch:
        answer = run(registry, skill, reason=reason, consent=agree, watch=watch)
    render.answer(answer, as_json=as_json)
    if watch.stopped:
        raise KeyboardInterrupt
    if (error := unfinished(answer)) is not None:
        raise error

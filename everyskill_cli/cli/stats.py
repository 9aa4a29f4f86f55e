"""``everyskill stats``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from everyskill_cli.cli import combined, options, render, values


def stats(
    context: typer.Context,
    skill: Annotated[
        Any,  # a Reference
        typer.Argument(
            metavar="[SLUG]",
            parser=values.reference,
            autocompletion=options.complete_slug,
            help="One skill; without it all of them.",
            show_default=False,
        ),
    ] = None,
    author: Annotated[
        str | None,
        typer.Option(
            parser=values.email,
            metavar="EMAIL",
            help="Only the skills that this user published first.",
        ),
    ] = None,
    since: Annotated[
        Any,  # a timedelta or a datetime
        typer.Option(
            parser=values.since,
            metavar="TIME",
            help="The period that is looked at: 12h, 90d, 8w, or from a day on, 2026-01-31.",
        ),
    ] = "90d",
    limit: options.Limit = 10,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print the rows alone, as CSV (docs/stats.md).")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Say what is used, by how many, how it is rated, and how many hours it saves.

    Of the registry, of one skill by its versions, or of an author; what got better or worse with
    which version, what nobody uses, and what nobody has rated yet.

    Example: everyskill stats code-review --since 30d
    """
    from everyskill_cli.registry.stats import Wanted
    from everyskill_cli.registry.stats import stats as run

    form = combined.table_form(as_csv=as_csv, as_json=as_json)
    combined.require_one_scope(skill, author)
    with options.registry(context) as registry:
        answer = run(registry, Wanted(skill=skill, author=author, since=since, limit=limit))
    render.answer(answer, as_json=as_json, form=form)

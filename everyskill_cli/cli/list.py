"""``everyskill list``."""

from __future__ import annotations

from typing import Annotated

import typer

from everyskill_cli.cli import options, render
from everyskill_cli.model import Sort


def list_(
    context: typer.Context,
    sort: Annotated[
        Sort, typer.Option(help="Newest change, newest, alphabet, best rated, most used.")
    ] = "updated",
    limit: options.Limit = 50,
    after: options.After = None,
    as_json: options.AsJson = False,
) -> None:
    """List the skills of the registry.

    Example: everyskill list --sort rating -n 10
    """
    from everyskill_cli.registry.pages import list_skills

    with options.registry(context) as registry:
        answer = list_skills(registry, sort, limit, after)
    render.answer(answer, as_json=as_json)

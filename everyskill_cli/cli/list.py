"""``everyskill list``."""

from __future__ import annotations

from typing import Annotated

import typer

from everyskill_cli.cli import options, render
from everyskill_cli.model import InstalledPage, SkillPage, Sort


def list_(
    context: typer.Context,
    sort: Annotated[
        Sort, typer.Option(help="Newest change, newest, alphabet, best rated, most used.")
    ] = "updated",
    limit: options.Limit = 50,
    after: options.After = None,
    installed: Annotated[
        bool,
        typer.Option(
            "--installed", help="What is installed in this project and for you, and its state."
        ),
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """List the skills of the registry, or what is installed.

    Example: everyskill list --sort rating -n 10

    everyskill list --installed
    """
    from everyskill_cli.registry.installed import list_installed
    from everyskill_cli.registry.pages import list_skills

    if installed:
        options.require_absent(context, "--installed", "sort", "limit", "after")
    with options.registry(context) as registry:
        answer: InstalledPage | SkillPage = (
            list_installed(registry) if installed else list_skills(registry, sort, limit, after)
        )
    render.answer(answer, as_json=as_json)

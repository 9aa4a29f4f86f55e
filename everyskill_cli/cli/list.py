"""``everyskill list``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer

from everyskill_cli.cli import combined, options, render
from everyskill_cli.model import Sort

if TYPE_CHECKING:
    from everyskill_cli.model import Filters, InstalledPage, SkillPage

    Page: TypeAlias = InstalledPage | SkillPage


def list_(
    context: typer.Context,
    sort: Annotated[
        Sort, typer.Option(help="Newest change, newest, alphabet, best rated, most used.")
    ] = "updated",
    tag: options.Tags = None,
    category: options.Category = None,
    author: options.Author = None,
    min_rating: options.MinRating = None,
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

    everyskill list --tag python --min-rating 4.5

    everyskill list --installed
    """
    wanted = combined.filters(tag, category, author, min_rating)
    if installed:
        combined.require_absent(context, "--installed", *_OF_THE_REGISTRY)
        answer = _installed(context)
    else:
        answer = _skills(context, sort, limit, after, wanted)
    render.answer(answer, as_json=as_json, asked=combined.asked(after, wanted))


_OF_THE_REGISTRY: Final = ("sort", "limit", "after", "tag", "category", "author", "min_rating")


def _skills(
    context: typer.Context, sort: Sort, limit: int, after: str | None, wanted: Filters
) -> Page:
    from everyskill_cli.registry.pages import list_skills

    with options.registry(context) as registry:
        return list_skills(registry, sort, limit, after, wanted)


def _installed(context: typer.Context) -> Page:
    from everyskill_cli.registry.installing.installed import (
        list_installed,  # 80 ms that others do not pay
    )

    with options.registry(context) as registry:
        return list_installed(registry)

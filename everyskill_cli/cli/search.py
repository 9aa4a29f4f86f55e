"""``everyskill search``."""

from __future__ import annotations

from typing import Annotated

import typer

from everyskill_cli.cli import combined, options, render, values


def search(
    context: typer.Context,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="WORDS...",
            parser=values.prose,
            help="All must be there; three letters or more also find what begins so.",
            show_default=False,
        ),
    ],
    tag: options.Tags = None,
    category: options.Category = None,
    author: options.Author = None,
    min_rating: options.MinRating = None,
    limit: options.Limit = 20,
    after: options.After = None,
    as_json: options.AsJson = False,
) -> None:
    """Find skills by words in their names, descriptions, tags and published texts, best first.

    Example: everyskill search code review --min-rating 4
    """
    from everyskill_cli.registry.search import search

    wanted = combined.filters(tag, category, author, min_rating)
    with options.registry(context) as registry:
        answer = search(registry, " ".join(words), wanted, limit, after)
    render.answer(answer, as_json=as_json, asked=combined.asked(after))

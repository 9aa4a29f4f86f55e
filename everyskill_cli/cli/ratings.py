"""``everyskill ratings``."""

from __future__ import annotations

import typer

from everyskill_cli.cli import combined, options, render


def ratings(
    context: typer.Context,
    skill: options.Skill,
    limit: options.Limit = 50,
    after: options.After = None,
    as_json: options.AsJson = False,
) -> None:
    """List the ratings of a skill or of one version, newest first.

    Example: everyskill ratings code-review@2
    """
    from everyskill_cli.registry.pages import list_ratings

    with options.registry(context) as registry:
        answer = list_ratings(registry, skill, limit, after)
    render.answer(answer, as_json=as_json, asked=combined.asked(after))

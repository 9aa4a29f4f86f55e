"""``everyskill versions``."""

from __future__ import annotations

import typer

from everyskill_cli.cli import combined, options, render


def versions(
    context: typer.Context,
    skill: options.SkillAlone,
    limit: options.Limit = 50,
    after: options.After = None,
    as_json: options.AsJson = False,
) -> None:
    """List a skill's versions, newest first: who, when, why.

    Example: everyskill versions code-review
    """
    from everyskill_cli.registry.pages import list_versions

    with options.registry(context) as registry:
        answer = list_versions(registry, skill, limit, after)
    render.answer(answer, as_json=as_json, asked=combined.asked(after))

"""``everyskill promote``."""

from __future__ import annotations

import typer

from everyskill_cli.cli import options, render


def promote(
    context: typer.Context,
    skill: options.Skill,
    message: options.Why = None,
    expect: options.ExpectPublished = None,
    as_json: options.AsJson = False,
) -> None:
    """Make a version the published one: the draft, or the one that is named.

    Example: everyskill promote code-review@4
    """
    from everyskill_cli.registry.releasing.release import promote as run

    with options.registry(context, "write") as registry:
        answer = run(registry, skill, reason=message or None, expect=expect)
    render.answer(answer, as_json=as_json)

"""``everyskill unyank``."""

from __future__ import annotations

import typer

from everyskill_cli.cli import options, render


def unyank(
    context: typer.Context,
    skill: options.SkillVersion,
    message: options.Why = None,
    expect: options.ExpectPublished = None,
    as_json: options.AsJson = False,
) -> None:
    """Take the yank of a version back; what is published stays.

    Example: everyskill unyank code-review@3
    """
    from everyskill_cli.registry.releasing.release import unyank as run

    with options.registry(context, "write") as registry:
        answer = run(registry, skill, reason=message or None, expect=expect)
    render.answer(answer, as_json=as_json)

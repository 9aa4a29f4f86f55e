"""``everyskill outdated``."""

from __future__ import annotations

import typer

from everyskill_cli.cli import options, render


def outdated(context: typer.Context, as_json: options.AsJson = False) -> None:
    """List what is installed and not at its published version, or yanked, purged or deleted.

    Example: everyskill outdated
    """
    from everyskill_cli.registry.installing.installed import list_outdated

    with options.registry(context) as registry:
        answer = list_outdated(registry)
    render.answer(answer, as_json=as_json)

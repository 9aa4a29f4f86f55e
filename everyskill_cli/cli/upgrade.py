"""``everyskill upgrade``."""

from __future__ import annotations

import typer

from everyskill_cli.cli import options, render


def upgrade(context: typer.Context, as_json: options.AsJson = False) -> None:
    """Make the registry's schema, or bring it to the newest.

    A SQLite file is copied aside first.

    Example: everyskill upgrade
    """
    from everyskill_cli.registry.upgrade import upgrade as run

    render.answer(run(options.settings(context)), as_json=as_json)

"""``everyskill config``."""

from __future__ import annotations

import typer

from everyskill_cli.cli import options, render


def config(context: typer.Context, as_json: options.AsJson = False) -> None:
    """Print the settings that hold, and where each comes from.

    A secret is never printed.

    Example: everyskill config
    """
    from everyskill_cli.registry.config import config as run

    render.answer(run(options.settings(context)), as_json=as_json)

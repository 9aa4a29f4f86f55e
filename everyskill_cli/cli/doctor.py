"""``everyskill doctor``."""

from __future__ import annotations

import typer

from everyskill_cli.cli import options, render
from everyskill_cli.errors import NotReady


def doctor(context: typer.Context, as_json: options.AsJson = False) -> int:
    """Check settings, database, store and user.

    Where something is wrong it says what to type; the exit code is then 8.

    Example: everyskill doctor
    """
    from everyskill_cli.registry.doctor import doctor as run

    answer = run(options.settings(context))
    render.answer(answer, as_json=as_json)
    return NotReady.code if answer.status == "failed" else 0

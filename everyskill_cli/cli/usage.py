"""``everyskill usage``: uses that other programs recorded."""

from __future__ import annotations

from typing import Annotated

import typer

from everyskill_cli.cli import options, render
from everyskill_cli.model import Access

COMMANDS = ("import",)


def usage() -> None:
    """Bring in uses that other programs recorded."""


def import_(
    context: typer.Context,
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="A log as JSON lines; - reads stdin.", show_default=False
        ),
    ],
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
) -> None:
    """Record the uses of skills that Claude Code has logged (docs/agents.md).

    FILE is its OpenTelemetry log export, or what it gives to a hook. The same use counts once,
    however often it is imported. Names that are no skill of the registry are counted and named.

    Example: everyskill usage import claude-code.jsonl
    """
    from everyskill_cli.registry.importing import import_usage, incomplete

    access: Access = "read" if dry_run else "write"
    with options.opened(file) as log, options.registry(context, access) as registry:
        answer = import_usage(registry, log, dry_run=dry_run)
    render.answer(answer, as_json=as_json)
    if (error := incomplete(answer)) is not None:
        raise error

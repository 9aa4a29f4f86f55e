"""``everyskill gc``."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

import typer

from everyskill_cli.cli import options, render


def duration(text: str) -> timedelta:
    """Read how long: a number of minutes, hours or days, or 0."""
    match = re.fullmatch(r"([0-9]{1,6})([mhd])", text)
    if match is None and not re.fullmatch("0{1,6}", text):
        raise typer.BadParameter(f"{text!r} is not a time such as 30m, 12h or 7d, or 0.")
    if match is None:
        return timedelta()
    unit = {"m": "minutes", "h": "hours", "d": "days"}[match[2]]
    return timedelta(**{unit: int(match[1])})


def gc(
    context: typer.Context,
    older_than: Annotated[
        Any,  # a timedelta
        typer.Option(
            parser=duration,
            metavar="TIME",
            help="Leave alone what was written later: 30m, 12h, 7d, or 0.",
        ),
    ] = "7d",
    delete: Annotated[bool, typer.Option("--delete", help="Delete what was found.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also where it is more than half of all objects.")
    ] = False,
    jobs: options.Jobs = None,
    as_json: options.AsJson = False,
) -> None:
    """List what the store has and nothing needs; with --delete, delete it.

    That is: objects to which no version refers, such as a stopped publish leaves, and files that
    a killed command left aside. Publishers may be at work meanwhile.

    Example: everyskill gc --older-than 30d --delete
    """
    from everyskill_cli.registry.auditing.gc import GcOptions, collect, incomplete

    wanted = GcOptions(older_than=older_than, delete=delete, force=force, jobs=jobs)
    opened = options.registry(context, "write" if delete else "read")
    with opened as registry, render.progress() as watch:
        answer = collect(registry, wanted, watch)
    render.answer(answer, as_json=as_json)
    if watch.stopped:
        raise KeyboardInterrupt
    if (error := incomplete(answer)) is not None:
        raise error

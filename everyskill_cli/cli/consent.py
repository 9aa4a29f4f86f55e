"""Asking a person whether something is really wanted; without a terminal, saying what says so."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import typer

from everyskill_cli.cli import render
from everyskill_cli.errors import UsageError


def consent(*, yes: bool) -> Callable[[str], None] | None:
    """Make what asks a person; None where --yes has answered already."""
    return None if yes else _ask


def _ask(what: str) -> None:
    """Ask at a terminal whether that is wanted; else say which option says so."""
    if not sys.stdin.isatty():
        raise UsageError(
            what, "Agree to that with --yes, or name what to use instead: --successor M."
        )
    if not render.question(f"{what} Go on?"):
        render.note("Nothing was changed.")
        raise typer.Abort


def consent_to(verb: str, *, yes: bool) -> Callable[[Sequence[str], str], None] | None:
    """Make what tells a person what will be done, and asks; None where --yes has answered."""

    def ask(said: Sequence[str], what: str) -> None:
        if not sys.stdin.isatty():
            raise UsageError(
                f"{verb} deletes for good, and nobody is here to be asked.",
                "Agree to it with --yes.",
            )
        render.note("\n".join(said))
        if not render.question(what):
            render.note("Nothing was changed.")
            raise typer.Abort

    return None if yes else ask

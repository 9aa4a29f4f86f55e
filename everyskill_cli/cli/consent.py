"""Asking a person whether something is really wanted; without a terminal, saying what says so."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from everyskill_cli.cli import render
from everyskill_cli.errors import UsageError

if TYPE_CHECKING:
    from everyskill_cli.registry.consent import Consent


def consent(*, yes: bool, hint: str, unasked: str = "") -> Consent | None:
    """Make what tells a person what will be done, and asks; None where --yes has answered.

    Args:
        yes: whether it has.
        hint: how to agree without a terminal.
        unasked: what is said there instead of what will be done, where that is long.
    """

    def ask(said: Sequence[str], question: str) -> None:
        if not sys.stdin.isatty():
            raise UsageError(unasked or " ".join(said), hint)
        *before, last = said
        is_short = not before
        if not is_short:
            render.note("\n".join(said))
        if not render.question(f"{last} {question}" if is_short else question):
            render.note("Nothing was changed.")
            raise typer.Abort

    return None if yes else ask

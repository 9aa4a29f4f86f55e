"""What ``admin grants`` says: a script for psql, with what each statement is for."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from everyskill_cli.cli.render.blocks import Block, Headline, Listing
from everyskill_cli.cli.render.words import Words, only_shown, say

if TYPE_CHECKING:
    from datetime import datetime

    from everyskill_cli.model import GrantsAnswer


def script(value: GrantsAnswer, _now: datetime) -> list[Block]:
    """Lay the script out; its comments say what was done where it was run already."""
    done = only_shown("the script below was run", "muted")
    blocks: list[Block] = [Headline(done)] if value.status == "applied" else []
    return [*blocks, Listing(tuple(_lines(value)))]


def _lines(value: GrantsAnswer) -> list[Words]:
    lines = [say("-- Roles of an everyskill registry: docs/security.md", "muted"), say("BEGIN;")]
    for why, statements in groupby(value.results, key=lambda statement: statement.why):
        lines.append(say(f"-- {why}.", "muted"))
        lines += [say(f"{statement.sql};") for statement in statements]
    return [*lines, say("COMMIT;")]

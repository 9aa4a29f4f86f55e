"""What is said of a skill that was deleted whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everyskill_cli.chain import timestamp

if TYPE_CHECKING:
    from everyskill_cli.model import Tombstone


def epitaph(tombstone: Tombstone) -> str:
    """Say when and why it was deleted."""
    why = tombstone.reason.rstrip(".")
    return f"{tombstone.slug} was deleted on {timestamp(tombstone.created_at)[:10]}: {why}."

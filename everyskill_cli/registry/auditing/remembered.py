"""Chains held against what somebody remembers of them: this machine, or a checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from everyskill_cli.database.queries import entries
from everyskill_cli.model import Damage
from everyskill_cli.model.evidence import Entry

if TYPE_CHECKING:
    from everyskill_cli.database.engine import Transaction

PAGE: Final = 500  # entries that are looked up at once


def gone(tx: Transaction, remembered: Mapping[str, Entry], who: str) -> Iterator[Damage]:
    """Find entries that are remembered, and are not in their chains any more.

    A skill that was deleted whole is not missed: its tombstone says so.

    Args:
        tx: a reading one.
        remembered: the entries, by slug.
        who: remembers them, for the sentence.
    """
    found = entries.entries_at(tx, {slug: entry.seq for slug, entry in remembered.items()})
    buried = entries.buried(tx, remembered.keys() - found.keys())
    for slug, entry in remembered.items():
        there, newest = found.get(slug, (None, 0))
        if slug in buried or there == entry:
            continue
        if there is not None:
            kind, what = "history-rewritten", f"its event {entry.seq} is another one now"
        elif slug in found:
            kind, what = "history-gone", f"it had {entry.seq} events, and has {newest}"
        else:
            kind, what = "history-gone", "there is no such skill any more, and no tombstone of it"
        yield Damage(
            kind="history-gone" if kind == "history-gone" else "history-rewritten",
            where="version_events",
            slug=slug,
            message=f"The history of {slug} is not the one that {who} has seen: {what}.",
        )

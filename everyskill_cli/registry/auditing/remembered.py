"""Chains held against what somebody remembers of them: this machine, or a checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final, Literal

from everyskill_cli.database.queries import entries, purging
from everyskill_cli.model import Damage, Finding
from everyskill_cli.model.evidence import Entry

if TYPE_CHECKING:
    from everyskill_cli.database.engine import Transaction
    from everyskill_cli.registry import Registry

PAGE: Final = 500  # entries that are looked up at once


def gone(tx: Transaction, remembered: Mapping[str, Entry], who: str) -> Iterator[Damage | Finding]:
    """Find entries that are remembered, and are not in their chains any more.

    A skill that was deleted whole is no damage: its tombstone says who did it, and why. That it is
    gone is a finding all the same, because the tombstone is all there is to believe.

    Args:
        tx: a reading one, begun after the entries were remembered.
        remembered: the entries, by slug.
        who: remembers them, for the sentence.
    """
    found = entries.entries_at(tx, {slug: entry.seq for slug, entry in remembered.items()})
    buried = purging.buried(tx, remembered.keys() - found.keys())
    for slug, entry in remembered.items():
        there, newest = found.get(slug, (None, 0))
        if there == entry:
            continue
        if slug in buried:
            message = f"{slug} was deleted whole, since {who} saw it: {buried[slug].reason}"
            yield Finding("deleted-since", message)
        elif there is not None:
            yield _damage("history-rewritten", slug, who, f"its event {entry.seq} is another now")
        elif slug in found:
            what = f"it had {entry.seq} events, and has {newest}"
            yield _damage("history-gone", slug, who, what)
        else:
            yield _damage("history-gone", slug, who, "there is no such skill, and no tombstone")


def all_heads(registry: Registry) -> Iterator[tuple[str, int, Entry]]:
    """Yield slug, latest version and newest entry of every skill, in the order of the slugs."""
    place = ""
    while True:
        with registry.database.reading() as tx:
            page = entries.heads_after(tx, place, PAGE)
        if not page:
            return
        yield from page
        place = page[-1][0]


def _damage(
    kind: Literal["history-gone", "history-rewritten"], slug: str, who: str, what: str
) -> Damage:
    return Damage(
        kind=kind,
        where="version_events",
        slug=slug,
        message=f"The history of {slug} is not the one that {who} has seen: {what}.",
    )

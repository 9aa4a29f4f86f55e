"""Whether a skill's history is the one that this machine saw before; and seeing it again.

The owner of a database can take the newest rows of a history away, or rewrite it and recompute its
hashes. Somebody who saw it before can tell: so every command that meets a history compares.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from everyskill_cli.heads import Heads
from everyskill_cli.model import Damage, Finding

if TYPE_CHECKING:
    from everyskill_cli.database.engine import Transaction
    from everyskill_cli.model.evidence import Entry
    from everyskill_cli.registry import Registry
    from everyskill_cli.registry.lookup import Found


def recall(
    registry: Registry, tx: Transaction, own: str | None, seen: Mapping[str, Entry]
) -> dict[str, Entry]:
    """Compare histories with what was seen of them; what is not the same is noticed.

    Args:
        registry: takes the notices.
        tx: a transaction in which the histories are read.
        own: the registry's id.
        seen: an entry that was just read of each, by slug.

    Returns:
        What is worth remembering of that: it is new, and follows from what was seen before.
    """
    known = Heads(registry.settings.home).known(own or "", seen)
    other = {slug: entry for slug, entry in known.items() if entry != seen[slug]}
    wrong: set[str | None] = set()
    for damage in _lost(registry, tx, other) if other else ():
        wrong.add(damage.slug)
        hint = (
            f" Find out why: everyskill verify {damage.slug}"
            f" (after restoring a backup: everyskill verify {damage.slug} --forget)"
        )
        registry.notices.append(Finding(damage.kind, damage.message + hint))
    return {
        slug: entry
        for slug, entry in seen.items()
        if slug not in wrong and (slug not in known or entry.seq > known[slug].seq)
    }


def _lost(registry: Registry, tx: Transaction, known: Mapping[str, Entry]) -> list[Damage]:
    """Find what is not in the histories any more; looked at twice, because they go on.

    Of another process's entry this machine may know before a transaction that began earlier sees
    it.
    """
    from everyskill_cli.registry.auditing.remembered import gone

    if not any(isinstance(each, Damage) for each in gone(tx, known, "this machine")):
        return []
    with registry.database.reading() as later:
        found = list(gone(later, known, "this machine"))
    return [each for each in found if isinstance(each, Damage)]


def remember(registry: Registry, own: str | None, seen: Mapping[str, Entry]) -> None:
    """Remember entries that stand in the registry."""
    if own:
        Heads(registry.settings.home).note(own, seen)


def meet(registry: Registry, tx: Transaction, found: Found) -> None:
    """Compare the history of a skill that was found, and remember it."""
    if found.head is not None:
        seen = recall(registry, tx, found.registry_id, {found.skill.slug: found.head})
        remember(registry, found.registry_id, seen)

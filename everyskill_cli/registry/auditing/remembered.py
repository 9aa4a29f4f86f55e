"""Chains and tombstones held against what is remembered of them: by this machine, a checkpoint."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Final

from everyskill_cli.chain import tombstone_hash
from everyskill_cli.database.queries import entries
from everyskill_cli.database.snapshot import snapshot
from everyskill_cli.model import Damage, DamageKind, Finding, is_slug
from everyskill_cli.model.evidence import Entry, StoredTombstone
from everyskill_cli.registry.auditing.checkpoints import read_checkpoint
from everyskill_cli.registry.memory import all_remembered, forget, remembered

if TYPE_CHECKING:
    from pathlib import Path

    from everyskill_cli.database.engine import Transaction
    from everyskill_cli.registry import Registry

PAGE: Final = 500  # entries that are looked up at once
CHECKPOINT: Final = "the checkpoint"  # it has seen, in the sentence of a damage
Compared = tuple[int, list[Damage | Finding]]  # how many, and what is not as it was


def compare(
    registry: Registry, own: str, names: Collection[str], against: Path | None
) -> Iterator[Compared]:
    """Compare with all that is remembered, a page at a time.

    Each page in a transaction that begins after it was remembered.

    Args:
        registry: which.
        own: its id.
        names: only these skills; all where there are none.
        against: a checkpoint, which is read besides.

    Raises:
        UsageError, NotReady, IntegrityFailure: of the checkpoint.
    """
    pages = [remembered(registry, own, names)] if names else all_remembered(registry, own, PAGE)
    for page in pages:
        count, found = _compared(registry, page, "this machine")
        told = (each.message for each in found if isinstance(each, Finding))
        forget(registry, own, (message.partition(" ")[0] for message in told))  # it is told once
        yield count, found
    if against is None:
        return
    said = (each for each in read_checkpoint(against, own) if not names or each[0] in names)
    while page := dict(islice(said, PAGE)):
        yield _compared(registry, page, f"{CHECKPOINT} {against.name}")


def _compared(registry: Registry, page: Mapping[str, Entry], who: str) -> Compared:
    with snapshot(registry.database) as tx:
        return len(page), list(gone(tx, page, who))


def gone(tx: Transaction, remembered: Mapping[str, Entry], who: str) -> Iterator[Damage | Finding]:
    """Find entries that are remembered, and are not in their chains any more.

    A skill that was deleted whole is no damage: its tombstone says who did it, and why. That it is
    gone is a finding all the same, because the tombstone is all there is to believe; so is what is
    remembered of it from then on.

    Args:
        tx: a reading one, begun after the entries were remembered.
        remembered: the entries, by slug.
        who: remembers them, for the sentence.
    """
    places = {slug: entry.seq for slug, entry in remembered.items() if entry.seq}
    found = entries.entries_at(tx, places)
    buried = entries.tombstones_of(tx, remembered.keys() - found.keys())
    for slug, entry in remembered.items():
        there, newest = found.get(slug, (None, 0))
        if entry.seq == 0:
            yield from _unburied(slug, buried.get(slug), entry, who)
        elif there == entry:
            continue
        elif slug in buried:
            message = f"{slug} was deleted whole, since {who} saw it: {buried[slug].reason}"
            yield Finding("deleted-since", message)
        elif there is not None:
            yield _damage("history-rewritten", slug, who, f"its event {entry.seq} is another now")
        elif slug in found:
            what = f"it had {entry.seq} events, and has {newest}"
            yield _damage("history-gone", slug, who, what)
        else:
            yield _damage("history-gone", slug, who, "there is no such skill, and no tombstone")


def _unburied(
    slug: str, tombstone: StoredTombstone | None, entry: Entry, who: str
) -> Iterator[Damage]:
    """Find a tombstone that is not there any more as it is remembered."""
    if tombstone is None:
        yield _damage("tombstone", slug, who, "it is gone")
    elif tombstone_hash(tombstone) != entry.entry_hash:
        yield _damage("tombstone", slug, who, "it was changed")


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


def all_tombstones(registry: Registry) -> Iterator[tuple[str, int, Entry]]:
    """Yield slug, last version and the entry that stands for it of every tombstone."""
    place = ""
    while True:
        with snapshot(registry.database) as tx:
            page = entries.tombstones_after(tx, place, PAGE)
        if not page:
            return
        for tombstone in page:
            slug, last = tombstone.slug, tombstone.last_version
            if not (isinstance(slug, str) and is_slug(slug) and isinstance(last, int)):
                continue  # somebody wrote it past the guards
            yield slug, last, Entry(0, tombstone_hash(tombstone))
        place = page[-1].slug


def _damage(kind: DamageKind, slug: str, who: str, what: str) -> Damage:
    where, name = ("tombstones", "tombstone")
    if kind != "tombstone":
        where, name = ("version_events", "history")
    return Damage(
        kind=kind,
        where=where,
        slug=slug,
        message=f"The {name} of {slug} is not the one that {who} has seen: {what}.",
    )

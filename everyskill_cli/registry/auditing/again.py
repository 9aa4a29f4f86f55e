"""What an interrupted verification noted, looked at again: it may be repaired by now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Final

from everyskill_cli.database.queries import auditing, objects
from everyskill_cli.database.snapshot import snapshot
from everyskill_cli.model import Damage
from everyskill_cli.registry.auditing.histories import examine
from everyskill_cli.registry.auditing.named import Named
from everyskill_cli.registry.auditing.remembered import CHECKPOINT
from everyskill_cli.registry.auditing.stored import Objects, untrusted

if TYPE_CHECKING:
    from pathlib import Path

    from everyskill_cli.registry import Registry
    from everyskill_cli.registry.auditing.notes import Notes

PAGE: Final = 100  # skills, or objects, between two statements
OF_ALL: Final = frozenset(  # which every verification finds out at its beginning
    ("registry", "guard", "reference", "tombstone", "mark", "skill-missing")
)
OF_OBJECTS: Final = frozenset(("object-missing", "object-changed", "search-copy"))


def noted_before(notes: Notes, against: Path | None) -> tuple[Damage, ...]:
    """Let go from notes what is found out anew; give the damages that must be looked at again.

    Args:
        notes: of the verification that was interrupted.
        against: the checkpoint that this one reads; what another one told stays noted.
    """
    for damage in [each for each in notes.damages if _is_found_anew(each, against)]:
        del notes.damages[damage]
    notes.counts["compared"] = 0
    old = (each for each in notes.damages if not _is_of_all(each.kind))
    return tuple(each for each in old if each.slug or each.kind in OF_OBJECTS)


def _is_found_anew(damage: Damage, against: Path | None) -> bool:
    if not _is_of_all(damage.kind):
        return False
    is_told = f" {CHECKPOINT} " in damage.message and damage.slug is not None
    return not is_told or (
        against is not None and f" {CHECKPOINT} {against.name} " in damage.message
    )


def _is_of_all(kind: str) -> bool:
    return kind in OF_ALL or kind.startswith("history-")


def _is_of_object(damage: Damage) -> bool:
    """Tell whether its object shows it; what search has of a whole skill, its records do."""
    return damage.kind in OF_OBJECTS and not (
        damage.kind == "search-copy" and damage.version is None
    )


def looked_at_again(
    registry: Registry, own: str, doubts: Sequence[Damage], notes: Notes, jobs: int | None
) -> Iterator[list[Damage]]:
    """Look again at what some damages are about, a page at a time; yield what is wrong with it.

    Args:
        registry: which.
        own: its id.
        doubts: the damages.
        notes: whose share says whether any object is read.
        jobs: connections to the store at once.
    """
    found: list[Damage] = []
    slugs = {each.slug for each in doubts if each.slug and not _is_of_object(each)}
    for page in _pages(sorted(slugs)):
        with snapshot(registry.database) as tx:
            skills = auditing.skills_after(tx, "", PAGE, page)
            again = [damage for skill in examine(tx, own, skills) for damage in skill.damages]
        found += again
        yield again
    look = Objects(
        registry,
        share=1.0 if notes.share else 0.0,
        jobs=jobs or registry.store.jobs,
        doubted=untrusted(found),
        named=Named(),
        lists=False,
    )
    for page in _pages(_keys(registry, doubts)):
        yield [damage for seen in look.look(page) for damage in seen.damages]


def _keys(registry: Registry, doubts: Sequence[Damage]) -> list[str]:
    """Give the objects that damages are about; where a row is named, all of that skill."""
    damages = [each for each in doubts if each.kind in OF_OBJECTS]
    keys = {each.where for each in damages if "/" in each.where}
    slugs = {each.slug for each in damages if each.slug and "/" not in each.where}
    for page in _pages(sorted(slugs)):
        place: str | None = ""
        while place is not None:
            with snapshot(registry.database) as tx:
                more = objects.keys_after(tx, place, PAGE, page)
            keys.update(more)
            place = more[-1] if more else None
    return sorted(keys)


def _pages(values: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(values)
    while page := list(islice(rest, PAGE)):
        yield page

"""Pages of the published versions, with all that their rows say of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from everyskill_cli.chain import verify
from everyskill_cli.database.queries import pins, versions
from everyskill_cli.errors import IntegrityFailure
from everyskill_cli.model import Pin
from everyskill_cli.registry import Registry
from everyskill_cli.registry.pages import list_skills

if TYPE_CHECKING:
    from everyskill_cli.database.engine import Transaction


def list_published(
    registry: Registry, limit: int, after: str | None
) -> tuple[list[Pin], str | None]:
    """Read a page of the published versions, by slug, and where the next one begins.

    Skills that publish nothing are passed by, so a page may hold less than its limit, and no
    more. So are versions whose rows are not what was published, or that nobody can read: whoever
    asks for one of those by its name is told.

    Raises:
        UsageError: ``after`` is not the place of such a page.
    """
    page = list_skills(registry, "name", limit, after)
    places = [
        (skill.slug, skill.published_version)
        for skill in page.items
        if skill.published_version is not None
    ]
    with registry.database.reading() as tx:
        own = versions.registry_id(tx) or ""
        found = _find(tx, places)
    return [pin for pin in found if _is_right(own, pin)], page.next


def _find(tx: Transaction, places: list[tuple[str, int]]) -> list[Pin]:
    try:
        found = pins.find(tx, places)
    except IntegrityFailure:  # one of them cannot be read, and says so for all
        found = {place: pin for place in places for pin in _readable(tx, place)}
    return [found[place] for place in places if place in found]


def _readable(tx: Transaction, place: tuple[str, int]) -> Iterable[Pin]:
    try:
        return list(pins.find(tx, [place]).values())
    except IntegrityFailure:
        return ()


def _is_right(own: str, pin: Pin) -> bool:
    try:
        verify(own, pin)
    except IntegrityFailure:
        return False
    return True

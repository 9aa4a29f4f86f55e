"""Pages of the published versions, with all that their rows say of them."""

from __future__ import annotations

from everyskill_cli.chain import verify
from everyskill_cli.database.queries import pins, versions
from everyskill_cli.errors import IntegrityFailure
from everyskill_cli.model import Pin
from everyskill_cli.registry import Registry
from everyskill_cli.registry.pages import list_skills


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
    return [pin for pin in _find(registry, places) if pin is not None], page.next


def _find(registry: Registry, places: list[tuple[str, int]]) -> list[Pin | None]:
    """Read some versions; None stands for one that is not what was published, or is gone."""
    try:
        with registry.database.reading() as tx:
            own = versions.registry_id(tx) or ""
            found = pins.find(tx, places)
    except IntegrityFailure:  # one of them cannot be read, and that is said for all
        if len(places) == 1:
            return [None]
        return [pin for place in places for pin in _find(registry, [place])]
    return [found[place] if _is_right(own, found.get(place)) else None for place in places]


def _is_right(own: str, pin: Pin | None) -> bool:
    if pin is None:
        return False
    try:
        verify(own, pin)
    except IntegrityFailure:
        return False
    return True

"""What nobody can have any more: versions that were purged, skills that were deleted whole.

Whoever wants some of them is told of all of them at once, and what to type to go on without.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from everyskill_cli.database.queries import purging, skills
from everyskill_cli.errors import NotFound
from everyskill_cli.model import Scope
from everyskill_cli.registry.epitaph import epitaph

if TYPE_CHECKING:
    from everyskill_cli.database.engine import Transaction
    from everyskill_cli.installs.lock import Locked
    from everyskill_cli.model import Pin

# In the order in which they are named.
Verb: TypeAlias = Literal["uninstall", "update", "install", "versions", "list"]
CHANGES: Final[tuple[Verb, ...]] = ("uninstall", "update", "install")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """A version that was purged, or a skill that was deleted whole.

    Attributes:
        version: the purged one; None where the whole skill went.
        at, by, reason: of the purge; by whom is an email address, as far as it is known.
        said: all of that for people, without a full stop.
        published: what the skill publishes now.
    """

    slug: str
    version: int | None
    at: datetime
    by: str | None
    reason: str | None
    said: str
    published: int | None

    @property
    def is_deleted(self) -> bool:
        """Whether nothing of the skill is left."""
        return self.version is None


def find_gone(tx: Transaction, pins: Iterable[Pin], absent: Collection[str]) -> list[Gone]:
    """Say which of these versions were purged, and which absent skills deleted whole; by slug.

    Args:
        tx: a reading one.
        pins: versions that the registry has.
        absent: slugs that it does not know.
    """
    purged = {(pin.slug, pin.version.version): pin.purged_at for pin in pins}
    found = _purged(tx, {place: at for place, at in purged.items() if at is not None})
    graves = purging.graves(tx, absent) if absent else {}
    found += (
        Gone(
            slug=slug,
            version=None,
            at=tombstone.created_at,
            by=by,
            reason=tombstone.reason,
            said=epitaph(tombstone).rstrip("."),
            published=None,
        )
        for slug, (tombstone, by) in graves.items()
    )
    return sorted(found, key=lambda each: (each.slug, each.version or 0))


def _purged(tx: Transaction, purged: Mapping[tuple[str, int], datetime]) -> list[Gone]:
    if not purged:
        return []
    purges = purging.purges(tx, sorted(purged))
    heads = skills.heads(tx, {slug for slug, _ in purged})
    found = []
    for (slug, number), at in purged.items():
        by, reason = purges.get((slug, number), (None, None))
        why = f": {reason.rstrip('.')}" if reason else ""
        found.append(
            Gone(
                slug=slug,
                version=number,
                at=at,
                by=by,
                reason=reason,
                said=f"{slug}@{number} was purged{why}",
                published=heads[slug].published_version if slug in heads else None,
            )
        )
    return found


def way_out(gone: Gone, entry: Locked | None, *, is_named: bool = False) -> Verb:
    """Choose the command that goes on without it.

    Args:
        gone: what it is.
        entry: what the lock says of the skill.
        is_named: whether somebody asked for this version, and not the lock.
    """
    if gone.published is not None:  # an update leaves what is pinned
        return "update" if entry and not entry.pinned and not is_named else "install"
    if entry is not None:
        return "uninstall"
    return "list" if gone.is_deleted else "versions"


def hint(ways: Iterable[tuple[Verb, str]], scope: Scope) -> str:
    """Say what to type, given the command for each slug: those first that change the lock."""
    slugs: dict[Verb, list[str]] = {}
    for verb, slug in ways:
        slugs.setdefault(verb, []).append(slug)
    lines = [line(verb, slugs[verb], scope) for verb in CHANGES if verb in slugs]
    if lines:
        return f"To go on: {' && '.join(lines)}"
    if "versions" in slugs:
        return f"See what is left: everyskill versions {slugs['versions'][0]}"
    return "Its slug is never free again. Others: everyskill list"


def line(verb: Verb, slugs: Iterable[str], scope: Scope) -> str:
    """Write one command that changes a lock."""
    of = " --scope user" if scope == "user" else ""
    return f"everyskill {verb} {' '.join(slugs)}{of}"


def refusal(gone: Iterable[Gone], ways: Iterable[tuple[Verb, str]], scope: Scope) -> NotFound:
    """Say of all of them why they cannot be had, and what to type."""
    return NotFound(f"{'; '.join(each.said for each in gone)}.", hint(ways, scope))

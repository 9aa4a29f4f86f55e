"""Which version a reference means: the one rule that every reading and rating command shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from everyskill_cli.database.queries import purging, showing, skills, versions
from everyskill_cli.errors import NotFound
from everyskill_cli.model import Reference, Skill, SkillVersion
from everyskill_cli.model.evidence import Entry
from everyskill_cli.registry.epitaph import epitaph

if TYPE_CHECKING:
    from everyskill_cli.database.engine import Transaction


@dataclass(frozen=True, slots=True)
class Found:
    """A skill with its author's email address and its pointers as numbers."""

    skill: Skill
    author: str
    published_version: int | None
    draft_version: int | None
    registry_id: str | None = None
    head: Entry | None = None  # of its chain

    @property
    def pointers(self) -> tuple[int | None, int | None]:
        """The published and the draft number."""
        return self.published_version, self.draft_version


def find_skill(tx: Transaction, slug: str) -> Found:
    """Find a skill by its slug, or NotFound."""
    found = skills.find(tx, slug)
    if found is None:
        raise absent(tx, slug)
    return Found(*found)


def find_shown(tx: Transaction, reference: Reference) -> tuple[Found, SkillVersion | None]:
    """Find a skill, or NotFound, and in the same statement its version to look at, if there is."""
    both = showing.find(tx, reference)
    if both is None:
        raise absent(tx, reference.slug)
    return Found(*both[0]), both[1]


def number_to_show(tx: Transaction, found: Found, reference: Reference) -> int:
    """Give the number to look at: without one the published, else the draft, else the latest."""
    if reference.version is None:
        return found.published_version or found.draft_version or found.skill.latest_version
    return number_to_use(tx, found, reference)


def number_to_use(tx: Transaction, found: Found, reference: Reference) -> int:
    """Give the number to rate or install: without one only the published will do.

    Raises:
        NotFound: the name points to no version.
    """
    skill = found.skill
    number = number_meant(reference, skill.latest_version, *found.pointers)
    if number is None:
        name = reference.version or "published"
        other = found.draft_version or skill.latest_version
        raise NotFound(
            f"{skill.slug} has no {name} version{and_purged(tx, skill, other)}.",
            f"Name the version that you mean: {skill.slug}@{number_to_name(tx, skill, other)}",
        )
    return number


def number_meant(
    reference: Reference, latest: int, published: int | None, draft: int | None
) -> int | None:
    """Give the number that a reference means to somebody who uses it; None where it means none."""
    match reference.version:
        case int(number):
            return number
        case "latest":
            return latest
        case "draft":
            return draft
    return published


def find_version(tx: Transaction, found: Found, number: int, *, whole: bool = True) -> SkillVersion:
    """Read a version by its number, or NotFound; whole, or without its manifest and metadata."""
    version = versions.find(tx, found.skill.id, number, whole=whole)
    if version is None:
        slug, latest = found.skill.slug, found.skill.latest_version
        if 1 <= number <= latest:
            find_skill(tx, slug)  # it may have been deleted whole since
        raise NotFound(
            f"There is no version {number} of {slug}; its latest is {latest}.",
            f"See all: everyskill versions {slug}",
        )
    return version


def absent(tx: Transaction, slug: str) -> NotFound:
    """Say that there is no such skill, and why, where it was deleted whole."""
    tombstone = purging.buried(tx, [slug]).get(slug)
    if tombstone is None:
        return NotFound(f"There is no skill {slug}.", "See what there is: everyskill list")
    return NotFound(epitaph(tombstone), "Its slug is never free again. Others: everyskill list")


def purged(tx: Transaction, slug: str, version: SkillVersion) -> NotFound:
    """Say that the bytes of a version were removed for good, and why."""
    this = f"{slug}@{version.version}"
    return NotFound(
        f"The content of {this} was purged{because(tx, version)}.",
        f"See what is left: everyskill versions {slug}",
    )


def and_purged(tx: Transaction, skill: Skill, number: int) -> str:
    """Say of the version that somebody might mean that it was purged, and why, if it was."""
    purge = purging.purges(tx, [(skill.slug, number)]).get((skill.slug, number))
    if purge is None:
        return ""
    why = f": {purge.reason.rstrip('.')}" if purge.reason else ""
    return f", and its latest, {number}, was purged{why}"


def number_to_name(tx: Transaction, skill: Skill, number: int) -> str:
    """Give the number to name in a hint; where nobody can have that version, how to find one."""
    if purging.purges(tx, [(skill.slug, number)]):
        return f"N (see which stand: everyskill versions {skill.slug})"
    return str(number)


def because(tx: Transaction, version: SkillVersion) -> str:
    """Give the reason for which a version was purged, behind a colon."""
    reason = purging.reason(tx, version.skill_id, version.version)
    return f": {reason.rstrip('.')}" if reason else ""

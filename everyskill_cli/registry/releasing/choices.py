"""Which versions may become the published one, or stand in for another; and why others may not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everyskill_cli.database.queries import history, versions
from everyskill_cli.errors import Conflict, NotFound
from everyskill_cli.model import SkillVersion, VersionSummary
from everyskill_cli.registry.lookup import Found, because, find_version, number_to_name

if TYPE_CHECKING:
    from everyskill_cli.database.engine import Transaction


def version_before(tx: Transaction, found: Found, current: int) -> SkillVersion | None:
    """Find the version to go back to: the highest below that was published and still stands."""
    number = history.published_below(tx, found.skill.id, current)
    return None if number is None else find_version(tx, found, number)


def older_version(tx: Transaction, found: Found, current: int, number: int) -> SkillVersion:
    """Find a version to go back to by its number.

    Raises:
        NotFound: there is none of this number.
        Conflict: it is not below the published one, was never published, or does not stand.
    """
    slug = found.skill.slug
    version = find_version(tx, found, number)
    require_usable(tx, found, version, versions.summary(tx, version, found.pointers))
    why = ""
    if number > current:
        why = f"{slug}@{number} is not older than {slug}@{current}, which is published."
    elif not history.was_published(tx, found.skill.id, number):
        why = f"{slug}@{number} was never published, so nothing goes back to it."
    if why:
        raise Conflict(why, f"To publish it: everyskill promote {slug}@{number}")
    return version


def successor_of(tx: Transaction, found: Found, version: SkillVersion, number: int) -> SkillVersion:
    """Find a version that may stand in for a withdrawn one: it was published and still stands.

    Raises:
        Conflict: it may not, or there is none of this number.
    """
    slug = found.skill.slug
    other = versions.find(tx, found.skill.id, number)
    why = "does not exist" if other is None else _why_no_successor(tx, found, version, other)
    if other is None or why:
        raise Conflict(
            f"{slug}@{number} {why} and cannot be the successor.",
            f"Choose another one: everyskill versions {slug}",
        )
    return other


def _why_no_successor(
    tx: Transaction, found: Found, version: SkillVersion, other: SkillVersion
) -> str:
    if other.id == version.id:
        return "is the version itself"
    status = versions.summary(tx, other, found.pointers).status
    if status in ("yanked", "purged"):
        return f"is {status}"
    if not history.was_published(tx, found.skill.id, other.version):
        return "is a draft" if status == "draft" else "was never published"
    return ""


def require_expected(found: Found, expect: int | None) -> None:
    """Refuse where another version is published than the caller has seen; 0 means none."""
    published = found.published_version
    if expect in (None, published or 0):
        return
    slug = found.skill.slug
    stands = f"{slug}@{published} is" if published else f"No version of {slug} is"
    raise Conflict(
        f"{stands} published, and {expect or 'none'} was expected.",
        f"Look at it (everyskill versions {slug}), then say --expect {published or 0}.",
    )


def require_whole(
    tx: Transaction, found: Found, version: SkillVersion, state: VersionSummary
) -> None:
    """Refuse a version whose bytes are gone."""
    if state.purged_at is not None:
        slug = found.skill.slug
        raise Conflict(
            f"{slug}@{state.version} was purged, its bytes are gone for good"
            f"{because(tx, version)}.",
            f"Choose another one: everyskill versions {slug}",
        )


def require_usable(
    tx: Transaction, found: Found, version: SkillVersion, state: VersionSummary
) -> None:
    """Refuse to publish a version that is purged or yanked."""
    require_whole(tx, found, version, state)
    if state.yanked_at is not None:
        this = f"{found.skill.slug}@{state.version}"
        why = f" ({state.yank_reason})" if state.yank_reason else ""
        raise Conflict(
            f"{this} was yanked{why}.",
            f"Take that back first: everyskill unyank {this} (then: everyskill promote {this})",
        )


def without(found: Found, version: SkillVersion, instead: SkillVersion | None) -> str:
    """Say what becomes published where the published version is withdrawn."""
    slug = found.skill.slug
    this = f"{slug}@{version.version} is the published version"
    if instead is None:
        return f"{this}; without it no version of {slug} is published."
    return f"{this}; without it {slug}@{instead.version} becomes the published one."


def no_draft(tx: Transaction, found: Found) -> NotFound:
    """Say that there is no draft to publish, and how to name another version."""
    return NotFound(
        f"{found.skill.slug} has no draft version.",
        f"Name the version to publish: {promotion(tx, found)}",
    )


def promotion(tx: Transaction, found: Found) -> str:
    """Write the line that publishes the latest version, or another where that was purged."""
    slug, latest = found.skill.slug, found.skill.latest_version
    return f"everyskill promote {slug}@{number_to_name(tx, found.skill, latest)}"

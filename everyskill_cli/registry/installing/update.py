"""Update: bring what is installed to the versions that are published now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from everyskill_cli.database.queries import pins, skills, versions
from everyskill_cli.installs.lock import Locked
from everyskill_cli.installs.places import Place
from everyskill_cli.model import Finding, Head, InstallAnswer, Reference, Scope
from everyskill_cli.registry import Registry
from everyskill_cli.registry.installing.gone import Gone, find_gone, hint, way_out
from everyskill_cli.registry.installing.locking import carry_out, require_locked
from everyskill_cli.registry.installing.placing import foremost
from everyskill_cli.registry.installing.steps import InstallOptions
from everyskill_cli.registry.installing.wanted import Asked, require_registry, unpublished
from everyskill_cli.registry.watch import Watch

if TYPE_CHECKING:
    from everyskill_cli.database.engine import Transaction


def update(
    registry: Registry,
    slugs: Sequence[str],
    options: InstallOptions,
    watch: Watch | None = None,
) -> InstallAnswer:
    """Install the published versions of the skills that are named, or of all that are locked.

    One that somebody pinned to a number stays there, and so does one that is not published now:
    those are installed as the lock has them. Of all that are locked, what nobody can have any more
    and nothing follows is left as it is, with a warning: it keeps back no other.

    Raises:
        NotFound: a skill is not in the lock, or one that is named is gone, and nothing follows.
        Conflict: there are local edits.
        Unavailable: the registry cannot be reached.
        IntegrityFailure, InvalidSkill, NotReady: as ``install``.
    """
    notes: list[Finding] = []

    def decide(place: Place, locked: dict[str, Locked] | None) -> Asked:
        entries = locked or {}
        require_locked(place, slugs, entries)
        wanted = {slug: entries[slug] for slug in slugs or sorted(entries)}
        with registry.database.reading() as tx:
            require_registry(versions.registry_id(tx) or "", wanted.values())
            heads = skills.heads(tx, wanted)
            gone = {} if slugs else _gone(tx, wanted, heads)
            notes.extend(_left(each, wanted[slug], options.scope) for slug, each in gone.items())
            wanted = {slug: entry for slug, entry in wanted.items() if slug not in gone}
            notes.extend(_staying(tx, wanted, heads))
        return {slug: _asked(entry, heads.get(slug)) for slug, entry in wanted.items()}

    answer = carry_out(registry, options, watch or Watch(), decide)
    results = tuple(
        replace(result, status="pinned")
        if result.pinned and result.status == "unchanged"
        else result
        for result in answer.results
    )
    return InstallAnswer(
        status=foremost(results), results=results, warnings=(*answer.warnings, *notes)
    )


def _asked(entry: Locked, head: Head | None) -> Reference | None:
    is_published = head is not None and head.published_version is not None
    return Reference(entry.slug) if is_published and not entry.pinned else None


def _gone(
    tx: Transaction, wanted: Mapping[str, Locked], heads: Mapping[str, Head]
) -> dict[str, Gone]:
    """Find what would stay as the lock has it, and cannot be had so any more."""
    staying = [e for slug, e in wanted.items() if _asked(e, heads.get(slug)) is None]
    found = pins.find(tx, [(entry.slug, entry.version) for entry in staying])
    absent = wanted.keys() - heads.keys()
    return {each.slug: each for each in find_gone(tx, found.values(), absent)}


def _left(gone: Gone, entry: Locked, scope: Scope) -> Finding:
    """Say of one that it is left, why, and how to go on without it."""
    rule = "deleted" if gone.is_deleted else "purged"
    way = hint([(way_out(gone, entry), gone.slug)], scope)
    return Finding(rule, f"{gone.said}; what is installed stays. {way}")


def _staying(
    tx: Transaction, wanted: Mapping[str, Locked], heads: Mapping[str, Head]
) -> Iterator[Finding]:
    """Say why skills stay although another version, or none, is published."""
    for slug, entry in wanted.items():
        head = heads.get(slug)
        published = None if head is None else head.published_version
        if published is None:
            why = f"There is no skill {slug}" if head is None else unpublished(tx, head).message
            yield Finding("not-published", f"{why.rstrip('.')}; what is installed stays.")
        elif entry.pinned and published != entry.version:
            yield Finding(
                "pinned",
                f"{slug} is pinned to version {entry.version}, and {published} is published."
                f" To follow that: everyskill install {slug}",
            )

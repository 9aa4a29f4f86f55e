"""Update: bring what is installed to the versions that are published now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from everyskill_cli.database.queries import skills, versions
from everyskill_cli.errors import NotFound
from everyskill_cli.installs import lock
from everyskill_cli.installs.lock import Locked
from everyskill_cli.installs.places import Place, open_place
from everyskill_cli.model import Finding, Head, InstallAnswer, InstallResult, Reference
from everyskill_cli.registry import Registry
from everyskill_cli.registry.install import install, worst
from everyskill_cli.registry.installing import InstallOptions
from everyskill_cli.registry.wanted import require_registry, unpublished
from everyskill_cli.registry.watch import Watch


def update(
    registry: Registry,
    slugs: Sequence[str],
    options: InstallOptions,
    watch: Watch | None = None,
) -> InstallAnswer:
    """Install the published versions of the skills that are named, or of all that are locked.

    One that somebody pinned to a number stays there, and so does one that is not published now.

    Raises:
        NotFound: a skill is not in the lock.
        Conflict: there are local edits.
        Unavailable: the registry cannot be reached.
        IntegrityFailure, InvalidSkill, NotReady: as ``install``.
    """
    place = open_place(options.scope, registry.settings)
    locked = lock.read(place) or {}
    require_locked(place, slugs, locked)
    wanted = {slug: locked[slug] for slug in slugs or sorted(locked)}
    with registry.database.reading() as tx:
        require_registry(versions.registry_id(tx), wanted.values())
        heads = skills.heads(tx, wanted)
    published = {slug: head.published_version for slug, head in heads.items()}
    moving = [Reference(s) for s, e in wanted.items() if published.get(s) and not e.pinned]
    answer = InstallAnswer(status="unchanged", results=(), warnings=())
    if moving:
        answer = install(registry, moving, options, watch)
    moved = {result.slug for result in answer.results}
    rest = [entry for slug, entry in wanted.items() if slug not in moved]
    results = [*answer.results, *(_stays(place, e, t) for e in rest for t in e.targets)]
    results.sort(key=lambda result: (result.slug, result.path))
    notes = [_why(entry, heads) for entry in rest if published.get(entry.slug) != entry.version]
    return InstallAnswer(
        status=worst(results), results=tuple(results), warnings=(*answer.warnings, *notes)
    )


def require_locked(place: Place, slugs: Sequence[str], locked: Mapping[str, Locked]) -> None:
    """Find every skill in the lock, or NotFound."""
    for slug in slugs:
        if slug not in locked:
            raise NotFound(
                f"{slug} is not in the lock file {place.lock}.",
                "See what is installed: everyskill list --installed",
            )


def _stays(place: Place, entry: Locked, target: str) -> InstallResult:
    path = place.path_of(target)
    return InstallResult(
        slug=entry.slug,
        version=entry.version,
        previous_version=entry.version,
        status="pinned" if entry.pinned else "unchanged",
        pinned=entry.pinned,
        scope=place.scope,
        path=str(path),
        agents=place.readers(path),
        content_hash=entry.content_hash,
        changes=(),
        kept=None,
    )


def _why(entry: Locked, heads: Mapping[str, Head]) -> Finding:
    """Say why a skill stays although another version, or none, is published."""
    slug = entry.slug
    if slug in heads and heads[slug].published_version is not None:
        return Finding(
            "pinned",
            f"{slug} is pinned to version {entry.version}, and {heads[slug].published_version} is"
            f" published. To follow that: everyskill install {slug}",
        )
    why = f"There is no skill {slug} in this registry."
    if slug in heads:
        why = unpublished(heads[slug]).message
    return Finding("not-published", f"{why.rstrip('.')}; what is installed stays.")

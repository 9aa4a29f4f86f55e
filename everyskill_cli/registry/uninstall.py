"""Uninstall: take skills out of folders and out of the lock; no registry is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from everyskill_cli.errors import Conflict, NotFound
from everyskill_cli.installs import lock
from everyskill_cli.installs.cache import Cache
from everyskill_cli.installs.folder import Seen
from everyskill_cli.installs.leftovers import Journal
from everyskill_cli.installs.lock import Locked
from everyskill_cli.installs.places import Place, open_place
from everyskill_cli.installs.swap import Workshop, look_at
from everyskill_cli.installs.system import holding
from everyskill_cli.model import InstallAnswer, InstallResult
from everyskill_cli.registry.installing import (
    edited_files,
    foremost,
    kept_copy,
    named,
    settle,
)
from everyskill_cli.registry.locking import require_locked
from everyskill_cli.registry.steps import InstallOptions
from everyskill_cli.settings import Settings


def uninstall(settings: Settings, slugs: Sequence[str], options: InstallOptions) -> InstallAnswer:
    """Remove skills from the folders that the lock names, or from those of some agents alone.

    Raises:
        NotFound: a skill is not in the lock, or not in such a folder.
        Conflict: a folder holds something else than the locked version, and nobody said ``force``.
        Unavailable, Forbidden: a folder cannot be changed.
    """
    place = open_place(options.scope, settings)
    cache = Cache.of(settings, writes=False)
    with holding(place.root):
        locked = lock.read(place) or {}
        require_locked(place, slugs, locked)
        entries = [locked[slug] for slug in dict.fromkeys(slugs)]
        todo = [(entry, target) for entry in entries for target in _targets(place, entry, options)]
        warnings = []
        if not options.dry_run:
            warnings += settle(place.path_of(target).parent for _, target in todo)
        seen = {target: look_at(place.path_of(target)) for _, target in todo}
        for entry, target in todo:
            _refuse_edits(entry, place.path_of(target), seen[target], options, cache)
        results = [_remove(place, entry, target, seen[target], options) for entry, target in todo]
        if not options.dry_run:
            lock.write(place, _without(locked, todo))
    warnings += [kept_copy(Path(r.path), Path(r.kept)) for r in results if r.kept is not None]
    return InstallAnswer(status=foremost(results), results=tuple(results), warnings=tuple(warnings))


def _targets(place: Place, entry: Locked, options: InstallOptions) -> tuple[str, ...]:
    asked = place.folders(options.agents, options.to)
    if not asked:
        return entry.targets
    wanted = [lock.target_of(place, folder / entry.slug) for folder in asked]
    found = tuple(target for target in entry.targets if target in wanted)
    if not found:
        raise NotFound(
            f"{entry.slug} is not installed in {wanted[0]}.",
            "See where it is: everyskill list --installed",
        )
    return found


def _refuse_edits(
    entry: Locked, path: Path, seen: Seen, options: InstallOptions, cache: Cache
) -> None:
    if seen.content_hash == entry.content_hash or not seen.is_something or options.force:
        return
    pin = cache.pin(entry.registry, entry.entry_hash)
    files = "" if pin is None else named(edited_files(seen, pin.version.files))
    raise Conflict(
        f"{path} holds something else than {entry.slug}@{entry.version}, which the lock names"
        f"{': ' + files if files else ''}.",
        "Nothing was removed. --force takes it away, and keeps a copy beside it.",
    )


def _remove(
    place: Place, entry: Locked, target: str, seen: Seen, options: InstallOptions
) -> InstallResult:
    path, kept = place.path_of(target), None
    # Looked at once more: two targets are one folder where a link leads from one to the other.
    if not options.dry_run and look_at(path).kind != "absent":
        shop = Workshop.open(path.parent)
        try:
            work = shop.begin(path.name, Journal(None, entry.content_hash))
            kept = work.remove()
            work.close()
        finally:
            shop.close()
    return InstallResult(
        slug=entry.slug,
        version=entry.version,
        previous_version=entry.version if seen.content_hash == entry.content_hash else None,
        status="would-remove" if options.dry_run else "removed",
        pinned=entry.pinned,
        scope=place.scope,
        path=str(path),
        agents=place.readers(path),
        content_hash=entry.content_hash,
        changes=(),
        kept=None if kept is None else str(kept),
    )


def _without(locked: dict[str, Locked], removed: Sequence[tuple[Locked, str]]) -> dict[str, Locked]:
    gone = {(entry.slug, target) for entry, target in removed}
    left = {
        slug: replace(entry, targets=tuple(t for t in entry.targets if (slug, t) not in gone))
        for slug, entry in locked.items()
    }
    return {slug: entry for slug, entry in left.items() if entry.targets}

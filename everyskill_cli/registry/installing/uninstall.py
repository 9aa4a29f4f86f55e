"""Uninstall: take skills out of folders and out of the lock; no registry is asked."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from everyskill_cli.errors import Conflict, NotFound
from everyskill_cli.installs import lock
from everyskill_cli.installs.cache import Cache
from everyskill_cli.installs.folder import Seen
from everyskill_cli.installs.leftovers import Journal
from everyskill_cli.installs.lock import Locked
from everyskill_cli.installs.places import Place, open_place
from everyskill_cli.installs.swap import Work, Workshops, look_at
from everyskill_cli.installs.system import holding
from everyskill_cli.model import Finding, InstallAnswer, InstallResult
from everyskill_cli.registry.installing.locking import require_locked
from everyskill_cli.registry.installing.placing import (
    foremost,
    kept_copy,
    named,
    settle,
)
from everyskill_cli.registry.installing.steps import InstallOptions, edits_of
from everyskill_cli.settings import Settings


@dataclass(slots=True)
class _Step:
    """One skill in one folder, on its way out of it."""

    entry: Locked
    target: str
    path: Path
    seen: Seen
    work: Work | None = None
    kept: Path | None = None

    @property
    def is_clean(self) -> bool:
        return self.seen.content_hash == self.entry.content_hash

    @property
    def journal(self) -> Journal:
        files = tuple(entry.sha256 for entry in self.seen.files) if self.is_clean else ()
        return Journal(None, self.entry.content_hash, files)


def uninstall(settings: Settings, slugs: Sequence[str], options: InstallOptions) -> InstallAnswer:
    """Remove skills from the folders that the lock names, or from those of some agents alone.

    Raises:
        NotFound: a skill is not in the lock, or not in such a folder.
        Conflict: a folder holds something else than the locked version, and nobody said ``force``.
        Unavailable, Forbidden: a folder or the lock cannot be changed.
    """
    place = open_place(options.scope, settings)
    cache = Cache.of(settings, writes=False)
    with holding(place.root):
        locked = lock.read(place) or {}
        require_locked(place, slugs, locked)
        entries = [locked[slug] for slug in dict.fromkeys(slugs)]
        todo = [(entry, target) for entry in entries for target in _targets(place, entry, options)]
        paths = [place.path_of(target) for _, target in todo]
        warnings = [] if options.dry_run else settle(path.parent for path in paths)
        steps = [_Step(*each, path, look_at(path)) for each, path in zip(todo, paths, strict=True)]
        for step in steps:
            _refuse_edits(step, options, cache)
        if not options.dry_run:
            lock.require_writable(place)
            warnings += _carry_out(steps)
            lock.write(place, _without(locked, todo))
    results = tuple(_result(place, step, options) for step in steps)
    return InstallAnswer(status=foremost(results), results=results, warnings=tuple(warnings))


def _carry_out(steps: Sequence[_Step]) -> list[Finding]:
    """Take the folders away, after it was found that each can be; say what is kept of them."""
    shops, done, warnings = Workshops(), set(), []
    try:
        for step in steps:
            real = os.path.realpath(step.path.parent)
            if step.seen.kind != "absent" and (real, step.path.name) not in done:
                step.work = shops.begin(step.path, step.journal)
                done.add((real, step.path.name))
        for step in steps:
            step.kept = step.work.remove() if step.work is not None else None
            warnings += [kept_copy(step.path, step.kept)] if step.kept is not None else []
    finally:
        warnings += [kept_copy(*found) for found in shops.close()]
    return warnings


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


def _refuse_edits(step: _Step, options: InstallOptions, cache: Cache) -> None:
    if step.is_clean or not step.seen.is_something or options.force:
        return
    entry = step.entry
    pin = cache.pin(entry.registry, entry.entry_hash)
    files = "" if pin is None else named(edits_of(step.seen, pin.version.files))
    raise Conflict(
        f"{step.path} holds something else than {entry.slug}@{entry.version}, which the lock names"
        f"{': ' + files if files else ''}.",
        "Nothing was removed. --force takes it away, and keeps a copy beside it.",
    )


def _result(place: Place, step: _Step, options: InstallOptions) -> InstallResult:
    entry = step.entry
    return InstallResult(
        slug=entry.slug,
        version=entry.version,
        previous_version=entry.version if step.is_clean else None,
        status="would-remove" if options.dry_run else "removed",
        pinned=entry.pinned,
        scope=place.scope,
        path=str(step.path),
        agents=place.readers(step.path),
        content_hash=entry.content_hash,
        changes=(),
        kept=None if step.kept is None else str(step.kept),
    )


def _without(locked: dict[str, Locked], removed: Sequence[tuple[Locked, str]]) -> dict[str, Locked]:
    gone = {(entry.slug, target) for entry, target in removed}
    left = {
        slug: replace(entry, targets=tuple(t for t in entry.targets if (slug, t) not in gone))
        for slug, entry in locked.items()
    }
    return {slug: entry for slug, entry in left.items() if entry.targets}

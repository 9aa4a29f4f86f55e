"""What is installed: every folder that a lock names, as it stands now, beside the registry."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from everyskill_cli.database.queries import pins as pin_queries
from everyskill_cli.database.queries import skills, versions
from everyskill_cli.errors import EveryskillError
from everyskill_cli.installs import lock
from everyskill_cli.installs.cache import Cache
from everyskill_cli.installs.folder import Seen
from everyskill_cli.installs.lock import Locked
from everyskill_cli.installs.places import Place, open_place
from everyskill_cli.installs.swap import look_at
from everyskill_cli.model import (
    FileChange,
    Finding,
    Head,
    InstalledPage,
    InstalledSkill,
    InstalledState,
    OutdatedPage,
    Pin,
    Scope,
)
from everyskill_cli.registry import Registry
from everyskill_cli.registry.manifests import changed_files
from everyskill_cli.settings import Settings


@dataclass(frozen=True, slots=True)
class _Known:
    """What the registry says of what is locked; nothing where it cannot be asked."""

    registry_id: str | None = None
    heads: dict[str, Head] = field(default_factory=dict)
    pins: dict[tuple[str, int], Pin] = field(default_factory=dict)


def list_installed(registry: Registry) -> InstalledPage:
    """List what is installed in this project and for this user.

    Where the registry cannot be asked, what only it knows is left out, with a warning.

    Raises:
        Conflict: a lock file cannot be understood.
    """
    found = list(_entries(registry.settings))
    known, warnings = _ask(registry, [entry for _, entry in found])
    cache = Cache.of(registry.settings, writes=False)
    items = tuple(
        _item(place, entry, place.path_of(target), known, cache)
        for place, entry in found
        for target in entry.targets
    )
    return InstalledPage(items=items, next=None, warnings=warnings)


def list_outdated(registry: Registry) -> OutdatedPage:
    """List what an update would change, and what is pinned to a version that is not published.

    Raises:
        Conflict: a lock file cannot be understood.
        Unavailable: the registry cannot be asked.
    """
    entries = [entry for _, entry in _entries(registry.settings)]
    if entries:
        with registry.database.reading() as tx:  # who cannot be asked cannot be outdated
            versions.registry_id(tx)
    page = list_installed(registry)
    items = tuple(item for item in page.items if item.published_version not in (None, item.version))
    return OutdatedPage(items=items, next=None, warnings=page.warnings)


def locked_slugs(settings: Settings) -> list[str]:
    """List the slugs that the locks name, for the shell."""
    return sorted({entry.slug for _, entry in _entries(settings)})


def _entries(settings: Settings) -> Iterable[tuple[Place, Locked]]:
    scopes: tuple[Scope, ...] = get_args(Scope)
    for scope in scopes:
        place = open_place(scope, settings)
        locked = lock.read(place) or {}
        yield from ((place, locked[slug]) for slug in sorted(locked))


def _ask(registry: Registry, entries: list[Locked]) -> tuple[_Known, tuple[Finding, ...]]:
    if not entries:
        return _Known(), ()
    try:
        with registry.database.reading() as tx:
            own = versions.registry_id(tx)
            mine = [entry for entry in entries if entry.registry == own]
            heads = skills.heads(tx, {entry.slug for entry in mine})
            pins = pin_queries.find(tx, sorted({(entry.slug, entry.version) for entry in mine}))
    except EveryskillError as error:
        message = f"What is outdated or yanked is not known: {error.message}"
        return _Known(), (Finding("offline", message),)
    strange = sorted({entry.slug for entry in entries} - {entry.slug for entry in mine})
    warnings = tuple(
        Finding("other-registry", f"{slug} is from another registry than this one.")
        for slug in strange
    )
    return _Known(own, heads, pins), warnings


def _item(place: Place, entry: Locked, path: Path, known: _Known, cache: Cache) -> InstalledSkill:
    seen = look_at(path)
    is_mine = entry.registry == known.registry_id
    head = known.heads.get(entry.slug) if is_mine else None
    pin = known.pins.get((entry.slug, entry.version)) if is_mine else None
    published = None if head is None else head.published_version
    return InstalledSkill(
        slug=entry.slug,
        version=entry.version,
        state=_state(entry, seen, pin, published),
        pinned=entry.pinned,
        scope=place.scope,
        path=str(path),
        agents=place.readers(path),
        content_hash=entry.content_hash,
        published_version=published,
        yank_reason=None if pin is None else pin.yank_reason,
        successor=None if pin is None else pin.successor,
        changes=_edits(entry, seen, pin or cache.pin(entry.registry, entry.entry_hash)),
    )


def _state(entry: Locked, seen: Seen, pin: Pin | None, published: int | None) -> InstalledState:
    if seen.kind == "absent":
        return "missing"
    if seen.content_hash != entry.content_hash:
        return "edited"
    if pin is not None and pin.purged_at is not None:
        return "purged"
    if pin is not None and pin.yanked_at is not None:
        return "yanked"
    return "clean" if published in (None, entry.version) else "outdated"


def _edits(entry: Locked, seen: Seen, pin: Pin | None) -> tuple[FileChange, ...]:
    """Say how a folder differs from what was installed, as far as that is known."""
    if seen.kind == "absent" or seen.content_hash == entry.content_hash or pin is None:
        return ()
    changes = changed_files(pin.version.files, seen.files)
    return (*changes, *(FileChange(path, "added") for path in seen.strange))

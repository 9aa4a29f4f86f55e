"""What is installed: every folder that a lock names, as it stands now, beside the registry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, get_args

from everyskill_cli.database.queries import pins as pin_queries
from everyskill_cli.database.queries import skills, versions
from everyskill_cli.errors import Conflict, EveryskillError, Forbidden, Unavailable
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
from everyskill_cli.registry.installing.gone import Gone, find_gone, line, way_out
from everyskill_cli.registry.installing.steps import edits_of
from everyskill_cli.settings import Settings


class _Found(NamedTuple):
    """One folder that a lock names, and what stands there; None where nobody can look."""

    place: Place
    entry: Locked
    path: Path
    seen: Seen | None


@dataclass(frozen=True, slots=True)
class _Known:
    """What the registry says of what is locked; nothing where it cannot be asked.

    Attributes:
        others: numbers of versions whose bytes stand in a folder, by slug and digest.
        purged: how versions were purged, by slug and number.
        deleted: how whole skills were deleted, by slug.
    """

    registry_id: str | None = None
    heads: dict[str, Head] = field(default_factory=dict)
    pins: dict[tuple[str, int], Pin] = field(default_factory=dict)
    others: dict[tuple[str, str], int] = field(default_factory=dict)
    purged: dict[tuple[str, int], Gone] = field(default_factory=dict)
    deleted: dict[str, Gone] = field(default_factory=dict)

    def gone(self, entry: Locked) -> Gone | None:
        """Say how what a lock names went, if it did."""
        return self.deleted.get(entry.slug) or self.purged.get((entry.slug, entry.version))


def list_installed(registry: Registry) -> InstalledPage:
    """List what is installed in this project and for this user.

    Where the registry cannot be asked, what only it knows is left out, with a warning.

    Raises:
        Conflict: a lock file cannot be understood.
    """
    found, warnings = _look(registry.settings)
    try:
        known = _ask(registry, found)
        warnings += _strangers(found, known)
    except EveryskillError as error:
        known = _Known()
        message = f"What is outdated or yanked is not known: {error.message}"
        warnings.append(Finding("offline", message))
    return InstalledPage(items=_items(registry, found, known), next=None, warnings=tuple(warnings))


def list_outdated(registry: Registry) -> OutdatedPage:
    """List what is not at its published version, pinned or not, and what was withdrawn or is gone.

    Raises:
        Conflict: a lock file cannot be understood.
        Unavailable: the registry cannot be asked.
    """
    found, warnings = _look(registry.settings)
    known = _ask(registry, found)
    items = tuple(
        item
        for item in _items(registry, found, known)
        if item.published_version not in (None, item.version)
        or item.yanked_at is not None
        or item.purged_at is not None
    )
    return OutdatedPage(items=items, next=None, warnings=(*warnings, *_strangers(found, known)))


def locked_slugs(settings: Settings) -> list[str]:
    """List the slugs that the locks name, for the shell."""
    return sorted({entry.slug for _, entry in _entries(settings)})


def _entries(settings: Settings) -> Iterable[tuple[Place, Locked]]:
    scopes: tuple[Scope, ...] = get_args(Scope)
    for scope in scopes:
        place = open_place(scope, settings)
        locked = lock.read(place) or {}
        yield from ((place, locked[slug]) for slug in sorted(locked))


def _look(settings: Settings) -> tuple[list[_Found], list[Finding]]:
    """See what stands in each folder; one that nobody can look into hides no other."""
    found, warnings = [], []
    for place, entry in _entries(settings):
        for target in entry.targets:
            path, seen = place.at(target), None
            try:
                seen = look_at(place.path_of(target))
            except (Conflict, Forbidden, Unavailable) as error:
                warnings.append(Finding("not-looked-at", error.message))
            found.append(_Found(place, entry, path, seen))
    return found, warnings


def _ask(registry: Registry, found: Sequence[_Found]) -> _Known:
    if not found:
        return _Known()
    with registry.database.reading() as tx:
        own = versions.registry_id(tx)
        mine = [each for each in found if each.entry.registry == own]
        strange = {
            (each.entry.slug, each.seen.content_hash)
            for each in mine
            if each.seen is not None
            and each.seen.content_hash not in (None, each.entry.content_hash)
        }
        heads = skills.heads(tx, {each.entry.slug for each in mine})
        pins = pin_queries.find(tx, sorted({(e.entry.slug, e.entry.version) for e in mine}))
        gone = find_gone(
            tx,
            pins.values(),
            {each.entry.slug for each in mine} - heads.keys(),
        )
        return _Known(
            own,
            heads,
            pins,
            pin_queries.numbers(tx, sorted((slug, str(digest)) for slug, digest in strange)),
            {(each.slug, each.version): each for each in gone if each.version is not None},
            {each.slug: each for each in gone if each.is_deleted},
        )


def _strangers(found: Sequence[_Found], known: _Known) -> list[Finding]:
    slugs = {each.entry.slug for each in found if each.entry.registry != known.registry_id}
    return [
        Finding("other-registry", f"{slug} is from another registry than this one.")
        for slug in sorted(slugs)
    ]


def _items(
    registry: Registry, found: Sequence[_Found], known: _Known
) -> tuple[InstalledSkill, ...]:
    cache = Cache.of(registry.settings, writes=False)
    return tuple(_item(each, known, cache) for each in found)


def _item(found: _Found, known: _Known, cache: Cache) -> InstalledSkill:
    place, entry, path, _ = found
    is_mine = entry.registry == known.registry_id
    head = known.heads.get(entry.slug) if is_mine else None
    pin = known.pins.get((entry.slug, entry.version)) if is_mine else None
    gone = known.gone(entry) if is_mine else None
    return InstalledSkill(
        slug=entry.slug,
        version=entry.version,
        state="deleted" if gone and gone.is_deleted else _state(found, known, pin, head),
        pinned=entry.pinned,
        scope=place.scope,
        path=str(path),
        agents=place.readers(path),
        content_hash=entry.content_hash,
        published_version=None if head is None else head.published_version,
        yank_reason=None if pin is None else pin.yank_reason,
        successor=None if pin is None else pin.successor,
        changes=_edits(found, pin or cache.pin(entry.registry, entry.entry_hash)),
        yanked_at=None if pin is None else pin.yanked_at,
        purged_at=None if gone is None else gone.at,
        purged_by=None if gone is None else gone.by,
        purge_reason=None if gone is None else gone.reason,
        hint=None if gone is None else line(way_out(gone, entry), [entry.slug], place.scope),
    )


def _state(found: _Found, known: _Known, pin: Pin | None, head: Head | None) -> InstalledState:
    entry, seen = found.entry, found.seen
    if seen is None:
        return "unknown"
    if seen.kind == "absent":
        return "missing"
    if seen.content_hash != entry.content_hash:
        is_other = (entry.slug, seen.content_hash) in known.others
        return "other-version" if is_other else "edited"
    return _standing(entry, pin, head)


def _standing(entry: Locked, pin: Pin | None, head: Head | None) -> InstalledState:
    if pin is not None and pin.purged_at is not None:
        return "purged"
    if pin is not None and pin.yanked_at is not None:
        return "yanked"
    published = None if head is None else head.published_version
    return "clean" if published in (None, entry.version) else "outdated"


def _edits(found: _Found, pin: Pin | None) -> tuple[FileChange, ...]:
    """Say how a folder differs from what is locked, as far as that is known."""
    seen = found.seen
    if seen is None or seen.kind == "absent" or pin is None:
        return ()
    if seen.content_hash == found.entry.content_hash:
        return ()
    return edits_of(seen, pin.version.files)

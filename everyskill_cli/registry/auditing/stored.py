"""Objects of the store held against what their versions say of them."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from everyskill_cli.bundle import unpack
from everyskill_cli.database.queries import objects
from everyskill_cli.database.snapshot import snapshot
from everyskill_cli.errors import EveryskillError, IntegrityFailure, InvalidSkill, NotFound
from everyskill_cli.model import Damage, DamageKind, FileEntry, Finding
from everyskill_cli.model.evidence import StoredObject
from everyskill_cli.registry.auditing.named import Named
from everyskill_cli.registry.excerpt import excerpt
from everyskill_cli.registry.fetching import ahead
from everyskill_cli.skill.tree import MAIN_FILE

if TYPE_CHECKING:
    from everyskill_cli.registry import Registry
    from everyskill_cli.stores import ObjectInfo

NAMED_MAX: Final = 5  # versions of one object that are named
HARMLESS: Final = frozenset(  # columns that say nothing about the object
    f"skill_versions.{name}"
    for name in ("created_at", "created_by", "name", "description", "message", "metadata")
)


class Seen(NamedTuple):
    """What came of looking at one object.

    Attributes:
        damages: what is wrong with it.
        read: bytes that were read of it; None where only its size was looked at.
        is_purged: no version needs it any more.
        left: it was purged, and is there.
    """

    key: str
    damages: tuple[Damage, ...] = ()
    read: int | None = None
    is_purged: bool = False
    left: bool = False


@dataclass(slots=True)
class _Item:
    """One object to look at.

    Attributes:
        rows: of the versions that need it; none where all were purged.
        wanted: whether its bytes are to be read.
        size: as the store lists it; None where it was not listed.
    """

    key: str
    rows: list[StoredObject]
    wanted: bool
    size: int | None

    @property
    def weight(self) -> int:
        sizes = [row.size_bytes for row in self.rows if isinstance(row.size_bytes, int)]
        return max(sizes, default=0) if self.wanted else 0


def untrusted(damages: Collection[Damage]) -> set[tuple[str | None, int | None]]:
    """Give the versions whose own rows do not say any more what their object is.

    A skill with None for the version is one of which it is not known what is published.
    """
    kinds = ("version-changed", "version-missing", "pointer")
    return {
        (damage.slug, damage.version)
        for damage in damages
        if damage.kind in kinds and damage.where not in HARMLESS
    }


class Objects:
    """Looks at objects in the order of their keys.

    Args:
        registry: whose.
        share: of the objects, from 0 to 1, those whose bytes are read.
        jobs: connections at once.
        doubted: versions whose rows are no evidence.
        named: the versions that it is about; all where it names none.
        lists: the store may list what it has, where that is less work.
    """

    def __init__(
        self,
        registry: Registry,
        *,
        share: float,
        jobs: int,
        doubted: set[tuple[str | None, int | None]],
        named: Named,
        lists: bool = True,
    ) -> None:
        self._registry = registry
        self._store = registry.store
        self._share = share
        self._jobs = jobs
        self._doubted = doubted
        self._named = named
        is_list = lists and share < 1 and not named.names  # else each is asked for
        self._listed = self._store.list("sha256/") if is_list else None
        self._next: ObjectInfo | None = None

    def look(self, keys: Sequence[str]) -> Iterator[Seen]:
        """Look at some objects; in the order of keys, across calls as well."""
        read = [key for key in keys if random.random() < self._share]  # noqa: S311 - a sample
        with snapshot(self._registry.database) as tx:
            rows = objects.objects(tx, keys, read)
        items = self._items(rows, set(read))
        for found in ahead(self._look_at, items, self._jobs, lambda item: item.weight):
            yield self._settled(found) if found.damages else found

    def _items(self, rows: Sequence[StoredObject], read: set[str]) -> list[_Item]:
        items = []
        for key, group in groupby(rows, key=lambda row: row.content_url):
            every = list(group)
            size = self._listed_size(key)
            asked = [row for row in every if self._named.has(row.slug, row.version)]
            sure = [row for row in asked if self._is_evidence(row)]
            if sure or (asked and all(row.is_purged for row in every)):
                items.append(_Item(key, sure, bool(sure) and key in read, size))
        return items

    def _is_evidence(self, row: StoredObject) -> bool:
        """Tell whether a version needs its object, and its row says what that is."""
        return not row.is_purged and (row.slug, row.version) not in self._doubted

    def _listed_size(self, key: str) -> int | None:
        """Give the size that the store lists; the list is read on, as far as this key."""
        if self._listed is None:
            return None
        while self._next is None or self._next.key < key:
            try:
                self._next = next(self._listed, None)
            except IntegrityFailure:  # something else lies where objects do: each is asked for
                self._listed = None
                return None
            if self._next is None:
                return None
        return self._next.size if self._next.key == key else None

    def _look_at(self, item: _Item) -> Seen:
        """Look at one object; what lies in its place and is none is a damage as well."""
        try:
            return self._found(item)
        except IntegrityFailure as error:
            damages = (
                (_changed(item, f"is none: {error.message.rstrip('.')}"),) if item.rows else ()
            )
            return Seen(item.key, damages, is_purged=not item.rows)

    def _found(self, item: _Item) -> Seen:
        if not item.rows:
            there = item.size is not None or self._store.head(item.key) is not None
            return Seen(item.key, is_purged=True, left=there)
        if item.wanted:
            return self._read(item)
        size = self._store.head(item.key) if item.size is None else item.size
        if size is None:
            return Seen(item.key, (_missing(item),))
        wrong = [row for row in item.rows if row.size_bytes != size]
        found = (
            [_changed(item, f"has {size:,} bytes, not {wrong[0].size_bytes:,}")] if wrong else []
        )
        return Seen(item.key, tuple(found))

    def _read(self, item: _Item) -> Seen:
        try:
            data = self._store.get(item.key)
        except NotFound:
            return Seen(item.key, (_missing(item),))
        except IntegrityFailure:
            found = _changed(item, "does not hold the bytes that were published")
            return Seen(item.key, (found,), 0)
        return Seen(item.key, tuple(self._compared(item, data)), len(data))

    def _compared(self, item: _Item, data: bytes) -> Iterator[Damage]:
        """Compare manifests with what the object holds, and the copies for search with its text."""
        known: dict[str, tuple[EveryskillError | None, str | None]] = {}
        for row in item.rows:
            said = f"{row.content_type} {row.files!r}"
            if said not in known:
                known[said] = _unpacked(row, data)
            error, text = known[said]
            if error is not None:
                yield _of_row(row, "object-changed", "skill_versions.files", error.message)
            elif text is None or not row.is_published or (row.slug, None) in self._doubted:
                continue
            elif row.content != excerpt(text):
                message = (
                    f"What search keeps of {row.slug} is not the text of its published version."
                )
                yield _of_row(row, "search-copy", "skills.content", message)

    def _settled(self, found: Seen) -> Seen:
        """Look again at what is wrong: somebody may have purged it since its row was read."""
        with snapshot(self._registry.database) as tx:
            rows = [row for row in objects.objects(tx, [found.key], ()) if not row.is_purged]
        return found if rows else Seen(found.key, is_purged=True)


def _unpacked(row: StoredObject, data: bytes) -> tuple[EveryskillError | None, str | None]:
    try:
        entries = tuple(FileEntry(**entry) for entry in row.files)
        files = {file.path: file for file in unpack(data, row.content_type, entries)}
    except (InvalidSkill, IntegrityFailure) as error:
        return error, None
    except TypeError:  # said by its digest already
        return None, None
    main = files.get(MAIN_FILE) or next(iter(files.values()))
    return None, main.data.decode("utf-8", errors="replace").removeprefix("\ufeff")


def _missing(item: _Item) -> Damage:
    return _of_object(item, "object-missing", "is missing")


def _changed(item: _Item, what: str) -> Damage:
    return _of_object(item, "object-changed", what)


def _of_object(item: _Item, kind: DamageKind, what: str) -> Damage:
    names = [f"{row.slug}@{row.version}" for row in item.rows]
    more = len(names) - NAMED_MAX
    of = ", ".join(names[:NAMED_MAX]) + (f" and {more:,} more" if more > 0 else "")
    alone: Mapping[str, Any] = {}
    if len(item.rows) == 1:
        alone = {"slug": item.rows[0].slug, "version": item.rows[0].version}
    return Damage(kind=kind, where=item.key, message=f"The object of {of} {what}.", **alone)


def _of_row(row: StoredObject, kind: DamageKind, where: str, message: str) -> Damage:
    return Damage(kind=kind, where=where, message=message, slug=row.slug, version=row.version)


def left(key: str) -> Finding:
    """Say that bytes are in the store which were purged."""
    message = f"The bytes of {key} were purged, and are in the store."
    return Finding("purged-object-left", f"{message} To remove them: everyskill gc --delete")

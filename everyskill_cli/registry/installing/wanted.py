"""Which versions an install is about: asked of the registry, or of the lock and the cache.

Whatever is given here was checked against the hash of the version's birth, and where a lock names
the version, that hash against the lock's. So a manifest that nobody published goes no further.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from everyskill_cli.chain import verify
from everyskill_cli.database.queries import pins, purging, skills, versions
from everyskill_cli.errors import IntegrityFailure, NotFound, NotReady, Unavailable
from everyskill_cli.installs.cache import Cache
from everyskill_cli.model import Finding, Head, Pin, Reference
from everyskill_cli.model.evidence import Entry
from everyskill_cli.registry import Registry
from everyskill_cli.registry.lookup import absent, number_meant, purged
from everyskill_cli.registry.memory import recall, remember

if TYPE_CHECKING:
    from everyskill_cli.database.engine import Transaction
    from everyskill_cli.installs.lock import Locked


# What is asked for, by slug: a version, or None for the one that the lock names.
Asked: TypeAlias = Mapping[str, Reference | None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """One skill at the version that is to be installed.

    Attributes:
        locked: what the lock says of the skill.
        before: the version that it names, where this registry has it.
        pinned: whether the lock is to say that somebody asked for this number.
    """

    pin: Pin
    locked: Locked | None
    before: Pin | None
    pinned: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """What is to be installed.

    Attributes:
        registry_id: the registry's; None where it cannot be reached, and this is what the lock
            and the cache have.
    """

    wanted: tuple[Wanted, ...]
    registry_id: str | None
    warnings: tuple[Finding, ...]

    def registry_of(self, wanted: Wanted) -> str:
        """Give the registry that a version is from: what is not asked of one is the lock's."""
        if self.registry_id is not None:
            return self.registry_id
        assert wanted.locked is not None  # noqa: S101 - without a registry only what is locked
        return wanted.locked.registry


def choose(registry: Registry, asked: Asked, locked: Mapping[str, Locked], cache: Cache) -> Choice:
    """Find the version of each skill that is asked for.

    Raises:
        NotFound: no such skill or version, none is published, or its bytes were purged.
        NotReady: the lock is of another registry.
        IntegrityFailure: the registry says another thing than what was published, or locked.
        Unavailable: the registry cannot be reached, and the lock does not say enough.
    """
    try:
        return _online(registry, asked, locked, cache)
    except Unavailable as error:
        return _offline(asked, locked, cache, error)


def _online(registry: Registry, asked: Asked, locked: Mapping[str, Locked], cache: Cache) -> Choice:
    entries = {slug: locked[slug] for slug in asked if slug in locked}
    with registry.database.reading() as tx:
        own = versions.registry_id(tx) or ""  # of an absent registry: nothing is in it
        require_registry(own, [e for slug, e in entries.items() if asked[slug] is None])
        numbers = _numbers(tx, asked, locked)
        known = {(slug, e.version) for slug, e in entries.items() if e.registry == own}
        found = pins.find(tx, sorted(known | set(numbers.items())))
        seen = recall(registry, tx, own, _births(found, numbers))
    chosen = []
    for slug in sorted(numbers):
        pin, entry = found.get((slug, numbers[slug])), entries.get(slug)
        before = None
        if entry is not None and entry.registry == own:
            before = found.get((slug, entry.version))
            _require_locked(registry, own, before, entry)
        if pin is None:
            raise _absent(registry, slug, numbers[slug])
        if pin.purged_at is not None:
            with registry.database.reading() as tx:
                raise purged(tx, slug, pin.version)
        verify(own, pin)
        cache.add_pin(pin)
        chosen.append(Wanted(pin, entry, before, _is_pinned(asked[slug], entry)))
    if cache.writes:
        remember(registry, own, seen)
    warnings = tuple(warning for each in chosen for warning in _warnings(each.pin))
    return Choice(tuple(chosen), own, (*warnings, *registry.notices))


def _births(found: Mapping[tuple[str, int], Pin], numbers: Mapping[str, int]) -> dict[str, Entry]:
    """Give the entries that the wanted versions were born with."""
    births = {slug: found[slug, n].birth for slug, n in numbers.items() if (slug, n) in found}
    return {slug: Entry(birth.seq, birth.entry_hash) for slug, birth in births.items()}


def _numbers(tx: Transaction, asked: Asked, locked: Mapping[str, Locked]) -> dict[str, int]:
    """Find the number that each skill is asked for at; a yanked one must be named."""
    moving = [slug for slug, r in asked.items() if r and not isinstance(r.version, int)]
    heads = skills.heads(tx, moving) if moving else {}
    return {
        slug: locked[slug].version if request is None else _number(tx, request, heads)
        for slug, request in asked.items()
    }


def _offline(
    asked: Asked, locked: Mapping[str, Locked], cache: Cache, error: Unavailable
) -> Choice:
    """Take what the lock names from the cache, if that is all that was asked for."""
    chosen = []
    for slug, request in sorted(asked.items()):
        entry = locked.get(slug)
        if entry is None or (request is not None and request.version != entry.version):
            raise error
        pin = cache.pin(entry.registry, entry.entry_hash)
        if pin is None or not _is_of(pin, entry):
            raise error
        chosen.append(Wanted(pin, entry, pin, _is_pinned(request, entry)))
    if not chosen:
        raise error
    message = (
        "The registry cannot be reached, so the lock and the cache decide;"
        " a version that was yanked or purged since then is not known."
    )
    warning = Finding("offline", f"{message} ({error.message.rstrip('.')})")
    return Choice(tuple(chosen), None, (warning,))


def require_registry(own: str | None, entries: Iterable[Locked]) -> None:
    """Find that the lock is this registry's, or NotReady: another one's numbers mean nothing."""
    other = next((entry for entry in entries if entry.registry != own), None)
    if other is not None:
        raise NotReady(
            f"The lock names {other.slug} from the registry {other.registry}, and this is"
            f" {own or 'an empty one'}.",
            "Check EVERYSKILL_DATABASE_URL"
            + (f", or install it from this one: everyskill install {other.slug}" if own else "."),
        )


def _number(tx: Transaction, request: Reference, heads: Mapping[str, Head]) -> int:
    if isinstance(request.version, int):
        return request.version
    head = heads.get(request.slug)
    if head is None:
        raise absent(tx, request.slug)
    pointers = (head.published_version, head.draft_version)
    number = number_meant(request, head.latest_version, *pointers)
    if number is None:
        raise unpublished(head, request.version or "published")
    return number


def unpublished(head: Head, what: str = "published") -> NotFound:
    """Say that there is nothing to install without a number, and why."""
    why = ""
    if head.yanked_at is not None and what == "published":
        reason = f": {head.yank_reason.rstrip('.')}" if head.yank_reason else ""
        why = f", and its latest, {head.latest_version}, was yanked{reason}"
    number = head.draft_version or head.latest_version
    hint = f"Name the version that you mean: everyskill install {head.slug}@{number}"
    if why and head.draft_version is None:
        hint = f"See which versions stand: everyskill versions {head.slug}"
    return NotFound(f"{head.slug} has no {what} version{why}.", hint)


def _absent(registry: Registry, slug: str, number: int) -> NotFound:
    with registry.database.reading() as tx:
        if purging.buried(tx, [slug]):
            return absent(tx, slug)
    return NotFound(
        f"There is no version {number} of {slug} in this registry.",
        f"See what there is: everyskill versions {slug}",
    )


def _require_locked(registry: Registry, own: str, pin: Pin | None, entry: Locked) -> None:
    """Hold what the registry says of a locked version to the lock, also where another one follows.

    Only a registry whose history was changed has another version of that number, or none.
    """
    if pin is not None:
        verify(own, pin)
        if _is_of(pin, entry):
            return
    if pin is None:
        raise _absent(registry, entry.slug, entry.version)
    raise IntegrityFailure(
        f"The registry's {entry.slug}@{entry.version} is not the one that the lock names.",
        "Find out whether the lock or the registry was changed, and by whom; install neither.",
    )


def _is_of(pin: Pin, entry: Locked) -> bool:
    """Tell whether a version is the one that a block of the lock names, in all that it says."""
    said = (entry.slug, entry.version, entry.content_hash, entry.entry_hash)
    version = pin.version
    return said == (pin.slug, version.version, version.content_hash, pin.birth.entry_hash)


def _is_pinned(request: Reference | None, entry: Locked | None) -> bool:
    if request is not None:
        return isinstance(request.version, int)
    return entry is not None and entry.pinned


def _warnings(pin: Pin) -> Iterable[Finding]:
    if pin.yanked_at is None:
        return
    why = f": {pin.yank_reason.rstrip('.')}" if pin.yank_reason else ""
    use = f" Use {pin.slug}@{pin.successor} instead." if pin.successor else ""
    yield Finding("yanked", f"{pin.slug}@{pin.version.version} was yanked{why}.{use}")

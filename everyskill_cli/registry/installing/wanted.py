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
from everyskill_cli.model import Finding, Head, Pin, Reference, Scope
from everyskill_cli.model.evidence import Entry
from everyskill_cli.registry import Registry
from everyskill_cli.registry.installing.gone import find_gone, refusal, way_out
from everyskill_cli.registry.lookup import absent, number_meant
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


def choose(
    registry: Registry, asked: Asked, locked: Mapping[str, Locked], cache: Cache, scope: Scope
) -> Choice:
    """Find the version of each skill that is asked for.

    Args:
        registry: where they are.
        asked: what is wanted.
        locked: what the lock says.
        cache: what is known where the registry cannot be reached.
        scope: whose lock it is.

    Raises:
        NotFound: no such skill or version, none is published, or its bytes were purged; all that
            are gone are named at once.
        NotReady: the lock is of another registry.
        IntegrityFailure: the registry says another thing than what was published, or locked.
        Unavailable: the registry cannot be reached, and the lock does not say enough.
    """
    try:
        return _online(registry, asked, locked, cache, scope)
    except Unavailable as error:
        return _offline(asked, locked, cache, error)


def _online(
    registry: Registry, asked: Asked, locked: Mapping[str, Locked], cache: Cache, scope: Scope
) -> Choice:
    with registry.database.reading() as tx:
        own = versions.registry_id(tx) or ""  # of an absent registry: nothing is in it
        chosen = _find(tx, own, asked, locked, scope)
        births = {each.pin.slug: each.pin.birth for each in chosen}
        entries = {slug: Entry(birth.seq, birth.entry_hash) for slug, birth in births.items()}
        seen = recall(registry, tx, own, entries)
    for wanted in chosen:
        verify(own, wanted.pin)
        cache.add_pin(wanted.pin)
    if cache.writes:
        remember(registry, own, seen)
    warnings = tuple(warning for each in chosen for warning in _warnings(each.pin))
    return Choice(tuple(chosen), own, (*warnings, *registry.notices))


def _find(
    tx: Transaction, own: str, asked: Asked, locked: Mapping[str, Locked], scope: Scope
) -> list[Wanted]:
    """Find them by slug; what is gone is said of all of them, before what never was."""
    entries = {slug: locked[slug] for slug in sorted(asked) if slug in locked}
    require_registry(own, [e for slug, e in entries.items() if asked[slug] is None])
    mine = {slug: entry for slug, entry in entries.items() if entry.registry == own}
    numbers = _numbers(tx, asked, locked)
    places = {*((slug, entry.version) for slug, entry in mine.items()), *numbers.items()}
    found = pins.find(tx, sorted(places))
    for slug, entry in mine.items():
        _require_locked(own, found.get((slug, entry.version)), entry)
    chosen = {slug: found.get((slug, numbers.get(slug, 0))) for slug in sorted(asked)}
    _refuse_gone(tx, asked, mine, chosen, scope)
    for slug in sorted(asked.keys() - numbers.keys()):
        raise absent(tx, slug)
    for slug, number in sorted(places - found.keys()):
        raise NotFound(
            f"There is no version {number} of {slug} in this registry.",
            f"See what there is: everyskill versions {slug}",
        )
    return [
        Wanted(
            found[slug, number],
            entries.get(slug),
            found[slug, mine[slug].version] if slug in mine else None,
            _is_pinned(asked[slug], entries.get(slug)),
        )
        for slug, number in sorted(numbers.items())
    ]


def _refuse_gone(
    tx: Transaction,
    asked: Asked,
    mine: Mapping[str, Locked],
    chosen: Mapping[str, Pin | None],
    scope: Scope,
) -> None:
    """Refuse with one NotFound all that was purged or deleted, and say how to go on without."""
    gone = find_gone(
        tx,
        [pin for pin in chosen.values() if pin is not None],
        [slug for slug, pin in chosen.items() if pin is None],
    )
    if gone:
        ways = [
            (way_out(each, mine.get(each.slug), is_named=asked[each.slug] is not None), each.slug)
            for each in gone
        ]
        raise refusal(gone, ways, scope)


def _numbers(tx: Transaction, asked: Asked, locked: Mapping[str, Locked]) -> dict[str, int]:
    """Find the number that each skill is asked for at, if it is there; a yanked one is named."""
    moving = [slug for slug, r in asked.items() if r and not isinstance(r.version, int)]
    heads = skills.heads(tx, moving) if moving else {}
    return {
        slug: locked[slug].version if request is None else _number(tx, request, heads)
        for slug, request in asked.items()
        if slug not in moving or slug in heads
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
    head = heads[request.slug]
    pointers = (head.published_version, head.draft_version)
    number = number_meant(request, head.latest_version, *pointers)
    if number is None:
        raise unpublished(tx, head, request.version or "published")
    return number


def unpublished(tx: Transaction, head: Head, what: str = "published") -> NotFound:
    """Say that there is nothing to install without a number, and why."""
    latest, how, why = head.latest_version, "", ""
    reason = head.yank_reason
    if head.purged_at is not None:
        how, reason = "purged", purging.reason(tx, head.skill_id, latest)
    elif head.yanked_at is not None:
        how = "yanked"
    if how and what == "published":
        because = f": {reason.rstrip('.')}" if reason else ""
        why = f", and its latest, {latest}, was {how}{because}"
    number = head.draft_version or head.latest_version
    hint = f"Name the version that you mean: everyskill install {head.slug}@{number}"
    if how and head.draft_version is None:
        hint = f"See which versions stand: everyskill versions {head.slug}"
    return NotFound(f"{head.slug} has no {what} version{why}.", hint)


def _require_locked(own: str, pin: Pin | None, entry: Locked) -> None:
    """Hold what the registry says of a locked version to the lock, also where another one follows.

    Only a registry whose history was changed has another version of that number.
    """
    if pin is None:
        return
    verify(own, pin)
    if _is_of(pin, entry):
        return
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

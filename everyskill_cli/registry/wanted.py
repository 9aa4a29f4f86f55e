"""Which versions an install is about: asked of the registry, or of the lock and the cache.

Whatever is given here was checked against the hash of the version's birth, and where a lock names
the version, that hash against the lock's. So a manifest that nobody published goes no further.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from everyskill_cli.database.queries import pins, skills, versions
from everyskill_cli.errors import Conflict, IntegrityFailure, NotFound, NotReady, Unavailable
from everyskill_cli.installs.cache import Cache, verify
from everyskill_cli.model import Finding, Head, Pin, Reference
from everyskill_cli.registry import Registry
from everyskill_cli.registry.lookup import number_meant, purged

if TYPE_CHECKING:
    from everyskill_cli.installs.lock import Locked


@dataclass(frozen=True, slots=True)
class Wanted:
    """One skill at the version that is to be installed.

    Attributes:
        locked: what the lock says of the skill.
        before: the version that it names, where that is another one and is known.
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
        registry_id: the registry's; None where it is not asked.
        is_offline: the registry cannot be reached, and this is what the lock and the cache have.
    """

    wanted: tuple[Wanted, ...]
    registry_id: str | None
    warnings: tuple[Finding, ...]
    is_offline: bool = False


def choose(
    registry: Registry, requests: Sequence[Reference], locked: Mapping[str, Locked], cache: Cache
) -> Choice:
    """Find the version that each request means; none at all means what the lock names.

    Raises:
        NotFound: no such skill or version, none is published, or its bytes were purged.
        NotReady: the lock is of another registry.
        IntegrityFailure: the registry says another thing than what was published, or locked.
        Unavailable: the registry cannot be reached, and the lock does not say enough.
    """
    try:
        return _online(registry, requests, locked, cache)
    except Unavailable as error:
        return _offline(requests, locked, cache, error)


def _online(
    registry: Registry, requests: Sequence[Reference], locked: Mapping[str, Locked], cache: Cache
) -> Choice:
    slugs = [request.slug for request in requests] or list(locked)
    entries = {slug: locked[slug] for slug in slugs if slug in locked}
    with registry.database.reading() as tx:
        own = versions.registry_id(tx)
        if not requests:
            require_registry(own, entries.values())
        moving = [request.slug for request in requests if not isinstance(request.version, int)]
        heads = skills.heads(tx, moving) if moving else {}
        numbers = {request.slug: _number(request, heads) for request in requests}
        numbers = numbers or {slug: entry.version for slug, entry in entries.items()}
        known = {(slug, e.version) for slug, e in entries.items() if e.registry == own}
        found = pins.find(tx, sorted(known | set(numbers.items())))
    chosen = []
    for slug in sorted(numbers):
        pin, entry = found.get((slug, numbers[slug])), entries.get(slug)
        if pin is None:
            raise _absent(slug, numbers[slug])
        _check(str(own), pin, entry)
        cache.add_pin(pin)
        before = found.get((slug, entry.version)) if entry is not None else None
        chosen.append(Wanted(pin, entry, before, _is_pinned(slug, requests, entry)))
    warnings = tuple(warning for each in chosen for warning in _warnings(each.pin))
    return Choice(tuple(chosen), own, warnings)


def _offline(
    requests: Sequence[Reference], locked: Mapping[str, Locked], cache: Cache, error: Unavailable
) -> Choice:
    """Take what the lock names from the cache, if that is all that was asked for."""
    chosen = []
    for request in requests or [Reference(slug, e.version) for slug, e in sorted(locked.items())]:
        entry = locked.get(request.slug)
        if entry is None or request.version != entry.version:
            raise error
        pin = cache.pin(entry.registry, entry.entry_hash)
        if pin is None or pin.version.content_hash != entry.content_hash:
            raise error
        chosen.append(Wanted(pin, entry, pin, entry.pinned))
    if not chosen:
        raise error
    message = (
        "The registry cannot be reached, so the lock and the cache decide;"
        " a version that was yanked or purged since then is not known."
    )
    warning = Finding("offline", f"{message} ({error.message.rstrip('.')})")
    return Choice(tuple(chosen), None, (warning,), is_offline=True)


def require_registry(own: str | None, entries: Iterable[Locked]) -> None:
    """Find that the lock is this registry's, or NotReady: another one's numbers mean nothing."""
    other = next((entry for entry in entries if entry.registry != own), None)
    if other is not None:
        raise NotReady(
            f"The lock names {other.slug} from the registry {other.registry}, and this is"
            f" {own or 'an empty one'}.",
            "Check EVERYSKILL_DATABASE_URL, or install it from this one: everyskill install"
            f" {other.slug}",
        )


def _number(request: Reference, heads: Mapping[str, Head]) -> int:
    """Give the number that a request means; a yanked or a draft one must be named."""
    if isinstance(request.version, int):
        return request.version
    head = heads.get(request.slug)
    if head is None:
        raise NotFound(f"There is no skill {request.slug}.", "See what there is: everyskill list")
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
    return NotFound(
        f"{head.slug} has no {what} version{why}.",
        f"Name the version that you mean: everyskill install {head.slug}@{number}",
    )


def _absent(slug: str, number: int) -> NotFound:
    return NotFound(
        f"There is no version {number} of {slug} in this registry.",
        f"See what there is: everyskill versions {slug}",
    )


def _check(registry_id: str, pin: Pin, entry: Locked | None) -> None:
    """Hold a version to what was published and locked."""
    named = f"{pin.slug}@{pin.version.version}"
    if pin.purged_at is not None:
        raise purged(pin.slug, pin.version.version)
    verify(registry_id, pin)
    if entry is None or (entry.registry, entry.version) != (registry_id, pin.version.version):
        return
    ours = (pin.version.content_hash, pin.birth.entry_hash)
    if ours != (entry.content_hash, entry.entry_hash):
        raise IntegrityFailure(
            f"The registry's {named} is not the one that the lock names.",
            "Find out whether the lock or the registry was changed, and by whom; install neither.",
        )


def _is_pinned(slug: str, requests: Sequence[Reference], entry: Locked | None) -> bool:
    for request in requests:
        if request.slug == slug:
            return isinstance(request.version, int)
    return entry is not None and entry.pinned


def _warnings(pin: Pin) -> Iterable[Finding]:
    if pin.yanked_at is None:
        return
    why = f": {pin.yank_reason.rstrip('.')}" if pin.yank_reason else ""
    use = f" Use {pin.slug}@{pin.successor} instead." if pin.successor else ""
    yield Finding("yanked", f"{pin.slug}@{pin.version.version} was yanked{why}.{use}")


def require_same(
    requests: Sequence[Reference], locked: Mapping[str, Locked] | None, lock: str
) -> None:
    """Hold the requests of a frozen install to the lock; Conflict where they differ."""
    if locked is None:
        raise Conflict(
            f"There is no lock file {lock}.",
            "Install without --frozen first (everyskill install SLUG), and commit the lock.",
        )
    for request in requests:
        entry = locked.get(request.slug)
        if entry is None or request.version not in (None, entry.version):
            now = f"{entry.slug}@{entry.version}" if entry else f"no {request.slug}"
            raise Conflict(
                f"The lock has {now}, and {request} was asked for.",
                "Install it without --frozen, which changes the lock, and commit that.",
            )

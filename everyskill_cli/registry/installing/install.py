"""Install: choose versions, verify them, put them into agents' folders, and lock them."""

from __future__ import annotations

from collections.abc import Sequence

from everyskill_cli.errors import Conflict, UsageError
from everyskill_cli.installs.lock import Locked
from everyskill_cli.installs.places import Place
from everyskill_cli.model import InstallAnswer, Reference
from everyskill_cli.registry import Registry
from everyskill_cli.registry.installing.locking import carry_out
from everyskill_cli.registry.installing.steps import InstallOptions
from everyskill_cli.registry.installing.wanted import Asked
from everyskill_cli.registry.watch import Watch


def install(
    registry: Registry,
    requests: Sequence[Reference],
    options: InstallOptions,
    watch: Watch | None = None,
) -> InstallAnswer:
    """Install the skills that are named, or without names all that the lock names.

    Raises:
        NotFound: no such skill or version, none is published, or its bytes were purged.
        Conflict: there are local edits, or a frozen install and the lock differ.
        IntegrityFailure: the bytes, or what the registry says of them, are not what was published.
        InvalidSkill: they are, and break a safety rule.
        NotReady: the lock or the store is of another registry.
        Unavailable: a server did not answer, and the cache does not help.
        UsageError: nothing is named, and there is no lock.
    """

    def decide(place: Place, locked: dict[str, Locked] | None) -> Asked:
        if options.frozen:
            return _of_the_lock(place, requests, locked)
        if locked is None and not requests:
            raise UsageError(
                f"There is no lock file {place.lock}, and no skill was named.",
                "Name one: everyskill install SLUG",
            )
        return _by_slug(requests) or dict.fromkeys(locked or {})

    return carry_out(registry, options, watch or Watch(), decide)


def _by_slug(requests: Sequence[Reference]) -> dict[str, Reference]:
    """Take a skill that is named twice once; UsageError where it is to have two versions."""
    found: dict[str, Reference] = {}
    for request in requests:
        if found.setdefault(request.slug, request) != request:
            raise UsageError(
                f"{found[request.slug]} and {request} exclude each other.", "Name one of them."
            )
    return found


def _of_the_lock(
    place: Place, requests: Sequence[Reference], locked: dict[str, Locked] | None
) -> Asked:
    """Take what the lock names of what is asked for; Conflict where that is another thing."""
    if locked is None:
        raise Conflict(
            f"There is no lock file {place.lock}.",
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
    return dict.fromkeys([request.slug for request in requests] or locked)

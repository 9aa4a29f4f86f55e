"""Install: choose versions, verify them, put them into agents' folders, and lock them.

The lock is written last: a command that is killed before leaves folders that hold published
versions, and the same command, or an install of the lock, brings both together again.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from everyskill_cli.database.queries import records, usage, users
from everyskill_cli.errors import Conflict, EveryskillError, UsageError
from everyskill_cli.installs import lock
from everyskill_cli.installs.cache import Cache
from everyskill_cli.installs.lock import Locked
from everyskill_cli.installs.places import Place, open_place
from everyskill_cli.installs.system import holding
from everyskill_cli.model import (
    Finding,
    InstallAnswer,
    InstallResult,
    InstallStatus,
    Reference,
    UsageEvent,
)
from everyskill_cli.registry import Registry
from everyskill_cli.registry.installing import Installation, InstallOptions
from everyskill_cli.registry.wanted import Choice, choose, require_same
from everyskill_cli.registry.watch import Watch

# Of many results the answer has the status that a person should know of first.
RANKING: tuple[InstallStatus, ...] = (
    "installed",
    "updated",
    "removed",
    "would-install",
    "would-update",
    "would-remove",
    "pinned",
    "unchanged",
)
TOOL = "install"  # of the usage event


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
        NotReady: the lock is of another registry.
        Unavailable: a server did not answer, and the cache does not help.
        UsageError: nothing is named, and there is no lock.
    """
    place = open_place(options.scope, registry.settings)
    cache = Cache.of(registry.settings, writes=not (options.frozen or options.dry_run))
    with holding(place.root):
        locked = lock.read(place)
        if options.frozen:
            require_same(requests, locked, str(place.lock))
            locked, requests = _only(locked or {}, requests), ()
        elif locked is None and not requests:
            raise UsageError(
                f"There is no lock file {place.lock}, and no skill was named.",
                "Name one: everyskill install SLUG",
            )
        choice = choose(registry, _distinct(requests), locked or {}, cache)
        targets, notes = _targets(place, choice, options)
        run = Installation(registry, place, choice, targets, options, cache, watch or Watch())
        results = run.run()
        if results and not (options.frozen or options.dry_run):
            lock.write(place, {**(locked or {}), **_locked(choice, targets)})
            _record(registry, choice, results)
    warnings = (*choice.warnings, *notes, *run.warnings)
    return InstallAnswer(status=worst(results), results=tuple(results), warnings=warnings)


def worst(results: Sequence[InstallResult]) -> InstallStatus:
    """Give the status of an answer with these results."""
    return min((result.status for result in results), key=RANKING.index, default="unchanged")


def _only(locked: dict[str, Locked], requests: Sequence[Reference]) -> dict[str, Locked]:
    wanted = [request.slug for request in requests] or list(locked)
    return {slug: locked[slug] for slug in wanted}


def _distinct(requests: Sequence[Reference]) -> list[Reference]:
    """Take a skill that is named twice once; UsageError where it is to have two versions."""
    by_slug: dict[str, Reference] = {}
    for request in requests:
        if by_slug.setdefault(request.slug, request) != request:
            raise UsageError(
                f"{by_slug[request.slug]} and {request} exclude each other.", "Name one of them."
            )
    return list(by_slug.values())


def _targets(
    place: Place, choice: Choice, options: InstallOptions
) -> tuple[dict[str, tuple[str, ...]], list[Finding]]:
    """Say for each skill into which folders it goes: those that are locked, and those asked for.

    A skill that is not locked, without a folder that was asked for, goes to the agents that are
    used here.
    """
    asked = place.folders(options.agents, options.to)
    found: dict[str, tuple[str, ...]] = {}
    notes: list[Finding] = []
    for wanted in choice.wanted:
        slug, before = wanted.pin.slug, wanted.locked.targets if wanted.locked else ()
        folders = asked
        if not (asked or before):
            folders, is_sign = place.detected()
            notes = [] if is_sign else [_nobody(folders[0])]
        targets = [lock.target_of(place, folder / slug) for folder in folders]
        if options.frozen:
            _require_locked(slug, targets, before)
            found[slug] = tuple(targets) or before
        else:
            found[slug] = tuple(sorted({*before, *targets}))
    return found, notes


def _nobody(folder: Path) -> Finding:
    return Finding(
        "no-agent",
        f"There is no sign of an agent here; {folder} is the folder that most of them read. To"
        " choose: --agent claude-code, --to DIR.",
    )


def _require_locked(slug: str, targets: Sequence[str], locked: Sequence[str]) -> None:
    other = next((target for target in targets if target not in locked), None)
    if other is not None:
        raise Conflict(
            f"The lock does not have {slug} in {other}.",
            "Install it without --frozen, which changes the lock, and commit that.",
        )


def _locked(choice: Choice, targets: Mapping[str, tuple[str, ...]]) -> dict[str, Locked]:
    """Give the lock's blocks of what was installed."""
    blocks = {}
    for wanted in choice.wanted:
        pin = wanted.pin
        if wanted.locked is not None and choice.registry_id is None:  # offline
            block = replace(wanted.locked, targets=targets[pin.slug])
        else:
            block = Locked(
                slug=pin.slug,
                registry=str(choice.registry_id),
                version=pin.version.version,
                content_hash=pin.version.content_hash,
                entry_hash=pin.birth.entry_hash,
                targets=targets[pin.slug],
                pinned=wanted.pinned,
            )
        blocks[pin.slug] = block
    return blocks


def _record(registry: Registry, choice: Choice, results: Sequence[InstallResult]) -> None:
    """Record a use of each skill that was installed; without the right to, or a network, none."""
    changed = {result.slug for result in results if result.status in ("installed", "updated")}
    pins = [wanted.pin for wanted in choice.wanted if wanted.pin.slug in changed]
    if not pins or choice.is_offline:
        return
    with suppress(EveryskillError), registry.database.writing() as tx:
        user_id = users.ensure(tx, str(registry.user.value))
        now = records.now(tx)
        usage.add_all(
            tx,
            [
                UsageEvent(
                    id=str(uuid.uuid4()),
                    skill_id=pin.version.skill_id,
                    skill_version_id=pin.version.id,
                    user_id=user_id,
                    tool_name=TOOL,
                    external_id=None,
                    metadata={},
                    created_at=now,
                )
                for pin in pins  # by slug, as every writer of several does it
            ],
        )

"""One command that installs, from its lock to its lock: in one place, one command at a time.

The lock is written last: a command that is killed before leaves folders that hold published
versions, and the same command, or an install of the lock, brings both together again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final, TypeAlias

from everyskill_cli.database.queries import records, usage
from everyskill_cli.errors import Conflict, EveryskillError, NotFound, UsageError
from everyskill_cli.installs import lock
from everyskill_cli.installs.cache import Cache
from everyskill_cli.installs.lock import Locked
from everyskill_cli.installs.places import Place, open_place
from everyskill_cli.installs.system import holding
from everyskill_cli.model import Finding, InstallAnswer, InstallResult
from everyskill_cli.registry import Registry
from everyskill_cli.registry.installing.placing import Installation, foremost
from everyskill_cli.registry.installing.steps import InstallOptions
from everyskill_cli.registry.installing.wanted import Asked, Choice, choose
from everyskill_cli.registry.signing import sign_or_not
from everyskill_cli.registry.use import new_event
from everyskill_cli.registry.watch import Watch

TOOL: Final = "install"  # of the usage event
PATIENCE: Final = 2.0  # seconds that recording a use may wait for other writers
Decide: TypeAlias = Callable[[Place, "dict[str, Locked] | None"], Asked]


def carry_out(
    registry: Registry, options: InstallOptions, watch: Watch, decide: Decide
) -> InstallAnswer:
    """Install what a rule asks for, given the lock, and lock it.

    Args:
        registry: where the versions are.
        options: what the caller asked for.
        watch: hears how far it is.
        decide: says what is wanted, given the place and its lock; None where there is no lock.

    Raises:
        NotFound, Conflict, IntegrityFailure, InvalidSkill, NotReady, Unavailable, Forbidden: see
        ``choose`` and ``Installation``; then no folder was changed, but for the case that
        ``Installation`` names.
    """
    place = open_place(options.scope, registry.settings)
    cache = Cache.of(registry.settings, writes=not (options.frozen or options.dry_run))
    with holding(place.root):
        locked = lock.read(place)
        asked = decide(place, locked)
        choice = choose(registry, asked, locked or {}, cache, options.scope)
        targets, notes = _targets(place, choice, options)
        wanted = {**(locked or {}), **_locked(choice, targets)}
        if inner := lock.inside_another(wanted):
            raise UsageError(
                f"{inner} lies inside of another skill's folder, or around it.",
                "Choose a folder for skills: --to DIR.",
            )
        is_news = wanted != (locked or {}) and not (options.frozen or options.dry_run)
        if is_news:
            lock.require_writable(place)
        run = Installation(registry, place, choice, targets, options, cache, watch)
        results = run.run()
        if is_news:
            lock.write(place, wanted)
            results = [_as_locked(result, locked or {}, wanted) for result in results]
    if not options.frozen:
        _record(registry, choice, results)
    warnings = (*choice.warnings, *notes, *run.warnings)
    return InstallAnswer(status=foremost(results), results=tuple(results), warnings=warnings)


def require_locked(place: Place, slugs: Sequence[str], locked: Mapping[str, Locked]) -> None:
    """Find every skill in the lock, or NotFound."""
    for slug in slugs:
        if slug not in locked:
            raise NotFound(
                f"{slug} is not in the lock file {place.lock}.",
                "See what is installed: everyskill list --installed",
            )


def _targets(
    place: Place, choice: Choice, options: InstallOptions
) -> tuple[dict[str, tuple[str, ...]], list[Finding]]:
    """Say for each skill into which folders it goes: those that are locked, and those asked for.

    A skill that is not locked, without a folder that was asked for, goes to the agents that are
    used here.
    """
    folders, notes = place.folders(options.agents, options.to), []
    if not folders and any(wanted.locked is None for wanted in choice.wanted):
        folders, is_sign = place.detected()
        notes = [] if is_sign else [_nobody(str(folders[0]))]
    found: dict[str, tuple[str, ...]] = {}
    for wanted in choice.wanted:
        slug, before = wanted.pin.slug, wanted.locked.targets if wanted.locked else ()
        is_asked = not before or options.agents or options.to is not None
        targets = [lock.target_of(place, folder / slug) for folder in folders if is_asked]
        if options.frozen:
            _require_in_lock(slug, targets, before)
            found[slug] = tuple(targets) or before
        else:
            found[slug] = tuple(sorted({*before, *targets}))
    return found, notes


def _as_locked(
    result: InstallResult, before: Mapping[str, Locked], after: Mapping[str, Locked]
) -> InstallResult:
    """Say where a folder stayed as it was, and only the lock was changed: by a pin, or anew."""
    is_news = before.get(result.slug) != after[result.slug]
    return replace(result, status="locked") if is_news and result.status == "unchanged" else result


def _nobody(folder: str) -> Finding:
    return Finding(
        "no-agent",
        f"There is no sign of an agent here; {folder} is the folder that most of them read, but"
        " Claude Code does not. To choose: --agent claude-code, --to DIR.",
    )


def _require_in_lock(slug: str, targets: Sequence[str], locked: Sequence[str]) -> None:
    other = next((target for target in targets if target not in locked), None)
    if other is not None:
        raise Conflict(
            f"The lock does not have {slug} in {other}.",
            "Install it without --frozen, which changes the lock, and commit that.",
        )


def _locked(choice: Choice, targets: Mapping[str, tuple[str, ...]]) -> dict[str, Locked]:
    """Give the lock's blocks of what was installed."""
    return {
        wanted.pin.slug: Locked(
            slug=wanted.pin.slug,
            registry=choice.registry_of(wanted),
            version=wanted.pin.version.version,
            content_hash=wanted.pin.version.content_hash,
            entry_hash=wanted.pin.birth.entry_hash,
            targets=targets[wanted.pin.slug],
            pinned=wanted.pinned,
        )
        for wanted in choice.wanted
    }


def _record(registry: Registry, choice: Choice, results: Sequence[InstallResult]) -> None:
    """Record a use of each skill that was installed; without the right to, or a network, none."""
    changed = {result.slug for result in results if result.status in ("installed", "updated")}
    pins = [wanted.pin for wanted in choice.wanted if wanted.pin.slug in changed]
    if not pins or choice.registry_id is None:
        return
    with suppress(EveryskillError), registry.database.writing(PATIENCE) as tx:
        user_id = sign_or_not(registry, tx, "rater")
        now = records.now(tx)
        # By slug, as every writer of several does it.
        usage.add_all(tx, [new_event(pin.version, user_id, TOOL, now) for pin in pins])

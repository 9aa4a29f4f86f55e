"""Look at everything that a command needs, and say what to type where something is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from everyskill_cli.errors import EveryskillError, IntegrityFailure, NotReady
from everyskill_cli.model import Check, DoctorAnswer
from everyskill_cli.registry import Registry
from everyskill_cli.settings import Settings

ORDER = ("ok", "warning", "failed")


def doctor(settings: Settings) -> DoctorAnswer:
    """Run every check; a failed one never stops the others. Creates no registry and no store."""
    registry = Registry(settings)
    try:
        checks = (
            *_settings(settings),
            *_guarded("database", _database(registry)),
            *_guarded("store", _store(registry)),
            *_guarded("user", _user(registry)),
        )
    finally:
        registry.close()
    worst = max((check.status for check in checks), key=ORDER.index)
    return DoctorAnswer(status=worst, results=checks, warnings=())


def _check(
    name: str, found: str, status: Literal["ok", "warning", "failed"] = "ok", fix: str = ""
) -> Check:
    return Check(name=name, status=status, found=found, fix=fix or None)


def _guarded(name: str, checks: Iterator[Check]) -> Iterator[Check]:
    """Turn an error into the failed check that it is."""
    try:
        yield from checks
    except EveryskillError as error:
        yield _check(name, error.message, "failed", error.hint)


def _settings(settings: Settings) -> Iterator[Check]:
    if settings.problem is not None:
        yield _check("settings", settings.problem.message, "failed", settings.problem.hint)
        return
    given = [f"{s.name} from {s.origin}" for s in settings.effective if s.origin != "default"]
    yield _check("settings", ", ".join(given) or "all by default")


def _database(registry: Registry) -> Iterator[Check]:
    from everyskill_cli.database.guards import differences

    database = registry.database
    if not database.exists:
        yield _check("database", f"{database.where} is not there yet; publish makes it")
        return
    yield _check("database", f"{database.where} is reachable, its schema is current")
    with database.reading() as tx:
        problems = differences(tx)
    if problems:
        raise IntegrityFailure(
            f"The schema is not as it was made: {'; '.join(problems)}.",
            "Somebody changed it: restore it from a backup, and find out who and why.",
        )
    yield _check("guards", "tables, constraints and triggers stand as they were made")


def _store(registry: Registry) -> Iterator[Check]:
    from everyskill_cli.database.queries import versions

    if registry.settings.problem is not None:  # it would be the wrong store
        return
    yield from registry.store.probe()
    owner = registry.store.marker()
    with registry.database.reading() as tx:
        own = versions.registry_id(tx)
    if owner is not None and owner != own:
        raise NotReady(
            f"The store belongs to the registry {owner}, the database is {own or 'empty'}.",
            "One store belongs to one registry: check EVERYSKILL_STORE_URL and"
            " EVERYSKILL_DATABASE_URL.",
        )


def _user(registry: Registry) -> Iterator[Check]:
    user = registry.user
    if user.origin == "default":
        yield _check(
            "user",
            f"{user.value}, made up from your login",
            "warning",
            "Set EVERYSKILL_USER to your email address.",
        )
    else:
        yield _check("user", f"{user.value} from {user.origin}")

"""Look at everything that a command needs, and say what to type where something is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Literal

from everyskill_cli.errors import EveryskillError
from everyskill_cli.model import Check, DoctorAnswer
from everyskill_cli.registry import Registry
from everyskill_cli.settings import Settings

if TYPE_CHECKING:
    from everyskill_cli.database.engine import Database

ORDER = ("ok", "warning", "failed")


def doctor(settings: Settings) -> DoctorAnswer:
    """Run every check; a failed one never stops the others. Creates no registry and no store."""
    registry = Registry(settings)
    try:
        database = tuple(_guarded("database", _database(registry)))
        checks = (
            *_settings(settings),
            *database,
            *_guarded("store", _store(registry, readable=_passed(database))),
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


def _passed(checks: Iterable[Check]) -> bool:
    return all(check.status != "failed" for check in checks)


def _database(registry: Registry) -> Iterator[Check]:
    from everyskill_cli.database.guards import differences

    database = registry.database
    if not database.exists:
        yield _absent(database)
        return
    yield _check("database", f"{database.where} is reachable, its schema is current")
    if database.is_read_only:
        yield _check(
            "database-write",
            "read-only for you: list and show work, publish and rate do not",
            "warning",
            "Ask for write permission on the file and its folder.",
        )
    with database.reading() as tx:
        problems = differences(tx)
    if problems:
        yield _check(
            "guards",
            f"not as they were made: {'; '.join(problems)}",
            "failed",
            "Somebody changed the schema: restore it from a backup, and find out who and why.",
        )
    else:
        yield _check("guards", "tables, constraints and triggers stand as they were made")


def _absent(database: Database) -> Check:
    if database.may_be_made:
        return _check("database", f"{database.where} is not there yet; publish makes it")
    return _check(
        "database",
        f"{database.where} is not there and cannot be made",
        "failed",
        "Set EVERYSKILL_HOME or EVERYSKILL_DATABASE_URL to a place that you may write.",
    )


def _store(registry: Registry, *, readable: bool) -> Iterator[Check]:
    """Check the store, and where the records can be read, whose it is."""
    from everyskill_cli.database.queries import versions

    if registry.settings.problem is not None:  # it would be the wrong store
        return
    checks = registry.store.probe()
    yield from checks
    if not readable or not _passed(checks):
        return
    owner = registry.store.marker()
    with registry.database.reading() as tx:
        own, used = versions.registry_id(tx), versions.any_exist(tx)
    if owner is None and used:
        lost = registry.store.unclaimed()
        yield _check("store-registry", lost.message, "failed", lost.hint)
    if owner is not None and owner != own:
        yield _check(
            "store-registry",
            f"the store belongs to the registry {owner}, the database is {own or 'empty'}",
            "failed",
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

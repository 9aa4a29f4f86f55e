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
    from everyskill_cli.database.rights import Standing

ORDER = ("ok", "warning", "failed")
MORE_NAMED = 6  # rights beyond a role


def doctor(settings: Settings) -> DoctorAnswer:
    """Run every check; a failed one never stops the others. Creates no registry and no store."""
    registry = Registry(settings)
    try:
        database = tuple(_guarded("database", _database(registry)))
        login, role = _login(registry, database)
        checks = (
            *_settings(settings),
            *database,
            *role,
            *_guarded("store", _store(registry, login, readable=_passed(database))),
            *_guarded("user", _user(registry, login)),
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
    from everyskill_cli.database.guards import compares_texts, differences

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
        is_exact = compares_texts(tx)
    if problems:
        yield _check(
            "guards",
            f"not as they were made: {'; '.join(problems)}",
            "failed",
            "Somebody changed the schema: restore it from a backup, and find out who and why.",
        )
    else:
        rest = "" if is_exact else ", as far as it can be compared on this server"
        yield _check("guards", f"tables, constraints and triggers stand as they were made{rest}")


def _absent(database: Database) -> Check:
    if database.may_be_made:
        return _check("database", f"{database.where} is not there yet; publish makes it")
    return _check(
        "database",
        f"{database.where} is not there and cannot be made",
        "failed",
        "Set EVERYSKILL_HOME or EVERYSKILL_DATABASE_URL to a place that you may write.",
    )


def _login(
    registry: Registry, database: Iterable[Check]
) -> tuple[Standing | None, tuple[Check, ...]]:
    """Find out what the login may do, and say it; on SQLite there is none."""
    from everyskill_cli.database.rights import standing

    can_be_asked = _passed(check for check in database if check.name == "database")
    if not can_be_asked or registry.database.dialect == "sqlite":
        return None, ()
    try:
        with registry.database.reading() as tx:
            login = standing(tx)
    except EveryskillError as error:
        return None, (_check("role", error.message, "failed", error.hint),)
    return login, tuple(_role(login))


def _role(login: Standing) -> Iterator[Check]:
    """Say what the login is, and what it may do beyond that."""
    if login.is_owner:
        whose = "a superuser" if login.is_superuser else "the registry's owner"
        found = f"{login.login} is {whose}, whom no role limits: people and CI can have their own"
        yield _check("role", f"{found} (everyskill admin grants)")
    elif login.role is None:
        found = f"{login.login} has not all the rights of a reader"
        yield _check("role", found, "failed", "Ask the registry's owner: everyskill admin grants")
    elif not login.more:
        yield _check("role", f"{login.login} is a {login.role}")
    else:
        more = "; ".join(login.more[:MORE_NAMED])
        rest = len(login.more) - MORE_NAMED
        more += f" and {rest} more" if rest > 0 else ""
        yield _check(
            "role",
            f"{login.login} is a {login.role}, and may do more than that: {more}",
            "warning",
            "Let the owner run: everyskill admin grants --apply; and take from the login what is"
            " left (docs/security.md).",
        )


def _store(registry: Registry, login: Standing | None, *, readable: bool) -> Iterator[Check]:
    """Check the store, and where the records can be read, whose it is."""
    from everyskill_cli.database.queries import versions

    if registry.settings.problem is not None:  # it would be the wrong store
        return
    checks = [_as_role_needs(check, login) for check in registry.store.probe()]
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


def _as_role_needs(check: Check, login: Standing | None) -> Check:
    """Let a key pass that only reads, where nobody publishes with it."""
    if login is None or login.is_owner or login.role == "publisher":
        return check
    if check.name != "store-write" or check.status != "failed":
        return check
    return _check(check.name, f"not tried further, and not needed by a {login.role}: {check.found}")


def _user(registry: Registry, login: Standing | None) -> Iterator[Check]:
    if login is not None and not login.is_owner:
        yield _bound(login)
        return
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


def _bound(login: Standing) -> Check:
    """Say whose the login is: that settles who its user is, whatever the settings say."""
    if login.email is not None:
        return _check("user", f"{login.email}, by the login {login.login}")
    found = f"the login {login.login} is bound to nobody"
    if login.role in (None, "reader"):
        return _check("user", f"{found}, and only reads")
    wanted = f"--login {login.login} --role {login.role} --email EMAIL"
    return _check(
        "user",
        f"{found}, so it cannot write",
        "warning",
        f"Ask the registry's owner to run: everyskill admin grants {wanted} --apply",
    )

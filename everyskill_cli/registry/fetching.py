"""Fetching the files of versions out of the cache or the store: nobody has them unverified."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeVar

from everyskill_cli.bundle import unpack
from everyskill_cli.database.queries import purging, versions
from everyskill_cli.errors import IntegrityFailure, InvalidSkill, NotFound, Unavailable
from everyskill_cli.installs.cache import Cache
from everyskill_cli.model import Pin, SkillVersion
from everyskill_cli.registry import Registry
from everyskill_cli.registry.lookup import because
from everyskill_cli.skill import SkillFile
from everyskill_cli.stores import content_key

IN_FLIGHT_MAX: Final = 100 * 1024 * 1024  # bytes of objects that are fetched and not yet written
Files = tuple[SkillFile, ...]
Item = TypeVar("Item")
Fetched = TypeVar("Fetched")


def fetch_all(registry: Registry, pins: Sequence[Pin], cache: Cache) -> Iterator[tuple[Pin, Files]]:
    """Give each version's files, in the order of the versions, and fetch some ahead.

    Raises:
        IntegrityFailure: the bytes are missing, or are not what was published.
        InvalidSkill: they are, and break a safety rule: nothing of everyskill's made them.
        Unavailable: the store cannot be reached, and the cache does not have them.
    """

    def fetch(pin: Pin) -> tuple[Pin, Files]:
        with _named(f"{pin.slug}@{pin.version.version}"):
            return pin, fetch_files(registry, pin.version, cache)

    if len(pins) <= 1:
        yield from map(fetch, pins)
        return
    jobs = registry.store.jobs  # opened here, once, before the threads
    yield from ahead(fetch, pins, jobs, lambda pin: pin.version.size_bytes)


@contextmanager
def _named(version: str) -> Iterator[None]:
    """Say of which version something is wrong: of many, one stops all."""
    try:
        yield
    except InvalidSkill as error:
        raise InvalidSkill(
            f"The stored bytes of {version} break a rule: {error.message}",
            "Nothing of everyskill's made them. Install another version, and find out who did.",
            rule=error.rule,
            path=error.path,
            line=error.line,
        ) from error
    except IntegrityFailure as error:
        raise IntegrityFailure(
            f"{version} is not what was published: {error.message}", error.hint
        ) from error


def fetch_files(registry: Registry, version: SkillVersion, cache: Cache) -> Files:
    """Give one version's files; see ``fetch_all``."""
    key = content_key(version.content_hash)
    data = cache.get(key)
    if data is not None:
        return unpack(data, version.content_type, version.files)
    data = fetch_object(registry, version)
    files = unpack(data, version.content_type, version.files)
    cache.add(key, data, version.content_type)
    return files


def fetch_object(registry: Registry, version: SkillVersion) -> bytes:
    """Give a version's object out of the store."""
    with there(registry, version):
        return registry.store.get(content_key(version.content_hash))


@contextmanager
def there(registry: Registry, version: SkillVersion) -> Iterator[None]:
    """Say why an object is missing, for nobody publishes a row without one.

    Raises:
        NotReady: this is another registry's store, or nobody's.
        NotFound: the version was purged, or its skill deleted, since it was looked up.
        IntegrityFailure: it is this registry's, and the object was removed.
    """
    try:
        yield
    except NotFound as error:
        _require_own(registry)
        _require_standing(registry, version)
        raise IntegrityFailure(
            f"The bytes of version {version.version} are missing:"
            f" there is nothing at {registry.store.location(content_key(version.content_hash))}.",
            "Restore that object from a backup of the store, and find out who removed it.",
        ) from error


def _require_own(registry: Registry) -> None:
    """Find that the store is this registry's; who cannot be asked is not contradicted."""
    try:
        with registry.database.reading() as tx:
            own = versions.registry_id(tx)
    except Unavailable:
        return
    registry.store.claim(str(own), first=False)  # which writes nothing


def _require_standing(registry: Registry, version: SkillVersion) -> None:
    """Find that nobody has purged a version meanwhile; who cannot be asked has not."""
    try:
        with registry.database.reading() as tx:
            is_there = versions.find(tx, version.skill_id, version.version, whole=False) is not None
            is_purged = version.content_url in purging.reasons(tx, [version.content_url])
            why = because(tx, version)
    except Unavailable:
        return
    if is_purged or not is_there:
        raise NotFound(
            f"The content of version {version.version} was {'purged' if is_there else 'deleted'}"
            f" just now{why}.",
            "Run the same command again to see what there is instead.",
        )


def ahead(
    work: Callable[[Item], Fetched],
    items: Iterable[Item],
    jobs: int,
    size_of: Callable[[Item], int],
) -> Generator[Fetched, None, None]:
    """Do work in threads, and give its results in order; so much ahead as memory allows."""
    from concurrent.futures import Future, ThreadPoolExecutor  # one skill does not pay for it

    waiting = deque(items)
    begun: deque[tuple[Future[Fetched], int]] = deque()
    pool = ThreadPoolExecutor(jobs, "everyskill-fetch")
    held = 0
    try:
        while waiting or begun:
            while waiting and (
                not begun or (len(begun) < 2 * jobs and held + size_of(waiting[0]) <= IN_FLIGHT_MAX)
            ):
                item = waiting.popleft()
                held += size_of(item)
                begun.append((pool.submit(work, item), size_of(item)))
            future, size = begun.popleft()
            yield future.result()
            held -= size
    finally:
        pool.shutdown(wait=False, cancel_futures=True)

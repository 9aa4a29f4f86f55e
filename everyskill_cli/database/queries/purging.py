"""Taking bytes or whole skills out of a registry: who holds them, the locks, the tombstones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import Connection, delete, exists, func, select, text, tuple_

from everyskill_cli.database.queries import records
from everyskill_cli.database.queries.skills import POINTED, POINTERS
from everyskill_cli.database.tables import (
    ratings,
    skill_versions,
    skills,
    tombstones,
    usage_events,
    users,
    version_events,
    version_state,
)

if TYPE_CHECKING:
    from everyskill_cli.model import Tombstone

# Of a row of skill_versions: its history says so, from which its state is derived.
WAS_PURGED: Final = exists().where(
    version_events.c.skill_id == skill_versions.c.skill_id,
    version_events.c.version == skill_versions.c.version,
    version_events.c.kind == "purge",
)


class Holder(NamedTuple):
    """A version that holds certain bytes, and its skill's pointers."""

    slug: str
    skill_id: str
    version: int
    is_purged: bool
    published_version: int | None
    draft_version: int | None


class Purge(NamedTuple):
    """By whom (an email address) and why a version was purged."""

    actor: str
    reason: str | None


class Amount(NamedTuple):
    """How many rows go with a skill."""

    versions: int
    ratings: int
    uses: int


def lock_counts(connection: Connection) -> None:
    """Keep raters and users off until the end of this transaction; before any other lock.

    Their rows come before the skill's counters, ours behind its lock: on PostgreSQL both would
    wait for each other.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE ratings, usage_events IN SHARE ROW EXCLUSIVE MODE"))


def lock_object(connection: Connection, content_url: str) -> None:
    """Keep publishers of certain bytes off until the end of this transaction."""
    if connection.dialect.name == "postgresql":
        key = func.hashtextextended(content_url, 0)
        connection.execute(select(func.pg_advisory_xact_lock(key)))


def holders(connection: Connection, content_url: str) -> list[Holder]:
    """Read every version of every skill that holds certain bytes, by slug and number."""
    version, state = skill_versions.alias("holder"), version_state.c
    rows = connection.execute(
        select(
            skills.c.slug,
            skills.c.id,
            version.c.version,
            state.purged_at.is_not(None),
            *POINTERS,
        )
        .select_from(
            POINTED.join(version, version.c.skill_id == skills.c.id).join(
                version_state, state.skill_version_id == version.c.id
            )
        )
        .where(version.c.content_url == content_url)
        .order_by(skills.c.slug, version.c.version)
    )
    return [Holder(*row) for row in rows]


def reason(connection: Connection, skill_id: str, number: int) -> str | None:
    """Read why a version was purged."""
    events = version_events.c
    found: str | None = connection.scalar(
        select(events.reason).where(
            events.skill_id == skill_id, events.version == number, events.kind == "purge"
        )
    )
    return found


def reasons(connection: Connection, content_urls: Iterable[str]) -> dict[str, str | None]:
    """Find which of these bytes were purged, under any skill, and why."""
    events = version_events.c
    found: dict[str, str | None] = {}
    for chunk in records.chunks(content_urls):
        rows = connection.execute(
            select(skill_versions.c.content_url, events.reason)
            .join(
                version_events,
                (events.skill_id == skill_versions.c.skill_id)
                & (events.version == skill_versions.c.version),
            )
            .where(
                records.among(connection, skill_versions.c.content_url, chunk),
                events.kind == "purge",
            )
            .order_by(events.created_at)
        )
        found.update((row.content_url, row.reason) for row in rows)
    return found


def purges(
    connection: Connection, wanted: Iterable[tuple[str, int]]
) -> dict[tuple[str, int], Purge]:
    """Read how some versions were purged, by slug and number; absent where they were not."""
    found: dict[tuple[str, int], Purge] = {}
    events = version_events.c
    for chunk in records.chunks(wanted):
        rows = connection.execute(
            select(skills.c.slug, events.version, users.c.email, events.reason)
            .select_from(
                skills.join(version_events, events.skill_id == skills.c.id).join(
                    users, users.c.id == events.actor_id
                )
            )
            .where(tuple_(skills.c.slug, events.version).in_(chunk), events.kind == "purge")
        )
        found.update(((slug, number), Purge(*rest)) for slug, number, *rest in rows)
    return found


def buried(connection: Connection, slugs: Iterable[str]) -> dict[str, Tombstone]:
    """Find which slugs are of skills that were deleted whole."""
    return {slug: tombstone for slug, (tombstone, _) in graves(connection, slugs).items()}


def graves(connection: Connection, slugs: Iterable[str]) -> dict[str, tuple[Tombstone, str | None]]:
    """Find the same with the email address of who ordered it."""
    from everyskill_cli.model import Tombstone  # for whoever asks for a skill that is gone

    found: dict[str, tuple[Tombstone, str | None]] = {}
    for chunk in records.chunks(slugs):
        for row in connection.execute(
            select(tombstones, users.c.email)
            .select_from(tombstones.outerjoin(users, users.c.id == tombstones.c.actor_id))
            .where(records.among(connection, tombstones.c.slug, chunk))
        ):
            found[row.slug] = (records.record(Tombstone, row), row.email)
    return found


def amount(connection: Connection, skill_id: str) -> Amount:
    """Count what goes with a skill."""
    counts = (
        select(func.count())
        .select_from(table)
        .where(table.c.skill_id == skill_id)
        .scalar_subquery()
        for table in (skill_versions, ratings, usage_events)
    )
    return Amount(*connection.execute(select(*counts)).one())


def alone(connection: Connection, skill_id: str) -> list[str]:
    """List the keys of a skill's objects that no other skill's version refers to."""
    other = skill_versions.alias("other")
    shared = exists().where(
        other.c.content_url == skill_versions.c.content_url, other.c.skill_id != skill_id
    )
    rows = connection.scalars(
        select(skill_versions.c.content_url)
        .where(skill_versions.c.skill_id == skill_id, ~shared)
        .distinct()
        .order_by(skill_versions.c.content_url)
    )
    return list(rows)


def any_purged(connection: Connection, skill_id: str) -> bool:
    """Tell whether a skill has a purged version: its row is why those bytes are refused."""
    found = select(version_state.c.skill_id).where(
        version_state.c.skill_id == skill_id, version_state.c.purged_at.is_not(None)
    )
    return connection.scalar(found.limit(1)) is not None


def bury(connection: Connection, tombstone: Tombstone) -> None:
    """Delete a skill with all its rows, under its tombstone; its slug is never free again."""
    records.add(connection, tombstones, [tombstone])
    connection.execute(delete(skills).where(skills.c.id == tombstone.skill_id))

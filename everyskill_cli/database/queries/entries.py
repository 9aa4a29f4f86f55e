"""Single links of chains: what a checkpoint, or a client, remembers of each skill."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, func, select, tuple_

from everyskill_cli.database.queries import records
from everyskill_cli.database.tables import skills, tombstones, version_events
from everyskill_cli.model.evidence import Entry


def entries_at(
    connection: Connection, places: Mapping[str, int]
) -> dict[str, tuple[Entry | None, int]]:
    """Read one link of each of some chains, and how long each chain is.

    Args:
        connection: a reading one.
        places: the ``seq`` that is wanted, by slug.

    Returns:
        By slug, the entry at that place or None, and the newest ``seq``; absent skills are absent.
    """
    row = version_events.c
    at = version_events.alias("at")
    newest = select(func.max(row.seq)).where(row.skill_id == skills.c.id).scalar_subquery()
    found: dict[str, tuple[Entry | None, int]] = {}
    for chunk in records.chunks(places.items()):
        statement = select(skills.c.slug, at.c.seq, at.c.entry_hash, newest).outerjoin(
            at, (at.c.skill_id == skills.c.id) & tuple_(skills.c.slug, at.c.seq).in_(chunk)
        )
        slugs = [slug for slug, _ in chunk]
        for slug, seq, digest, last in connection.execute(
            statement.where(records.among(connection, skills.c.slug, slugs))
        ):
            found[slug] = (None if seq is None else Entry(seq, digest), last or 0)
    return found


def heads_after(connection: Connection, slug: str, limit: int) -> list[tuple[str, int, Entry]]:
    """Read the newest entry of each chain with the latest version, in the order of slugs."""
    row, other = version_events.c, version_events.alias("other")
    newest = select(func.max(other.c.seq)).where(other.c.skill_id == skills.c.id).scalar_subquery()
    found = connection.execute(
        select(skills.c.slug, skills.c.latest_version, row.seq, row.entry_hash)
        .select_from(skills)
        .join(version_events, (row.skill_id == skills.c.id) & (row.seq == newest))
        .where(skills.c.slug > slug)
        .order_by(skills.c.slug)
        .limit(limit)
    )
    return [(each.slug, each.latest_version, Entry(each.seq, each.entry_hash)) for each in found]


def buried(connection: Connection, slugs: Iterable[str]) -> dict[str, str]:
    """Find which skills were deleted whole: the hash of their newest entry, by slug."""
    found: dict[str, str] = {}
    for chunk in records.chunks(slugs):
        statement = select(tombstones.c.slug, tombstones.c.head_hash)
        for slug, digest in connection.execute(
            statement.where(records.among(connection, tombstones.c.slug, chunk))
        ):
            found[slug] = digest
    return found

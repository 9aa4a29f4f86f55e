"""Single links of chains: what a checkpoint, or a client, remembers of each skill."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, Final

from sqlalchemy import Connection, Select, case, func, select

from everyskill_cli.database.queries import records
from everyskill_cli.database.queries.auditing import behind, stored
from everyskill_cli.database.tables import skills, tombstones, version_events
from everyskill_cli.model.evidence import Entry, StoredTombstone

PLACES: Final = 500  # that one statement names


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
    newest = select(func.max(row.seq)).where(row.skill_id == skills.c.id).scalar_subquery()
    found: dict[str, tuple[Entry | None, int]] = {}
    rest = iter(places.items())
    while chunk := dict(islice(rest, PLACES)):
        wanted = case(chunk, value=skills.c.slug)  # by which the index of places is used
        at = (
            select(row.entry_hash)
            .where(row.skill_id == skills.c.id, row.seq == wanted)
            .scalar_subquery()
        )
        rows = connection.execute(
            select(skills.c.slug, at, newest).where(
                records.among(connection, skills.c.slug, list(chunk))
            )
        )
        for slug, digest, last in rows:
            found[slug] = (None if digest is None else Entry(chunk[slug], digest), last or 0)
    return found


def tombstones_of(connection: Connection, slugs: Iterable[str]) -> dict[str, StoredTombstone]:
    """Read the tombstones of some slugs as they stand there."""
    found: dict[str, StoredTombstone] = {}
    for chunk in records.chunks(slugs):
        rows = connection.execute(
            _tombstones(connection).where(records.among(connection, tombstones.c.slug, chunk))
        )
        found.update((row[0], StoredTombstone._make(row)) for row in rows)
    return found


def tombstones_after(connection: Connection, slug: str, limit: int) -> list[StoredTombstone]:
    """Read tombstones as they stand there, in the order of slugs."""
    statement = _tombstones(connection).where(behind(connection, tombstones.c.slug, slug))
    rows = connection.execute(statement.order_by(tombstones.c.slug).limit(limit))
    return [StoredTombstone._make(row) for row in rows]


def _tombstones(connection: Connection) -> Select[Any]:
    columns = (tombstones.c[name] for name in StoredTombstone._fields)
    return select(*stored(connection, *columns))


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

"""Garbage collection: which objects no version needs, and the marks on those that are to go."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Final, NamedTuple

from sqlalchemy import Connection, select, update

from everyskill_cli.database.queries import records, versions
from everyskill_cli.database.queries.purging import WAS_PURGED
from everyskill_cli.database.tables import condemned, skill_versions
from everyskill_cli.model import STALE_MARK, Condemned

TICK: Final = timedelta(milliseconds=1)  # the least that two marks on one object are apart


class Claim(NamedTuple):
    """A mark that is ours now.

    Attributes:
        is_shared: it was another's just now, who may still delete the object: nobody may note
            that it is done before that one is taken for dead as well.
    """

    mark: Condemned
    is_shared: bool


def known(connection: Connection, content_urls: Iterable[str]) -> dict[str, bool]:
    """Find which objects versions refer to, and whether they were all purged.

    The histories say so: the state is derived from them, and nobody deletes by a forged one.
    """
    found: dict[str, bool] = {}
    for chunk in records.chunks(content_urls):
        for content_url, is_purged in connection.execute(
            select(skill_versions.c.content_url, WAS_PURGED).where(
                records.among(connection, skill_versions.c.content_url, chunk)
            )
        ):
            found[content_url] = found.get(content_url, True) and is_purged
    return found


def condemn(connection: Connection, content_url: str, stale: timedelta) -> Claim | None:
    """Mark an object; None where another collector has it, who may be about to delete it.

    The database refuses this (ObjectInUse) where a version refers to the object, and from the
    commit on it refuses every such version.

    Args:
        connection: a writing one.
        content_url: of the object.
        stale: after this another's mark is of a collector that died, and becomes ours.
    """
    is_shared = False
    found, now = versions.mark(connection, content_url), records.now(connection)
    if found is None:
        new = records.insert_or_not(connection, condemned).values(
            content_url=content_url, since=now
        )
        row = connection.execute(new.returning(condemned.c.since)).one_or_none()
    elif found.deleted_at is None and now - found.since < stale:
        return None
    else:  # a publisher who has read the mark before must see that it is another one now
        is_shared = found.deleted_at is None and now - found.since < STALE_MARK
        since = max(now, found.since + TICK)
        row = connection.execute(
            update(condemned)
            .where(
                condemned.c.content_url == content_url,
                condemned.c.since == found.since,
                condemned.c.deleted_at.is_not_distinct_from(found.deleted_at),
            )
            .values(since=since, deleted_at=None)
            .returning(condemned.c.since)
        ).one_or_none()
    return None if row is None else Claim(Condemned(content_url, row.since, None), is_shared)


def unfinished(connection: Connection, stale: timedelta, limit: int) -> list[str]:
    """List objects whose mark is of a collector that died before it noted that it was done."""
    rows = connection.scalars(
        select(condemned.c.content_url)
        .where(
            condemned.c.deleted_at.is_(None),
            condemned.c.since < records.now(connection) - stale,
        )
        .order_by(condemned.c.content_url)
        .limit(limit)
    )
    return list(rows)


def finish(connection: Connection, mark: Condemned) -> bool:
    """Note that nobody deletes the object any more; False where the mark is not ours any more."""
    done = connection.execute(
        update(condemned)
        .where(
            condemned.c.content_url == mark.content_url,
            condemned.c.since == mark.since,
            condemned.c.deleted_at.is_(None),
        )
        .values(deleted_at=records.clock(connection))
    )
    return done.rowcount == 1

"""Versions and their events: append, look up, list."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, case, delete, func, select, update

from everyskill_cli.chain import GENESIS
from everyskill_cli.database.faults import UnreadableValue, hidden
from everyskill_cli.database.queries import records
from everyskill_cli.database.tables import (
    condemned,
    registry,
    skill_versions,
    users,
    version_events,
    version_state,
)
from everyskill_cli.errors import Conflict
from everyskill_cli.model import (
    Condemned,
    FileEntry,
    SkillVersion,
    VersionEvent,
    VersionStatus,
    VersionSummary,
)


class Tail(NamedTuple):
    """The end of a skill's chain, and the pointers as they stand after it."""

    seq: int
    entry_hash: str
    published_version: int | None
    draft_version: int | None


def registry_id(connection: Connection) -> str | None:
    """Who this registry is; None for one that is not there yet."""
    found = connection.scalar(select(registry.c.id))
    return None if found is None else str(found)


def add(connection: Connection, newcomers: Iterable[SkillVersion]) -> None:
    """Append versions; the database refuses a wrong number and a condemned object."""
    records.add(connection, skill_versions, newcomers)


def add_events(connection: Connection, events: Iterable[VersionEvent]) -> None:
    """Append events; triggers move the pointers and the versions' state after them."""
    records.add(connection, version_events, events)


def tails(connection: Connection, skill_ids: Iterable[str]) -> dict[str, Tail]:
    """Read the newest event of each skill; one without events has the tail of an empty chain.

    In a statement of its own: as a sub-select of the one that waited for the lock it is stale.

    Raises:
        UnreadableValue: no event can follow one.
    """
    wanted = list(skill_ids)
    events = version_events.c
    newest = (
        select(events.skill_id, func.max(events.seq).label("seq"))
        .where(events.skill_id.in_(wanted))
        .group_by(events.skill_id)
        .subquery()
    )
    rows = connection.execute(
        select(
            events.skill_id,
            events.seq,
            events.entry_hash,
            events.published_version,
            events.draft_version,
        ).join(newest, (newest.c.skill_id == events.skill_id) & (newest.c.seq == events.seq))
    )
    found = {skill_id: Tail(*rest) for skill_id, *rest in rows}
    if odd := [tail.seq for tail in found.values() if tail.seq >= 2**31 - 1]:  # none can follow
        raise UnreadableValue(f"{odd[0]} is no number that an event has")
    return dict.fromkeys(wanted, Tail(0, GENESIS, None, None)) | found


def event(connection: Connection, event_id: str) -> VersionEvent | None:
    """Read an event if it was committed: ids are made by the client for this question."""
    row = connection.execute(
        select(version_events).where(version_events.c.id == event_id)
    ).one_or_none()
    return None if row is None else records.record(VersionEvent, row)


def mark(connection: Connection, content_url: str) -> Condemned | None:
    """Read garbage collection's mark on an object; None where there is none."""
    row = connection.execute(
        select(condemned).where(condemned.c.content_url == content_url)
    ).one_or_none()
    return None if row is None else records.record(Condemned, row)


def take_over(connection: Connection, seen: Condemned) -> None:
    """Count a mark's object as deleted, because its collector is taken for dead.

    A mark that was set anew in the meantime stays as it is.

    Raises:
        Forbidden: this very mark stands there and could not be changed.
    """
    done = connection.execute(
        update(condemned)
        .where(
            condemned.c.content_url == seen.content_url,
            condemned.c.since == seen.since,
            condemned.c.deleted_at.is_(None),
        )
        .values(deleted_at=records.clock(connection))
    )
    if done.rowcount == 0 and mark(connection, seen.content_url) == seen:
        raise hidden("a mark of garbage collection")


def reprieve(connection: Connection, seen: Condemned) -> None:
    """Take this very mark off; a newer one stays, and refuses the version.

    Raises:
        Forbidden: this very mark stands there and could not be taken off.
    """
    done = connection.execute(
        delete(condemned).where(
            condemned.c.content_url == seen.content_url,
            condemned.c.since == seen.since,
            condemned.c.deleted_at.is_not(None),
        )
    )
    if done.rowcount == 0 and mark(connection, seen.content_url) == seen:
        raise hidden("a mark of garbage collection")


def manifests(
    connection: Connection, version_ids: Iterable[str]
) -> dict[str, tuple[FileEntry, ...]]:
    """Read what some versions hold, by their ids; absent where nobody can read it."""
    found: dict[str, tuple[FileEntry, ...]] = {}
    for chunk in records.chunks(version_ids):
        for version_id, files in connection.execute(
            select(skill_versions.c.id, skill_versions.c.files).where(
                skill_versions.c.id.in_(chunk)
            )
        ):
            with suppress(UnreadableValue):
                found[version_id] = records.manifest(files)
    return found


def find(
    connection: Connection, skill_id: str, number: int, *, whole: bool = True
) -> SkillVersion | None:
    """Read one version.

    Args:
        connection: a reading one.
        skill_id: whose version.
        number: of the version.
        whole: with its manifest and metadata; without, both are empty, and a version in which
            they cannot be read can still be withdrawn.
    """
    left_out: dict[str, object] = {} if whole else {"files": (), "metadata": {}}
    row = connection.execute(
        select(*(column for column in skill_versions.c if column.name not in left_out)).where(
            skill_versions.c.skill_id == skill_id, skill_versions.c.version == number
        )
    ).one_or_none()
    return None if row is None else records.record(SkillVersion, row, derived=left_out)


def any_exist(connection: Connection) -> bool:
    """Tell whether the registry has a version of any skill."""
    return connection.scalar(select(skill_versions.c.id).limit(1)) is not None


def beginning(connection: Connection) -> tuple[str | None, bool]:
    """Say in one statement who this registry is, and whether it has a version of any skill."""
    used = select(skill_versions.c.id).limit(1).scalar_subquery().is_not(None)
    row = connection.execute(select(registry.c.id, used)).one_or_none()
    return (None, False) if row is None else (row[0], bool(row[1]))


def authors(connection: Connection, skill_ids: Iterable[str]) -> dict[str, dict[str, str]]:
    """Who published versions of some skills: by skill, email addresses by user id."""
    rows = connection.execute(
        select(skill_versions.c.skill_id, users.c.id, users.c.email)
        .join(users, skill_versions.c.created_by == users.c.id)
        .where(skill_versions.c.skill_id.in_(list(skill_ids)))
        .distinct()
    )
    found: dict[str, dict[str, str]] = {}
    for skill_id, user_id, email in rows:
        found.setdefault(skill_id, {})[user_id] = email
    return found


def summaries(
    connection: Connection,
    skill_id: str,
    pointers: tuple[int | None, int | None],
    *,
    limit: int,
    below: int | None = None,
) -> list[VersionSummary]:
    """Read up to ``limit`` versions, newest first, only those below a number if one is given.

    Args:
        connection: a reading one.
        skill_id: whose versions.
        pointers: the published and the draft number, for the status of each.
        limit: rows at most.
        below: the number of the row before the page; None for the first page.

    """
    statement = _summary_columns().where(skill_versions.c.skill_id == skill_id)
    if below is not None:
        statement = statement.where(skill_versions.c.version < below)
    rows = connection.execute(statement.order_by(skill_versions.c.version.desc()).limit(limit))
    return [_summary(row, pointers) for row in rows]


def summary(
    connection: Connection, version: SkillVersion, pointers: tuple[int | None, int | None]
) -> VersionSummary:
    """Read one version's standing.

    Raises:
        Conflict: it is gone since it was found, as where its skill is deleted whole meanwhile.
    """
    statement = _summary_columns().where(skill_versions.c.id == version.id)
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise Conflict(
            f"Version {version.version} was deleted while it was read, or its records are damaged.",
            "Try again; if it stays so: everyskill verify",
        )
    return _summary(row, pointers)


def _summary_columns() -> Select[Any]:
    version, state, events = skill_versions.c, version_state.c, version_events.c
    why = select(events.reason).where(
        events.skill_id == version.skill_id,
        events.version == version.version,
        events.kind == "purge",
    )
    return select(
        version.version,
        version.content_hash,
        version.content_type,
        version.size_bytes,
        version.message,
        version.created_at,
        version.metadata,
        state.average_rating,
        state.hours_saved,
        state.uses,
        state.yanked_at,
        state.yank_reason,
        state.successor,
        state.purged_at,
        case((state.purged_at.is_not(None), why.limit(1).scalar_subquery())).label("purge_reason"),
        *(state[f"stars_{given}"] for given in range(1, 6)),
        (state.stars_1 + state.stars_2 + state.stars_3 + state.stars_4 + state.stars_5).label(
            "rating_count"
        ),
        users.c.email.label("author"),
    ).select_from(
        skill_versions.join(users, users.c.id == version.created_by).join(
            version_state, state.skill_version_id == version.id
        )
    )


def _summary(row: Row[Any], pointers: tuple[int | None, int | None]) -> VersionSummary:
    derived = {
        "status": _status(row, *pointers),
        "declared_version": records.declared_version(row.metadata),
    }
    return records.record(VersionSummary, row, derived=derived)


def _status(row: Row[Any], published: int | None, draft: int | None) -> VersionStatus:
    if row.purged_at is not None:
        return "purged"
    if row.yanked_at is not None:
        return "yanked"
    if row.version == published:
        return "published"
    return "draft" if row.version == draft else "superseded"

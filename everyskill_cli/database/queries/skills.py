"""Skills: heads for publishers, one skill whole, pages of many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    Connection,
    Row,
    Select,
    bindparam,
    func,
    literal,
    literal_column,
    select,
    true,
    update,
)
from sqlalchemy.sql import ColumnElement

from everyskill_cli.database.faults import hidden
from everyskill_cli.database.queries.records import (
    among,
    chunks,
    clock,
    insert_or_not,
    record,
    to_row,
)
from everyskill_cli.database.tables import (
    registry,
    skill_versions,
    skills,
    users,
    version_events,
    version_state,
)
from everyskill_cli.model import Head, NewSkill, Skill, SkillSummary, Sort
from everyskill_cli.model.evidence import Entry

published = skill_versions.alias("published")
draft = skill_versions.alias("draft")
POINTED: Final = skills.outerjoin(
    published, published.c.id == skills.c.published_version_id
).outerjoin(draft, draft.c.id == skills.c.draft_version_id)
POINTERS: Final = (
    published.c.version.label("published_version"),
    draft.c.version.label("draft_version"),
)
OWN: Final = tuple(column for column in skills.c if column.name not in ("content", "head_version"))
_NEWEST: Final = (
    select(version_events.c.seq, version_events.c.entry_hash)
    .where(version_events.c.skill_id == skills.c.id)
    .order_by(version_events.c.seq.desc())
    .limit(1)
)
_HEAD: Final = (
    select(registry.c.id).scalar_subquery().label("registry_id"),
    _NEWEST.with_only_columns(version_events.c.seq).scalar_subquery().label("head_seq"),
    _NEWEST.with_only_columns(version_events.c.entry_hash).scalar_subquery().label("head_hash"),
)
WHOLE: Final = (*OWN, users.c.email.label("author"), *POINTERS, *_HEAD)  # of a FoundSkill
SORTS: Final[dict[Sort, ColumnElement[Any]]] = {
    "updated": skills.c.updated_at,
    "created": skills.c.created_at,
    "rating": func.coalesce(skills.c.average_rating, literal_column("0")),
    "uses": skills.c.total_uses,
    "name": skills.c.slug,
}


def heads(connection: Connection, slugs: Iterable[str]) -> dict[str, Head]:
    """Read what publishers must know of many skills; absent ones are absent in the answer."""
    statement = select(
        skills.c.id.label("skill_id"),
        skills.c.slug,
        skills.c.category,
        skills.c.tags,
        skills.c.latest_version,
        *POINTERS,
        skill_versions.c.id.label("version_id"),
        skill_versions.c.name,
        skill_versions.c.description,
        skill_versions.c.content_hash,
        skill_versions.c.created_at,
        version_state.c.yanked_at,
        version_state.c.yank_reason,
        version_state.c.purged_at,
    ).select_from(
        POINTED.join(
            skill_versions,
            (skill_versions.c.skill_id == skills.c.id)
            & (skill_versions.c.version == skills.c.latest_version),
        ).join(version_state, version_state.c.skill_version_id == skill_versions.c.id)
    )
    found: dict[str, Head] = {}
    for chunk in chunks(slugs):
        for row in connection.execute(statement.where(among(connection, skills.c.slug, chunk))):
            found[row.slug] = record(Head, row)
    return found


def lock(connection: Connection, slugs: Iterable[str]) -> dict[str, str]:
    """Keep other writers off some skills until the end of this transaction; give their ids.

    The order is the same for everybody, so that no two writers wait for each other. FOR NO KEY
    UPDATE leaves raters alone: their rows refer to the skill's key.
    """
    rows = connection.execute(
        select(skills.c.slug, skills.c.id)
        .where(among(connection, skills.c.slug, slugs))
        .order_by(skills.c.slug)
        .with_for_update(key_share=True)
    )
    return {row.slug: row.id for row in rows}


def add(connection: Connection, newcomers: Iterable[NewSkill]) -> None:
    """Insert skills that ``lock`` did not find, without a version, sorted by slug.

    On PostgreSQL what a racing publisher has inserted meanwhile stays; SQLite has one writer.
    """
    now = clock(connection)
    statement = insert_or_not(connection, skills).values(created_at=now, updated_at=now)
    connection.execute(statement, [to_row(skill) for skill in newcomers])


def next_versions(
    connection: Connection, skill_ids: Iterable[str]
) -> dict[str, tuple[int, datetime]]:
    """Allocate each skill's next number, with the database's time after any wait for a lock.

    Raises:
        Forbidden: a policy of the database hides one of them, which are all locked.
    """
    wanted = list(skill_ids)
    rows = connection.execute(
        update(skills)
        .where(skills.c.id.in_(wanted))
        .values(latest_version=skills.c.latest_version + 1)
        .returning(skills.c.id, skills.c.latest_version, clock(connection))
    )
    found = {skill_id: (number, at) for skill_id, number, at in rows}
    if len(found) < len(wanted):
        raise hidden("a skill")
    return found


def change(connection: Connection, changes: Mapping[str, Mapping[str, Any]]) -> None:
    """Set columns that belong to clients (category, tags, content), and say when.

    Args:
        connection: a writing one.
        changes: the values by column, by the id of the skill.

    Raises:
        Forbidden: a policy of the database hides one of them, which are all locked.
    """
    by_columns: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for skill_id, values in changes.items():
        rows = by_columns.setdefault(tuple(values), [])
        rows.append({"of": skill_id, **{f"new_{name}": value for name, value in values.items()}})
    for columns, rows in by_columns.items():
        new = {name: bindparam(f"new_{name}", type_=skills.c[name].type) for name in columns}
        statement = update(skills).where(skills.c.id == bindparam("of"))
        done = connection.execute(statement.values(updated_at=clock(connection), **new), rows)
        if done.rowcount < len(rows):
            raise hidden("a skill")


class FoundSkill(NamedTuple):
    """A skill whole, with what belongs to it in other tables.

    Attributes:
        author: email address of the one who published first.
        head: the newest entry of its chain; None where it has none.
    """

    skill: Skill
    author: str
    published_version: int | None
    draft_version: int | None
    registry_id: str | None
    head: Entry | None


def find(connection: Connection, slug: str) -> FoundSkill | None:
    """Read a skill whole, in one statement; None where there is none."""
    row = connection.execute(
        select(*WHOLE)
        .select_from(POINTED.join(users, users.c.id == skills.c.author_id))
        .where(skills.c.slug == slug)
    ).one_or_none()
    return None if row is None else found_of(row)


def found_of(row: Row[Any]) -> FoundSkill:
    """Fill it from the columns of ``WHOLE``."""
    head = None if row.head_seq is None else Entry(row.head_seq, row.head_hash)
    return FoundSkill(
        record(Skill, row),
        row.author,
        row.published_version,
        row.draft_version,
        row.registry_id,
        head,
    )


def slugs_from(connection: Connection, beginning: str, limit: int) -> list[str]:
    """List slugs with a beginning, in order; the index is read from there on."""
    rows = connection.scalars(
        select(skills.c.slug)
        .where(skills.c.slug >= beginning, skills.c.slug < beginning + "{")  # behind a-z, 0-9, -
        .order_by(skills.c.slug)
        .limit(limit)
    )
    return list(rows)


def page(
    connection: Connection,
    sort: Sort,
    limit: int,
    after: tuple[Any, str] | None,
    wanted: Sequence[ColumnElement[bool]] = (),
) -> tuple[list[SkillSummary], list[Any]]:
    """Read up to ``limit`` skills behind a key; names ascend, everything else descends.

    Args:
        connection: a reading one.
        sort: what to order by; the slug breaks ties.
        limit: rows at most.
        after: the key and the slug of the row before the page; None for the first page.
        wanted: what else a skill must have; see ``filters``.

    Returns:
        The skills, and for each the key it was ordered by.

    """
    key = SORTS[sort]
    statement = summaries().add_columns(key.label("sort_key")).where(*wanted)
    rows: list[Row[Any]] = []
    for behind, order in _parts(key, sort, after):
        if len(rows) < limit:
            part = statement.where(behind).order_by(*order).limit(limit - len(rows))
            rows += connection.execute(part).all()
    return [record(SkillSummary, row) for row in rows], [row.sort_key for row in rows]


def summaries() -> Select[Any]:
    """Select what a list says of a skill."""
    skill = skills.c
    return select(
        skill.slug,
        skill.name,
        skill.description,
        skill.category,
        skill.tags,
        skill.latest_version,
        skill.average_rating,
        skill.hours_saved,
        skill.total_uses,
        skill.created_at,
        skill.updated_at,
        (skill.stars_1 + skill.stars_2 + skill.stars_3 + skill.stars_4 + skill.stars_5).label(
            "rating_count"
        ),
        users.c.email.label("author"),
        *POINTERS,
    ).select_from(POINTED.join(users, users.c.id == skill.author_id))


def _parts(
    key: ColumnElement[Any], sort: Sort, after: tuple[Any, str] | None
) -> list[tuple[ColumnElement[bool], list[ColumnElement[Any]]]]:
    """Say which rows are behind a place, and in which order: those that share its key come first.

    In one condition SQLite finds the place by the key alone, where that is an expression, and
    passes by every row that shares it, as all skills do that nobody rated.
    """
    slug = skills.c.slug
    if sort == "name":
        return [(true() if after is None else slug > after[1], [slug])]
    order: list[ColumnElement[Any]] = [key.desc(), slug.desc()]
    if after is None:
        return [(true(), order)]
    last = literal(after[0], key.type)
    return [((key == last) & (slug < after[1]), order[1:]), (key < last, order)]

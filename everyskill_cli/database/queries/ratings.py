"""Ratings: one for each person and version; counters follow by trigger."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, literal, select, tuple_, update

from everyskill_cli.database.faults import hidden
from everyskill_cli.database.queries import records
from everyskill_cli.database.tables import ratings, skill_versions, users
from everyskill_cli.model import Rating, RatingEntry


def find(connection: Connection, user_id: str, version_id: str) -> Rating | None:
    """Read a person's rating of a version, and keep others of the same person off it."""
    row = connection.execute(
        select(ratings)
        .where(ratings.c.user_id == user_id, ratings.c.skill_version_id == version_id)
        .with_for_update()
    ).one_or_none()
    return None if row is None else records.record(Rating, row)


def add(connection: Connection, rating: Rating) -> bool:
    """Insert a rating; False where the same person's other session was quicker."""
    row = records.insert_or_not(connection, ratings).values(**records.to_row(rating))
    return connection.scalar(row.returning(ratings.c.id)) is not None


def change(connection: Connection, rating: Rating) -> None:
    """Write what a person may change of a rating that is there.

    Raises:
        Forbidden: it is somebody else's, and a policy of the database hid it.
    """
    done = connection.execute(
        update(ratings)
        .where(ratings.c.id == rating.id)
        .values(
            rating=rating.rating,
            comment=rating.comment,
            hours_saved_estimate=rating.hours_saved_estimate,
            updated_at=rating.updated_at,
        )
    )
    if done.rowcount == 0:
        raise hidden("that rating")


def remove(connection: Connection, rating: Rating) -> None:
    """Take a rating back; the counters follow.

    Raises:
        Forbidden: it is somebody else's, and a policy of the database hid it.
    """
    done = connection.execute(delete(ratings).where(ratings.c.id == rating.id))
    if done.rowcount == 0:
        raise hidden("that rating")


def page(
    connection: Connection,
    skill_id: str,
    *,
    limit: int,
    version_id: str | None = None,
    after: tuple[datetime, str] | None = None,
    comments_only: bool = False,
) -> list[RatingEntry]:
    """Read up to ``limit`` ratings of a skill, or of one version, newest first.

    Args:
        connection: a reading one.
        skill_id: whose ratings.
        limit: rows at most.
        version_id: only the ratings of this version.
        after: time and id of the row before the page; None for the first page.
        comments_only: leave out ratings without a comment.

    """
    statement = (
        select(
            ratings.c.id,
            skill_versions.c.version,
            users.c.email.label("user"),
            ratings.c.rating,
            ratings.c.comment,
            ratings.c.hours_saved_estimate,
            ratings.c.created_at,
            ratings.c.updated_at,
        )
        .join(users, users.c.id == ratings.c.user_id)
        .join(skill_versions, skill_versions.c.id == ratings.c.skill_version_id)
        .order_by(ratings.c.updated_at.desc(), ratings.c.id.desc())
        .limit(limit)
    )
    if version_id is None:
        statement = statement.where(ratings.c.skill_id == skill_id)
    else:
        statement = statement.where(ratings.c.skill_version_id == version_id)
    if after is not None:
        place = tuple_(ratings.c.updated_at, ratings.c.id)
        statement = statement.where(
            place < tuple_(literal(after[0], ratings.c.updated_at.type), after[1])
        )
    if comments_only:
        # SQLite prefers the index without the condition and then reads every rating.
        statement = statement.where(ratings.c.comment.is_not(None)).with_hint(
            ratings, "INDEXED BY ix_ratings_comments", "sqlite"
        )
    return [records.record(RatingEntry, row) for row in connection.execute(statement)]

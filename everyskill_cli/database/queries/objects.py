"""Objects as their versions describe them: which there are, and what each says of its own."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, case, func, literal_column, select

from everyskill_cli.database.queries import records
from everyskill_cli.database.queries.auditing import parsed, stored
from everyskill_cli.database.queries.purging import WAS_PURGED
from everyskill_cli.database.tables import skill_versions, skills
from everyskill_cli.model.evidence import StoredObject


def keys_after(
    connection: Connection, key: str, limit: int, only: Collection[str] = ()
) -> list[str]:
    """List the objects that versions refer to, in order, those behind one; or of some skills."""
    row = skill_versions.c
    statement = select(*stored(connection, row.content_url)).where(row.content_url > key)
    if connection.dialect.name == "sqlite":  # no store has a key that is no UTF-8
        statement = statement.where(row.content_url.op("NOT GLOB")("*[^ -~]*"))
    if only:
        statement = statement.join(skills, skills.c.id == row.skill_id).where(
            records.among(connection, skills.c.slug, only)
        )
    found = connection.scalars(statement.distinct().order_by(row.content_url).limit(limit))
    return [each for each in found if isinstance(each, str)]  # other types sort behind texts


def objects(
    connection: Connection, keys: Collection[str], read: Collection[str]
) -> list[StoredObject]:
    """Read what all versions say that refer to some objects.

    Args:
        connection: a reading one.
        keys: of the objects.
        read: of these, those that are read: of the others nobody needs manifests and texts.
    """
    row = skill_versions.c
    is_published = skills.c.published_version_id == row.id
    is_read = records.among(connection, row.content_url, read) if read else literal_column("1 = 0")
    found = connection.execute(
        select(
            *stored(
                connection,
                row.content_url,
                row.content_hash,
                row.content_type,
                row.size_bytes,
                skills.c.slug,
                row.version,
                case((is_read, row.files)),
                case((is_read & is_published, skills.c.content)),
            ),
            WAS_PURGED,
            func.coalesce(is_published, literal_column("1 = 0")),
        )
        .select_from(skill_versions.join(skills, skills.c.id == row.skill_id))
        .where(records.among(connection, row.content_url, keys))
        .order_by(row.content_url, skills.c.slug, row.version)
    )
    return [
        StoredObject._make([*each[:6], parsed(each[6]), each[7], *map(bool, each[8:])])
        for each in found
    ]

"""The words that search reads on SQLite, kept with the rows by whoever writes them.

SQLite lets no trigger write a full-text table while the schema is not trusted, and a registry's
file may be anybody's. So triggers note whose words are stale, and every transaction that writes
catches up before it is committed. On PostgreSQL triggers do all of it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sqlalchemy import Connection

_IS_THERE: Final = "SELECT 1 FROM sqlite_master WHERE name = 'skill_search'"
# As bytes: a value that somebody spoilt by hand must end nobody's transaction.
_STALE: Final = """
    SELECT s.number, k.id IS NOT NULL, CAST(k.slug AS BLOB), CAST(k.name AS BLOB),
        CAST(k.description AS BLOB), CAST(k.category AS BLOB), CAST(k.tags AS BLOB),
        CAST(k.author_id AS BLOB), CAST(k.content AS BLOB)
    FROM skill_search AS s LEFT JOIN skills AS k ON k.id = s.skill_id
    WHERE s.is_stale = 1 LIMIT 100
"""  # rows of 256 KiB at most, all in memory


def is_indexed(connection: Connection) -> bool:
    """Tell whether a SQLite file has the words; an older one has none."""
    return connection.exec_driver_sql(_IS_THERE).first() is not None


def catch_up(connection: Connection) -> None:
    """Write the words of every skill whose row changed, and forget those of deleted ones."""
    if not is_indexed(connection):
        return
    while rows := connection.exec_driver_sql(_STALE).all():
        numbers = [(row[0],) for row in rows]
        connection.exec_driver_sql("DELETE FROM skill_words WHERE rowid = ?", numbers)
        found = [(row[0], stored_words(row[2:])) for row in rows if row[1]]
        if found:
            connection.exec_driver_sql(
                "INSERT INTO skill_words (rowid, words) VALUES (?, ?)", found
            )
            connection.exec_driver_sql(
                "UPDATE skill_search SET is_stale = 0 WHERE number = ?", [row[:1] for row in found]
            )
        gone = [(row[0],) for row in rows if not row[1]]
        if gone:
            connection.exec_driver_sql("DELETE FROM skill_search WHERE number = ?", gone)


def stored_words(values: Sequence[Any]) -> str:
    """Give the text that the full-text table holds for a row, from its columns' bytes."""
    from everyskill_cli.database.terms import tokens_of  # nobody else needs its tables

    slug, name, description, category, tags, author_id, content = (
        bytes(value or b"").decode(errors="replace") for value in values
    )
    tokens = tokens_of(
        slug=slug,
        name=name,
        description=description,
        category=category,
        tags=_tags(tags),
        author_id=author_id,
        content=content,
    )
    return " ".join(sorted(tokens))


def _tags(stored: str) -> list[str]:
    try:
        found = json.loads(stored)
    except (ValueError, RecursionError):
        return []
    return [tag for tag in found if isinstance(tag, str)] if isinstance(found, list) else []

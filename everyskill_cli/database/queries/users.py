"""People and CI jobs, by their email address."""

from __future__ import annotations

import uuid

from sqlalchemy import Connection, select

from everyskill_cli.database.queries.records import clock, insert_or_not
from everyskill_cli.database.tables import users


def ensure(connection: Connection, email: str) -> str:
    """Give the user's id; a user is made on first use.

    On PostgreSQL a racing first use waits for the other and finds its row. Callers do this before
    they lock anything else, so that two of them never wait for each other.
    """
    found = select(users.c.id).where(users.c.email == email)
    user_id = connection.scalar(found)
    if user_id is not None:
        return str(user_id)
    now = clock(connection)
    connection.execute(
        insert_or_not(connection, users).values(
            id=str(uuid.uuid4()), email=email, created_at=now, updated_at=now
        )
    )
    return str(connection.execute(found).scalar_one())

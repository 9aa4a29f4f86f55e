"""Format 1: every table, constraint and trigger, and the registry's one row.

Revision ID: 0001
Revises:
"""

import uuid

import sqlalchemy as sa
from alembic import op

from everyskill_cli.database.scripts import run_script

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL file of the database at hand, then name the registry."""
    connection = op.get_bind()
    run_script(connection, __file__)
    now = {
        "sqlite": "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')",
        "postgresql": "date_trunc('milliseconds', clock_timestamp())",
    }[connection.dialect.name]
    connection.execute(
        sa.text(f"INSERT INTO registry (id, format_version, created_at) VALUES (:id, 1, {now})"),  # noqa: S608 - one of two constants
        {"id": str(uuid.uuid4())},
    )

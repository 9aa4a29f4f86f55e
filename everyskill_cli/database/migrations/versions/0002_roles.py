"""Roles on PostgreSQL: what a login that is not the owner may claim, checked by the database.

On SQLite nothing changes: whoever writes the file is its owner.

Revision ID: 0002
Revises: 0001
"""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL file on PostgreSQL."""
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    script = Path(__file__).with_name("0002_roles.postgresql.sql").read_text(encoding="utf-8")
    connection.execution_options(no_parameters=True).exec_driver_sql(script)  # % as it is

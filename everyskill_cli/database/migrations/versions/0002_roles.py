"""Roles on PostgreSQL: what a login that is not the owner may claim, checked by the database.

On both: a skill without any event can be deleted by its owner.

Revision ID: 0002
Revises: 0001
"""

import re
from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL file of the database at hand; on SQLite one statement after the other."""
    connection = op.get_bind()
    dialect = connection.dialect.name
    script = Path(__file__).with_name(f"0002_roles.{dialect}.sql").read_text(encoding="utf-8")
    begins = r"^(?=CREATE|DROP)"
    statements = re.split(begins, script, flags=re.M)[1:] if dialect == "sqlite" else [script]
    for statement in statements:  # % as it is
        connection.execution_options(no_parameters=True).exec_driver_sql(statement)

"""Search: the words of every skill, and the place of each in what is found.

Revision ID: 0003
Revises: 0002
"""

import sqlite3
from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL file of the database at hand; on SQLite one statement after the other."""
    connection = op.get_bind()
    dialect = connection.dialect.name
    script = Path(__file__).with_name(f"0003_search.{dialect}.sql").read_text(encoding="utf-8")
    statements = _statements(script) if dialect == "sqlite" else [script]
    for statement in statements:  # % as it is
        connection.execution_options(no_parameters=True).exec_driver_sql(statement)


def _statements(script: str) -> list[str]:
    """Split at the ends of statements; a trigger's inner semicolons do not end it."""
    statements, current = [], ""
    for line in script.splitlines(keepends=True):
        current += line
        if sqlite3.complete_statement(current):
            statements.append(current)
            current = ""
    return statements

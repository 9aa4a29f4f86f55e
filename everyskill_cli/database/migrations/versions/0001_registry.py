"""Format 1: every table, constraint and trigger, and the registry's one row.

Revision ID: 0001
Revises:
"""

import sqlite3
import uuid
from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL file of the database at hand, then name the registry."""
    connection = op.get_bind()
    dialect = connection.dialect.name
    script = Path(__file__).with_name(f"0001_registry.{dialect}.sql").read_text(encoding="utf-8")
    statements = _statements(script) if dialect == "sqlite" else [script]
    raw = connection.execution_options(no_parameters=True)  # many statements, and % as it is
    for statement in statements:
        raw.exec_driver_sql(statement)
    now = {
        "sqlite": "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')",
        "postgresql": "date_trunc('milliseconds', clock_timestamp())",
    }[dialect]
    connection.execute(
        sa.text(f"INSERT INTO registry (id, format_version, created_at) VALUES (:id, 1, {now})"),  # noqa: S608 - one of two constants
        {"id": str(uuid.uuid4())},
    )


def _statements(script: str) -> list[str]:
    """Split at the ends of statements; a trigger's inner semicolons do not end it."""
    statements, current = [], ""
    for line in script.splitlines(keepends=True):
        current += line
        if sqlite3.complete_statement(current):
            statements.append(current)
            current = ""
    return statements

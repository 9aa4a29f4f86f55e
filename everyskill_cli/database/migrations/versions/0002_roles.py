"""Roles on PostgreSQL: what a login that is not the owner may claim, checked by the database.

On both: a skill without any event can be deleted by its owner.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

from everyskill_cli.database.scripts import run_script

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL file of the database at hand."""
    run_script(op.get_bind(), __file__)

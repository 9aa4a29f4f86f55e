"""Search: the words of every skill, and the place of each in what is found.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

from everyskill_cli.database.scripts import run_script

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL file of the database at hand."""
    run_script(op.get_bind(), __file__)

"""Alembic's entry: run the migrations on the connection, and in the transaction, of the caller.

It imports nothing of ours, so that a migration means the same for ever.
"""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table="everyskill_revision",
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()

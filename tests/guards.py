"""Write down what the migrations make on PostgreSQL: ``python -m tests.guards``.

The file is part of the package, and ``doctor`` and ``verify`` compare a registry with it. A test
makes it anew and compares; run this after a change of the schema, and read the difference.
"""

from __future__ import annotations

import json
import os

from sqlalchemy import text

from everyskill_cli.database.engine import Database
from everyskill_cli.database.schema import upgrade
from everyskill_cli.database.shapes import FILE, facts
from tests.servers.postgres import BINARIES, OwnPostgresServer


def noted(url: str) -> str:
    """Give the text of the file, from an empty database."""
    with Database(url) as database:
        upgrade(database)
        with database.reading() as tx:
            made_with = tx.scalar(text("SELECT current_setting('server_version')"))
            found = facts(tx, "public")
    rows = ",\n".join(f"    {json.dumps(fact, ensure_ascii=False)}" for fact in found)
    return f'{{\n  "postgresql": {json.dumps(made_with)},\n  "guards": [\n{rows}\n  ]\n}}\n'


if __name__ == "__main__":
    with OwnPostgresServer(os.environ.get(BINARIES)) as server:
        FILE.write_text(noted(server.create_database()), encoding="utf-8")

"""Where records are kept: the only room that knows SQLAlchemy and Alembic.

``open_database`` is the only way in. A database is SQLite or PostgreSQL; both give the same
guarantees to every statement in ``queries``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from everyskill_cli.database.engine import Database
    from everyskill_cli.model import Access


def open_database(url: str, access: Access = "read") -> Database:
    """Open a registry's database, checked to be of the schema that this program understands.

    An absent SQLite file is an empty registry to ``read`` and ``write``, and is made by
    ``create``. An older one is brought up to date by ``write`` and ``create``, after copying its
    file aside. PostgreSQL is only ever changed by ``upgrade``; another schema there is NotReady.
    """
    from everyskill_cli.database.engine import Database  # 200 ms of imports: not for --help
    from everyskill_cli.database.schema import require_current

    database = Database(url)
    try:
        require_current(database, access)
    except BaseException:
        database.close()
        raise
    return database

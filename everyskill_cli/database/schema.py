"""Which revision of the schema a database has, and how it gets the newest.

Comparing is one cheap statement; Alembic (300 ms to import) is loaded only to change something.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import create_engine, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.pool import StaticPool

from everyskill_cli.database.engine import Database
from everyskill_cli.database.faults import no_role, read_only, translated
from everyskill_cli.errors import NotReady

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

    from everyskill_cli.model import Access, SchemaChange

HEAD: Final = "0003"  # a test holds this and the newest migration together
FORMAT: Final = 1  # of rows and objects, as the first migration writes it (docs/format.md)
SAME_ON_SQLITE: Final = ("0001", "0002")  # revisions whose SQLite files are read as they are
MIGRATIONS: Final = Path(__file__).parent / "migrations"
_STORED: Final = "SELECT version_num FROM everyskill_revision"
_NO_TABLE: Final = "42P01"  # PostgreSQL's code
LOCK_KEY: Final = 0x6576_7279_736B  # 'everysk': PostgreSQL's advisory lock of an upgrade


def require_current(database: Database, access: Access) -> None:
    """Make sure that the schema is the one this program understands, as ``open_database`` says."""
    if access != "read" and database.is_read_only:
        raise read_only(database.where)
    if not database.exists:
        _start(database, access)
        return
    with database.reading() as connection:
        found = _revision_at_once(connection)
        foreign = found is None and _require_open(connection, database) and _has_tables(connection)
    if found == HEAD or (access == "read" and _reads_the_same(database, found)):
        return
    if foreign:
        raise _foreign(database)
    if database.dialect == "sqlite" and found is None:  # made, and never finished
        _start(database, access)
    elif database.dialect == "sqlite" and access != "read" and str(found) < HEAD:
        upgrade(database)
    else:
        raise _outdated(database, found)


def _start(database: Database, access: Access) -> None:
    """Make a SQLite registry, or read its absence as an empty one in memory."""
    from everyskill_cli.database.tables import metadata

    if access == "create":
        upgrade(database)
        return
    engine = create_engine("sqlite://", poolclass=StaticPool)
    with translated(database.where):
        metadata.create_all(engine)
    database.replace_engine(engine)


def revision(connection: Connection) -> str | None:
    """The stored revision, or None where there is none."""
    if connection.dialect.name == "sqlite":
        known = "SELECT 1 FROM sqlite_master WHERE name = 'everyskill_revision'"
    else:
        known = "SELECT 1 WHERE to_regclass('everyskill_revision') IS NOT NULL"
    if connection.scalar(text(known)) is None:
        return None
    stored = connection.scalar(text(_STORED))
    return None if stored is None else str(stored)


def _revision_at_once(connection: Connection) -> str | None:
    """Read the same in one round trip, where a statement that fails ends no transaction."""
    if connection.dialect.name == "sqlite":
        return revision(connection)
    try:
        stored = connection.scalar(text(_STORED))
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", "") != _NO_TABLE:
            raise
        return None
    return None if stored is None else str(stored)


def upgrade(database: Database, migrations: Path = MIGRATIONS) -> SchemaChange:
    """Bring the schema to the newest revision, in one transaction; nothing half done stays.

    Two upgrades at once wait for each other. A SQLite file with rows is copied aside first.

    Raises:
        NotReady: the database is of a newer program, or holds another program's tables.

    """
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    from everyskill_cli.model import SchemaChange

    config = Config()
    config.set_main_option("script_location", str(migrations))
    script = ScriptDirectory.from_config(config)
    newest = str(script.get_current_head())
    if database.path is not None:
        _make_folder(database.path.parent)
    with database.writing() as connection:
        if database.dialect == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
            if connection.scalar(text("SHOW server_encoding")) != "UTF8":
                raise NotReady(
                    f"{database.where} does not store UTF-8.",
                    "Make one that does: createdb --encoding UTF8 --template template0 NAME",
                )
        before = revision(connection)
        if before is None and _has_tables(connection):
            raise _foreign(database)
        if before is not None and before not in {r.revision for r in script.walk_revisions()}:
            raise _outdated(database, before)
        backup = None
        if before != newest:
            backup = _copy_aside(database, before)
            _migrate(connection, config)
    database.is_new = before is None
    return SchemaChange(database=database.where, before=before, after=newest, backup=backup)


def _migrate(connection: Connection, config: Config) -> None:
    from alembic import command

    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NotReady(
            f"The database's folder {folder} cannot be made: {error.strerror}.",
            "Set EVERYSKILL_HOME or EVERYSKILL_DATABASE_URL to a place that you may write.",
        ) from error


def _copy_aside(database: Database, before: str | None) -> str | None:
    """Copy a SQLite file with rows next to itself; the writer's lock keeps it still.

    The copy gets its name when it is whole: whatever is called a backup is one.
    """
    if database.path is None or before is None:
        return None
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    target = database.path.with_name(f"{database.path.name}.{before}.{stamp}.backup")
    unfinished = target.with_name(f"{target.name}.unfinished")
    try:
        with (
            closing(sqlite3.connect(database.path)) as source,
            closing(sqlite3.connect(unfinished)) as copy,
        ):
            source.backup(copy)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return str(target)


def _has_tables(connection: Connection) -> bool:
    if connection.dialect.name == "sqlite":
        statement = "SELECT 1 FROM sqlite_master LIMIT 1"
    else:
        statement = (
            "SELECT 1 FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE nspname = current_schema() AND relkind IN ('r', 'p', 'v') LIMIT 1"
        )
    return connection.scalar(text(statement)) is not None


def _reads_the_same(database: Database, found: str | None) -> bool:
    """Tell whether an older SQLite file is read as it is: what changed is about writing."""
    return database.dialect == "sqlite" and found in SAME_ON_SQLITE


def _require_open(connection: Connection, database: Database) -> bool:
    """Refuse a login whose registry is in a schema that it may not even look into."""
    if connection.dialect.name == "sqlite":
        return True
    statement = (
        "SELECT 1 FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE relname = 'everyskill_revision' AND NOT has_schema_privilege(n.oid, 'USAGE')"
    )
    if connection.scalar(text(statement)) is not None:
        raise no_role(database.where)
    return True


def _outdated(database: Database, found: str | None) -> NotReady:
    if found is None:
        return NotReady(f"{database.where} holds no registry yet.", "Run once: everyskill upgrade")
    if found < HEAD:
        return NotReady(
            f"The registry {database.where} has schema {found}; this program needs {HEAD}.",
            "Run: everyskill upgrade",
        )
    return NotReady(
        f"The registry {database.where} has schema {found}, newer than this program's {HEAD}.",
        "Install a newer everyskill.",
    )


def _foreign(database: Database) -> NotReady:
    return NotReady(
        f"{database.where} holds another program's tables and no registry.",
        "Give everyskill a database, or on PostgreSQL a schema, of its own.",
    )

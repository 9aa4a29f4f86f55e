"""Connections and transactions on SQLite and PostgreSQL, by the recipe that was measured.

With SQLAlchemy's defaults 10–27 of 200 concurrent publishes failed on SQLite; with this none did.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import QueuePool

from everyskill_cli.database.address import parse
from everyskill_cli.database.faults import CommitUnknown, translate, translated
from everyskill_cli.database.file import is_read_only, look, target_of
from everyskill_cli.database.indexing import catch_up
from everyskill_cli.database.values import check_types, read_json
from everyskill_cli.errors import NotReady
from everyskill_cli.settings import hide_password

BUSY_SECONDS: Final = 30.0  # how long a writer waits for another; ?timeout= in the URL changes it
SLICE_SECONDS: Final = 0.5
PATIENCE: Final = (  # the same on PostgreSQL, unless the URL, the role or the database says more
    f"SELECT set_config('lock_timeout', '{BUSY_SECONDS:.0f}s', true)"
    " WHERE current_setting('lock_timeout') = '0'"
)
_LESS_PATIENCE: Final = "SELECT set_config('lock_timeout', '{:.0f}ms', true)"
Transaction = Connection  # what callers hold between two statements; they never look inside


class Database:
    """One registry's records: reading and writing transactions, errors in our own words.

    Attributes:
        url: as SQLAlchemy understands it, with its password.
        where: the same as it was written, without the password.
        path: the SQLite file; None for PostgreSQL.
        is_new: its registry was made just now.

    """

    def __init__(self, url: str) -> None:
        self.url = parse(url)
        self.where = hide_password(url)
        self.path = _path(self.url)
        self.is_new = False
        self._engine: Engine | None = None

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self.url.get_backend_name()

    @property
    def exists(self) -> bool:
        """Whether there is a file; a file of no bytes is a registry that was never finished."""
        if self.path is None:
            return True
        found = look(self.path)
        return found is not None and found.st_size > 0

    @property
    def may_be_made(self) -> bool:
        """Whether an absent SQLite file could be made: for ``doctor``, which makes none."""
        if self.path is None:
            return False
        nearest = next(folder for folder in self.path.absolute().parents if folder.exists())
        return nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)

    @property
    def is_read_only(self) -> bool:
        """Whether there is a SQLite file that this process may not write."""
        return self.path is not None and is_read_only(self.path)

    @property
    def engine(self) -> Engine:
        """The engine, made on first use."""
        if self._engine is None:
            with translated(self.where):
                self._engine = _sqlite(self) if self.dialect == "sqlite" else _postgresql(self.url)
        return self._engine

    def replace_engine(self, engine: Engine) -> None:
        """Read from another place: an absent registry reads as an empty one in memory."""
        self.close()
        self._engine = engine

    @contextmanager
    def reading(self, *, level: str = "AUTOCOMMIT") -> Iterator[Connection]:
        """Run statements that change nothing; on SQLite they see one moment.

        Args:
            level: of isolation on PostgreSQL, where a transaction costs two round trips.
        """
        options = {} if self.dialect == "sqlite" else {"isolation_level": level}
        with (
            translated(self.where),
            self.engine.connect().execution_options(**options) as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def writing(self, patience: float | None = None) -> Iterator[Connection]:
        """Run one transaction: all of it is committed, or none.

        Args:
            patience: seconds that other writers are waited for, where that is less than usual.

        Raises:
            CommitUnknown: COMMIT was sent and its answer was lost; look before saying anything.

        """
        with (
            translated(self.where),
            self.engine.connect().execution_options(
                everyskill_write=True, everyskill_patience=patience
            ) as connection,
        ):
            transaction = connection.begin()
            if self.dialect == "postgresql":
                connection.exec_driver_sql(
                    PATIENCE if patience is None else _LESS_PATIENCE.format(patience * 1000)
                )
            try:
                yield connection
                if self.dialect == "sqlite":
                    catch_up(connection)
            except BaseException:
                transaction.rollback()
                raise
            try:
                transaction.commit()
            except DBAPIError as error:
                if error.connection_invalidated:
                    raise CommitUnknown(
                        f"The answer of {self.where} to COMMIT was lost.",
                        "Run the same command again: it has one effect, however often it is run.",
                    ) from error
                connection.invalidate()  # on SQLite the transaction would still be open
                raise translate(error, self.where) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None


def _path(url: URL) -> Path | None:
    return Path(str(url.database)).expanduser() if url.get_backend_name() == "sqlite" else None


def _sqlite(database: Database) -> Engine:
    if sqlite3.sqlite_version_info < (3, 35):
        raise NotReady(
            f"Python's SQLite is {sqlite3.sqlite_version}; 3.35 or newer is needed.",
            "Use a newer Python, or PostgreSQL.",
        )
    timeout = float(str(database.url.query.get("timeout", BUSY_SECONDS)))
    path = Path(str(database.path))
    found = look(path)
    if found is not None and stat.S_ISDIR(found.st_mode):
        raise NotReady(
            f"The database {database.where} is a folder.", "Name a file in it: …/registry.db"
        )
    target = target_of(path)
    engine = create_engine(
        # One connection is kept: the last one to close writes the whole log into the file.
        "sqlite://",
        creator=lambda: _connect(target, timeout),
        poolclass=QueuePool,
        pool_size=1,
        json_deserializer=read_json,
    )
    check_types(engine)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if options.get("everyskill_write"):
            patience = options.get("everyskill_patience")
            _begin_writing(connection, timeout if patience is None else min(patience, timeout))
        else:
            connection.exec_driver_sql("BEGIN")

    return engine


def _begin_writing(connection: Connection, seconds: float) -> None:
    """Wait to be the only writer, a little at a time: inside of SQLite nobody hears Ctrl-C."""
    deadline = time.monotonic() + seconds
    try:
        while True:
            rest = max(0.0, min(SLICE_SECONDS, deadline - time.monotonic()))
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {round(rest * 1000)}")
            try:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            except OperationalError as error:
                if not _is_busy(error.orig) or time.monotonic() >= deadline:
                    raise
            else:
                return
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {round(seconds * 1000)}")


def _connect(target: str, timeout: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        target, uri=True, timeout=timeout, isolation_level=None, check_same_thread=False
    )
    try:
        for pragma in ("foreign_keys = ON", "recursive_triggers = ON", "trusted_schema = OFF"):
            connection.execute(f"PRAGMA {pragma}")
        if "mode=ro" not in target:
            _wal(connection, timeout)
            connection.execute("PRAGMA synchronous = FULL")
    except BaseException:
        connection.close()
        raise
    return connection


def _wal(connection: sqlite3.Connection, timeout: float) -> None:
    """Switch the file to write-ahead logging; SQLite does not wait for others there, so we do."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            if _is_ours(connection):
                connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _is_busy(error: BaseException | None) -> bool:
    return getattr(error, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


def _is_ours(connection: sqlite3.Connection) -> bool:
    """Tell whether a file is a registry, or has nothing in it; another program's is not touched."""
    statement = "SELECT count(*), max(name = 'everyskill_revision') FROM sqlite_master"
    tables, registry = connection.execute(statement).fetchone()
    return bool(tables == 0 or registry)


def _postgresql(url: URL) -> Engine:
    from everyskill_cli.database.postgresql import make_engine  # only who speaks to one loads it

    return make_engine(url)

"""An engine for PostgreSQL that asks the server nothing before somebody asks it something.

SQLAlchemy's own dialect begins the first connection with four questions in a transaction: six round
trips, of the sixteen that ``show`` took. The server has said the answers when it accepted the
login, or they are known.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from everyskill_cli.database.values import read_json
from everyskill_cli.errors import NotReady

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import IsolationLevel

ISOLATION: Final = "READ COMMITTED"


class QuietDialect(PGDialect_psycopg):
    """The dialect of psycopg, with answers instead of questions."""

    supports_statement_cache = True

    def _get_server_version_info(self, connection: Connection) -> tuple[int, int]:
        number = _login(connection).server_version  # 180003 is 18.3
        return number // 10_000, number % 10_000

    def _get_default_schema_name(self, connection: Connection) -> str:
        raise NotImplementedError  # it stays open: the server looks names up along its search path

    def _set_backslash_escapes(self, connection: Connection) -> None:
        said = _login(connection).parameter_status("standard_conforming_strings")
        self._backslash_escapes = said == "off"

    def get_default_isolation_level(self, dbapi_conn: Any) -> IsolationLevel:  # noqa: ARG002 - the library's signature
        """Give the one that every connection is told to have."""
        return ISOLATION


def _login(connection: Connection) -> Any:
    """Give what psycopg knows since the server accepted it."""
    driver: Any = connection.connection.driver_connection
    return driver.info


def make_engine(url: URL) -> Engine:
    """Make one, which connects when it is first used.

    Raises:
        NotReady: the driver is not installed.
    """
    try:
        import psycopg
    except ImportError as error:
        raise NotReady(
            "The PostgreSQL driver is not installed.",
            "Run: pip install 'psycopg[binary]'",
        ) from error
    # What it warns of is said by errors; unheard, it would go to stderr, with a server's words.
    logging.getLogger(psycopg.__name__).addHandler(logging.NullHandler())
    registry.register("postgresql.everyskill", __name__, QuietDialect.__name__)
    options: dict[str, Any] = {"prepare_threshold": None}  # poolers lose prepared statements
    if "connect_timeout" not in url.query:
        options["connect_timeout"] = 10
    if "application_name" not in url.query:
        options["application_name"] = "everyskill"
    return create_engine(
        url.set(drivername="postgresql+everyskill"),
        isolation_level=ISOLATION,
        connect_args=options,
        use_native_hstore=False,  # a round trip for a type that we do not use
        pool_reset_on_return=None,  # every use ends its own transaction
        pool_size=1,
        json_deserializer=read_json,
    )

"""The verbs: one story per file. A registry is a store and a database, opened from settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from everyskill_cli.errors import NotReady
from everyskill_cli.model import Access, Finding
from everyskill_cli.settings import DEFAULT, Settings, identity

if TYPE_CHECKING:
    from everyskill_cli.database.engine import Database
    from everyskill_cli.heads import Heads
    from everyskill_cli.model import Setting
    from everyskill_cli.stores.base import Store


class Registry:
    """A registry for one command; its parts are opened when they are first used.

    Attributes:
        settings: where its parts are.
        access: what the command is about to do to the records.
        notices: what whoever runs the command must know, whatever it answers.
        login: the one of PostgreSQL that settled who is at work, once something was signed.
        email: who that is, then.
    """

    def __init__(self, settings: Settings, access: Access = "read") -> None:
        self.settings = settings
        self.access = access
        self.notices: list[Finding] = []
        self.login: str | None = None
        self.email: str | None = None

    @cached_property
    def database(self) -> Database:
        """The records, of the schema that this program understands."""
        from everyskill_cli.database import open_database

        database = open_database(self.settings.database_url, self.access)
        if database.is_new:
            from everyskill_cli.registry.memory import begin_anew

            self.notices += begin_anew(self.settings)
        return database

    @property
    def exists(self) -> bool:
        """Whether there are records; a SQLite file that is not there is not made for the answer."""
        from everyskill_cli.database.engine import Database

        return "database" in self.__dict__ or Database(self.settings.database_url).exists

    @cached_property
    def heads(self) -> Heads:
        """What this machine remembers."""
        from everyskill_cli.registry.memory import open_heads

        return open_heads(self.settings)

    @cached_property
    def store(self) -> Store:
        """Where the bytes are."""
        from everyskill_cli.stores import open_store

        return open_store(self.settings.store_url, self.settings.s3)

    @cached_property
    def user(self) -> Setting:
        """Who is at work: an email address and where it came from."""
        return identity(self.settings)

    def user_notes(self) -> tuple[Finding, ...]:
        """Say so where the user was made up, or is another than the one that was named."""
        try:
            user = self.user
        except NotReady:  # nobody was named, and the login tells
            return ()
        message = f"You are {user.value} here; set EVERYSKILL_USER to your email address."
        if self.login is not None and self.email != user.value:
            message = f"You are {self.email} here, by your login {self.login}"
            return (Finding("login-user", f"{message}; {user.origin} says {user.value}."),)
        return (Finding("default-user", message),) if user.origin == DEFAULT else ()

    def close(self) -> None:
        """Close what was opened."""
        for part in ("database", "store"):
            if part in self.__dict__:
                getattr(self, part).close()


@contextmanager
def open_registry(settings: Settings, access: Access = "read") -> Iterator[Registry]:
    """Open a registry for one command, and close it.

    Raises:
        NotReady: the settings are half a configuration.
    """
    if settings.problem is not None:
        raise settings.problem
    registry = Registry(settings, access)
    try:
        yield registry
    finally:
        registry.close()

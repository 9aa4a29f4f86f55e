"""Whole registries, a database and a store, that runs of the program find in their variables."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from sqlalchemy import text

from everyskill_cli.database import open_database
from everyskill_cli.database.engine import Database
from everyskill_cli.database.schema import upgrade
from everyskill_cli.errors import NotFound
from everyskill_cli.model import Reference
from everyskill_cli.registry import Registry
from everyskill_cli.registry.show import show
from everyskill_cli.settings import load
from tests.audit import audit_objects, audit_records
from tests.servers.postgres import PostgresServer
from tests.servers.s3 import S3Server

Variables = Mapping[str, str]


@dataclass(frozen=True)
class Standing:
    """What stands in a registry under one slug.

    Attributes:
        versions: the contents' hashes, in order.
        events: their kinds, in order.
        published: the published version's number.
        authors: how many users have its author's address.
    """

    versions: tuple[str, ...]
    events: tuple[str, ...]
    published: int | None
    authors: int


NOTHING = Standing((), (), None, 0)


@dataclass(frozen=True)
class Site:
    """One registry.

    Attributes:
        env: the variables that lead to it.
        get: reads an object of its store, past the program.
    """

    env: Variables
    get: Callable[[str], bytes]

    @property
    def url(self) -> str:
        """Its database's address."""
        return self.env["EVERYSKILL_DATABASE_URL"]

    def standing(self, slug: str = "demo") -> Standing:
        """Tell what stands under a slug."""
        with open_database(self.url) as database, database.reading() as tx:
            return _standing(tx, slug, self.env["EVERYSKILL_USER"])

    def audit(self, slug: str = "demo") -> Standing:
        """Assert I1 to I8 as far as they are about what is stored, and tell what stands.

        An SQLite registry of which nothing was committed is none; a reader must see it so.
        """
        with closing(Registry(load({}, self.env))) as registry:
            with registry.database.reading() as tx:
                exists = tx.scalar(text("SELECT count(*) FROM registry"))
                standing = _standing(tx, slug, self.env["EVERYSKILL_USER"])
            if exists:
                audit_records(registry.database)
                audit_objects(registry.database, self.get)
            assert _shown(registry, slug) == standing.published
        return standing

    def wait_for_the_server(self) -> None:
        """PostgreSQL finishes what it was sent, a COMMIT perhaps, though nobody waits for it."""
        others = (
            "SELECT 1 FROM pg_stat_activity WHERE application_name = 'everyskill'"
            " AND datname = current_database() AND pid <> pg_backend_pid()"
        )
        while self.url.startswith("postgresql") and self.query(others):
            time.sleep(0.01)

    def query(self, statement: str, **values: Any) -> list[Any]:
        """Run a statement and give its first column, if it has one."""
        with open_database(self.url, "write") as database, database.writing() as tx:
            result = tx.execute(text(statement), values)
            return list(result.scalars()) if result.returns_rows else []


def _shown(registry: Registry, slug: str) -> int | None:
    try:
        return show(registry, Reference(slug)).published_version
    except NotFound:
        return None


def _standing(tx: Any, slug: str, author: str) -> Standing:
    def column(statement: str) -> tuple[Any, ...]:
        return tuple(tx.scalars(text(statement), {"slug": slug, "author": author}))

    mine = "JOIN skills AS s ON s.id = x.skill_id WHERE s.slug = :slug ORDER BY"
    published = "SELECT v.version FROM skills AS s JOIN skill_versions AS v"
    [authors] = column("SELECT count(*) FROM users WHERE email = :author")
    return Standing(
        versions=column(f"SELECT x.content_hash FROM skill_versions AS x {mine} x.version"),
        events=column(f"SELECT x.kind FROM version_events AS x {mine} x.seq"),
        published=next(
            iter(column(f"{published} ON v.id = s.published_version_id WHERE s.slug = :slug")), None
        ),
        authors=authors,
    )


class Databases(Protocol):
    """Makes databases of one kind."""

    def new(self) -> str:
        """The address of an empty registry."""

    def copy(self, url: str) -> str:
        """The address of a copy of one to which nobody is connected."""

    def drop(self, url: str) -> None:
        """Remove one."""


class Files(Databases):
    """Databases of SQLite; a new one is not there yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made = count()

    def new(self) -> str:
        return f"sqlite:///{self._folder}/registry-{next(self._made)}.db"

    def copy(self, url: str) -> str:
        new = self.new()
        if self._path(url).exists():
            shutil.copyfile(self._path(url), self._path(new))
        return new

    def drop(self, url: str) -> None:
        for name in ("", "-wal", "-shm"):
            Path(f"{self._path(url)}{name}").unlink(missing_ok=True)

    def _path(self, url: str) -> Path:
        return Path(url.removeprefix("sqlite:///"))


class Copies(Databases):
    """Databases of PostgreSQL; a new one has its schema."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server

    def new(self) -> str:
        url = self._server.create_database()
        with Database(url) as database:
            upgrade(database)
        return url

    def copy(self, url: str) -> str:
        return self._server.create_database(url)

    def drop(self, url: str) -> None:
        self._server.drop_database(url)


class Stores(Protocol):
    """Makes stores of one kind, and looks into them past the program."""

    def new(self) -> Variables:
        """The variables of an empty store."""

    def copy(self, env: Variables) -> Variables:
        """The variables of a copy of one."""

    def get(self, env: Variables, key: str) -> bytes:
        """Read an object."""

    def plant(self, env: Variables, key: str, data: bytes) -> None:
        """Write an object, whatever its key says."""

    def assert_whole(self, env: Variables) -> None:
        """Assert that whatever has an object's name is that object."""


class FolderStores(Stores):
    """Stores that are folders."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made = count()

    def new(self) -> Variables:
        return {"EVERYSKILL_STORE_URL": f"file://{self._folder}/store-{next(self._made)}"}

    def copy(self, env: Variables) -> Variables:
        new = self.new()
        if self._root(env).exists():
            shutil.copytree(self._root(env), self._root(new))
        return new

    def get(self, env: Variables, key: str) -> bytes:
        return (self._root(env) / key).read_bytes()

    def plant(self, env: Variables, key: str, data: bytes) -> None:
        path = self._root(env) / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def assert_whole(self, env: Variables) -> None:
        for path in self._root(env).glob("sha256/*/*"):
            aside = path.name.startswith(".staging-")  # what a killed publisher may leave
            assert aside or hashlib.sha256(path.read_bytes()).hexdigest() == path.name

    def _root(self, env: Variables) -> Path:
        return Path(urlsplit(env["EVERYSKILL_STORE_URL"]).path)


class S3Stores(Stores):
    """Stores that are prefixes of the run's bucket."""

    def __init__(self, server: S3Server) -> None:
        self._server = server

    def new(self) -> Variables:
        return self._server.environment(self._server.prefix())

    def copy(self, env: Variables) -> Variables:
        new, bucket, old = self.new(), self._server.bucket, self._prefix(env)
        for key in self._server.keys(old):
            source, target = {"Bucket": bucket, "Key": key}, self._prefix(new) + key[len(old) :]
            self._server.client.copy_object(Bucket=bucket, Key=target, CopySource=source)
        return new

    def get(self, env: Variables, key: str) -> bytes:
        whole = self._prefix(env) + key
        answer = self._server.client.get_object(Bucket=self._server.bucket, Key=whole)
        return answer["Body"].read()

    def plant(self, env: Variables, key: str, data: bytes) -> None:
        whole = self._prefix(env) + key
        self._server.client.put_object(Bucket=self._server.bucket, Key=whole, Body=data)

    def assert_whole(self, env: Variables) -> None:
        for key in self._server.keys(self._prefix(env) + "sha256/"):
            data = self.get(env, key.removeprefix(self._prefix(env)))
            assert hashlib.sha256(data).hexdigest() == key.rpartition("/")[2]

    def _prefix(self, env: Variables) -> str:
        return urlsplit(env["EVERYSKILL_STORE_URL"]).path.strip("/") + "/"

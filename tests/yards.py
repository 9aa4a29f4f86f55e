"""A registry with a few skills, and garbage in its store: for tests of ``gc`` and ``purge``."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from functools import cached_property, partial
from pathlib import Path

import pytest

from everyskill_cli.model import GcAnswer
from everyskill_cli.registry import Registry
from everyskill_cli.registry.auditing.gc import GcOptions, collect
from everyskill_cli.registry.publishing.decision import PublishOptions
from everyskill_cli.registry.publishing.publish import publish
from everyskill_cli.settings import load
from everyskill_cli.stores import content_key
from tests.registries import write_skill
from tests.servers.postgres import PostgresServer
from tests.sites import Copies, FolderStores, S3Stores, Site

LONG_AGO = "2020-01-02T03:04:05.678Z"
# Steps after which others see something else; the long form kills after all the others too.
CHANGES = {
    "INSERT INTO version_events",
    "INSERT INTO tombstones",
    "DELETE FROM skills",
    "UPDATE skills",
    "INSERT INTO condemned",
    "UPDATE condemned",
    "COMMIT",
    "os.unlink",
}


def key_of(data: bytes) -> str:
    """The key of an object."""
    return content_key(hashlib.sha256(data).hexdigest())


class Yard:
    """One registry, its store, and what lies in it.

    Attributes:
        site: how to look at it past the program.
        env: the variables that lead to it.
    """

    def __init__(self, database_url: str, stores: FolderStores | S3Stores, folder: Path) -> None:
        self._folder = folder
        self._stores = stores
        self.env = {**stores.new(), "EVERYSKILL_DATABASE_URL": database_url}
        self.env["EVERYSKILL_USER"] = "ann@example.org"
        self.site = Site(self.env, partial(stores.get, self.env))

    @cached_property
    def registry(self) -> Registry:
        """The registry, opened."""
        return Registry(load({}, self.env), "create")

    def close(self) -> None:
        """Close the registry."""
        self.registry.close()

    @property
    def is_folder(self) -> bool:
        """Whether the store is a folder, in which files can be made old."""
        return isinstance(self._stores, FolderStores)

    @property
    def root(self) -> Path:
        """The folder that the store is."""
        return Path(self.env["EVERYSKILL_STORE_URL"].removeprefix("file://"))

    def skill(self, body: str) -> Path:
        """A skill on disk; one folder for each text."""
        return write_skill(self._folder / "skills" / body, body=body)

    def publish(self, body: str, slug: str = "demo", **options: object) -> str:
        """Publish a text; give the key of its object."""
        wanted = PublishOptions(slug=slug, **options)
        [result] = publish(self.registry, [self.skill(body)], wanted).results
        assert result.content_url is not None
        return result.content_url

    def plant(self, *texts: str, days: float = 0) -> list[str]:
        """Put objects into the store that nobody published, as old as that in a folder."""
        keys = []
        for text in texts:
            key = key_of(text.encode())
            self._stores.plant(self.env, key, text.encode())
            if days:
                self.age(key, days)
            keys.append(key)
        return keys

    def age(self, name: str, days: float) -> None:
        """Make a file of the store older."""
        path = self.root / name
        then = path.stat().st_mtime - days * 86_400
        os.utime(path, (then, then))

    def stored(self) -> set[str]:
        """The keys of all objects."""
        return {found.key for found in self.registry.store.list()}

    def collect(self, days: float = 0, **options: object) -> GcAnswer:
        """Collect what is so old."""
        wanted = GcOptions(older_than=timedelta(days=days), **options)
        return collect(self.registry, wanted)

    def marks(self) -> dict[str, bool]:
        """The marks that stand, and whether each is finished."""
        query = "SELECT content_url FROM condemned WHERE deleted_at IS"
        return {
            **dict.fromkeys(self.site.query(f"{query} NULL"), False),
            **dict.fromkeys(self.site.query(f"{query} NOT NULL"), True),
        }

    def age_marks(self) -> None:
        """Make every mark that is not finished one of a collector that died."""
        statement = "UPDATE condemned SET since = :then WHERE deleted_at IS NULL"
        self.site.query(statement, then=LONG_AGO)


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer) -> str:
    """An empty registry on PostgreSQL, to be copied: that takes a tenth of making one."""
    return Copies(postgres_server).new()


ON_SQLITE, ON_POSTGRESQL = ("folder", "sqlite"), ("folder", "postgresql")
YARDS = {
    "folder-sqlite": ON_SQLITE,
    "folder-postgresql": ON_POSTGRESQL,
    "s3-sqlite": ("s3", "sqlite"),
}


@pytest.fixture(
    params=[
        *(pytest.param(kind, id=name) for name, kind in YARDS.items()),
        pytest.param(("s3", "postgresql"), id="s3-postgresql", marks=pytest.mark.long),
    ]
)
def yard(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Yard]:
    """A yard with two skills, one of two versions, in a store and a database of each kind."""
    kind, database = request.param
    with ExitStack() as stack:
        url = f"sqlite:///{tmp_path}/registry.db"
        if database == "postgresql":
            server = request.getfixturevalue("postgres_server")
            url = server.create_database(request.getfixturevalue("postgres_template"))
            stack.callback(server.drop_database, url)
        stores: FolderStores | S3Stores = FolderStores(tmp_path)
        if kind == "s3":
            stores = S3Stores(request.getfixturevalue("s3_server"))
        yard = stack.enter_context(closing(Yard(url, stores, tmp_path)))
        yard.publish("One.")
        yard.publish("Two.")
        yard.publish("Three.", "other")
        yield yard


on_folders = pytest.mark.parametrize(
    "yard", [ON_SQLITE, ON_POSTGRESQL], ids=["sqlite", "postgresql"], indirect=True
)
on_one = pytest.mark.parametrize("yard", [ON_SQLITE], ids=[""], indirect=True)

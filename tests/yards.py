"""A registry with a few skills, and garbage in its store: for tests of ``gc`` and ``purge``."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import closing
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
from tests.registries import make_registry, write_skill
from tests.sites import FolderStores, S3Stores, Site

LONG_AGO = "2020-01-02T03:04:05.678Z"


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


@pytest.fixture(params=["folder", "s3"])
def yard(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[Yard]:
    """A yard of each kind, on each database: with two skills, one of two versions."""
    if database_url.startswith("postgresql"):
        make_registry(database_url, tmp_path).close()
    if request.param == "folder":
        stores: FolderStores | S3Stores = FolderStores(tmp_path)
    else:
        stores = S3Stores(request.getfixturevalue("s3_server"))
    yard = Yard(database_url, stores, tmp_path)
    with closing(yard.registry):
        yard.publish("One.")
        yard.publish("Two.")
        yard.publish("Three.", "other")
        yield yard

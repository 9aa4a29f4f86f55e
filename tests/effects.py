"""What commands do to the records of a registry, and how to tell that they did it exactly once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import select

from everyskill_cli.database import open_database
from everyskill_cli.database.tables import metadata
from tests.forks import Forks
from tests.registries import write_skill
from tests.sites import Databases, Site, Stores, Variables

VERSIONS = (1, 2, 3)
AUTHOR = {"EVERYSKILL_USER": "ann@example.org"}


@dataclass(frozen=True)
class Change:
    """A command that changes records, in a registry with three versions of `demo`.

    Attributes:
        words: the command.
        before: commands that came before it.
        again: the exit code of the same command once its effect stands; it changes nothing then.
        reads: whether it fetches an object out of the store.
    """

    words: tuple[str, ...]
    before: tuple[tuple[str, ...], ...] = ()
    again: int = 0
    reads: bool = False


RATED = ("rate", "demo", "2", "-c", "So so.", "--hours-saved", "1")
CHANGES = {
    "rate": Change(("rate", "demo", "4", "-c", "Good.", "--hours-saved", "3")),
    "rate again": Change(("rate", "demo", "5", "-c", "Better."), (RATED,)),
    "rate remove": Change(("rate", "demo", "--remove"), (RATED,), again=4),
    "promote": Change(("promote", "demo@1", "--expect", "3", "-m", "Calmer."), reads=True),
    "rollback": Change(("rollback", "demo", "--expect", "3"), reads=True),
    "yank": Change(("yank", "demo@3", "--reason", "bad", "--yes"), reads=True),
    "unyank": Change(("unyank", "demo@2"), (("yank", "demo@2", "--reason", "bad"),)),
    "use": Change(("use", "demo", "--external-id", "job 7")),
}


def make_site(databases: Databases, stores: Stores, folder: Path, forks: Forks) -> Site:
    """Make a registry with three versions of `demo`, the last one rated by somebody else."""
    site = site_of(databases.new(), stores.new(), stores)
    for number in VERSIONS:
        skill = write_skill(folder / f"text-{number}", body=f"Text {number}.")
        run(forks, site, "publish", skill)
    run(forks, site, "rate", "demo", "3", EVERYSKILL_USER="bob@example.org")
    return site


def site_of(url: str, store: Variables, stores: Stores) -> Site:
    """A registry by its two addresses."""
    env = {**store, "EVERYSKILL_DATABASE_URL": url, **AUTHOR}
    return Site(env, partial(stores.get, env))


class Scene:
    """A change in a registry, and what the records are before and after it."""

    def __init__(
        self, change: Change, base: Site, databases: Databases, stores: Stores, forks: Forks
    ) -> None:
        self.change = change
        self._databases = databases
        self._stores = stores
        self._base = self._copy(base)
        self.url = self._base.url
        for words in self.change.before:
            run(forks, self._base, *words)
        self.before = records(self._base.url)
        with self.copied() as site:
            done = forks.run(*self.change.words, env=site.env)
            assert done.code == 0, done
            self.steps = done.steps
            self.after = records(site.url)
        assert self.after != self.before

    @contextmanager
    def copied(self) -> Iterator[Site]:
        """The same scene once more."""
        site = self._copy(self._base)
        yield site
        self._databases.drop(site.url)

    def _copy(self, site: Site) -> Site:
        """Copy the records; nothing here changes the store, which all of them share."""
        return site_of(self._databases.copy(site.url), site.env, self._stores)


def run(forks: Forks, site: Site, *words: str | Path, **env: str) -> None:
    """Run a command that must succeed."""
    done = forks.run(*words, env={**site.env, **env})
    assert done.code == 0, done


def records(url: str) -> dict[str, list[str]]:
    """Every row without what no two runs have in common: ids, times, and hashes over them.

    Two registries in which the same commands took effect, each once, have the same records.
    """
    with open_database(url) as database, database.reading() as tx:
        return {
            table.name: sorted(
                repr(tuple(row))
                for row in tx.execute(select(*[c for c in table.columns if lasts(c.name)]))
            )
            for table in metadata.sorted_tables
            if any(lasts(column.name) for column in table.columns)
        }


def lasts(name: str) -> bool:
    """Tell whether a column has the same value wherever the same commands took effect."""
    if name == "external_id":
        return True
    return not (
        name in {"id", "since", "prev_hash", "entry_hash", "head_hash", "created_by"}
        or name.endswith(("_id", "_at"))
    )

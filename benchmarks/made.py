"""Registries of a size, made up and opened in this process."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.bulk import Sizes, fill
from benchmarks.corpus import make_skill
from benchmarks.lab import Lab
from benchmarks.measuring import Cost, run
from everyskill_cli.model import Access
from everyskill_cli.registry import Registry
from everyskill_cli.settings import load


@dataclass
class Made:
    """A registry that is made up.

    Attributes:
        database: SQLite or PostgreSQL.
        sizes: how many rows it has.
        variables: what everyskill must be told.
        took: seconds to make it.
        remove: makes room for the next.
    """

    database: str
    sizes: Sizes
    variables: dict[str, str]
    took: float
    remove: Callable[[], None]
    _opened: list[Registry] = field(default_factory=list)

    def open(self, access: Access = "read", user: str = "ann@example.org") -> Registry:
        """Open it once more; it stays open until `close`."""
        registry = Registry(load({"user": user}, self.variables, Path("/")), access)
        self._opened.append(registry)
        return registry

    def close(self) -> None:
        """Close whatever was opened, and remove the database."""
        for registry in self._opened:
            registry.close()
        self.remove()


def make(lab: Lab, database: str, skills: int) -> Made:
    """Make a registry with its store's marker, and fill it."""
    if database == "SQLite":
        folder = lab.new_folder()
        url, remove = f"sqlite:///{folder}/registry.db", partial(shutil.rmtree, folder)
    else:
        url = lab.large_postgres.create_database()
        remove = partial(lab.large_postgres.drop_database, url)
    own = {"EVERYSKILL_DATABASE_URL": url, "EVERYSKILL_STORE_URL": f"file://{lab.new_folder()}"}
    variables = lab.environment(own | {"EVERYSKILL_USER": "ann@example.org"})
    first = lab.new_folder() / "beginning"
    make_skill(first, 0, random.Random(1))
    for words in (  # the first publish makes the store the registry's
        ["upgrade"],
        ["publish", str(first)],
        ["purge", first.name, "--everything", "--reason", "Only the beginning.", "--yes"],
    ):
        run([lab.program, *words], variables)
    sizes = Sizes(skills)
    return Made(database, sizes, variables, fill(url, sizes), remove)


def timed(calls: Iterable[Callable[[], object]]) -> Cost:
    """Run calls in this process and give the median of what each cost."""
    walls, cpus = [], []
    for call in calls:
        cpu, wall = time.process_time(), time.perf_counter()
        call()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return Cost(median(cpus), median(walls))

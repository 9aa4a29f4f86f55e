"""Which steps of a command are worth a kill, and several kills at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import pytest

LANES = 2  # kills at a time
# After these others see nothing new: of neighbours among them only the last is worth a kill.
QUIET = {"SELECT", "END", "PRAGMA", "CREATE", "--", "_wal", "BEGIN"}
LOUD = {"BEGIN IMMEDIATE", "SELECT skills FOR UPDATE"}
Point = tuple[int, str]  # a step's number and name


class Killer(Protocol):
    """Kills a command after one step, looks, runs it again, and looks again."""

    def kill(self, number: int, name: str) -> None:
        """Do it after one step."""


def thinned(steps: list[str]) -> list[Point]:
    """The steps that are worth a kill, with their numbers."""
    quiet = [step.split()[0] in QUIET and step not in LOUD for step in steps]
    pairs = zip(quiet, [*quiet[1:], False], strict=True)
    return [(number, steps[number]) for number, pair in enumerate(pairs) if not all(pair)]


def spread(points: list[Point], watched: Iterable[str] = ()) -> list[Point]:
    """Every other one of these, all that write or are heard elsewhere, and one of each watched."""
    heard = ("INSERT", "UPDATE", "DELETE", "COMMIT", "send", "begin", "BEGIN IMMEDIATE", "start")
    chosen = {p for place, p in enumerate(points) if place % 2 or p[1].startswith(heard)}
    names = {name for _, name in chosen}
    last = {name: number for number, name in points}
    return sorted(chosen | {(last[name], name) for name in {*watched} - names})


def kill_at(points: Sequence[Point], lanes: Sequence[Killer]) -> None:
    """Kill after each of these steps, in as many lanes at once as there are."""

    def work(number: int) -> None:
        for point in points[number :: len(lanes)]:
            lanes[number].kill(*point)

    with ThreadPoolExecutor(len(lanes)) as threads:
        list(threads.map(work, range(len(lanes))))


def on_every_registry(test):
    """Run a test on each database with each store."""
    test = pytest.mark.parametrize("stores", ["folder", "s3"], indirect=True)(test)
    return pytest.mark.parametrize("databases", ["sqlite", "postgresql"], indirect=True)(test)


def on_two_registries(test):
    """Run a test on each database, each with another store."""
    registries = [("sqlite", "folder"), ("postgresql", "s3")]
    return pytest.mark.parametrize(("databases", "stores"), registries, indirect=True)(test)

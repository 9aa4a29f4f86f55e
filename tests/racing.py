"""One publisher or collector of a race: a process that does nothing else until its time is up.

It prints one JSON object: how much it did, and every error that it met.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections import Counter
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from everyskill_cli.bundle import pack
from everyskill_cli.errors import EveryskillError
from everyskill_cli.registry import Registry
from everyskill_cli.registry.auditing.gc import GcOptions, collect
from everyskill_cli.registry.publishing import writing
from everyskill_cli.registry.publishing.decision import PublishOptions
from everyskill_cli.registry.publishing.publish import publish
from everyskill_cli.settings import load
from everyskill_cli.skill import find_skill
from everyskill_cli.stores import content_key
from tests.registries import write_skill

POOL_SECONDS = 0.5  # how long all publishers take to the same few texts


class Publisher:
    """Publishes new bytes, bytes that lie there as an orphan, and bytes that others publish too."""

    def __init__(self, number: int, folder: Path) -> None:
        self._registry = Registry(load({}), "create")
        self._chance = random.Random(f"{number}-{os.getpid()}")
        self._folder = folder
        self._number = number
        self.done: Counter[str] = Counter()
        outlast = writing._outlast_collector

        def outlasted(*arguments):
            self.done["races"] += 1
            return outlast(*arguments)

        writing._outlast_collector = outlasted

    def act(self) -> None:
        turn = int(time.time() / POOL_SECONDS)
        text = self._chance.choice(
            [
                f"New {self._number} {self._chance.getrandbits(60)}.",
                f"Shared {turn} {self._chance.randrange(3)}.",
                f"Shared {turn - 1} {self._chance.randrange(3)}.",
            ]
        )
        skill = write_skill(self._folder, body=text)
        if self._chance.random() < 0.3:
            self._leave_an_orphan(skill)
        slugs = (f"own-{self._number}", "common")
        options = PublishOptions(slug=self._chance.choice(slugs))
        publish(self._registry, [skill], options)
        self.done["publishes"] += 1

    def _leave_an_orphan(self, skill: Path) -> None:
        """Store the bytes and nothing else, as a publisher does who is killed at the right time."""
        bundle = pack(find_skill(skill))
        key = content_key(bundle.content_hash)
        self._registry.store.put(key, bundle.data, bundle.content_type)
        time.sleep(self._chance.random() * 0.02)

    def close(self) -> None:
        self._registry.close()


class Collector:
    """Deletes every object that no version refers to, however young it is."""

    def __init__(self, number: int, folder: Path) -> None:
        self._registry = Registry(load({}), "write")
        self.done: Counter[str] = Counter()

    def act(self) -> None:
        options = GcOptions(older_than=timedelta(), delete=True, force=True)
        answer = collect(self._registry, options)
        self.done["collections"] += 1
        self.done["deleted"] += answer.deleted
        self.done["races"] += sum(each.status in ("kept", "busy") for each in answer.results)

    def close(self) -> None:
        self._registry.close()


def run(kind: str, number: int, seconds: float, folder: Path) -> None:
    """Act until the time is up, or the process is killed; after each act say what was done."""
    actor = {"publisher": Publisher, "collector": Collector}[kind](number, folder)
    until = time.monotonic() + seconds
    with closing(actor):
        while time.monotonic() < until:
            try:
                actor.act()
            except EveryskillError as error:
                say({"error": f"{type(error).__name__}: {error.message}"})
            say(actor.done)


def say(what: dict[str, object]) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    run(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4]))

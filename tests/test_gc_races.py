"""Collectors that spare nothing beside publishers: no version ever loses its object."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import pytest

from everyskill_cli.registry import Registry
from everyskill_cli.registry.publishing.decision import PublishOptions
from everyskill_cli.registry.publishing.publish import publish
from everyskill_cli.settings import load
from tests.figures import Count
from tests.registries import make_registry, write_skill
from tests.sites import FolderStores, S3Stores, Site

PUBLISHERS, COLLECTORS = 4, 2
LIFE_SECONDS = (3.0, 12.0)  # after which a publisher is killed and another takes its place


class Race:
    """Processes at work in one registry.

    Args:
        env: the variables that lead to it.
        seconds: how long they work.
    """

    def __init__(self, env: dict[str, str], folder: Path, seconds: float) -> None:
        self._env = {**os.environ, **env, "PYTHONPATH": str(Path(__file__).parent.parent)}
        self._folder = folder
        self._until = time.monotonic() + seconds
        self._started = 0
        self._outputs: list[Path] = []
        self.kills = 0

    def run(self) -> tuple[Counter[str], list[str]]:
        """Start all, kill publishers now and then, wait for the end: what was done, and errors."""
        chance = random.Random(11)
        with ExitStack() as stack:
            stack.callback(lambda: [self._end(each) for each in (*publishers, *collectors)])
            publishers = [self._start("publisher") for _ in range(PUBLISHERS)]
            collectors = [self._start("collector") for _ in range(COLLECTORS)]
            while self._left() > LIFE_SECONDS[0]:
                time.sleep(min(self._left(), chance.uniform(*LIFE_SECONDS) / PUBLISHERS))
                place = chance.randrange(PUBLISHERS)
                self._end(publishers[place])
                self.kills += 1
                publishers[place] = self._start("publisher")
            codes = [each.wait(60) for each in (*publishers, *collectors)]
        assert codes == [0] * (PUBLISHERS + COLLECTORS)
        return self._read()

    def _left(self) -> float:
        return max(0.0, self._until - time.monotonic())

    def _start(self, kind: str) -> subprocess.Popen[bytes]:
        self._started += 1
        folder = self._folder / f"{kind}-{self._started}"
        folder.mkdir(parents=True)
        output = folder / "output"
        self._outputs.append(output)
        words = [kind, str(self._started), f"{self._left():.2f}", str(folder)]
        with output.open("wb") as out:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", "tests.racing", *words],
                stdout=out,
                stderr=subprocess.STDOUT,
                env=self._env,
                cwd=Path(__file__).parent.parent,
            )

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait()

    def _read(self) -> tuple[Counter[str], list[str]]:
        done: Counter[str] = Counter()
        errors = []
        for output in self._outputs:
            said = [line for line in output.read_text().splitlines() if line]
            whole = [json.loads(line) for line in said if line.endswith("}")]  # or it was killed
            errors += [each["error"] for each in whole if "error" in each]
            errors += [line for line in said if not line.startswith("{")]
            done.update(next((each for each in reversed(whole) if "error" not in each), {}))
        return done, errors


def site_of(database_url: str, stores: FolderStores | S3Stores, folder: Path) -> Site:
    """A registry, made before anybody races."""
    env = {**stores.new(), "EVERYSKILL_DATABASE_URL": database_url}
    env["EVERYSKILL_USER"] = "ann@example.org"
    make_registry(database_url, folder).close()
    with closing(Registry(load({}, env), "create")) as registry:
        publish(registry, [write_skill(folder, body="Before.")], PublishOptions(slug="common"))
    return Site(env, partial(stores.get, env))


def hold(site: Site, folder: Path, seconds: float, count: Count) -> None:
    """Race, and look that no row is without its object."""
    race = Race(dict(site.env), folder, seconds)
    done, errors = race.run()
    site.audit("common")
    assert errors == []
    assert min(done["publishes"], done["collections"], done["deleted"], done["races"]) > 0, done
    count(
        "gc against publishers",
        publishes=done["publishes"],
        kills=race.kills,
        collections=done["collections"],
        objects_deleted=done["deleted"],
        races_noticed=done["races"],
    )


def test_publishers_and_collectors_for_a_few_seconds(database_url, tmp_path, count):
    hold(site_of(database_url, FolderStores(tmp_path), tmp_path), tmp_path, 4.0, count)


@pytest.mark.long
def test_publishers_and_collectors_for_a_minute(database_url, tmp_path, count):
    hold(site_of(database_url, FolderStores(tmp_path), tmp_path), tmp_path, 60.0, count)


@pytest.mark.long
def test_publishers_and_collectors_in_a_bucket(database_url, s3_server, tmp_path, count):
    hold(site_of(database_url, S3Stores(s3_server), tmp_path), tmp_path, 20.0, count)

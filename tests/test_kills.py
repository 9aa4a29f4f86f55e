"""A publisher killed at any step leaves nothing half done, and running it again has one effect."""

from __future__ import annotations

import hashlib
import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import pytest

from everyskill_cli.stores import content_key
from tests.effects import AUTHOR
from tests.forks import Forks
from tests.killing import LANES, kill_at, on_every_registry, on_two_registries, spread, thinned
from tests.registries import write_skill
from tests.sites import Databases, FolderStores, Site, Standing, Stores

# Steps after which a publish must have been killed, or this module watches nothing.
ALWAYS = {"start", "find_skill", "pack", "INSERT INTO version_events", "COMMIT", "publish"}
BYTES = {"claim", "put", "UPDATE skills", "INSERT INTO skill_versions"}
WITHIN = {
    "folder": {"os.mkdir", "os.open of a new file", "os.write", "os.fsync", "os.link", "os.unlink"},
    "s3": {"send", "begin"},
}


@dataclass(frozen=True)
class Story:
    """A publish to be killed.

    Attributes:
        before: what was published before it, by its options; the text counts up.
        again: whether it publishes the last text once more, instead of a new one.
        options: its own.
        kind: the event that it appends.
        status: what it says once it is done.
        steps: what it must take besides those that every story has.
        spoilt: whether the store holds wrong bytes where the new ones go.
    """

    before: tuple[tuple[str, ...], ...]
    again: bool
    options: tuple[str, ...]
    kind: str
    status: str
    steps: frozenset[str]
    spoilt: bool = False


STORIES = {
    "first": Story(
        before=(),
        again=False,
        options=("--expect", "0"),
        kind="publish",
        status="published",
        steps=frozenset(BYTES | {"INSERT INTO users", "INSERT INTO skills"}),
    ),
    "second": Story(
        before=((),),
        again=False,
        options=(),
        kind="publish",
        status="published",
        steps=frozenset(BYTES),
    ),
    "promote": Story(
        before=((), ("--draft",)),
        again=True,
        options=("--expect", "2"),
        kind="promote",
        status="promoted",
        steps=frozenset(),
    ),
}
REPAIR = replace(STORIES["second"], spoilt=True)


class Lane:
    """Sets the same scene for one kill after the other: a copy of one registry and its store."""

    def __init__(
        self, story: Story, forks: Forks, databases: Databases, stores: Stores, folder: Path
    ) -> None:
        self.story = story
        self.forks = forks
        self._databases = databases
        self._stores = stores
        self._folder = folder
        self._base = self._site(databases.new(), stores.new())
        for number, options in enumerate(story.before):
            publish = ("publish", self._skill(number), *options)
            assert forks.run(*publish, env=self._base.env).code == 0
        self._before = self._base.standing()
        self._skill_to_publish = self._skill(len(story.before) - story.again)
        self._publish = ("publish", self._skill_to_publish, "--json", *story.options)

    def rehearse(self) -> list[str]:
        """Give the steps of a publish that nobody kills."""
        with self._scene() as site:
            return self.forks.run(*self._publish, env=site.env).steps

    def kill(self, number: int, name: str) -> None:
        """Kill a publish after one step, look, run it again, and look again."""
        with self._scene() as site:
            killed = self.forks.run(*self._publish, env=site.env, kill_after=number)
            assert (killed.code, killed.steps[-1]) == (-9, name)
            standing = site.audit()
            committed = standing != self._before
            assert committed == _committed(killed.steps)

            again = self.forks.run(*self._publish, env=site.env)
            assert (again.code, again.stderr) == (0, "")
            [result] = again.json["results"]
            assert result["status"] == ("unchanged" if committed else self.story.status)
            after = site.audit()
            assert not committed or after == standing
            assert after == self._with_one_more(result["content_hash"])
            assert result["published_version"] == result["version"] == after.published
            self._stores.assert_whole(site.env)

    def _with_one_more(self, content_hash: str) -> Standing:
        new = () if self.story.again else (content_hash,)
        versions = self._before.versions + new
        return Standing(versions, (*self._before.events, self.story.kind), len(versions), 1)

    @contextmanager
    def _scene(self) -> Iterator[Site]:
        url = self._databases.copy(self._base.url)
        site = self._site(url, self._stores.copy(self._base.env))
        if self.story.spoilt:
            digest = hashlib.sha256((self._skill_to_publish / "SKILL.md").read_bytes()).hexdigest()
            self._stores.plant(site.env, content_key(digest), b"Not what the key says.")
        yield site
        self._databases.drop(url)

    def _skill(self, number: int) -> Path:
        return write_skill(self._folder / f"text-{number}", body=f"Text {number}.")

    def _site(self, url, store) -> Site:
        env = {**store, "EVERYSKILL_DATABASE_URL": url, "EVERYSKILL_USER": "ann@example.org"}
        return Site(env, partial(self._stores.get, env))


def _committed(steps: list[str]) -> bool:
    """Whether a publish came to the end of the transaction that has its event."""
    event = "INSERT INTO version_events"
    return event in steps and "COMMIT" in steps[steps.index(event) :]


@pytest.fixture(scope="module")
def forks() -> Iterator[list[Forks]]:
    with ExitStack() as stack:
        yield [stack.enter_context(Forks()) for _ in range(LANES)]


@pytest.fixture(
    params=[
        pytest.param(story, id=name, marks=pytest.mark.long if name == "second" else ())
        for name, story in STORIES.items()
    ]
)
def lanes(request, databases, stores, forks, tmp_path) -> list[Lane]:
    return [
        Lane(request.param, forks[number], databases, stores, tmp_path / f"lane-{number}")
        for number in range(LANES)
    ]


@on_two_registries
def test_a_publisher_killed_after_a_step(lanes, stores, count):
    points = thinned(lanes[0].rehearse())
    expected = ALWAYS | lanes[0].story.steps
    if "put" in expected:
        expected |= WITHIN["folder" if isinstance(stores, FolderStores) else "s3"]
    points = spread(points, expected)
    assert expected <= {name for _, name in points}
    kill_at(points, lanes)
    count("kill matrix", kills=len(points), reruns=len(points))


@pytest.mark.parametrize("lanes", [REPAIR], ids=["repair"], indirect=True)
@pytest.mark.parametrize(
    "stores", ["folder", pytest.param("s3", marks=pytest.mark.long)], indirect=True
)
@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
def test_a_publisher_killed_while_it_repairs_an_object(lanes, stores, count):
    points = thinned(lanes[0].rehearse())
    names = [name for _, name in points]
    if isinstance(stores, FolderStores):
        assert "os.replace" in names
    else:
        assert names.count("send") > len(WITHIN["s3"]) + 4  # it was put twice, and read
    points = spread(points)
    kill_at(points, lanes)
    count("kill matrix", kills=len(points), reruns=len(points))


@pytest.mark.long
@on_every_registry
def test_a_publisher_killed_after_every_step(lanes, count):
    points = list(enumerate(lanes[0].rehearse()))
    kill_at(points, lanes)
    count("kill matrix", kills=len(points), reruns=len(points))


@pytest.mark.long
@on_every_registry
def test_a_hundred_publishers_killed_at_random(databases, stores, everyskill, tmp_path, count):
    """Real processes, in the midst of whatever they do, one new version after the other."""
    env = {**stores.new(), "EVERYSKILL_DATABASE_URL": databases.new(), **AUTHOR}
    site = Site(env, cache(lambda key: stores.get(env, key)))
    chance = random.Random(8)
    longest = 1.0
    for number in range(1, 101):
        skill = write_skill(tmp_path, body=f"Text {number}.")
        victim = everyskill.start("publish", skill, env=env)
        with suppress(subprocess.TimeoutExpired):
            victim.communicate(timeout=chance.uniform(0, longest))
        victim.kill()
        victim.wait()
        site.wait_for_the_server()
        standing = site.audit()
        assert len(standing.versions) in (number - 1, number)
        assert len(standing.events) == len(standing.versions)

        started = time.monotonic()
        again = everyskill("publish", skill, "--json", env=env)
        longest = time.monotonic() - started
        assert again.code == 0
        there = len(standing.versions) == number
        assert again.json["status"] == ("unchanged" if there else "published")
        assert site.standing().published == len(site.standing().versions) == number
    site.audit()
    stores.assert_whole(env)
    count("random kills", kills=100, versions=100)

"""Publishers, raters, a mover and an installer at once, each killed at any moment and run again."""

from __future__ import annotations

import os
import random
import re
import signal
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.effects import make_site, run
from tests.figures import Count
from tests.forks import Ended, Fork, Forks
from tests.installing import contents, make_project
from tests.killing import on_two_registries
from tests.registries import write_skill
from tests.sites import Site

OFTEN = 0.5  # of all runs are killed
SHARED = "demo"
POLL_SECONDS = 0.002
# What a command may say to whom the others were quicker: unavailable for now, or moved on.
BUSY = {5, 6}


@dataclass
class Actor(ABC):
    """Somebody who runs one command after the other, each until it is acknowledged.

    Attributes:
        name: of the user.
        acknowledged: the commands that ended well, with what they answered.
        kills: of how many runs nobody knows how far they came.
        attempts: how often the command at hand was killed or sent away.
    """

    name: str
    folder: Path
    chance: random.Random
    acknowledged: list[tuple[tuple[str, ...], Any]] = field(default_factory=list)
    kills: int = 0
    refusals: int = 0
    attempts: int = 0
    longest: float = 0.2
    words: tuple[str, ...] | None = None
    _fork: Fork | None = None
    _since: float = 0.0
    _deadline: float | None = None

    @abstractmethod
    def next_words(self) -> tuple[str, ...]:
        """The next command."""

    def look(self) -> None:
        """Look at what a run left behind, killed or not: most leave nothing on this disk."""
        assert not (self.folder / "everyskill.lock").exists()

    @property
    def cwd(self) -> Path:
        return self.folder

    def begin(self, forks: Forks, site: Site) -> None:
        """Run the command at hand, or the next one, and choose when it is killed, if at all."""
        self.words = self.words or self.next_words()
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.cwd)
            env = {**site.env, "EVERYSKILL_USER": f"{self.name}@example.org"}
            env["EVERYSKILL_HOME"] = str(self.folder / "home")
            self._fork = forks.start(self.words, env=env)
        self._since = time.monotonic()
        is_victim = self.chance.random() < OFTEN
        after = self.chance.uniform(0, self.longest)
        self._deadline = self._since + after if is_victim else None

    def is_done(self) -> bool:
        """Whether the run has ended, perhaps by our hand."""
        assert self._fork is not None
        if self._fork.has_ended:
            return True
        if self._deadline is not None and time.monotonic() >= self._deadline:
            os.kill(self._fork.pid, signal.SIGKILL)
            self._deadline = None
        return False

    def end(self) -> None:
        """Take what the run left, and note whether it was acknowledged."""
        assert self._fork is not None
        assert self.words is not None
        done, self._fork = self._fork.wait(), None
        self._judge(done, self.words)
        self.look()

    def _judge(self, done: Ended, words: tuple[str, ...]) -> None:
        if done.code == -signal.SIGKILL:
            self.kills += 1
            self.attempts += 1
            return
        assert "Traceback" not in done.stderr
        if done.code in BUSY:
            self.refusals += 1
            return
        assert done.code == 0, done
        self.longest = max(self.longest, time.monotonic() - self._since)
        self.acknowledged.append((words, done.json))
        self.words, self.attempts = None, 0


@dataclass
class Publisher(Actor):
    """Publishes one new text after the other, under one slug."""

    slug: str = SHARED
    texts: list[Path] = field(default_factory=list)

    def next_words(self) -> tuple[str, ...]:
        body = f"{self.name} {len(self.texts)}."
        parent = self.folder / str(len(self.texts))
        self.texts.append(write_skill(parent, self.slug, body=body, scripts__a=body, b=body))
        return ("publish", str(self.texts[-1]), "--json")


@dataclass
class Rater(Actor):
    """Rates versions that are there, again and again."""

    def next_words(self) -> tuple[str, ...]:
        version, stars = self.chance.randint(1, 3), self.chance.randint(1, 5)
        return ("rate", f"{SHARED}@{version}", str(stars), "--json")


@dataclass
class Mover(Actor):
    """Moves the pointer to and fro."""

    def next_words(self) -> tuple[str, ...]:
        return ("promote", f"{SHARED}@{self.chance.randint(1, 3)}", "--json")


@dataclass
class Installer(Actor):
    """Installs what is published just now, in a project."""

    looks: int = 0

    def next_words(self) -> tuple[str, ...]:
        return ("install", SHARED, "--json")

    @property
    def cwd(self) -> Path:
        return self.folder / "project"

    @property
    def target(self) -> Path:
        return self.cwd / ".claude/skills" / SHARED

    def look(self) -> None:
        """Whole, or nothing: every file is of one version."""
        self.looks += 1
        found = contents(self.target)
        if found:
            texts = {self._text(data) for data, _ in found.values()}
            assert len(texts) == 1, texts
            assert found.keys() in ({"SKILL.md"}, {"SKILL.md", "b", "scripts/a"})

    @staticmethod
    def _text(data: bytes) -> str:
        """The one line that says which version a file is of."""
        return re.split(r"\n+", data.decode().strip())[-1]


class Crowd:
    """All of them, on one registry."""

    def __init__(self, site: Site, forks: Forks, folder: Path, seed: int) -> None:
        self.site = site
        self._forks = forks

        def made(kind, name, **more):
            (folder / name).mkdir()
            return kind(name, folder / name, random.Random(f"{seed} {name}"), **more)

        self.publishers = [
            made(Publisher, "ann", slug="anns"),
            made(Publisher, "bob"),
            made(Publisher, "cid"),
        ]
        self.raters = [made(Rater, "dan"), made(Rater, "eve")]
        self.mover = made(Mover, "fay")
        self.installer = made(Installer, "gus")
        make_project(self.installer.cwd, ".claude")
        self.actors = [*self.publishers, *self.raters, self.mover, self.installer]

    def run_for(self, seconds: float) -> None:
        """Let all of them work at once; then let each finish what it has begun."""
        until = time.monotonic() + seconds
        for actor in self.actors:
            actor.begin(self._forks, self.site)
        working = list(self.actors)
        while working:
            time.sleep(POLL_SECONDS)
            for actor in [actor for actor in working if actor.is_done()]:
                actor.end()
                if actor.words is None and time.monotonic() > until:
                    working.remove(actor)
                else:
                    actor.begin(self._forks, self.site)
        self.site.wait_for_the_server()


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks() as made:
        yield made


@pytest.fixture
def crowd(databases, stores, forks, tmp_path) -> Crowd:
    site = make_site(databases, stores, tmp_path / "before", forks)
    return Crowd(site, forks, tmp_path, seed=5)


def assert_everything_stands(crowd: Crowd) -> None:
    """Each command that was acknowledged took effect; a killed one once more at most."""
    site = crowd.site
    for slug in (SHARED, "anns"):
        site.audit(slug)
    _assert_published(crowd)
    _assert_rated(crowd)
    moved = Counter(site.query("SELECT version FROM version_events WHERE kind = 'promote'"))
    said = Counter(
        answer["results"][0]["version"]
        for _, answer in crowd.mover.acknowledged
        if answer["status"] == "promoted"
    )
    assert said <= moved
    assert moved.total() <= said.total() + crowd.mover.kills
    installed = sum(a["status"] == "installed" for _, a in crowd.installer.acknowledged)
    assert installed >= 1


def _assert_published(crowd: Crowd) -> None:
    shared = crowd.site.standing(SHARED).versions
    stored = Counter([*shared, *crowd.site.standing("anns").versions])
    for publisher in crowd.publishers:
        assert len(publisher.acknowledged) == len(publisher.texts)
        for _, answer in publisher.acknowledged:
            [result] = answer["results"]
            assert result["status"] in ("published", "unchanged")
            assert stored[result["content_hash"]] >= 1
    # Alone on a skill, whoever runs a command again never publishes twice; beside others the
    # same text may be a new version by then, because the latest one is somebody else's.
    alone, *others = crowd.publishers
    assert len(crowd.site.standing("anns").versions) == len(alone.texts)
    texts = sum(len(publisher.texts) for publisher in others)
    kills = sum(publisher.kills for publisher in others)
    assert texts <= len(shared) - 3 <= texts + kills


def _assert_rated(crowd: Crowd) -> None:
    """What somebody said last about a version is what stands, once."""
    for rater in crowd.raters:
        last = {words[1].partition("@")[2]: int(words[2]) for words, _ in rater.acknowledged}
        for version, stars in last.items():
            found = crowd.site.query(
                "SELECT r.rating FROM ratings AS r JOIN users AS u ON u.id = r.user_id"
                " JOIN skill_versions AS v ON v.id = r.skill_version_id"
                " WHERE u.email = :email AND v.version = :version",
                email=f"{rater.name}@example.org",
                version=int(version),
            )
            assert found == [stars]


def run_and_judge(crowd: Crowd, seconds: float, forks: Forks, stores: Any, count: Count) -> None:
    crowd.run_for(seconds)
    assert_everything_stands(crowd)
    stores.assert_whole(crowd.site.env)
    installer = crowd.installer
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(installer.cwd)
        run(forks, crowd.site, "install", SHARED)
        run(forks, crowd.site, "install", "--frozen")
    installer.look()
    published = crowd.site.standing(SHARED).published
    text = f"version = {published}\n"
    assert text in (installer.cwd / "everyskill.lock").read_text()
    count(
        "random kills under load",
        kills=sum(actor.kills for actor in crowd.actors),
        acknowledged=sum(len(actor.acknowledged) for actor in crowd.actors),
        sent_away=sum(actor.refusals for actor in crowd.actors),
        looks_at_an_install=installer.looks,
    )


@on_two_registries
def test_a_crowd_killed_at_random(crowd, forks, stores, count):
    run_and_judge(crowd, 4, forks, stores, count)
    assert sum(actor.kills for actor in crowd.actors) > 5


@pytest.mark.long
@on_two_registries
def test_a_crowd_killed_at_random_for_a_minute(crowd, forks, stores, count):
    run_and_judge(crowd, 60, forks, stores, count)
    assert all(actor.kills for actor in crowd.actors)

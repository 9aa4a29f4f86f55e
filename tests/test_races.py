"""Many processes at once through the whole program, and garbage collection between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from everyskill_cli.database.tables import condemned, skill_versions
from everyskill_cli.errors import Conflict
from everyskill_cli.registry import Registry
from everyskill_cli.settings import load
from tests.forks import Ended, Forks
from tests.registries import make_registry, write_skill
from tests.sites import NOTHING, FolderStores, Site

PROCESSES = 8
AGES = timedelta(minutes=11)  # after which a collector is taken for dead


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks() as forks:
        yield forks


@pytest.fixture
def site(database_url, tmp_path) -> Site:
    """A registry with a folder; on SQLite nobody has made it yet."""
    if database_url.startswith("postgresql"):
        make_registry(database_url, tmp_path).close()
    stores = FolderStores(tmp_path)
    env = {**stores.new(), "EVERYSKILL_DATABASE_URL": database_url}
    env["EVERYSKILL_USER"] = "ann@example.org"
    return Site(env, partial(stores.get, env))


def publish_of(folder: Path, body: str, *options: str) -> tuple[str | Path, ...]:
    """The words that publish a skill with this text; one folder for each text."""
    return ("publish", write_skill(folder / body, body=body), "--json", *options)


def race(forks: Forks, site: Site, runs: list[list[tuple[str | Path, ...]]]) -> list[list[Ended]]:
    """Start processes that do these commands, all at the same moment; every other one as Bob."""
    users = ("ann@example.org", "bob@example.org")
    started = [
        forks.start(*commands, env={**site.env, "EVERYSKILL_USER": user}, halt_after="start")
        for commands, user in zip(runs, users * len(runs), strict=False)
    ]
    for fork in started:
        fork.wait_until_halted()
    for fork in started:
        fork.resume()
    return [fork.wait_all() for fork in started]


def test_publishers_of_one_skill(site, forks, tmp_path):
    each = 5
    runs = [
        [publish_of(tmp_path, f"Text {process}.{number}") for number in range(each)]
        for process in range(PROCESSES)
    ]
    ended = race(forks, site, runs)
    assert [done.stderr for run in ended for done in run if done.code] == []
    versions = [[done.json["results"][0]["version"] for done in run] for run in ended]
    assert sorted(chain(*versions)) == list(range(1, PROCESSES * each + 1))
    assert all(run == sorted(run) for run in versions)
    standing = site.audit()
    assert len(standing.versions) == len(standing.events) == PROCESSES * each


def test_publishers_of_the_same_bytes(site, forks, tmp_path):
    assert forks.run(*publish_of(tmp_path, "Before."), env=site.env).code == 0
    ended = race(forks, site, [[publish_of(tmp_path, "Same.")]] * PROCESSES)
    results = [done.json["results"][0] for [done] in ended]
    assert Counter(result["status"] for result in results) == {
        "published": 1,
        "unchanged": PROCESSES - 1,
    }
    assert {result["version"] for result in results} == {2}
    assert len(site.audit().events) == 2


def test_publishers_of_the_first_skill_of_all(site, forks, tmp_path):
    """On SQLite they race to make the registry as well."""
    ended = race(forks, site, [[publish_of(tmp_path, f"Text {n}")] for n in range(PROCESSES)])
    results = [done.json["results"][0] for [done] in ended]
    assert {result["status"] for result in results} == {"published"}
    assert sorted(result["version"] for result in results) == list(range(1, PROCESSES + 1))
    assert len(site.audit().events) == PROCESSES
    assert site.query("SELECT count(*) FROM registry") == [1]
    assert site.query("SELECT count(*) FROM users") == [2]


def test_publishers_who_expect_the_same_version(site, forks, tmp_path):
    for expected in range(3):
        runs = [
            [publish_of(tmp_path, f"Text {expected}.{n}", "--expect", str(expected))]
            for n in range(PROCESSES)
        ]
        ended = race(forks, site, runs)
        assert Counter(done.code for [done] in ended) == {0: 1, 5: PROCESSES - 1}
        for [done] in ended:
            if done.code:
                assert f"at version {expected + 1}" in done.error["message"]
                assert "--expect" in done.error["hint"]
        assert len(site.audit().events) == expected + 1


def test_raters_and_a_publisher(site, forks, tmp_path):
    assert forks.run(*publish_of(tmp_path, "First."), env=site.env).code == 0
    stars = [[("rate", "demo", str(star), "--json") for star in run] for run in ("15243", "25114")]
    publishes = [publish_of(tmp_path, f"Text {number}") for number in range(3)]
    ended = race(forks, site, [*stars, publishes, *stars])
    assert [done.stderr for run in ended for done in run if done.code] == []
    site.audit()  # every count and average
    rated = site.query("SELECT user_id || skill_version_id FROM ratings")
    assert len(rated) == len(set(rated)) >= 2


# Garbage collection


class Collector:
    """Marks and removes objects as garbage collection does; any of its steps may be its last."""

    def __init__(self, site: Site) -> None:
        self._registry = Registry(load({}, site.env), "write")

    def unused(self) -> list[str]:
        """The keys of objects to which no version refers."""
        with self._registry.database.reading() as tx:
            used = set(tx.scalars(select(skill_versions.c.content_url)))
        return [found.key for found in self._registry.store.list() if found.key not in used]

    def mark(self, key: str, age: timedelta = timedelta()) -> None:
        """Mark an object, or mark it again; Conflict where a version refers to it."""
        values = {"since": datetime.now(UTC) - age, "deleted_at": None}
        with self._registry.database.writing() as tx:
            this = condemned.c.content_url == key
            if not tx.execute(update(condemned).where(this).values(values)).rowcount:
                tx.execute(insert(condemned).values(content_url=key, **values))

    def delete(self, key: str) -> None:
        self._registry.store.delete(key)

    def finish(self, key: str) -> None:
        """Note that the object is gone; the mark stays."""
        with self._registry.database.writing() as tx:
            this = condemned.c.content_url == key
            tx.execute(update(condemned).where(this).values(deleted_at=datetime.now(UTC)))

    def collect(self, key: str) -> bool:
        """Do all of it; not where a publisher was faster."""
        try:
            self.mark(key)
        except Conflict:
            return False
        self.delete(key)
        self.finish(key)
        return True

    def close(self) -> None:
        self._registry.close()


@pytest.fixture
def collector(site) -> Iterator[Collector]:
    with closing(Collector(site)) as collector:
        yield collector


def test_a_publisher_waits_for_the_collector(site, collector, forks, tmp_path):
    publish = publish_of(tmp_path, "Wanted.")
    publisher = forks.start(publish, env=site.env, halt_after="put").wait_until_halted()
    [key] = collector.unused()
    collector.mark(key)
    publisher.resume().wait_until_taken("SELECT condemned")
    assert site.standing() == NOTHING
    collector.delete(key)
    collector.finish(key)
    done = publisher.wait()
    assert (done.code, done.json["status"]) == (0, "published")
    assert site.query("SELECT count(*) FROM condemned") == [0]
    assert site.audit().events == ("publish",)


def test_a_collector_comes_and_goes_while_the_publisher_sleeps(site, collector, forks, tmp_path):
    publish = publish_of(tmp_path, "Wanted.")
    publisher = forks.start(publish, env=site.env, halt_after="put").wait_until_halted()
    [key] = collector.unused()
    assert collector.collect(key)
    assert collector.unused() == []
    assert publisher.resume().wait().json["status"] == "published"
    assert site.audit().events == ("publish",)


def test_a_collector_comes_again_while_the_publisher_sleeps_again(site, collector, forks, tmp_path):
    """Taking the mark of one deletion off does not hide the next one."""
    publish = publish_of(tmp_path, "Wanted.")
    publisher = forks.start(publish, env=site.env, halt_after=["put", "put"]).wait_until_halted()
    [key] = collector.unused()
    assert collector.collect(key)
    publisher.resume().wait_until_halted()
    assert collector.unused() == [key]
    assert collector.collect(key)
    assert publisher.resume().wait().json["status"] == "published"
    assert site.audit().events == ("publish",)


@pytest.mark.parametrize("deleted", [False, True])
def test_a_collector_that_died_is_not_waited_for(deleted, site, collector, forks, tmp_path):
    publish = publish_of(tmp_path, "Wanted.")
    publisher = forks.start(publish, env=site.env, halt_after="put").wait_until_halted()
    [key] = collector.unused()
    collector.mark(key, age=AGES)
    if deleted:
        collector.delete(key)
    done = publisher.resume().wait()
    assert (done.code, done.json["status"]) == (0, "published")
    assert site.query("SELECT count(*) FROM condemned") == [0]
    assert site.audit().events == ("publish",)


@pytest.mark.parametrize("collect", [Collector.collect, partial(Collector.mark, age=AGES)])
def test_nobody_deletes_for_a_collector_what_somebody_else_has_published(
    collect, site, collector, forks, tmp_path
):
    """Two publishers of the same bytes meet the mark; one is slow to act on what it has read."""
    publish = publish_of(tmp_path, "Wanted.")
    assert forks.run(*publish, env=site.env, kill_after="put").code == -9
    [key] = collector.unused()
    collect(collector, key)
    slow = forks.start(publish, env=site.env, halt_after="SELECT condemned").wait_until_halted()
    assert forks.run(*publish, "--slug", "other", env=site.env).json["status"] == "published"
    file = Path(site.env["EVERYSKILL_STORE_URL"].removeprefix("file://")) / key
    changed = file.stat().st_ctime_ns
    assert slow.resume().wait().json["status"] == "published"
    assert file.stat().st_ctime_ns == changed  # nobody deleted it and put it there again
    assert site.audit("demo").events == site.audit("other").events == ("publish",)


@pytest.mark.long
def test_publishers_and_a_collector_that_spares_nothing(site, collector, forks, tmp_path):
    """It takes every object without a version, however young: most publishes meet it."""
    assert forks.run(*publish_of(tmp_path, "Before."), env=site.env).code == 0
    publishers = [
        forks.start(
            *[(*publish_of(tmp_path, f"{slug} {n}."), "--slug", slug) for n in range(60)],
            env=site.env,
        )
        for slug in ("demo", "other")
    ]
    collected: set[str] = set()  # once each: even who stores it thrice finds it gone at last
    while not all(publisher.has_ended for publisher in publishers):
        young = set(collector.unused()) - collected
        collected |= {key for key in young if collector.collect(key)}
    assert {done.code for publisher in publishers for done in publisher.wait_all()} == {0}
    assert collected
    assert len(site.audit("demo").versions) == 61
    assert len(site.audit("other").versions) == 60

"""A change of records killed at any step: all of it or nothing, and again has one effect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import pytest

from tests.effects import CHANGES, Scene, make_site, records
from tests.figures import Count
from tests.forks import Forks
from tests.killing import (
    LANES,
    Point,
    kill_at,
    on_every_registry,
    on_two_registries,
    spread,
    thinned,
)
from tests.sites import Site

# Steps after which each of them must have been killed, or this module watches nothing.
ALWAYS = {"start", "COMMIT", "answer"}
WRITTEN = {
    "rate": {"INSERT INTO ratings"},
    "rate again": {"UPDATE ratings"},
    "rate remove": {"DELETE FROM ratings"},
    "use": {"INSERT INTO usage_events"},
}


class Lane:
    """Kills, one after the other."""

    def __init__(self, scene: Scene, forks: Forks) -> None:
        self._scene = scene
        self._forks = forks

    def kill(self, number: int, name: str) -> None:
        """Kill the command after one step, look, run it again, and look again."""
        scene, words = self._scene, self._scene.change.words
        with scene.copied() as site:
            killed = self._forks.run(*words, env=site.env, kill_after=number)
            assert (killed.code, killed.steps[-1]) == (-9, name)
            stands = "COMMIT" in killed.steps
            site.audit()
            assert records(site.url) == (scene.after if stands else scene.before)

            again = self._forks.run(*words, env=site.env)
            assert again.code == (scene.change.again if stands else 0), again
            site.audit()
            assert records(site.url) == scene.after


@pytest.fixture(scope="module")
def forks() -> Iterator[list[Forks]]:
    with ExitStack() as stack:
        yield [stack.enter_context(Forks()) for _ in range(LANES)]


@pytest.fixture(scope="module")
def base(databases, stores, forks, tmp_path_factory) -> Site:
    return make_site(databases, stores, tmp_path_factory.mktemp("skills"), forks[0])


@pytest.fixture(params=CHANGES)
def scene(request, base, databases, stores, forks) -> Scene:
    return Scene(CHANGES[request.param], base, databases, stores, forks[0])


@pytest.fixture
def written(request) -> set[str]:
    """Steps that the command must take."""
    name = request.node.callspec.params["scene"]
    return ALWAYS | WRITTEN.get(name, {"INSERT INTO version_events"})


def kill_in(scene: Scene, points: Sequence[Point], forks: list[Forks], count: Count) -> None:
    kill_at(points, [Lane(scene, each) for each in forks])
    count("kill matrix", kills=len(points), reruns=len(points))


@on_two_registries
def test_a_change_killed_after_a_step(scene, written, forks, count, request):
    points = thinned(scene.steps)
    assert written <= {name for _, name in points}
    # Behind the lock of a file, or of a skill whose pointer moves, others wait for who is killed.
    local = request.node.callspec.params["databases"] == "sqlite"
    lock = "BEGIN IMMEDIATE" if local else "SELECT skills FOR UPDATE"
    assert lock in scene.steps or not (local or scene.change.reads)
    # What asks no store is the same beside every store.
    on_s3 = request.node.callspec.params["stores"] == "s3"
    assert ("send" in scene.steps) == (on_s3 and scene.change.reads)
    # What a statement changes is the same on both: beside shared servers every third one will do.
    kill_in(scene, spread(points)[:: 3 if on_s3 else 2], forks, count)


@pytest.mark.long
@on_every_registry
def test_a_change_killed_after_every_step(scene, forks, count):
    kill_in(scene, list(enumerate(scene.steps)), forks, count)

"""An installer killed at any step: never a mixed folder, nothing of anybody's lost, a whole end."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.effects import site_of
from tests.figures import Count
from tests.forking import NO_EXCHANGE
from tests.forks import Ended, Forks
from tests.installing import contents, make_project, names
from tests.killing import on_two_registries
from tests.registries import write_skill
from tests.sites import Databases, FolderStores, Site, Stores

Files = dict[str, tuple[bytes, bool]]
OWN = "Remember this.\n"
# After these nothing outside of the process is new.
QUIET = ("SELECT", "END", "PRAGMA", "BEGIN", "find_skill", "pack", "look_into")


@dataclass(frozen=True)
class Story:
    """A command to be killed, in a project in which `demo` was installed by another one.

    Attributes:
        before: the commands that came before it; none is a first install.
        words: the command.
        ends: what lies in the target when it is done: the contents of this version, or nothing.
        edited: whether somebody wrote into the folder in between.
        steps: what it must be killed after, or this module watches nothing.
    """

    before: tuple[tuple[str, ...], ...]
    words: tuple[str, ...]
    ends: int | None
    steps: frozenset[str]
    edited: bool = False


SWAP = frozenset({"os.mkdir", "os.open of a new file", "os.write", "os.rename", "_rename"})
STORIES = {
    "first": Story((), ("install", "demo"), 2, SWAP | {"INSERT INTO usage_events"}),
    "update": Story(
        (("promote", "demo@1"), ("install", "demo"), ("promote", "demo@2")),
        ("update",),
        2,
        SWAP | {"os.replace", "INSERT INTO usage_events"},
    ),
    "frozen": Story((("install", "demo@2"),), ("install", "--frozen"), 2, SWAP - {"os.replace"}),
    "force": Story(
        (("install", "demo@1"),),
        ("install", "demo", "--force"),
        2,
        SWAP | {"os.replace"},
        edited=True,
    ),
    "uninstall": Story(
        (("install", "demo"),), ("uninstall", "demo"), None, frozenset({"os.rename"})
    ),
    "uninstall edits": Story(
        (("install", "demo"),),
        ("uninstall", "demo", "--force"),
        None,
        frozenset({"os.rename"}),
        edited=True,
    ),
}


class Scenes:
    """Sets the same scene for one kill after the other: a copy of one project, one registry."""

    def __init__(self, forks: Forks, folder: Path, site: Site) -> None:
        self._forks = forks
        self._folder = folder
        self._site = site
        self._env = site.env | {"EVERYSKILL_HOME": f"{folder}/home"}
        self._made = 0
        self.versions: dict[int, Files] = {}
        for number in (1, 2):
            source = write_skill(folder / f"source-{number}", body=f"{number}.", scripts__a="x")
            (source / "scripts/a").chmod(0o755)
            if number == 2:
                (source / "deep/er").mkdir(parents=True)
                (source / "deep/er/new.md").write_text("New.\n")
            assert self._run("publish", source).code == 0
            self.versions[number] = contents(source)

    def _run(self, *words: str | Path, cwd: Path | None = None, kill: int | None = None) -> Ended:
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(cwd or self._folder)
            return self._forks.run(*words, env=self._env, kill_after=kill)

    def rehearse(self, story: Story) -> list[str]:
        """Give the steps of a command that nobody kills, in a registry that knows its user."""
        for _ in range(2):
            project = self._project(story)
            done = self._run(*story.words, cwd=project)
            assert done.code == 0, done.stderr
            self._assert_done(story, project, self.versions)
        return done.steps

    def kill(self, story: Story, number: int) -> None:
        """Kill a command after one step, look, run it again, and look again."""
        project = self._project(story)
        target = project / ".claude/skills/demo"
        old, uses = contents(target), self._uses()
        killed = self._run(*story.words, cwd=project, kill=number)
        assert killed.code == -9
        self._assert_not_mixed(story, target, old)
        again = self._run(*story.words, cwd=project)
        if again.code == 4:  # uninstalled before it was killed, and the lock says so
            assert story.ends is None
            again = self._run("install", "demo", cwd=project)  # whoever comes next clears up
            assert self._run("uninstall", "demo", cwd=project).code == 0
        assert again.code == 0, again.stderr
        self._assert_done(story, project, self.versions)
        # A use is recorded behind everything else: who is killed between leaves none.
        assert self._uses() - uses in (0, 1)

    def audit(self) -> None:
        """Assert that the registry is whole, whoever was killed."""
        self._site.audit()

    def _uses(self) -> int:
        [uses] = self._site.query("SELECT count(*) FROM usage_events")
        return uses

    def _project(self, story: Story) -> Path:
        """Make the project once for a story, and a copy of it for each kill."""
        base = self._folder / f"base-{abs(hash(story))}"
        if not base.exists():
            make_project(base, ".claude")
            for words in story.before:
                assert self._run(*words, cwd=base).code == 0
            if story.edited:
                (base / ".claude/skills/demo/own.md").write_text(OWN)
            if story.words == ("install", "--frozen"):
                # The lock was moved on in another clone; the folder is of the version before it.
                shutil.rmtree(base / ".claude/skills/demo")
                shutil.copytree(self._folder / "source-1/demo", base / ".claude/skills/demo")
        self._made += 1
        shutil.rmtree(self._folder / "home/cache", ignore_errors=True)
        return Path(shutil.copytree(base, self._folder / f"project-{self._made}"))

    def _assert_not_mixed(self, story: Story, target: Path, old: Files) -> None:
        """Whole-old, whole-new, or absent; and what is somebody's own is somewhere."""
        found = contents(target)
        assert found in (old, self.versions[2] if story.ends else {}, {}), found.keys()
        if found == {} and self._env.get(NO_EXCHANGE) is None:
            assert not story.before or story.ends is None
        if story.edited:
            assert [p.read_text() for p in target.parent.rglob("own.md")] == [OWN]

    def _assert_done(self, story: Story, project: Path, versions: dict[int, Files]) -> None:
        skills = project / ".claude/skills"
        assert contents(skills / "demo") == (versions[story.ends] if story.ends else {})
        kept = {".everyskill-kept"} if story.edited else set()
        assert names(skills) == kept | ({"demo"} if story.ends else set())
        if story.edited:
            [own] = skills.rglob("own.md")
            assert own.read_text() == OWN
        lock = (project / "everyskill.lock").read_text()
        assert ("[skills.demo]\n" in lock) == bool(story.ends)
        assert not story.ends or f"version = {story.ends}\n" in lock
        assert names(project) == {".git", ".claude", "everyskill.lock"}


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks() as made:
        yield made


@pytest.fixture(params=["exchange", pytest.param("two renames", marks=pytest.mark.long)])
def scenes(request: pytest.FixtureRequest, forks: Forks, tmp_path: Path) -> Scenes:
    """On a local registry, with each way to swap two folders."""
    stores = FolderStores(tmp_path)
    site = site_of(f"sqlite:///{tmp_path}/registry.db", stores.new(), stores)
    without = {NO_EXCHANGE: "1"} if request.param == "two renames" else {}
    return Scenes(forks, tmp_path, replace(site, env={**site.env, **without}))


@pytest.fixture
def shared_scenes(databases: Databases, stores: Stores, forks: Forks, tmp_path: Path) -> Scenes:
    """On a registry of the kinds that the test names."""
    return Scenes(forks, tmp_path, site_of(databases.new(), stores.new(), stores))


def thinned(steps: list[str]) -> list[int]:
    """The numbers of the steps that are worth a kill: of quiet neighbours the last."""
    quiet = [step.startswith(QUIET) for step in steps]
    return [n for n, _ in enumerate(steps) if not (quiet[n] and quiet[n + 1 : n + 2] == [True])]


def sampled(steps: list[str], every: int) -> list[int]:
    """Of those the steps that have to do with the registry, and of the disk's every n-th."""
    points = thinned(steps)
    local = [n for n in points if steps[n].startswith("os.")]
    return sorted({*points} - {*local} | {*local[::every]})


def kill_at(scenes: Scenes, story: Story, points: list[int], count: Count) -> None:
    for number in points:
        scenes.kill(story, number)
    scenes.audit()
    count("kill matrix", kills=len(points), reruns=len(points))


@pytest.mark.parametrize("name", STORIES)
def test_an_installer_killed_after_a_step(
    scenes: Scenes, name: str, request: pytest.FixtureRequest, count: Count
) -> None:
    story = STORIES[name]
    steps = scenes.rehearse(story)
    points = thinned(steps)
    assert story.steps <= {steps[number] for number in points} | (
        set() if "exchange" in request.node.name else {"_rename"}
    )
    # How two folders are swapped differs in a few steps, which others of the module end at too.
    every = 2 if name == "first" and "exchange" in request.node.name else 6
    watched = {steps[number]: number for number in points if steps[number] in story.steps}
    kill_at(scenes, story, sorted({*points[::every], *watched.values(), points[-1]}), count)


@pytest.mark.long
@pytest.mark.parametrize("name", ["first", "update", "uninstall"])
@pytest.mark.parametrize(("databases", "stores"), [("postgresql", "s3")], indirect=True)
def test_an_installer_killed_after_a_step_beside_shared_servers(
    shared_scenes: Scenes, name: str, count: Count
) -> None:
    """What the disk sees is the same on every registry, so of that every sixth step will do."""
    story = STORIES[name]
    steps = shared_scenes.rehearse(story)
    assert ("begin" in steps) == ("COMMIT" in steps) == (name != "uninstall")
    kill_at(shared_scenes, story, sampled(steps, 6), count)


@pytest.mark.long
@pytest.mark.parametrize("name", STORIES)
@on_two_registries
def test_an_installer_killed_after_every_step(
    shared_scenes: Scenes, name: str, count: Count
) -> None:
    story = STORIES[name]
    kill_at(shared_scenes, story, list(range(len(shared_scenes.rehearse(story)))), count)


@pytest.mark.long
def test_installers_killed_at_300_random_steps(scenes: Scenes, count: Count) -> None:
    rng = random.Random(4)
    steps = {name: len(scenes.rehearse(story)) for name, story in STORIES.items()}
    for _ in range(300):
        name = rng.choice(sorted(steps))
        scenes.kill(STORIES[name], rng.randrange(steps[name]))
    scenes.audit()
    count("random kills", kills=300)

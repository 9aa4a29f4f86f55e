"""The lock file: what it says, what it refuses, and that it gives the same bytes elsewhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everyskill_cli.errors import EveryskillError
from everyskill_cli.installs import lock
from everyskill_cli.installs.lock import Locked
from everyskill_cli.installs.places import Place
from tests.commands import Commands, as_ordinary_user, assert_failed, tree
from tests.conftest import Everyskill
from tests.installing import contents, make_project, names
from tests.registries import write_skill
from tests.servers.s3 import S3Server

HASH, UUID = "0123456789abcdef" * 4, "7b0bd8a2-9a4f-4a0c-9f5e-0b7f2f7a1c11"


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(capsys)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place("project", tmp_path, tmp_path / "everyskill.lock")


def locked(slug: str = "demo", **more: object) -> Locked:
    said = {
        "registry": UUID,
        "version": 3,
        "content_hash": HASH,
        "entry_hash": HASH[::-1],
        "targets": (f".claude/skills/{slug}",),
    }
    return Locked(slug=slug, **said | more)


def test_it_is_sorted_toml_of_one_block_a_skill(place: Place) -> None:
    entries = {slug: locked(slug) for slug in ("zebra", "demo", "a-1")}
    entries["demo"] = locked(pinned=True, targets=(".claude/skills/demo", ".cursor/skills/demo"))
    lock.write(place, entries)
    text = place.lock.read_text()
    assert [line for line in text.splitlines() if line.startswith("[")] == [
        "[skills.a-1]",
        "[skills.demo]",
        "[skills.zebra]",
    ]
    assert '    ".claude/skills/demo",\n    ".cursor/skills/demo",\n' in text
    assert tomllib.loads(text)["version"] == 1
    assert lock.read(place) == entries
    before = place.lock.stat()
    lock.write(place, entries)
    assert place.lock.stat() == before
    assert names(place.root) == {"everyskill.lock"}


def test_there_may_be_none_and_an_empty_one(place: Place) -> None:
    assert lock.read(place) is None
    place.lock.touch()
    assert lock.read(place) == {}


GOOD = f"""\
version = 1

[skills.demo]
registry = "{UUID}"
version = 3
content_hash = "{HASH}"
entry_hash = "{HASH}"
targets = [
    ".claude/skills/demo",
]
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("version = 1", "version = ", "is not TOML"),
        ("version = 1", "version = 2", "has format 2"),
        ("version = 1", "version = " + "9" * 5_000, "is not TOML"),
        ("version = 1", "version = 0x" + "f" * 5_000, "is no lock"),
        ("version = 1\n", "", "is no lock"),
        ("version = 1\n", "version = true\n", "is no lock"),
        ("version = 1\n", "version = 1\nmore = 2\n", "is no lock"),
        ("[skills.demo]", "[skills]", "names"),
        ("[skills.demo]", "[skills.Demo]", "names"),
        ("version = 3", "version = 0", "no version"),
        ("version = 3", "version = 3.0", "no version"),
        ("version = 3", 'version = "3"', "no version"),
        ("version = 3", "version = 3\npinned = 1", "does not say"),
        ("version = 3", "version = 3\ntypo = 1", "does not say"),
        (f'entry_hash = "{HASH}"\n', "", "does not say"),
        (f'content_hash = "{HASH}"', 'content_hash = "x"', "no digest"),
        (f'content_hash = "{HASH}"', "content_hash = 5", "no digest"),
        (f'registry = "{UUID}"', 'registry = "../x"', "no digest"),
        ('    ".claude/skills/demo",', "", "names no target"),
        ('    ".claude/skills/demo",', "    5,", "names no target"),
        ('",\n]', '",\n    ".claude/skills/demo",\n]', "twice"),
        (".claude/skills/demo", "../demo", "no skill can have"),
        (".claude/skills/demo", "/etc/demo", "no skill can have"),
        (".claude/skills/demo", "a/../../demo", "no skill can have"),
        (".claude/skills/demo", "~/demo/./demo", "no skill can have"),
        (".claude/skills/demo", ".git/hooks", "no skill can have"),
        (".claude/skills/demo", ".GIT/demo", "no skill can have"),
        (".claude/skills/demo", "a\\\\demo", "no skill can have"),
        (".claude/skills/demo", ".claude/.everyskill-kept/demo", "works itself"),
        ('",\n]', '",\n    ".claude/skills/demo/demo",\n]', "inside of another"),
        ("version = 1", "#" * 17_000_000, "larger than"),
        (".claude/skills/demo", ".claude/skills", "no folder of demo"),
        (".claude/skills/demo", ".claude/skills/other", "no folder of demo"),
    ],
)
def test_what_no_lock_says_is_refused(place: Place, old: str, new: str, said: str) -> None:
    place.lock.write_text(GOOD)
    assert lock.read(place) is not None
    place.lock.write_text(GOOD.replace(old, new))
    with pytest.raises(EveryskillError, match=said) as caught:
        lock.read(place)
    assert caught.value.code == (8 if "format 2" in said else 5)
    assert caught.value.hint


def test_both_sides_of_a_merge_are_named_as_such(place: Place) -> None:
    place.lock.write_text(f"{GOOD}<<<<<<< ours\nx = 1\n=======\nx = 2\n>>>>>>> theirs\n")
    with pytest.raises(EveryskillError, match="both sides of a merge"):
        lock.read(place)


@given(st.text(max_size=60), st.integers(0, len(GOOD)), st.integers(0, 40))
def test_no_text_is_a_bug(tmp_path_factory, text: str, start: int, length: int) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    place = Place("project", folder, folder / "everyskill.lock")
    place.lock.write_bytes(
        (GOOD[:start] + text + GOOD[start + length :]).encode(errors="surrogatepass")
    )
    try:
        found = lock.read(place)
    except EveryskillError:
        return
    for entry in (found or {}).values():
        for target in entry.targets:
            assert (folder / target).resolve().is_relative_to(folder.resolve())


def test_a_lock_of_a_user_begins_at_home_or_at_the_root(tmp_path: Path) -> None:
    place = Place("user", tmp_path, tmp_path / "everyskill.lock")
    for target in ("~/.claude/skills/demo", "/srv/skills/demo"):
        place.lock.write_text(GOOD.replace(".claude/skills/demo", target))
        assert lock.read(place)
    assert place.path_of("~/a/demo") == tmp_path / "a/demo"
    assert place.path_of("/srv/demo") == Path("/srv/demo")
    for target in (".claude/skills/demo", "~root/demo", "~/../demo", "/srv/../demo", "~"):
        place.lock.write_text(GOOD.replace(".claude/skills/demo", target))
        with pytest.raises(EveryskillError):
            lock.read(place)


def test_two_branches_that_install_other_skills_merge(
    cli: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def git(*words: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", *who, *words], cwd=project, check=True, capture_output=True)

    for name in ("aaa", "mmm", "zzz"):
        assert cli("publish", write_skill(tmp_path, name)).code == 0
    project = tmp_path / "project"
    (project / ".claude").mkdir(parents=True)
    monkeypatch.chdir(project)
    git("init", "-b", "main")
    assert cli("install", "mmm").code == 0
    git("add", "-A")
    git("commit", "-m", "base")
    git("checkout", "-b", "other")
    assert cli("install", "aaa").code == 0
    git("add", "-A")
    git("commit", "-m", "aaa")
    git("checkout", "main")
    assert cli("install", "zzz").code == 0
    git("add", "-A")
    git("commit", "-m", "zzz")
    git("merge", "other")
    assert cli("install", "--frozen", "--json").json["status"] == "unchanged"
    assert names(project / ".claude/skills") == {"aaa", "mmm", "zzz"}


# Frozen: the same bytes on another machine, or a failure.


class Team:
    """A registry on PostgreSQL and S3, and machines that know nothing but where it is."""

    def __init__(self, everyskill: Everyskill, env: Mapping[str, str], folder: Path) -> None:
        self.env = dict(env)
        self._everyskill = everyskill
        self._folder = folder

    def on(self, machine: str, *words: str | Path, **env: str):
        """Run a command in the checkout of a machine with a home of its own."""
        checkout, home = self.checkout(machine), self._folder / machine / "home"
        home.mkdir(exist_ok=True)
        own = {"HOME": str(home), "GIT_CONFIG_GLOBAL": str(home / ".gitconfig")}
        return self._everyskill(*words, env={**self.env, **own, **env}, cwd=checkout)

    def checkout(self, machine: str) -> Path:
        folder = self._folder / machine / "checkout"
        return folder if folder.exists() else make_project(folder)


@pytest.fixture
def team(everyskill: Everyskill, s3_server: S3Server, postgres_url: str, tmp_path: Path) -> Team:
    env = {
        **s3_server.environment(s3_server.prefix()),
        "EVERYSKILL_DATABASE_URL": postgres_url,
        "EVERYSKILL_USER": "ann@example.org",
    }
    made = Team(everyskill, env, tmp_path)
    assert made.on("first", "upgrade").code == 0
    source = write_skill(tmp_path, scripts__run_sh="#!/bin/sh\necho hi\n", data__x="x")
    (source / "scripts/run_sh").chmod(0o755)
    assert made.on("first", "publish", source).code == 0
    assert made.on("first", "publish", write_skill(tmp_path, "other")).code == 0
    agents = ["--agent", "claude-code", "--agent", "codex"]
    assert made.on("first", "install", "demo", "other", *agents).code == 0
    return made


def test_a_clean_clone_gets_the_same_bytes_and_bits(team: Team) -> None:
    first, second = team.checkout("first"), team.checkout("second")
    shutil.copy(first / "everyskill.lock", second)
    before = (second / "everyskill.lock").stat().st_mtime_ns
    del team.env["EVERYSKILL_USER"]  # nobody has to be anybody
    done = team.on("second", "install", "--frozen", "--json")
    assert (done.code, done.stderr) == (0, "")
    assert contents(second) == contents(first)
    assert contents(second)[".claude/skills/demo/scripts/run_sh"][1]
    assert (second / "everyskill.lock").stat().st_mtime_ns == before
    home = second.parent / "home"
    assert names(home) == set()
    assert names(second) == {".git", ".claude", ".agents", "everyskill.lock"}
    assert team.on("first", "show", "demo", "--json").json["skill"]["total_uses"] == 1


def test_what_a_frozen_install_refuses(team: Team, tmp_path: Path) -> None:
    lock_file = team.checkout("first") / "everyskill.lock"
    good = lock_file.read_text()
    found = tomllib.loads(good)["skills"]["demo"]

    def frozen(code: int, said: str, *words: str, text: str = good) -> None:
        checkout = team.checkout("second")
        (checkout / "everyskill.lock").write_text(text)
        before = tree(checkout)
        assert_failed(team.on("second", "install", "--frozen", *words), code, said)
        assert tree(checkout) == before

    frozen(5, "The lock has demo@1", "demo@2")
    frozen(5, "The lock has no third", "third")
    frozen(5, "does not have demo in", "demo", "--agent", "cursor")
    frozen(5, "is not TOML", text=good + "<<<")
    changed = found["content_hash"][::-1]
    frozen(7, "not the one that the lock", text=good.replace(found["content_hash"], changed))
    changed = found["entry_hash"][::-1]
    frozen(7, "not the one that the lock", text=good.replace(found["entry_hash"], changed))
    demo = good[good.index("[skills.demo]") : good.index("[skills.other]")]
    missing = demo.replace("version = 1", "version = 2")
    frozen(4, "no version 2 of demo", text=good.replace(demo, missing))
    frozen(4, "no version 1 of nobody", text=good.replace("demo", "nobody"))
    frozen(8, "from the registry", text=good.replace(found["registry"], UUID))


def test_frozen_takes_names_and_folders_of_the_lock_alone(team: Team) -> None:
    shutil.copy(team.checkout("first") / "everyskill.lock", team.checkout("second"))
    done = team.on("second", "install", "--frozen", "demo", "--agent", "codex")
    assert done.code == 0
    assert names(team.checkout("second")) == {".git", ".agents", "everyskill.lock"}
    assert names(team.checkout("second") / ".agents/skills") == {"demo"}


def test_a_lock_that_cannot_be_written_leaves_everything_as_it_is(
    cli: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli("publish", write_skill(tmp_path)).code == 0
    project = make_project(tmp_path / "project", ".claude/skills")
    monkeypatch.chdir(project)
    project.chmod(0o555)
    try:
        assert_failed(as_ordinary_user("install", "demo"), 9, "everyskill.lock", "Nothing was")
        assert names(project / ".claude/skills") == set()
        project.chmod(0o755)
        assert cli("install", "demo").code == 0
        project.chmod(0o555)
        assert_failed(as_ordinary_user("uninstall", "demo"), 9, "everyskill.lock", "Nothing was")
        assert contents(project / ".claude/skills/demo") == contents(tmp_path / "demo")
        assert as_ordinary_user("install").code == 0  # which has nothing to write there
    finally:
        project.chmod(0o755)


def leads_out(lock_file: Path, outside: Path) -> None:
    lock_file.symlink_to(outside / "new/other.toml")


def leads_to_a_file(lock_file: Path, outside: Path) -> None:
    (outside / "precious").touch()
    lock_file.symlink_to(outside / "precious")


def is_a_folder(lock_file: Path, outside: Path) -> None:
    lock_file.mkdir()


def is_a_pipe(lock_file: Path, outside: Path) -> None:
    os.mkfifo(lock_file)


@pytest.mark.parametrize(
    "make", [leads_out, leads_to_a_file, is_a_folder, is_a_pipe], ids=lambda f: f.__name__
)
def test_a_lock_that_is_no_file_is_refused_and_leads_nowhere(
    cli: Commands,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[Path, Path], None],
) -> None:
    assert cli("publish", write_skill(tmp_path)).code == 0
    project, outside = make_project(tmp_path / "project", ".claude"), tmp_path / "outside"
    outside.mkdir()
    make(project / "everyskill.lock", outside)
    (project / ".everyskill.lock.new").symlink_to(outside / "aside")
    monkeypatch.chdir(project)
    before = tree(project, outside)
    for words in (["install", "demo"], ["install"], ["update"], ["list", "--installed"]):
        assert_failed(cli(*words), 5, "everyskill.lock is")
    assert tree(project, outside) == before
    lock_file = project / "everyskill.lock"
    lock_file.rmdir() if lock_file.is_dir() and not lock_file.is_symlink() else lock_file.unlink()
    assert cli("install", "demo").code == 0
    assert names(outside) == ({"precious"} if make is leads_to_a_file else set())

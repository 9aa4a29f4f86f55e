"""What a machine remembers of registries, as commands say it: who was where, and what fails."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from everyskill_cli import heads
from everyskill_cli.database.address import place_of
from everyskill_cli.database.queries import auditing
from everyskill_cli.registry import Registry
from everyskill_cli.settings import load
from tests.commands import Commands, as_ordinary_user, assert_failed
from tests.registries import write_skill
from tests.test_tamper import edit
from tests.test_verify import forge

OTHER = "7b0bd8a2-9a4f-4a0c-9f5e-0b7f2f7a1c11"


class Place:
    """A local registry with two skills, of which this machine has seen all.

    Attributes:
        env: the variables that lead to it.
        home: where this machine remembers it.
    """

    def __init__(self, folder: Path, cli: Commands) -> None:
        self.folder, self.cli = folder, cli
        self.home, self.heads = folder / "home", folder / "home/heads.db"
        self.env = {
            "EVERYSKILL_HOME": str(self.home),
            "EVERYSKILL_DATABASE_URL": f"sqlite:///{folder}/registry.db",
            "EVERYSKILL_STORE_URL": f"file://{folder}/store",
            "EVERYSKILL_USER": "ann@example.org",
        }

    def __call__(self, *words: str | Path, **env: str):
        return self.cli(*words, env=self.env | env)

    def publish(self, name: str, body: str = "One."):
        return self("publish", write_skill(self.folder / "skills", name, body))

    def remove(self) -> None:
        """Delete the registry, and not what this machine remembers."""
        for file in self.folder.glob("registry.db*"):
            file.unlink()
        shutil.rmtree(self.folder / "store")

    def become_another(self) -> None:
        """Give the registry another id everywhere, and recompute all hashes with it."""
        edit(self.env["EVERYSKILL_DATABASE_URL"], f"UPDATE registry SET id = '{OTHER}'")
        marker = self.folder / "store/everyskill.json"
        marker.write_text(f'{{"everyskill":1,"registry":"{OTHER}"}}\n')
        with closing(Registry(load({}, self.env))) as registry:
            with registry.database.reading() as tx:
                slugs = [skill.slug for skill in auditing.skills_after(tx, "", 10)]
            for slug in slugs:
                forge(registry, slug)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """Where it is kept as it was made; it is used where it was made, beside this."""
    return tmp_path_factory.mktemp("memory") / "whole"


@pytest.fixture
def place(whole, capsys) -> Place:
    folder = whole.with_name("used")
    shutil.rmtree(folder, ignore_errors=True)
    place = Place(folder, Commands(capsys))
    if whole.exists():
        shutil.copytree(whole, folder)
        return place
    folder.mkdir()
    for name in ("alpha", "beta"):
        assert place.publish(name).stderr == ""
    shutil.copytree(folder, whole)
    return place


def test_another_id_hides_no_forgery(place, count, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    place.become_another()
    elsewhere = str(tmp_path / "elsewhere")
    assert place("verify", EVERYSKILL_HOME=elsewhere).code == 0  # in itself it is consistent
    for words in (["show", "alpha"], ["versions", "alpha"], ["install", "alpha", "--to", "here"]):
        done = place(*words)
        assert done.code == 0
        assert f"The registry here is {OTHER}, and this machine has seen" in done.stderr
        assert "everyskill verify --forget" in done.stderr
    done = place.publish("alpha", "Two.")
    assert (done.code, done.stderr.count("this machine has seen")) == (0, 1)
    shown = place("show", "alpha", "--json")
    assert [w["rule"] for w in shown.json["warnings"]] == ["registry-changed"]
    for words in ([], ["alpha"]):
        verified = place("verify", *words, "--json")
        assert verified.code == 7
        assert [(d["kind"], d["where"]) for d in verified.json["results"]] == [
            ("registry", "registry.id")
        ]
    assert place("verify", "alpha", "--forget").code == 7  # that is about one skill
    assert place("verify", "--forget").code == 0
    assert place("show", "alpha").stderr == ""
    assert place("verify").code == 0
    count("checkpoints", forgeries=1, found=1)


@pytest.mark.parametrize("command", ["publish", "upgrade"])
def test_a_registry_that_was_made_anew_here_is_told_once(place, command):
    place.remove()
    first = place("upgrade") if command == "upgrade" else place.publish("alpha")
    assert first.code == 0
    assert first.stderr.count("A new registry was made, where this machine had seen") == 1
    for words in (["show", "alpha"], ["verify"]):
        assert place.publish("alpha").stderr == ""
        done = place(*words)
        assert (done.code, done.stderr) == (0, "")


def test_a_registry_that_somebody_else_put_here_is_said_until_it_is_accepted(place, tmp_path):
    place.remove()
    assert place("publish", place.folder / "skills", EVERYSKILL_HOME=str(tmp_path)).code == 0
    for _ in range(2):
        assert "this machine has seen" in place("show", "alpha").stderr
    assert place("verify", "--quick", "--forget").code == 0
    assert place("show", "alpha").stderr == ""


def test_all_of_a_home_deleted_is_a_new_machine(tmp_path, capsys):
    cli, env = Commands(capsys), {"EVERYSKILL_HOME": str(tmp_path / "home")}
    folder = write_skill(tmp_path, "alpha")
    user = {"EVERYSKILL_USER": "ann@example.org"}
    for _ in range(2):
        done = cli("publish", folder, env=env | user)
        assert (done.code, done.stderr) == (0, "")
        shutil.rmtree(tmp_path / "home")


def test_one_registry_at_two_addresses(place, tmp_path):
    (tmp_path / "link").symlink_to(place.folder)
    other = {"EVERYSKILL_DATABASE_URL": f"sqlite:///{tmp_path}/link/registry.db"}
    for env in (other, {}, other):
        done = place("show", "alpha", **env)
        assert (done.code, done.stderr) == (0, "")
    place.become_another()
    for env in (other, {}):  # each was remembered
        assert "this machine has seen" in place("show", "alpha", **env).stderr


def test_an_address_holds_no_secret_and_what_the_environment_adds(monkeypatch):
    url = "postgresql://ann:s3cret@db.example.org:5433/skills?sslpassword=hidden&options=-csp"
    said = place_of(url)
    assert "db.example.org:5433/skills" in said
    assert not any(word in said for word in ("s3cret", "hidden"))
    assert place_of(url.replace("s3cret", "rotated")) == said
    monkeypatch.setenv("PGHOST", "other.example.org")
    monkeypatch.setenv("PGPASSWORD", "s3cret")
    assert place_of("postgres:///skills").endswith("PGHOST=other.example.org")
    monkeypatch.chdir("/")
    assert place_of("sqlite:///a/../b.db") == "sqlite:/a/../b.db"


def lock(file: Path) -> Iterator[None]:
    with closing(sqlite3.connect(file, isolation_level=None)) as memory:
        memory.execute("BEGIN EXCLUSIVE")
        yield


def corrupt(file: Path) -> Iterator[None]:
    file.write_bytes(b"no database" * 200)
    yield


def other_schema(file: Path) -> Iterator[None]:
    with closing(sqlite3.connect(file)) as memory:
        memory.executescript("DROP TABLE heads; CREATE TABLE heads (a, b)")
    yield


def other_values(file: Path) -> Iterator[None]:
    with closing(sqlite3.connect(file)) as memory, memory:
        memory.execute("UPDATE heads SET entry_hash = x'ff', seq = 'many'")
    yield


def folder(file: Path) -> Iterator[None]:
    file.unlink()
    file.mkdir()
    yield


def pipe(file: Path) -> Iterator[None]:
    file.unlink()
    os.mkfifo(file)
    yield


@pytest.mark.parametrize(
    ("spoil", "forgets"),
    [(lock, 6), (corrupt, 0), (other_schema, 8), (other_values, 0), (folder, 8), (pipe, 8)],
)
def test_what_cannot_be_compared_with_is_said(
    place, spoil: Callable[[Path], Iterator[None]], forgets, count, monkeypatch
):
    monkeypatch.setattr(heads, "WAIT_SECONDS", 0.05)
    shown = place("show", "alpha").stdout
    spoilt = spoil(place.heads)
    next(spoilt)
    done = place("show", "alpha")
    assert (done.code, done.stdout, len(done.stderr.splitlines())) == (0, shown, 1)
    assert "So nothing was compared with it." in done.stderr
    if spoil is corrupt:  # which has been begun anew
        assert place("show", "alpha").stderr == ""
        next(spoil(place.heads))
    done = place("verify", "--quick", "--json")
    assert (done.code, done.stderr) == (0, "")
    assert [w["rule"] for w in done.json["warnings"]] == ["memory-unreadable"]
    again = place("verify", "--quick", "--forget")
    if forgets:
        assert_failed(again, forgets, "What this machine remembers", str(place.heads))
    else:
        assert (again.code, again.stderr) == (0, "")
        assert place("verify", "--quick").stderr == ""
    spoilt.close()
    count("memory", spoilt=1)


def test_a_home_that_is_only_read_is_normal(place):
    """In a container there is nothing to compare with, and nothing can be remembered."""
    place.heads.unlink()
    for path in (place.folder, *place.folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    place.home.chmod(0o555)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in place.env.items():
            patch.setenv(name, value)
        shown = as_ordinary_user("show", "alpha")
        assert (shown.code, shown.stderr) == (0, "")
        verified = as_ordinary_user("verify", "--quick", "--forget")
    assert verified.code == 0
    assert verified.stderr.count("heads.db, cannot be written") == 1
    place.home.chmod(0o755)

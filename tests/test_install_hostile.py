"""A store that lies, and objects that no publisher made: refused, and nothing is left of them."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from everyskill_cli.bundle import pack
from everyskill_cli.registry.publishing.decision import PublishOptions
from everyskill_cli.registry.publishing.publish import publish
from everyskill_cli.skill import find_skill
from tests.commands import Commands, assert_failed, assert_json_failure, tree
from tests.figures import Count
from tests.hostile import ARCHIVES
from tests.installing import MARKDOWN, ZIP, add_version, contents, entry, make_project, names
from tests.registries import make_registry, write_skill
from tests.servers.faults import Fault, FaultProxy

SKILL = b"---\nname: demo\ndescription: Demo.\n---\n"


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(capsys)


class Scene:
    """A registry in a folder, a project in which `demo@1` is installed, and what surrounds both."""

    def __init__(self, folder: Path, cli: Commands, url: str) -> None:
        self.cli = cli
        self.url = url
        self.store = folder / "store"
        self.source = write_skill(folder / "source", body="One.", references__a="A.")
        self.project = make_project(folder / "project", ".claude")
        self.target = self.project / ".claude/skills/demo"
        with closing(make_registry(url, folder)) as registry:
            publish(registry, [self.source], PublishOptions())
        os.chdir(self.project)
        assert cli("install", "demo").code == 0
        self._surroundings = folder
        self._before = self._look()

    def publish(self, body: str = "Two.") -> Path:
        """Publish another version, and give its object."""
        assert self.cli("publish", write_skill(self.source.parent, body=body)).code == 0
        self._before = self._look()
        digest = pack(find_skill(self.source)).content_hash
        return self.store / "sha256" / digest[:2] / digest

    def assert_refused(self, code: int, *words: str) -> None:
        """Assert that an install is refused, whichever way it is asked for."""
        for command in (["install", "demo"], ["update"], ["install", "demo", "--to", "new/dir"]):
            done = self.cli(*command)
            assert_failed(done, code, *words)
            assert "\x1b" not in done.stderr
        kind = {3: "InvalidSkill", 7: "IntegrityFailure"}[code]
        assert_json_failure(self.cli("install", "demo", "--json"), code, kind)
        assert self._look() == self._before

    def _look(self) -> dict[str, object]:
        seen = tree(self._surroundings)
        return {path: kind for path, kind in seen.items() if not path.startswith("registry.db")}


@pytest.fixture
def scene(
    cli: Commands, tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Scene:
    monkeypatch.setenv("EVERYSKILL_DATABASE_URL", database_url)
    monkeypatch.setenv("EVERYSKILL_STORE_URL", f"file://{tmp_path}/store")
    monkeypatch.setenv("EVERYSKILL_USER", "ann@example.org")
    return Scene(tmp_path, cli, database_url)


def on_sqlite(test: Callable[..., None]) -> Callable[..., None]:
    """Run a test on one database: what it is about is the bytes."""
    return pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)(test)


# Wrong bytes under a right row: 7.


def flipped(data: bytes) -> bytes:
    return data[:40] + bytes([data[40] ^ 1]) + data[41:]


def other_version(data: bytes) -> bytes:
    """Another skill's whole and canonical bundle."""
    return data.replace(b"Two.", b"Six.")


@pytest.mark.parametrize(
    "spoil",
    [flipped, other_version, lambda d: d[:-1], lambda d: b"", lambda d: d + b"x"],
    ids=["flipped", "other", "short", "empty", "long"],
)
def test_bytes_that_are_not_those_of_the_row(scene: Scene, spoil: Callable[[bytes], bytes]) -> None:
    place = scene.publish()
    place.write_bytes(spoil(place.read_bytes()))
    scene._before = scene._look()
    scene.assert_refused(7, "does not hold the bytes that were published")


@on_sqlite
def test_an_object_that_is_missing_or_a_link(scene: Scene, tmp_path: Path) -> None:
    place = scene.publish()
    data = place.read_bytes()
    place.unlink()
    scene._before = scene._look()
    scene.assert_refused(7, "missing")
    (tmp_path / "aside").write_bytes(data)
    place.symlink_to(tmp_path / "aside")
    scene._before = scene._look()
    scene.assert_refused(7, "link")


@pytest.mark.parametrize("lasting", [Fault.FLIPPED_DOWNLOAD, Fault.SHORT_BODY])
def test_a_bucket_that_lies(
    cli: Commands,
    tmp_path: Path,
    fault_proxy: FaultProxy,
    fault_environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    lasting: Fault,
) -> None:
    env = {
        **fault_environment,
        "EVERYSKILL_DATABASE_URL": f"sqlite:///{tmp_path}/registry.db",
        "EVERYSKILL_USER": "ann@example.org",
    }
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert cli("publish", write_skill(tmp_path, a="1")).code == 0
    project = make_project(tmp_path / "project", ".claude")
    monkeypatch.chdir(project)
    fault_proxy.order(*[lasting] * 100, method="GET", key="sha256/")
    assert_failed(cli("install", "demo"), 7, "does not hold the bytes that were published")
    assert names(project) == {".git", ".claude"}
    assert names(project / ".claude") == set()
    fault_proxy.forget()
    fault_proxy.order(lasting, method="GET", key="sha256/")
    assert cli("install", "demo").code == 0
    assert (project / ".claude/skills/demo/SKILL.md").is_file()


# Broken rules under a right hash: 3.


SLICES = 6


@on_sqlite
@pytest.mark.parametrize("first", range(SLICES))
def test_an_archive_that_breaks_a_rule_under_a_right_hash(
    scene: Scene, first: int, count: Count
) -> None:
    """A slice of tests/hostile.py, each the newest version when somebody installs."""
    for case in ARCHIVES[first::SLICES]:
        if case.rule == "bundle-too-large":  # no row can say that it is so large
            continue
        data = case.build()
        files = [] if case.content_type == ZIP else [entry("SKILL.md", data)]
        kind = {"content_type": case.content_type, "files": files}
        number = add_version(scene.url, scene.store, data, **kind)
        before = scene._look()
        words = (["install", "demo"], ["update"], ["install", "demo", "--to", "new/dir"])
        done = scene.cli(*words[number % 3])
        assert_failed(done, 3, f"The stored bytes of demo@{number} break a rule")
        assert all(character.isprintable() or character == "\n" for character in done.stderr)
        assert scene._look() == before
        count("hostile archives", installs=1)


@on_sqlite
@pytest.mark.parametrize("name", ["leading-parent", "absolute", "link", "real-bomb"])
def test_every_way_to_install_refuses_it(scene: Scene, name: str) -> None:
    [case] = [case for case in ARCHIVES if case.name == name]
    number = add_version(scene.url, scene.store, case.build())
    scene._before = scene._look()
    scene.assert_refused(3, f"The stored bytes of demo@{number} break a rule")


@on_sqlite
def test_single_files_that_break_a_rule(scene: Scene) -> None:
    for data in (b"\xff\xfe", b"a\0b", b"", b"---\na: &x 1\nb: *x\n---\n"):
        add_version(
            scene.url, scene.store, data, content_type=MARKDOWN, files=[entry("SKILL.md", data)]
        )
        scene._before = scene._look()
        scene.assert_refused(3)
    for path in ("../x.json", "/x.json", ".git", "a/b.json"):
        add_version(
            scene.url,
            scene.store,
            b"{}",
            content_type="application/json",
            files=[entry(path, b"{}")],
        )
        scene._before = scene._look()
        scene.assert_refused(3)


def test_a_manifest_that_is_not_the_bundles(scene: Scene) -> None:
    data = scene.publish().read_bytes()
    for files in ([], [entry("SKILL.md", b"x")], [entry("../x", b"")]):
        add_version(scene.url, scene.store, data + b"" if files else data, files=files)
        scene._before = scene._look()
        scene.assert_refused(7, "manifest")


@on_sqlite
def test_one_bad_skill_of_many_stops_all_before_the_first(scene: Scene, tmp_path: Path) -> None:
    for number in range(8):
        assert scene.cli("publish", write_skill(tmp_path, f"good-{number}")).code == 0
    assert scene.cli("publish", write_skill(tmp_path, "zzz-bad", x="1")).code == 0
    [build] = [case.build for case in ARCHIVES if case.name == "parent-path"]
    add_version(scene.url, scene.store, build(), slug="zzz-bad")
    scene._before = scene._look()
    slugs = [*(f"good-{number}" for number in range(8)), "zzz-bad"]
    assert_failed(scene.cli("install", *slugs, "--agent", "cursor"), 3, "..")
    assert scene._look() == scene._before
    assert scene.cli("install", *slugs[:-1]).code == 0


# Records that somebody changed.


@on_sqlite
@pytest.mark.parametrize("column", ["content_hash", "files", "name", "details_hash"])
def test_records_that_were_changed_are_noticed(scene: Scene, column: str) -> None:
    import sqlite3

    other = scene.publish("Two.")
    changed = {
        "content_hash": hashlib.sha256(b"x").hexdigest(),
        "files": "[]",
        "name": "other",
        "details_hash": "0" * 64,
    }
    path = scene.url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TRIGGER skill_versions_update")
        if column == "content_hash":
            url = f"sha256/{changed[column][:2]}/{changed[column]}"
            connection.execute("UPDATE skill_versions SET content_url = ?, content_hash = ?"
                               " WHERE version = 2", (url, changed[column]))  # fmt: skip
            (other.parent.parent / changed[column][:2]).mkdir(exist_ok=True)
            (scene.store / url).write_bytes(b"x")
        else:
            connection.execute(
                f"UPDATE skill_versions SET {column} = ? WHERE version = 2", (changed[column],)
            )
    scene._before = scene._look()
    scene.assert_refused(7, "not what was published")


# What a checkout of somebody else may hold.


@on_sqlite
@pytest.mark.parametrize("link", [".claude", ".claude/skills"])
def test_a_link_that_leads_out_of_the_project(scene: Scene, link: str, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "skills").mkdir(parents=True)
    evil = make_project(tmp_path / "evil")
    (evil / link).parent.mkdir(exist_ok=True)
    (evil / link).symlink_to(outside)
    (evil / "everyskill.lock").write_text((scene.project / "everyskill.lock").read_text())
    os.chdir(evil)
    before = tree(evil, outside)
    for words in (["install"], ["install", "--frozen"], ["install", "demo"], ["uninstall", "demo"]):
        done = scene.cli(*words)
        assert_failed(done, 5, "leads out of the project")
        assert tree(evil, outside) == before


def nest(folder: Path, depth: int) -> None:
    """Make folders inside one another: git takes a thousand, and Python's own removal does not."""
    for _ in range(depth):
        folder.mkdir(parents=True)
        os.chdir(folder)
        folder = Path("a")


@on_sqlite
def test_a_work_folder_that_somebody_made_moves_nothing_out(scene: Scene, tmp_path: Path) -> None:
    skills = scene.target.parent
    precious = tmp_path / "precious"
    for folder in ("old", "ready", "partial", "doomed"):
        (precious / folder).mkdir(parents=True)
        (precious / folder / "SKILL.md").write_text("Precious.")
    (precious / "journal").write_text('{"new": null, "old": null}')
    for number, journal in enumerate(["", "[", "5", '{"new": []}', '{"new": [1], "old": {}}']):
        work = skills / f".everyskill-{number:016x}" / "demo"
        (work / "old").mkdir(parents=True)
        (work / "old/SKILL.md").write_text("Mine.")
        (work / "journal").write_text(journal)
    links = skills / ".everyskill-00000000000000a9"
    links.mkdir()
    (links / "demo").symlink_to(precious)
    (skills / ".everyskill-00000000000000aa").symlink_to(tmp_path)
    (skills / ".everyskill-00000000000000ab").write_text("A file.")
    outside = tree(tmp_path / "source", tmp_path / "store", precious)
    assert scene.cli("install").code == 0
    assert tree(tmp_path / "source", tmp_path / "store", precious) == outside
    assert contents(scene.target) == contents(scene.source)
    kept = list((skills / ".everyskill-kept").glob("*/SKILL.md"))
    assert [path.read_text() for path in kept] == ["Mine."] * 5


@on_sqlite
def test_a_work_folder_of_links_and_of_a_thousand_folders_stops_nobody(
    scene: Scene, tmp_path: Path
) -> None:
    skills, precious = scene.target.parent, write_skill(tmp_path / "precious", "demo")
    inner = skills / ".everyskill-00000000000000a8/demo"
    inner.mkdir(parents=True)
    for name in ("partial", "doomed", "journal"):
        (inner / name).symlink_to(precious)
    nest(skills / ".everyskill-00000000000000a7/demo/doomed", 1_100)
    os.chdir(scene.project)
    outside = tree(precious)
    for words in (["install"], ["install", "--frozen"], ["update"]):
        assert scene.cli(*words).code == 0
    assert tree(precious) == outside
    assert contents(scene.target) == contents(scene.source)
    subprocess.run(["rm", "-r", skills / ".everyskill-kept"], check=True)
    assert names(skills) == {"demo"}


@on_sqlite
def test_a_place_for_copies_that_leads_elsewhere_is_not_used(scene: Scene, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    skills = scene.target.parent
    (skills / ".everyskill-kept").symlink_to(outside)
    (scene.target / "own.md").write_text("Mine.")
    assert scene.cli("install", "--force").code == 0
    assert names(outside) == set()
    [own] = skills.glob(".everyskill-kept-*/demo-*/own.md")
    assert own.read_text() == "Mine."
    assert contents(scene.target) == contents(scene.source)


@on_sqlite
@pytest.mark.parametrize(
    "payload", ["\\u001b[2J", "\\u202e", "\\n", "\\u0007", "\\U000e0041", "a b"]
)
def test_names_in_a_lock_reach_no_terminal(scene: Scene, payload: str) -> None:
    lock = scene.project / "everyskill.lock"
    text = lock.read_text()
    for old in ('".claude/skills/demo"', "[skills.demo]"):
        new = old.replace("demo", payload).replace("[skills.", '[skills."').replace("]", '"]')
        lock.write_text(text.replace(old, new if old[0] == "[" else old.replace("demo", payload)))
        done = scene.cli("install")
        assert done.code in (5, 8)
        assert all(character.isprintable() or character == "\n" for character in done.stderr)


@on_sqlite
def test_another_registrys_store_is_no_loss_of_bytes(scene: Scene, tmp_path: Path) -> None:
    scene.publish()
    elsewhere = tmp_path / "elsewhere"
    env = {"EVERYSKILL_STORE_URL": f"file://{elsewhere}/store"}
    for said in ("is not theirs", "belongs to another registry"):
        for words in (["install", "demo"], ["diff", "demo@2"], ["show", "demo", "--content"]):
            assert_failed(scene.cli(*words, env=env), 8, said)
        home = {**env, "EVERYSKILL_DATABASE_URL": f"sqlite:///{elsewhere}/registry.db"}
        assert scene.cli("publish", scene.source, env=home).code == 0
        for place in (elsewhere / "store/sha256").glob("*/*"):
            place.unlink()

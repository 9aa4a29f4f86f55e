"""Install, update, uninstall: what lies in the folders afterwards, what is locked, what is said."""

from __future__ import annotations

import json
import os
import resource
import shutil
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from everyskill_cli.database import open_database
from everyskill_cli.database.queries import skills, versions
from everyskill_cli.installs.agents import AGENTS
from everyskill_cli.model import EventKind
from everyskill_cli.registry.publishing.decision import PublishOptions
from everyskill_cli.registry.publishing.publish import publish
from tests.commands import Commands, as_ordinary_user, assert_failed, assert_json_failure, tree
from tests.conftest import Everyskill
from tests.installing import contents, make_project, names
from tests.registries import make_registry, write_skill
from tests.rows import append
from tests.servers.s3 import S3Server

NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
on_both = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """SQLite, unless a test is about what databases are asked: then each of them."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return f"sqlite:///{tmp_path}/registry.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(capsys)


@pytest.fixture
def team(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry on each database, with three versions of `demo`; the folder of their sources."""
    sources = tmp_path / "sources"
    with closing(make_registry(database_url, tmp_path)) as registry:
        for body in ("one", "two", "three"):
            source = write_skill(sources / body, body=body, scripts__run_sh="#!/bin/sh\n")
            (source / "scripts/run_sh").chmod(0o755)
            if body == "three":
                (source / "extra.md").write_text("More.\n")
            publish(registry, [source], PublishOptions())
    monkeypatch.setenv("EVERYSKILL_DATABASE_URL", database_url)
    monkeypatch.setenv("EVERYSKILL_STORE_URL", f"file://{tmp_path}/store")
    monkeypatch.setenv("EVERYSKILL_USER", "ann@example.org")
    return sources


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with Claude Code's folder, and the working folder of the test."""
    folder = make_project(tmp_path / "project", ".claude")
    monkeypatch.chdir(folder)
    return folder


def lock_of(folder: Path) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = tomllib.loads((folder / "everyskill.lock").read_text())[
        "skills"
    ]
    return found


def uses(url: str) -> list[tuple[str, int]]:
    with open_database(url) as database, database.reading() as tx:
        rows = tx.exec_driver_sql(
            "SELECT u.tool_name, v.version FROM usage_events AS u"
            " JOIN skill_versions AS v ON v.id = u.skill_version_id ORDER BY u.created_at"
        )
        return [(name, version) for name, version in rows]


# Where it goes.


@on_both
def test_what_is_installed_is_what_was_published(cli: Commands, team: Path, project: Path) -> None:
    done = cli("install", "demo", "--json")
    assert (done.code, done.stderr) == (0, "")
    [result] = done.json["results"]
    target = project / ".claude/skills/demo"
    assert contents(target) == contents(team / "three/demo")
    assert contents(target)["scripts/run_sh"][1]
    assert (result["status"], result["version"], result["previous_version"]) == (
        "installed",
        3,
        None,
    )
    assert (result["path"], result["agents"], result["scope"]) == (
        str(target),
        ["claude-code"],
        "project",
    )
    assert (result["changes"], result["kept"], result["pinned"]) == ([], None, False)
    locked = lock_of(project)["demo"]
    assert (locked["version"], locked["targets"]) == (3, [".claude/skills/demo"])
    assert locked["content_hash"] == result["content_hash"]
    assert names(project / ".claude/skills") == {"demo"}


@on_both
def test_again_it_is_unchanged_and_nothing_is_written(
    cli: Commands, team: Path, project: Path, database_url: str
) -> None:
    assert cli("install", "demo").code == 0
    before = {path: path.lstat().st_mtime_ns for path in project.rglob("*")}
    for words in (["install", "demo"], ["install"], ["update"], ["install", "--frozen"]):
        done = cli(*words, "--json")
        assert (done.code, done.json["status"]) == (0, "unchanged")
    assert {path: path.lstat().st_mtime_ns for path in project.rglob("*")} == before
    assert uses(database_url) == [("install", 3)]


@pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: agent.name)
def test_every_agent_has_its_folders(
    cli: Commands, team: Path, project: Path, home: Path, agent, database_url
) -> None:
    for scope, root, folder in (
        ("project", project, agent.project),
        ("user", home, agent.user),
    ):
        done = cli("install", "demo", "--agent", agent.name, "--scope", scope, "--json")
        assert done.code == 0
        [result] = done.json["results"]
        assert result["path"] == str(root / folder / "demo")
        assert agent.name in result["agents"]
        assert (root / folder / "demo/SKILL.md").is_file()


@pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: agent.name)
def test_every_agent_is_known_by_its_signs_and_documented(agent, tmp_path: Path) -> None:
    from everyskill_cli.installs.agents import folder_of, present

    nobody = tmp_path / "nobody"
    for sign in agent.signs:
        root = tmp_path / agent.name / sign.replace("/", "-")
        (root / sign).mkdir(parents=True)
        [found] = present("project", root, nobody)
        assert folder_of(found, "project", root) == root / agent.project
    home = tmp_path / "home" / agent.name
    (home / agent.home_sign).mkdir(parents=True)
    for scope in ("project", "user"):
        [found] = present(scope, home / "elsewhere" if scope == "project" else home, home)
        assert found.user == agent.user
    page = (Path(__file__).parent.parent / "docs/install.md").read_text()
    [row] = [line for line in page.splitlines() if line.startswith(f"| `{agent.name}` |")]
    for text in (agent.project, agent.user, *agent.signs):
        assert text in row
    assert not agent.variable or agent.variable[0] in row


def test_variables_of_agents_move_their_folders(
    cli: Commands, team: Path, project: Path, tmp_path: Path, database_url: str
) -> None:
    env = {"CLAUDE_CONFIG_DIR": f"{tmp_path}/claude", "XDG_CONFIG_HOME": f"{tmp_path}/config"}
    words = ["--agent", "claude-code", "--agent", "opencode", "--scope", "user"]
    done = cli("install", "demo", *words, env=env)
    assert done.code == 0
    assert (tmp_path / "claude/skills/demo/SKILL.md").is_file()
    assert (tmp_path / "config/opencode/skills/demo/SKILL.md").is_file()


def test_detection_prefers_the_project_then_the_home_then_the_shared_folder(
    cli: Commands, team: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = make_project(tmp_path / "bare")
    monkeypatch.chdir(bare)
    done = cli("install", "demo")
    assert done.code == 0
    assert "no sign of an agent" in done.stderr
    assert names(bare) == {".git", ".agents", "everyskill.lock"}

    (home / ".codex").mkdir()
    (home / ".gemini").mkdir()
    other = make_project(tmp_path / "other")
    monkeypatch.chdir(other)
    done = cli("install", "demo")
    assert (done.code, done.stderr) == (0, "")
    assert names(other) == {".git", ".agents", ".gemini", "everyskill.lock"}

    both = make_project(tmp_path / "both", ".claude", ".cursor")
    (both / "deep/below").mkdir(parents=True)
    monkeypatch.chdir(both / "deep/below")
    done = cli("install", "demo", "--json")
    assert [result["agents"] for result in done.json["results"]] == [["claude-code"], ["cursor"]]
    assert lock_of(both)["demo"]["targets"] == [".claude/skills/demo", ".cursor/skills/demo"]


def test_agents_that_share_a_folder_get_it_once(cli: Commands, team: Path, tmp_path: Path) -> None:
    project = make_project(tmp_path / "shared", ".claude", ".agents/skills")
    (project / ".claude/skills").symlink_to("../.agents/skills")
    os.chdir(project)
    words = ["--agent", "codex", "--agent", "agents", "--agent", "claude-code"]
    done = cli("install", "demo", *words, "--json")
    assert done.code == 0
    assert len(done.json["results"]) == 1
    assert names(project / ".agents/skills") == {"demo"}
    assert cli("uninstall", "demo").code == 0
    assert names(project / ".agents/skills") == set()


def test_any_folder_of_the_project_and_with_user_scope_any_at_all(
    cli: Commands, team: Path, project: Path, tmp_path: Path, home: Path
) -> None:
    assert cli("install", "demo", "--to", "tools/skills").code == 0
    assert (project / "tools/skills/demo/SKILL.md").is_file()
    assert lock_of(project)["demo"]["targets"] == ["tools/skills/demo"]

    assert_failed(cli("install", "demo", "--to", tmp_path / "far"), 2, "outside", "--scope user")
    assert not (tmp_path / "far").exists()
    assert cli("install", "demo", "--to", tmp_path / "far", "--scope", "user").code == 0
    assert (tmp_path / "far/demo/SKILL.md").is_file()
    [lock] = home.rglob("everyskill.lock")
    assert f"{tmp_path}/far/demo" in lock.read_text()
    assert cli("uninstall", "demo", "--scope", "user").code == 0
    assert names(tmp_path / "far") == set()


def test_a_folder_that_no_lock_can_name_is_refused(
    cli: Commands, team: Path, project: Path
) -> None:
    for folder in ("a:b", "x ", ".git/hooks", "a\nb"):
        assert_failed(cli("install", "demo", "--to", folder), 2, "no folder that a lock can name")
    assert names(project) == {".git", ".claude"}


def test_folders_that_are_skills_or_none_at_all_are_refused(
    cli: Commands, team: Path, project: Path, tmp_path: Path, home: Path
) -> None:
    assert cli("publish", write_skill(tmp_path, "one")).code == 0
    assert cli("install", "demo", "--to", "skills").code == 0
    before = tree(project)
    for folder, said in (
        ("skills/demo", "inside of another"),
        ("", "names no folder"),
        (".everyskill-kept", "works itself"),
        ("a\udcff", "not-utf8"),
    ):
        assert_failed(cli("install", "one", "--to", folder), 2, said)
        assert tree(project) == before
    (project / "file").touch()
    assert_failed(cli("install", "one", "--to", "file/skills"), 5, "cannot be a folder")
    user = ["install", "one", "--scope", "user"]
    assert_failed(cli(*user, env={"HOME": ""}), 8, "home folder")
    assert_failed(cli(*user, env={"HOME": f"{tmp_path}/nowhere"}), 8, "home folder")
    claude = {"CLAUDE_CONFIG_DIR": f"{home}/x/../.claude"}
    assert cli(*user, "--agent", "claude-code", env=claude).code == 0
    assert (home / ".claude/skills/one/SKILL.md").is_file()


def test_a_skill_of_one_file_is_a_folder_with_it(
    cli: Commands, team: Path, project: Path, tmp_path: Path
) -> None:
    (tmp_path / "agent.json").write_text('{"name": "My agent"}')
    (tmp_path / "lone.md").write_text("---\nname: lone\ndescription: Alone.\n---\nText.\n")
    assert cli("publish", tmp_path / "agent.json").code == 0
    assert cli("publish", tmp_path / "lone.md").code == 0
    assert cli("install", "my-agent", "lone").code == 0
    skills = project / ".claude/skills"
    assert contents(skills / "my-agent") == {"agent.json": (b'{"name": "My agent"}', False)}
    assert contents(skills / "lone")["SKILL.md"][0] == (tmp_path / "lone.md").read_bytes()
    assert cli("list", "--installed").stdout.splitlines()[0].split("\t")[:2] == ["clean", "lone"]


# Which version.


@on_both
def test_names_pins_and_what_updates_leave(cli: Commands, team: Path, project: Path) -> None:
    def locked() -> tuple[object, bool]:
        block = lock_of(project)["demo"]
        return block["version"], "pinned" in block

    assert cli("install", "demo@1").code == 0
    assert locked() == (1, True)
    for words in (["update"], ["update", "demo"]):
        answer = cli(*words, "--json").json
        assert [result["status"] for result in answer["results"]] == ["pinned"]
        [note] = answer["warnings"]
        assert note["rule"] == "pinned"
        assert "3 is published" in note["message"]
    assert locked() == (1, True)
    [item] = cli("outdated", "--json").json["items"]
    assert (item["version"], item["published_version"], item["pinned"]) == (1, 3, True)

    assert cli("install", "demo@latest").code == 0
    assert locked() == (3, False)
    for pin in ("demo@3", "demo"):  # the folder stays as it is, and only the lock is news
        [result] = cli("install", pin, "--json").json["results"]
        assert (result["status"], locked()) == ("locked", (3, pin == "demo@3"))
    assert cli("install", "demo@2").code == 0
    assert cli("install", "demo", "--json").json["results"][0]["previous_version"] == 2
    assert locked() == (3, False)
    assert contents(project / ".claude/skills/demo") == contents(team / "three/demo")


def test_what_is_installed_is_nobodys_source(cli: Commands, team: Path, project: Path) -> None:
    copy = project / ".claude/skills/demo"
    assert cli("install", "demo").code == 0
    write_skill(project / "ours", "mine")
    for verb in ("check", "publish"):
        answer = cli(verb, ".", "--json").json
        assert [result["slug"] for result in answer["results"]] == ["mine"]
        [note] = answer["warnings"]
        assert (note["rule"], Path(note["source"]).name) == ("installed-copy", "demo")
    # Whoever names the copy itself means it.
    [result] = cli("publish", copy, "--json").json["results"]
    assert (result["slug"], result["status"]) == ("demo", "unchanged")
    shutil.rmtree(project / "ours")
    assert_failed(cli("publish", "."), 2, "was installed here", "Name the folder")


@pytest.fixture
def event(database_url: str) -> Callable[..., None]:
    """Append an event about a version of `demo`, as the verbs do: `event(2, "yank")`."""

    def run(number: int, kind: EventKind, **more: object) -> None:
        with open_database(database_url, "write") as database, database.writing() as tx:
            skill_id = skills.lock(tx, ["demo"])["demo"]
            version = versions.find(tx, skill_id, number)
            assert version is not None
            append(tx, version, kind, **more)

    return run


@on_both
def test_a_rollback_is_followed_and_a_yanked_version_only_by_its_number(
    cli: Commands, team: Path, project: Path, event: Callable[..., None]
) -> None:
    event(2, "rollback")
    assert cli("install", "demo", "--json").json["results"][0]["version"] == 2
    event(2, "yank", reason="It deletes files.", successor=3, falls_back_to=3)
    for words in (["install"], ["install", "--frozen"], ["install", "demo@2"]):
        done = cli(*words)
        assert done.code == 0
        for part in ("demo@2 was yanked", "It deletes files.", "demo@3"):
            assert part in done.stderr
    assert cli("list", "--installed", "--json").json["items"][0]["state"] == "yanked"
    assert cli("install", "demo", "--json").json["results"][0]["version"] == 3

    event(3, "yank", reason="Worse")
    event(1, "yank")
    done = cli("install", "demo")
    assert_failed(done, 4, "no published version", "3, was yanked: Worse", "versions demo")
    assert lock_of(project)["demo"]["version"] == 3
    done = cli("update", "--json")
    assert (done.code, done.json["status"]) == (0, "unchanged")
    assert [note["rule"] for note in done.json["warnings"]] == ["yanked", "not-published"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["nothing"], 4, "There is no skill nothing"),
        (["demo@9"], 4, "There is no version 9 of demo"),
        (["demo@draft"], 4, "no draft version"),
        (["demo", "demo@1"], 2, "exclude each other"),
        (["Demo"], 2, "not a slug"),
        (["demo", "--agent", "emacs"], 2, "no agent"),
        (["demo", "--scope", "world"], 2, "world"),
        ([], 2, "no lock file"),
        (["--frozen"], 5, "no lock file"),
        (["demo", "--frozen"], 5, "no lock file"),
    ],
)
def test_what_cannot_be_installed_leaves_nothing(
    cli: Commands, team: Path, project: Path, words: list[str], code: int, said: str
) -> None:
    before = tree(project)
    assert_failed(cli("install", *words), code, said)
    assert cli("install", *words, "--json").error["code"] == code
    assert tree(project) == before


def test_one_that_cannot_be_had_stops_all(cli: Commands, team: Path, project: Path) -> None:
    assert_failed(cli("install", "demo", "nothing"), 4, "nothing")
    assert names(project) == {".git", ".claude"}


def test_without_a_registry_there_is_nothing_and_none_is_made(
    cli: Commands, project: Path, home: Path
) -> None:
    assert_failed(cli("install", "demo"), 4, "no skill demo")
    assert_failed(cli("update", "demo"), 4, "not in the lock file")
    assert_failed(cli("uninstall", "demo"), 4, "not in the lock file")
    for words in (["list", "--installed"], ["outdated"], ["update"]):
        assert cli(*words).code == 0
    assert names(home) == set()


@on_both
def test_a_purged_version_is_not_installed_and_no_edit_where_it_stands(
    cli: Commands, team: Path, project: Path, event: Callable[..., None]
) -> None:
    assert cli("install", "demo@2").code == 0
    event(2, "purge", reason="law")
    for words in (["install"], ["install", "--frozen"], ["install", "demo@2"], ["update", "demo"]):
        assert_failed(cli(*words), 4, "demo@2 was purged: law", "everyskill install demo")
    assert cli("list", "--installed", "--json").json["items"][0]["state"] == "purged"
    [result] = cli("install", "demo", "--json").json["results"]
    assert (result["previous_version"], result["version"], result["kept"]) == (2, 3, None)


@on_both
def test_another_published_version_than_the_locked_one_is_no_edit(
    cli: Commands, team: Path, project: Path
) -> None:
    """As after a `git pull` that brought a lock: an install follows it."""
    assert cli("install", "demo").code == 0
    target = project / ".claude/skills/demo"
    shutil.rmtree(target)
    shutil.copytree(team / "one/demo", target)
    [item] = cli("list", "--installed", "--json").json["items"]
    assert (item["state"], len(item["changes"])) == ("other-version", 2)
    assert cli("install", "--frozen", "--json").json["results"][0]["previous_version"] == 1
    assert cli("list", "--installed", "--json").json["items"][0]["state"] == "clean"


@on_both
def test_a_lock_that_the_registry_contradicts_is_noticed_also_on_the_way_to_another_version(
    cli: Commands, team: Path, project: Path
) -> None:
    assert cli("install", "demo@1").code == 0
    lock = project / "everyskill.lock"
    text = lock.read_text().replace("pinned = true\n", "")
    birth = lock_of(project)["demo"]["entry_hash"]
    lock.write_text(text.replace(str(birth), str(birth)[::-1]))
    for words in (["update"], ["install", "demo"], ["install", "demo@2"], ["install"]):
        assert_failed(cli(*words), 7, "not the one that the lock names")
    lock.write_text(text.replace("version = 1\nc", "version = 9\nc"))
    assert_failed(cli("update"), 4, "no version 9 of demo")


# Local edits.


def edit(target: Path) -> None:
    (target / "SKILL.md").write_text("Mine now.\n")
    (target / "notes.txt").write_text("Remember.\n")


def test_local_edits_are_refused_by_name_and_nothing_is_touched(
    cli: Commands, team: Path, project: Path
) -> None:
    assert cli("install", "demo@2").code == 0
    target = project / ".claude/skills/demo"
    edit(target)
    before = tree(project)
    for words in (
        ["install", "demo"],
        ["install"],
        ["install", "--frozen"],
        ["install", "demo@2"],
        ["install", "demo", "--dry-run"],
    ):
        done = cli(*words)
        assert_failed(done, 5, "local edits", "SKILL.md", "notes.txt", "--force")
        assert tree(project) == before
    assert_json_failure(cli("install", "--json"), 5, "Conflict")
    assert_failed(
        cli("uninstall", "demo"), 5, "something else than demo@2", "SKILL.md, notes.txt", "--force"
    )
    assert tree(project) == before
    [item] = cli("list", "--installed", "--json").json["items"]
    assert item["state"] == "edited"
    assert item["changes"] == [
        {"path": "SKILL.md", "change": "modified"},
        {"path": "notes.txt", "change": "added"},
    ]


def test_force_keeps_a_copy_that_the_message_names(
    cli: Commands, team: Path, project: Path
) -> None:
    assert cli("install", "demo@2").code == 0
    target = project / ".claude/skills/demo"
    edit(target)
    mine = contents(target)
    done = cli("install", "demo", "--force")
    assert done.code == 0
    assert contents(target) == contents(team / "three/demo")
    [kept] = (project / ".claude/skills/.everyskill-kept").glob("demo-*")
    assert contents(kept) == mine
    assert str(kept) in done.stderr
    assert str(kept) in done.stdout
    assert (kept.parent / ".gitignore").read_text() == "*\n"

    edit(target)
    mine = contents(target)
    done = cli("uninstall", "demo", "--force", "--json")
    [result] = done.json["results"]
    assert contents(Path(result["kept"])) == mine
    assert result["kept"] != str(kept)
    assert names(project / ".claude/skills") == {".everyskill-kept"}


def own_folder(target: Path, elsewhere: Path, team: Path) -> None:
    write_skill(target.parent, body="Somebody's own.")


def own_file(target: Path, elsewhere: Path, team: Path) -> None:
    target.write_text("A file.")


def own_link(target: Path, elsewhere: Path, team: Path) -> None:
    target.symlink_to(elsewhere)


def dangling_link(target: Path, elsewhere: Path, team: Path) -> None:
    target.symlink_to("nowhere")


def ignored_edit(target: Path, elsewhere: Path, team: Path) -> None:
    """An ignore file hides no edit."""
    shutil.copytree(team / "three/demo", target)
    (target / ".everyskillignore").write_text("mine\n")
    (target / "mine").write_text("Not to be lost.")


@pytest.mark.parametrize(
    "make", [own_folder, own_file, own_link, dangling_link, ignored_edit], ids=lambda f: f.__name__
)
def test_what_is_not_ours_is_left_and_with_force_kept(
    cli: Commands, team: Path, project: Path, make: Callable[..., None], tmp_path: Path
) -> None:
    target, elsewhere = project / ".claude/skills/demo", tmp_path / "elsewhere"
    for folder in (target.parent, elsewhere):
        folder.mkdir()
    make(target, elsewhere, team)
    before, outside = tree(project), tree(elsewhere)
    own = {path: seen for path, seen in tree(target.parent).items() if path.startswith("demo")}
    assert_failed(cli("install", "demo"), 5, "everyskill", "--force")
    assert tree(project) == before
    assert cli("install", "demo", "--force").code == 0
    assert contents(target) == contents(team / "three/demo")
    [kept] = (target.parent / ".everyskill-kept").glob("demo-*")
    found = tree(kept.parent)
    assert {p.replace(kept.name, "demo"): s for p, s in found.items() if kept.name in p} == own
    assert tree(elsewhere) == outside


@on_both
def test_published_bytes_are_nobodys_own_and_residue_is_no_edit(
    cli: Commands, team: Path, project: Path
) -> None:
    """A folder that holds any published version is replaced, whoever put it there."""
    target = project / ".claude/skills/demo"
    shutil.copytree(team / "one/demo", target)
    (target / "scripts/__pycache__").mkdir()
    (target / "scripts/__pycache__/run.cpython-311.pyc").write_bytes(b"\0")
    (target / ".DS_Store").write_bytes(b"\0")
    (target / "empty").mkdir()
    [result] = cli("install", "demo", "--json").json["results"]
    assert (result["status"], result["previous_version"]) == ("updated", 1)
    assert result["changes"] == [
        {"path": "SKILL.md", "change": "modified"},
        {"path": "extra.md", "change": "added"},
    ]
    assert contents(target) == contents(team / "three/demo")
    assert names(project / ".claude/skills") == {"demo"}
    (target / "__pycache__").mkdir()
    (target / "__pycache__/x.pyc").write_bytes(b"")
    assert cli("install", "--json").json["status"] == "unchanged"
    assert cli("uninstall", "demo").code == 0
    assert names(project / ".claude/skills") == set()


def test_a_frozen_install_leaves_nothing_beside_the_files(
    cli: Commands, team: Path, project: Path
) -> None:
    """What somebody committed as a compiled file is code that nobody published."""
    assert cli("install", "demo").code == 0
    target = project / ".claude/skills/demo"
    (target / "scripts/__pycache__").mkdir()
    (target / "scripts/__pycache__/run.cpython-311.pyc").write_bytes(b"planted")
    assert cli("install", "--json").json["status"] == "unchanged"
    assert (target / "scripts/__pycache__").exists()
    assert cli("install", "--frozen", "--json").json["status"] == "updated"
    assert not (target / "scripts/__pycache__").exists()
    assert contents(target) == contents(team / "three/demo")
    assert cli("install", "--frozen", "--json").json["status"] == "unchanged"


def test_what_cannot_be_deleted_stops_nobody(cli: Commands, team: Path, project: Path) -> None:
    """As a container's root leaves it behind."""
    assert cli("install", "demo@1").code == 0
    residue = project / ".claude/skills/demo/__pycache__"
    residue.mkdir()
    (residue / "x.pyc").touch()
    residue.chmod(0o555)
    try:
        for words in (["install", "demo"], ["install"], ["install", "--frozen"], ["update"]):
            done = as_ordinary_user(*words)
            assert (done.code, done.stderr) == (0, ""), done
        assert contents(project / ".claude/skills/demo") == contents(team / "three/demo")
        assert as_ordinary_user("uninstall", "demo").code == 0
    finally:
        for left in project.rglob("__pycache__"):
            left.chmod(0o755)
    assert cli("install", "demo").code == 0  # whoever may delete it does
    assert names(project / ".claude/skills") == {"demo"}


def test_so_much_that_nobody_looks_at_all_of_it_is_not_called_removed(
    cli: Commands, team: Path, project: Path
) -> None:
    assert cli("install", "demo").code == 0
    target = project / ".claude/skills/demo"
    for number in range(10_050):
        (target / f"{number}").touch()
    assert_failed(cli("install"), 5, " more")
    [item] = cli("list", "--installed", "--json").json["items"]
    assert {change["change"] for change in item["changes"]} == {"added"}
    assert cli("install", "--force").code == 0
    [kept] = (target.parent / ".everyskill-kept").glob("demo-*")
    assert len(names(kept)) == 10_053
    assert contents(target) == contents(team / "three/demo")


def test_deep_residue_stops_nobody(cli: Commands, team: Path, project: Path) -> None:
    """A thousand folders inside one another are more than Python's own removal takes."""
    assert cli("install", "demo@1").code == 0
    deep = os.open(project / ".claude/skills/demo", os.O_RDONLY)
    for _ in range(1_300):
        os.mkdir("node_modules", dir_fd=deep)
        inner = os.open("node_modules", os.O_RDONLY, dir_fd=deep)
        os.close(deep)
        deep = inner
    os.close(deep)
    for words in (["install", "demo"], ["install"], ["update"]):
        assert cli(*words).code == 0
    assert contents(project / ".claude/skills/demo") == contents(team / "three/demo")
    assert names(project / ".claude/skills") == {"demo"}


def test_a_folder_that_may_not_be_moved_stops_all_before_the_first(
    cli: Commands, team: Path, project: Path
) -> None:
    agents = ["--agent", "claude-code", "--agent", "cursor"]
    assert cli("install", "demo@1", *agents).code == 0
    (project / ".cursor/skills/demo").chmod(0o555)
    before = tree(project)
    try:
        for words in (["install", "demo"], ["uninstall", "demo"]):
            assert_failed(as_ordinary_user(*words), 9, ".cursor/skills/demo")
            assert tree(project) == before
    finally:
        (project / ".cursor/skills/demo").chmod(0o755)


@pytest.mark.long
def test_what_is_saved_into_a_folder_that_was_swapped_out_is_kept(
    everyskill: Everyskill, team: Path, project: Path
) -> None:
    """A shell stands in the folder and goes on saving while it is replaced."""
    target = project / ".claude/skills/demo"
    for number in range(6):
        assert everyskill("install", f"demo@{1 + number % 2}", "--force").code == 0
        standing = os.open(target, os.O_RDONLY)
        running = everyskill.start("install", "demo@3", "--force")
        saved = b""
        while running.poll() is None:
            text = f"{number} {time.monotonic_ns()}".encode()
            with suppress(FileNotFoundError):  # the folder itself is gone
                file = os.open(
                    "note.md", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644, dir_fd=standing
                )
                os.write(file, text)
                os.close(file)
                saved = text
        os.close(standing)
        assert running.returncode == 0
        found = [path.read_bytes() for path in project.rglob("note.md")]
        assert saved in found, (saved, found)
        (target / "note.md").unlink(missing_ok=True)


def test_an_execute_bit_is_an_edit(cli: Commands, team: Path, project: Path) -> None:
    assert cli("install", "demo").code == 0
    (project / ".claude/skills/demo/scripts/run_sh").chmod(0o644)
    assert_failed(cli("install"), 5, "scripts/run_sh")


def test_a_closed_umask_leaves_the_owner_the_bit(
    everyskill: Everyskill, team: Path, project: Path
) -> None:
    before = os.umask(0o133)
    try:
        assert everyskill("install", "demo").code == 0
    finally:
        os.umask(before)
    target = project / ".claude/skills/demo"
    assert contents(target) == contents(team / "three/demo")
    assert (target / "scripts/run_sh").stat().st_mode & 0o777 == 0o700
    assert (target / "SKILL.md").stat().st_mode & 0o777 == 0o644


# Update, outdated, uninstall, list.


@on_both
def test_update_says_what_changed_and_a_dry_run_changes_nothing(
    cli: Commands, team: Path, project: Path
) -> None:
    assert cli("install", "demo@1").code == 0
    lock = project / "everyskill.lock"
    lock.write_text(lock.read_text().replace("pinned = true\n", ""))
    before = tree(project)
    for words in (["update", "--dry-run"], ["install", "demo", "--dry-run"]):
        done = cli(*words, "--json")
        [result] = done.json["results"]
        assert (result["status"], result["version"], result["previous_version"]) == (
            "would-update",
            3,
            1,
        )
        assert {"path": "extra.md", "change": "added"} in result["changes"]
        assert tree(project) == before
    done = cli("update")
    assert done.stdout.split("\t")[:4] == ["updated", "demo", "3", "1"]
    assert "extra.md added" in done.stdout
    assert cli("outdated", "--json").json["items"] == []
    assert cli("uninstall", "demo", "--dry-run", "--json").json["status"] == "would-remove"
    assert (project / ".claude/skills/demo").is_dir()


def test_uninstall_from_one_agent_leaves_the_other(
    cli: Commands, team: Path, project: Path
) -> None:
    assert cli("install", "demo", "--agent", "claude-code", "--agent", "cursor").code == 0
    assert_failed(cli("uninstall", "demo", "--agent", "codex"), 4, "not installed in")
    assert cli("uninstall", "demo", "--agent", "cursor").code == 0
    assert lock_of(project)["demo"]["targets"] == [".claude/skills/demo"]
    assert not (project / ".cursor/skills/demo").exists()
    shutil.rmtree(project / ".claude/skills/demo")
    assert cli("list", "--installed", "--json").json["items"][0]["state"] == "missing"
    assert cli("uninstall", "demo").code == 0
    assert lock_of(project) == {}


@on_both
def test_list_installed_has_both_scopes_and_takes_no_options_of_list(
    cli: Commands, team: Path, project: Path
) -> None:
    assert cli("install", "demo@1").code == 0
    assert cli("install", "demo", "--scope", "user", "--agent", "codex").code == 0
    items = cli("list", "--installed", "--json").json["items"]
    assert [(i["scope"], i["state"], i["version"]) for i in items] == [
        ("project", "outdated", 1),
        ("user", "clean", 3),
    ]
    for words in (["--sort", "name"], ["-n", "3"], ["--after", "x"]):
        assert_failed(cli("list", "--installed", *words), 2, "exclude each other")
    assert cli("outdated", "--json").json["items"] == items[:1]


def test_one_folder_that_cannot_be_looked_at_hides_no_other(
    cli: Commands, team: Path, project: Path, tmp_path: Path
) -> None:
    assert cli("install", "demo", "--to", "aaa", "--agent", "cursor").code == 0
    (project / "aaa").rename(tmp_path / "aaa")
    (project / "aaa").symlink_to(tmp_path / "aaa")
    for words in (["list", "--installed"], ["outdated"]):
        done = cli(*words, "--json")
        assert done.code == 0
        assert "leads out of the project" in done.json["warnings"][0]["message"]
    items = cli("list", "--installed", "--json").json["items"]
    assert [item["state"] for item in items] == ["clean", "unknown"]


def test_many_skills_need_few_descriptors(
    everyskill: Everyskill, team: Path, project: Path, tmp_path: Path
) -> None:
    skills_ = [write_skill(tmp_path / "many", f"skill-{number:02}") for number in range(40)]
    assert everyskill("publish", tmp_path / "many").code == 0
    agents = [word for agent in AGENTS[:4] for word in ("--agent", agent.name)]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    try:
        done = everyskill("install", *(skill.name for skill in skills_), *agents)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert (done.code, done.stderr) == (0, "")
    assert len(list(project.glob(".*/skills/*/SKILL.md"))) == 160


def test_a_project_moves_and_its_lock_goes_with_it(
    cli: Commands, team: Path, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli("install", "demo").code == 0
    moved = project.rename(tmp_path / "moved")
    monkeypatch.chdir(moved)
    assert cli("install", "--json").json["status"] == "unchanged"
    shutil.rmtree(moved / ".claude")
    assert cli("install", "--frozen", "--json").json["status"] == "installed"


# Without rights, without a network.


@on_both
def test_a_use_is_recorded_once_and_never_stops_an_install(
    cli: Commands, team: Path, project: Path, database_url: str
) -> None:
    assert cli("install", "demo@1").code == 0
    assert cli("install", "demo").code == 0
    shutil.rmtree(project / ".claude/skills/demo")
    assert cli("install", "--frozen").code == 0
    assert uses(database_url) == [("install", 1), ("install", 3)]


def test_a_registry_that_may_only_be_read_is_enough(tmp_path: Path) -> None:
    env_home = tmp_path / "registry"
    url = f"sqlite:///{env_home}/registry.db"
    with closing(make_registry(url, env_home)) as registry:
        publish(registry, [write_skill(tmp_path)], PublishOptions())
    project = make_project(tmp_path / "project", ".claude")
    os.chdir(project)
    for path in (env_home, *env_home.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    words = ["--database-url", url, "--store-url", f"file://{env_home}/store"]
    before = tree(env_home)
    try:
        for install in (["install", "demo"], ["install", "--frozen"]):
            done = as_ordinary_user(*words, *install)
            assert (done.code, done.stderr) == (0, ""), done
            shutil.rmtree(project / ".claude/skills/demo")
        assert as_ordinary_user(*words, "install", "--frozen").code == 0
        assert tree(env_home) == before
    finally:
        for path in (env_home, *env_home.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)


def test_a_folder_that_may_not_be_written_is_forbidden_and_nothing_is_changed(
    cli: Commands, team: Path, project: Path
) -> None:
    (project / ".claude/skills").mkdir()
    (project / ".claude/skills").chmod(0o555)
    done = as_ordinary_user("install", "demo", "--agent", "cursor", "--agent", "claude-code")
    assert_failed(done, 9, ".claude/skills", "Permission denied")
    (project / ".claude/skills").chmod(0o755)
    assert names(project) == {".git", ".claude"}
    assert names(project / ".claude/skills") == set()


@on_both
def test_a_use_that_has_to_wait_is_given_up_soon_and_keeps_no_other_out(
    cli: Commands, team: Path, project: Path, database_url: str
) -> None:
    with open_database(database_url, "write") as database, database.writing() as tx:
        skills.lock(tx, ["demo"])
        started = time.monotonic()
        assert cli("install", "demo").code == 0
        assert time.monotonic() - started < 15  # and not the 30 seconds of everybody else
    assert uses(database_url) == []


@pytest.fixture
def far(
    s3_server: S3Server, tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, str]]:
    """A team's registry with `demo@1` and `other@1`, PostgreSQL and S3, in the environment."""
    env = {
        **s3_server.environment(s3_server.prefix()),
        "EVERYSKILL_DATABASE_URL": postgres_url,
        "EVERYSKILL_USER": "ann@example.org",
    }
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    yield env


def test_offline_the_cache_serves_what_is_locked(
    cli: Commands, far: dict[str, str], project: Path, tmp_path: Path, home: Path
) -> None:
    assert cli("upgrade").code == 0
    for name in ("demo", "other"):
        assert cli("publish", write_skill(tmp_path, name, scripts__x="1")).code == 0
    assert cli("install", "demo", "other").code == 0
    wanted = contents(project / ".claude/skills")
    nowhere = "http://127.0.0.1:1"
    offline = {"EVERYSKILL_DATABASE_URL": "postgresql://127.0.0.1:1/no", "R2_ENDPOINT": nowhere}
    for words in (["install", "--frozen"], ["install"], ["install", "demo@1", "other@1"]):
        shutil.rmtree(project / ".claude/skills")
        done = cli(*words, env=offline)
        assert done.code == 0, done.stderr
        assert "cannot be reached" in done.stderr
        assert contents(project / ".claude/skills") == wanted
    assert [block["pinned"] for block in lock_of(project).values()] == [True, True]
    listed = cli("list", "--installed", env=offline)
    assert (listed.code, listed.stdout.count("clean")) == (0, 2)
    assert "not known" in listed.stderr

    for words in (["install", "demo"], ["install", "demo@2"], ["update"], ["outdated"]):
        assert cli(*words, env=offline).code == 6
    # What the cache has is verified: one flipped byte, and it does not have it.
    [object_] = [p for p in home.rglob("sha256/*/*") if b"demo" in p.read_bytes()]
    object_.write_bytes(object_.read_bytes().replace(b"demo", b"dame"))
    shutil.rmtree(project / ".claude/skills")
    assert_failed(cli("install", env=offline), 6, "cannot be reached")
    assert names(project / ".claude") == set()
    assert cli("install").code == 0
    assert contents(project / ".claude/skills") == wanted


def test_offline_a_block_that_is_not_the_versions_own_is_not_known(
    cli: Commands, far: dict[str, str], project: Path, tmp_path: Path
) -> None:
    assert cli("upgrade").code == 0
    assert cli("publish", write_skill(tmp_path)).code == 0
    assert cli("install", "demo").code == 0
    offline = {"EVERYSKILL_DATABASE_URL": "postgresql://127.0.0.1:1/no"}
    lock = project / "everyskill.lock"
    text = lock.read_text()
    for changed in (text.replace("demo", "zed"), text.replace("version = 1\nc", "version = 7\nc")):
        lock.write_text(changed)
        assert_failed(cli("install", env=offline), 6, "failed")
    lock.write_text(text)
    assert cli("install", env=offline).code == 0


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "garbage",
        "7",
        '{"slug": 5}',
        '{"version": {"created_at": "0001-01-01T00:00:00+23:59"}, "birth": {}, "slug": "demo"}',
        "",
    ],
    ids=["deep", "garbage", "number", "short", "time", "pipe"],
)
def test_what_somebody_wrote_into_the_cache_is_nothing_and_heals(
    cli: Commands, far: dict[str, str], project: Path, tmp_path: Path, home: Path, text: str
) -> None:
    assert cli("upgrade").code == 0
    assert cli("publish", write_skill(tmp_path)).code == 0
    assert cli("install", "demo").code == 0
    [pin] = home.rglob("versions/*/*.json")
    good = pin.read_bytes()
    pin.unlink()
    pin.write_text(text) if text else os.mkfifo(pin)
    offline = {"EVERYSKILL_DATABASE_URL": "postgresql://127.0.0.1:1/no"}
    assert cli("install", env=offline).code == 6
    assert cli("install").code == 0
    assert pin.read_bytes() == good
    assert cli("install", env=offline).code == 0


def test_the_cache_spares_the_store(
    cli: Commands, far: dict[str, str], project: Path, tmp_path: Path
) -> None:
    assert cli("upgrade").code == 0
    assert cli("publish", write_skill(tmp_path)).code == 0
    assert cli("install", "demo").code == 0
    shutil.rmtree(project / ".claude/skills")
    assert cli("install", env={"R2_ENDPOINT": "http://127.0.0.1:1"}).code == 0
    shutil.rmtree(project / ".claude/skills")
    # A frozen install reads the cache, and adds nothing to it.
    empty = tmp_path / "empty"
    done = cli("install", "--frozen", env={"EVERYSKILL_HOME": str(empty)})
    assert done.code == 0
    assert not empty.exists()


@on_both
def test_two_installs_at_once_both_stand(
    everyskill: Everyskill, team: Path, project: Path, tmp_path: Path
) -> None:
    for number in range(6):
        assert everyskill("publish", write_skill(tmp_path, f"skill-{number}")).code == 0
    running = [everyskill.start("install", f"skill-{number}", "demo") for number in range(6)]
    for process in running:
        _, stderr = process.communicate(timeout=60)
        assert process.returncode == 0, stderr
    assert set(lock_of(project)) == {"demo", *(f"skill-{number}" for number in range(6))}
    assert names(project / ".claude/skills") == set(lock_of(project))
    assert json.loads(everyskill("install", "--json").stdout)["status"] == "unchanged"

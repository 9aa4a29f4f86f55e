"""Many skills in one command: each for itself, whatever happens, and again what is left to do."""

from __future__ import annotations

import html
import os
import pty
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import fields
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, update

from everyskill_cli.bundle import pack
from everyskill_cli.cli.render.watcher import STOPPING
from everyskill_cli.database.engine import Database
from everyskill_cli.database.queries import records, skills, versions
from everyskill_cli.database.tables import condemned
from everyskill_cli.model import PublishResult
from everyskill_cli.registry import Registry, events
from everyskill_cli.registry.publishing import publish as publish_module
from everyskill_cli.registry.publishing import reading, storing
from everyskill_cli.registry.publishing.decision import PublishOptions
from everyskill_cli.registry.watch import Watch
from everyskill_cli.settings import load
from everyskill_cli.skill import read_skill
from everyskill_cli.stores import content_key
from tests.commands import PROGRAM, Commands, assert_failed, rows, tree
from tests.conftest import Everyskill, Finished
from tests.figures import Count
from tests.forks import Ended, Forks
from tests.registries import make_registry, write_skill
from tests.rows import add_version
from tests.servers.cut import Cut, CutProxy
from tests.servers.faults import Fault, FaultProxy
from tests.servers.relay import Answer, Exchange, Relay
from tests.sites import FolderStores, S3Stores, Site

ANN = "ann@example.org"
Publish = Callable[..., Finished]
Standing = dict[str, list[str]]


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks() as forks:
        yield forks


@pytest.fixture
def stores(tmp_path: Path) -> FolderStores:
    return FolderStores(tmp_path)


@pytest.fixture
def site(database_url: str, stores: FolderStores, tmp_path: Path) -> Site:
    """A registry with a folder, on each kind of database."""
    if database_url.startswith("postgresql"):
        make_registry(database_url, tmp_path).close()
    return site_of(database_url, stores.new(), stores.get)


@pytest.fixture
def local(stores: FolderStores, tmp_path: Path) -> Site:
    """A registry with a folder, on SQLite; nobody has made it yet."""
    return site_of(f"sqlite:///{tmp_path}/registry.db", stores.new(), stores.get)


def site_of(url: str, store: Any, get: Any) -> Site:
    env = {**store, "EVERYSKILL_DATABASE_URL": url, "EVERYSKILL_USER": ANN}
    return Site(env, partial(get, env))


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(capsys)


@pytest.fixture
def publish(cli: Commands) -> Publish:
    """Publish paths of the working folder to a site; the answer as JSON."""

    def run(site: Site, *words: str | Path) -> Finished:
        return cli("publish", *words, "--json", env=site.env)

    return run


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the S3 library's pauses between its attempts, which are seconds long."""
    pause = "botocore.retries.standard.ExponentialBackoff.delay_amount"
    monkeypatch.setattr(pause, lambda self, context: 0.001)


def slugs(count: int, prefix: str = "s") -> list[str]:
    return [f"{prefix}-{number:02}" for number in range(count)]


def grow(count: int, body: str = "Do it.", parent: str = "skills") -> list[Path]:
    """Write a tree of skills below the working folder; every third has more than one file."""
    return [
        write_skill(
            Path(parent) / "abc"[number % 3],
            slug,
            f"{body} {slug}",
            **({"more.md": "More.\n"} if number % 3 == 0 else {}),
        )
        for number, slug in enumerate(slugs(count))
    ]


def in_order(paths: list[Path]) -> list[str]:
    return sorted(map(str, paths))


def digest(folder: Path) -> str:
    return pack(read_skill(folder)).content_hash


def digests(folders: list[Path]) -> Standing:
    """What stands when each was published once."""
    return {folder.name: [digest(folder)] for folder in folders}


def standing(site: Site) -> Standing:
    """The hashes of each skill's versions in order, after the audit of everything."""
    site.audit()
    joined = "skills AS s JOIN skill_versions AS v ON v.skill_id = s.id"
    found: Standing = {}
    for line in site.query(
        f"SELECT s.slug || ' ' || v.content_hash FROM {joined} ORDER BY s.slug, v.version"
    ):
        slug, content_hash = line.split()
        found.setdefault(slug, []).append(content_hash)
    return found


def counts(done: Finished | Ended) -> dict[str, int]:
    return dict(Counter(result["status"] for result in done.json["results"]))


def by_slug(done: Finished | Ended) -> dict[str, Any]:
    return {result["slug"]: result for result in done.json["results"]}


def number_of_events(site: Site) -> int:
    [number] = site.query("SELECT count(*) FROM version_events")
    return int(number)


# Good days.


@pytest.mark.parametrize("group", [1, 5, 100])
def test_first_again_and_some_edited(
    group: int, site: Site, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish_module, "GROUP", group)
    folders = grow(12)
    first = publish(site, "skills")
    assert (first.code, first.stderr, first.json["status"]) == (0, "", "published")
    assert [result["path"] for result in first.json["results"]] == in_order(folders)
    assert {
        (result["version"], result["published_version"]) for result in first.json["results"]
    } == {(1, 1)}
    assert standing(site) == digests(folders)

    store = Path(site.env["EVERYSKILL_STORE_URL"].removeprefix("file://"))
    store.rename(store.with_name("elsewhere"))
    before = rows(site.url)
    again = publish(site, "skills")
    assert (again.code, again.json["status"], counts(again)) == (0, "unchanged", {"unchanged": 12})
    assert [result["created_at"] for result in again.json["results"]] == [
        result["created_at"] for result in first.json["results"]
    ]
    assert (rows(site.url), store.exists()) == (before, False)
    store.with_name("elsewhere").rename(store)

    for folder in folders[2:5]:
        write_skill(folder.parent, folder.name, "Do it better.")
    edited = publish(site, "skills")
    assert (edited.code, edited.json["status"]) == (0, "published")
    assert {s: r["version"] for s, r in by_slug(edited).items() if r["status"] == "published"} == {
        folder.name: 2 for folder in folders[2:5]
    }
    assert counts(edited) == {"published": 3, "unchanged": 9}
    expected = standing_of(first, edited)
    assert standing(site) == expected


def standing_of(*runs: Finished | Ended) -> Standing:
    """What stands after some runs, going by what they said."""
    found: Standing = {}
    for done in runs:
        for result in done.json["results"]:
            if result["status"] in ("published", "draft"):
                found.setdefault(result["slug"], []).append(result["content_hash"])
    return dict(sorted(found.items()))


def test_any_mix_of_paths(local: Site, publish: Publish) -> None:
    folders = grow(4)
    alone = write_skill(Path("other"), "alone")
    Path("note.txt").write_text("You are a pirate.\n")
    done = publish(local, "note.txt", folders[2], "skills", alone, "skills", folders[0])
    order = ["note.txt", str(folders[2]), *in_order([folders[n] for n in (0, 1, 3)]), str(alone)]
    assert [result["path"] for result in done.json["results"]] == order
    assert (done.code, counts(done)) == (0, {"published": 6})
    assert standing(local).keys() == {"note", "alone", *slugs(4)}


def test_one_skill_by_its_path_is_the_same_version_as_in_its_tree(
    local: Site, publish: Publish
) -> None:
    folders = grow(3)
    assert publish(local, folders[0]).json["status"] == "published"
    assert counts(publish(local, "skills")) == {"unchanged": 1, "published": 2}
    assert publish(local, folders[2]).json["status"] == "unchanged"


def test_what_changes_in_each_file_is_said(local: Site, publish: Publish) -> None:
    for name in ("new", "more", "less", "same", "other"):
        write_skill(Path("skills"), name, **{"a.md": "A", "b/c.md": "C"})
    shutil.move("skills/new", "new")
    first = publish(local, "skills")
    assert all(result["changes"] == [] for result in first.json["results"])
    shutil.move("new", "skills/new")
    Path("skills/more/d.md").write_text("D")
    Path("skills/less/b/c.md").unlink()
    Path("skills/other/a.md").write_text("AA")
    Path("skills/other/b/c.md").rename("skills/other/z.md")
    expected = {
        "less": [("b/c.md", "removed")],
        "more": [("d.md", "added")],
        "new": [],
        "other": [("a.md", "modified"), ("b/c.md", "removed"), ("z.md", "added")],
        "same": [],
    }
    for words in (["--dry-run"], []):
        done = publish(local, "skills", *words)
        assert done.json["status"] == ("would-publish" if words else "published")
        assert {
            slug: [(change["path"], change["change"]) for change in result["changes"]]
            for slug, result in by_slug(done).items()
        } == expected


def test_a_dry_run_writes_nothing_and_says_what_would_be(
    site: Site, publish: Publish, tmp_path: Path
) -> None:
    folders = grow(5)
    before = tree(tmp_path)
    done = publish(site, "skills", "--dry-run")
    assert (done.code, counts(done)) == (0, {"would-publish": 5})
    assert tree(tmp_path) == before
    assert publish(site, *folders[:3]).code == 0
    assert publish(site, folders[3], "--draft").code == 0
    write_skill(folders[1].parent, folders[1].name, "Edited.")
    (folders[2] / "SKILL.md").write_text("")
    stored, recorded = tree(tmp_path), rows(site.url)
    done = publish(site, "skills", "--dry-run")
    assert (done.code, done.json["status"]) == (10, "refused")
    told = {Path(r["path"]).name: (r["status"], r["version"]) for r in done.json["results"]}
    assert told == {
        "s-00": ("unchanged", 1),
        "s-01": ("would-publish", 2),
        "s-02": ("refused", None),
        "s-03": ("would-publish", 1),  # it would be promoted
        "s-04": ("would-publish", 1),
    }
    assert rows(site.url) == recorded
    if site.url.startswith("postgresql"):
        assert tree(tmp_path) == stored


# Options for many.


def test_drafts_of_many_and_their_promotion(site: Site, publish: Publish) -> None:
    folders = grow(6)
    done = publish(site, "skills", "--draft", "-m", "Try it.", "--tag", "b", "--tag", "a")
    assert (done.code, counts(done)) == (0, {"draft": 6})
    assert {(r["published_version"], r["draft_version"]) for r in done.json["results"]} == {
        (None, 1)
    }
    assert counts(publish(site, "skills", "--draft")) == {"unchanged": 6}
    write_skill(folders[1].parent, folders[1].name, "Edited.")
    done = publish(site, "skills", "-m", "For all.", "--tag", "c")
    assert (done.code, counts(done)) == (0, {"promoted": 5, "published": 1})
    assert {tuple(r["updated"]) for r in done.json["results"]} == {("tags",)}
    assert {r["published_version"] == r["version"] for r in done.json["results"]} == {True}
    assert {r["draft_version"] for r in done.json["results"]} == {None}
    assert (
        sorted(site.query("SELECT message FROM skill_versions")) == ["For all."] + ["Try it."] * 6
    )
    assert (
        sorted(site.query("SELECT reason FROM version_events WHERE kind = 'promote'"))
        == ["For all."] * 5
    )
    assert {tag for tags in site.query("SELECT tags FROM skills") for tag in tags} >= {"c"}
    site.audit()


def test_tags_and_category_of_many_change_without_new_versions(
    site: Site, publish: Publish
) -> None:
    folders = grow(5)
    assert publish(site, *folders[:3], "--category", "tools").code == 0
    events_before = number_of_events(site)
    done = publish(site, *folders[:4], "--category", "tools", "--tag", "x")
    assert counts(done) == {"unchanged": 3, "published": 1}
    assert [tuple(r["updated"]) for r in done.json["results"]] == [("tags",)] * 3 + [()]
    assert number_of_events(site) == events_before + 1
    again = publish(site, *folders[:4], "--category", "tools", "--tag", "x")
    assert {tuple(r["updated"]) for r in again.json["results"]} == {()}
    assert publish(site, "skills", "--category", "").code == 0
    assert set(site.query("SELECT category FROM skills")) == {None}


@pytest.mark.parametrize("option", [("--slug", "other"), ("--expect", "0")], ids=" ".join)
def test_options_about_one_skill_are_refused_for_many(
    option: tuple[str, str], local: Site, cli: Commands, tmp_path: Path
) -> None:
    folders = grow(2)
    for paths in (["skills"], folders):
        done = cli("publish", *paths, *option, env=local.env)
        assert_failed(done, 2, option[0], "one skill")
    assert list(tmp_path.iterdir()) == []
    shutil.rmtree(folders[1])  # a tree may hold one
    assert cli("publish", "skills", *option, env=local.env).code == 0


def test_wishes_that_come_to_nothing_are_news_of_one_skill_and_not_of_many(
    local: Site, publish: Publish
) -> None:
    folders = grow(3)
    assert publish(local, "skills").code == 0
    for paths, rules in (([folders[0]], ["message-not-kept", "no-draft"]), (["skills"], [])):
        done = publish(local, *paths, "-m", "Why not", "--draft")
        assert [warning["rule"] for warning in done.json["warnings"]] == rules


def act(site: Site, kind: Any, slug: str, number: int, **more: Any) -> None:
    """Do what a later command does: append an event."""
    registry = Registry(load({}, site.env), "write")
    with closing(registry), registry.database.writing() as tx:
        version = versions.find(tx, skills.lock(tx, [slug])[slug], number)
        assert version is not None
        what = events.Act(
            id=str(uuid.uuid4()),
            kind=kind,
            slug=slug,
            actor_id=version.created_by,
            at=records.now(tx),
            **more,
        )
        events.append(tx, [(what, version)])


def test_what_was_rolled_back_or_yanked_stays_so(site: Site, publish: Publish) -> None:
    folders = grow(4, "First.")
    assert publish(site, "skills").code == 0
    folders = grow(4, "Second.")
    assert publish(site, "skills").code == 0
    act(site, "rollback", "s-01", 1)
    act(site, "yank", "s-02", 2, reason="wrong advice", falls_back_to=1)
    write_skill(folders[3].parent, "s-03", "Third.")
    done = publish(site, "skills")
    assert (done.code, counts(done)) == (0, {"unchanged": 3, "published": 1})
    assert {slug: r["published_version"] for slug, r in by_slug(done).items()} == {
        "s-00": 2,
        "s-01": 1,
        "s-02": 1,
        "s-03": 3,
    }
    told = {(warning["rule"], warning["source"]) for warning in done.json["warnings"]}
    assert told == {("rolled-back", str(folders[1])), ("yanked", str(folders[2]))}
    site.audit()


def test_a_newcomer_is_told_of_each_skill_that_was_somebody_else_s(
    site: Site, publish: Publish
) -> None:
    assert publish(site, *grow(3)).code == 0
    folders = grow(4, "Edited.")
    bob = Site({**site.env, "EVERYSKILL_USER": "bob@example.org"}, site.get)
    done = publish(bob, "skills")
    assert [(w["rule"], w["source"]) for w in done.json["warnings"]] == [
        ("new-author", path) for path in in_order(folders[:3])
    ]


# Bad skills.


def spoil() -> dict[str, tuple[str, str | None]]:
    """Ten skills, each bad in its own way: the rule and the file of each, by its path."""

    def of(name: str, text: str | bytes, file: str = "SKILL.md") -> Path:
        folder = write_skill(Path("skills/bad"), name)
        data = text.encode() if isinstance(text, str) else text
        (folder / file).write_bytes(data)
        return folder

    of("binary", "---\nname: binary\n---\n\n\0\n")
    of("empty", "")
    of("env", "A=1\n", ".env")
    of("key", "AKIA" + "Q3EGR7MVKX2LNPTZ", "notes.md")
    (of("linked", "x", "x.md") / "passwd").symlink_to("/etc/passwd")
    os.mkfifo(of("piped", "x", "x.md") / "pipe")
    of("open", "---\nname: open\n")
    of("twice", "---\nname: a\nname: b\n---\nx\n")
    of("windows", "x", "aux.md")
    of("yaml", "---\nname: [\n---\n")
    return {
        "skills/bad/binary": ("nul-character", "SKILL.md"),
        "skills/bad/empty": ("empty-file", "SKILL.md"),
        "skills/bad/env": ("env-file", ".env"),
        "skills/bad/key": ("secret-aws-key-id", "notes.md"),
        "skills/bad/linked": ("symlink", "passwd"),
        "skills/bad/open": ("unclosed-frontmatter", "SKILL.md"),
        "skills/bad/piped": ("special-file", "pipe"),
        "skills/bad/twice": ("duplicate-key", "SKILL.md"),
        "skills/bad/windows": ("windows-reserved", "aux.md"),
        "skills/bad/yaml": ("invalid-frontmatter", "SKILL.md"),
    }


def test_ten_kinds_of_badness_stop_no_other_skill(
    site: Site, cli: Commands, publish: Publish, tmp_path: Path
) -> None:
    folders = grow(12)
    bad = spoil()
    summary = tmp_path / "summary.md"
    done = publish(site, "skills", "--summary", summary)
    assert (done.code, done.json["status"]) == (10, "refused")
    assert counts(done) == {"published": 12, "refused": 10}
    assert (done.error["type"], done.error["code"]) == ("PartialFailure", 10)
    assert "10 of 22" in done.error["message"]
    refused = {r["path"]: r["error"] for r in done.json["results"] if r["status"] == "refused"}
    assert {p: (e["rule"], e["path"]) for p, e in refused.items()} == bad
    for path, error in refused.items():
        assert error["message"] and error["hint"]
        assert path in html.unescape(summary.read_text())
    assert standing(site) == digests(folders)

    text = cli("publish", "skills", env=site.env)  # for people, and in a log
    assert text.code == 10
    assert "Traceback" not in text.stdout + text.stderr
    lines = {line.split("\t")[4]: line for line in text.stdout.splitlines()}
    assert {path for path, line in lines.items() if line.startswith("refused")} == bad.keys()

    mended = [write_skill(path.parent, path.name, "Mended.") for path in map(Path, bad)]
    for name in ("env/.env", "key/notes.md", "linked/passwd", "piped/pipe", "windows/aux.md"):
        (Path("skills/bad") / name).unlink()
    again = publish(site, "skills")
    assert (again.code, counts(again)) == (0, {"published": 10, "unchanged": 12})
    assert standing(site) == digests([*folders, *mended])


def test_only_bad_skills(local: Site, publish: Publish, tmp_path: Path) -> None:
    spoil()
    done = publish(local, "skills")
    assert (done.code, counts(done)) == (10, {"refused": 10})
    assert list(tmp_path.iterdir()) == []


def test_a_tree_with_one_bad_skill_is_a_batch_and_its_path_is_not(
    local: Site, publish: Publish, cli: Commands
) -> None:
    folder = write_skill(Path("skills"), "bad")
    (folder / "SKILL.md").write_text("")
    done = publish(local, "skills")
    assert (done.code, counts(done)) == (10, {"refused": 1})
    assert_failed(cli("publish", folder, env=local.env), 3, "SKILL.md has nothing in it")


def test_two_sources_of_one_slug_stop_everything_before_anything(
    local: Site, cli: Commands, tmp_path: Path
) -> None:
    grow(3)
    one, two = write_skill(Path("skills/x"), "same"), write_skill(Path("skills/y"), "same")
    (write_skill(Path("skills"), "bad") / "SKILL.md").write_text("")
    assert_failed(cli("publish", "skills", env=local.env), 3, str(one), str(two), "--exclude")
    done = cli("publish", "skills", "--json", env=local.env)
    assert (done.stdout, done.error["code"], done.error["type"]) == ("", 3, "InvalidSkill")
    assert list(tmp_path.iterdir()) == []
    for words in (("--dry-run",), ("--fail-fast", "--exclude", "bad")):
        assert cli("publish", "skills", *words, env=local.env).code == 3
    assert cli("publish", "skills", "--exclude", "/y", "--exclude", "bad", env=local.env).code == 0


def test_one_skill_named_as_folder_and_as_file_is_two_sources(local: Site, cli: Commands) -> None:
    folder = write_skill(Path("skills"), "a", **{"more.md": "x"})
    done = cli("publish", folder, folder / "SKILL.md", env=local.env)
    assert_failed(done, 3, "one slug")


def test_fail_fast_begins_nothing_behind_a_bad_skill(
    local: Site, publish: Publish, tmp_path: Path
) -> None:
    grow(6)
    bad = write_skill(Path("skills/b"), "s-02")
    (bad / "SKILL.md").write_text("")
    done = publish(local, "skills", "--fail-fast")
    assert (done.code, done.json["status"]) == (10, "refused")
    assert counts(done) == {"refused": 1, "skipped": 6}
    assert list(tmp_path.iterdir()) == []
    assert counts(publish(local, "skills")) == {"refused": 1, "published": 6}


def test_excluded_skills_are_not_read(local: Site, publish: Publish) -> None:
    folders = grow(4)
    spoil()
    done = publish(local, "skills", "--exclude", "bad")
    assert (done.code, counts(done)) == (0, {"published": 4})
    assert standing(local) == digests(folders)


# The answer.


def test_every_result_has_every_field_in_order(local: Site, publish: Publish) -> None:
    folders = grow(3)
    publish(local, folders[0])
    (write_skill(Path("skills"), "bad") / "SKILL.md").write_text("")
    done = publish(local, "skills")
    assert list(done.json) == ["status", "results", "warnings"]
    names = [field.name for field in fields(PublishResult)]
    assert [list(result) for result in done.json["results"]] == [names] * 4
    by_path = {Path(result["path"]).name: result for result in done.json["results"]}
    empty = {name for name in names if by_path["bad"][name] in (None, [])}
    assert empty == set(names) - {"path", "status", "error"}
    assert list(by_path["bad"]["error"]) == [
        "type",
        "code",
        "message",
        "hint",
        "rule",
        "path",
        "line",
    ]
    for slug in ("s-00", "s-01"):
        empty = {name for name in names if by_path[slug][name] in (None, [])}
        assert empty == {"error", "omitted", "changes", "updated", "draft_version"}


def test_a_pipe_gets_a_row_for_each_skill(local: Site, cli: Commands) -> None:
    folders = grow(3)
    (write_skill(Path("skills"), "bad") / "SKILL.md").write_text("")
    done = cli("publish", "skills", env=local.env)
    rows_ = [line.split("\t") for line in done.stdout.splitlines()]
    assert [(row[0], row[1], row[2], row[4], row[5]) for row in rows_] == [
        *[("published", f.name, "1", str(f), "") for f in folders[::3]],
        ("published", "s-01", "1", "skills/b/s-01", ""),
        ("refused", "", "", "skills/bad", "empty-file"),
        ("published", "s-02", "1", "skills/c/s-02", ""),
    ]
    assert re.fullmatch(r"error: 1 of 4 skills .+\.\nhint: .+\n", done.stderr)


def test_a_summary_is_added_whatever_came_of_it(local: Site, publish: Publish) -> None:
    grow(3)
    Path("summary.md").write_text("# Before\n")
    assert publish(local, "skills", "--summary", "summary.md").code == 0
    (write_skill(Path("skills"), "bad") / "SKILL.md").write_text("")
    assert publish(local, "skills", "--summary", "summary.md").code == 10
    text = Path("summary.md").read_text()
    assert text.startswith("# Before\n")
    assert text.index("3 published") < text.index("1 refused") < text.index("bad")


# The database.


def test_an_object_that_is_being_collected_keeps_back_no_other_skill(
    site: Site, publish: Publish, stores: FolderStores
) -> None:
    """Its collector has deleted it already; the one skill is stored again, and all stand."""
    folders = grow(12)
    mark(site, content_key(digest(folders[4])))
    done = publish(site, "skills")
    assert (done.code, counts(done)) == (0, {"published": 12})
    assert site.query("SELECT count(*) FROM condemned") == [0]
    assert standing(site) == digests(folders)


def mark(site: Site, key: str, *, is_done: bool = True) -> None:
    """Leave the mark of a collector that has done its work, or is about to."""
    values = {"since": datetime.now(UTC), "deleted_at": datetime.now(UTC) if is_done else None}
    registry = Registry(load({}, site.env), "create")
    with closing(registry), registry.database.writing() as tx:
        tx.execute(insert(condemned).values(content_url=key, **values))


def finish(site: Site, key: str) -> None:
    """Note that a collector has deleted the object."""
    registry = Registry(load({}, site.env), "write")
    with closing(registry), registry.database.writing() as tx:
        this = condemned.c.content_url == key
        tx.execute(update(condemned).where(this).values(deleted_at=datetime.now(UTC)))


def test_a_collector_at_work_is_waited_for_behind_all_others(
    site: Site, publish: Publish, everyskill: Everyskill
) -> None:
    folders = grow(8)
    assert publish(site, folders[0]).code == 0
    key = content_key(digest(folders[4]))
    mark(site, key, is_done=False)
    process = everyskill.start("publish", "skills", "--json", env=site.env)
    while number_of_events(site) < 7:  # all but one stand while the collector is at work
        assert process.poll() is None
    assert key not in site.query("SELECT content_url FROM skill_versions")
    Path(site.env["EVERYSKILL_STORE_URL"].removeprefix("file://"), key).unlink()
    finish(site, key)
    stdout, stderr = process.communicate(timeout=30)
    assert (process.returncode, stderr) == (0, "")
    assert counts(Finished(0, stdout, stderr)) == {"unchanged": 1, "published": 7}
    assert standing(site) == digests(folders)


def test_bytes_that_were_purged_keep_back_no_other_skill(site: Site, publish: Publish) -> None:
    folders = grow(5)
    assert publish(site, "skills").code == 0
    write_skill(folders[2].parent, "s-02", "A secret.")
    assert publish(site, "skills").code == 0
    act(site, "purge", "s-02", 2, reason="a key", falls_back_to=1)
    write_skill(folders[1].parent, "s-01", "Edited.")
    done = publish(site, "skills")
    assert (done.code, done.json["status"]) == (10, "failed")
    assert counts(done) == {"failed": 1, "published": 1, "unchanged": 3}
    error = by_slug(done)["s-02"]["error"]
    assert (error["type"], error["code"]) == ("Conflict", 5)
    assert "purged" in error["message"]


def test_bytes_that_were_purged_under_one_name_are_told_under_each(
    site: Site, publish: Publish
) -> None:
    """Their object is gone, so no skill that holds them is as it should be."""
    for name in ("a", "b", "c"):
        folder = write_skill(Path("skills"), name)
        (folder / "SKILL.md").write_text("# The same\n" if name != "c" else "# Another\n")
    assert counts(publish(site, "skills")) == {"published": 3}
    act(site, "purge", "a", 1, reason="a key")
    done = publish(site, "skills")
    assert {slug: result["status"] for slug, result in by_slug(done).items()} == {
        "a": "failed",
        "b": "failed",
        "c": "unchanged",
    }


REFUSE = {
    "sqlite": [
        """CREATE TRIGGER nobody_moves BEFORE INSERT ON skill_versions
           WHEN NEW.name = 's-04' BEGIN SELECT RAISE(ABORT, 'not this one'); END"""
    ],
    "postgresql": [
        """CREATE FUNCTION nobody_moves() RETURNS trigger LANGUAGE plpgsql AS $$
           BEGIN
               IF NEW.name = 's-04' THEN
                   RAISE integrity_constraint_violation USING MESSAGE = 'not this one';
               END IF;
               RETURN NEW;
           END $$""",
        """CREATE TRIGGER nobody_moves BEFORE INSERT ON skill_versions
           FOR EACH ROW EXECUTE FUNCTION nobody_moves()""",
    ],
}


def test_a_row_that_the_database_refuses_keeps_back_no_other(site: Site, publish: Publish) -> None:
    folders = grow(12)
    assert publish(site, folders[0]).code == 0
    for statement in REFUSE[site.url.partition(":")[0]]:
        site.query(statement)
    done = publish(site, "skills")
    assert (done.code, counts(done)) == (10, {"unchanged": 1, "published": 10, "failed": 1})
    error = by_slug(done)["s-04"]["error"]
    assert (error["type"], "not this one" in error["message"]) == ("Conflict", True)
    assert standing(site) == digests(folders[:4] + folders[5:])
    on = " ON skill_versions" if site.url.startswith("postgresql") else ""
    site.query(f"DROP TRIGGER nobody_moves{on}")
    done = publish(site, "skills")
    assert (done.code, counts(done)) == (0, {"unchanged": 11, "published": 1})
    assert standing(site) == digests(folders)


@pytest.fixture
def line(postgres_url: str, tmp_path: Path) -> Iterator[CutProxy]:
    make_registry(postgres_url, tmp_path).close()
    with CutProxy(postgres_url) as line:
        yield line


@pytest.mark.parametrize("cut", Cut)
@pytest.mark.parametrize("statement", ["UPDATE skills", "INSERT INTO version_events", "COMMIT"])
def test_a_connection_that_is_cut_amid_a_group(
    statement: str, cut: Cut, line: CutProxy, stores: FolderStores, publish: Publish
) -> None:
    """Each is then written alone, and none twice."""
    site = site_of(line.url, stores.new(), stores.get)
    folders = grow(6)
    line.order(cut, statement)
    done = publish(site, "skills")
    assert line.pending == 0
    assert (done.code, counts(done)) == (0, {"published": 6})
    assert standing(site) == digests(folders)
    assert number_of_events(site) == 6


def test_a_commit_whose_answer_nobody_can_look_up_is_not_taken_back(
    line: CutProxy, stores: FolderStores, publish: Publish
) -> None:
    site = site_of(line.url, stores.new(), stores.get)
    folders = grow(4)

    def cut_the_next() -> None:
        line.order(Cut.BEFORE)

    line.order(Cut.AFTER, "COMMIT", then=cut_the_next)
    done = publish(site, "skills")
    assert line.pending == 0
    assert (done.code, counts(done)) == (0, {"published": 4})
    assert standing(site) == digests(folders)


def test_a_database_that_is_gone_amid(
    line: CutProxy, stores: FolderStores, publish: Publish
) -> None:
    """Some were tried, the rest was not begun, and all of it can be done again."""
    site = site_of(line.url, stores.new(), stores.get)
    folders = grow(12)
    for _ in range(30):
        line.order(Cut.BEFORE, "INSERT INTO version_events")
    done = publish(site, "skills")
    assert (done.code, done.json["status"]) == (10, "failed")
    tried = publish_module.DATABASE_PATIENCE
    assert counts(done) == {"failed": tried, "skipped": 12 - tried}
    assert {r["error"]["type"] for r in done.json["results"] if r["error"]} == {"Unavailable"}
    line.forget()
    assert standing(site) == {}
    again = publish(site, "skills")
    assert (again.code, counts(again)) == (0, {"published": 12})
    assert standing(site) == digests(folders)


# Many at once.


def race(forks: Forks, site: Site, runs: list[tuple[str | Path, ...]]) -> list[Ended]:
    """Start processes with a command each, all at the same moment; every other one as Bob."""
    users = (ANN, "bob@example.org") * len(runs)
    started = [
        forks.start(words, env={**site.env, "EVERYSKILL_USER": user}, halt_after="start")
        for words, user in zip(runs, users, strict=False)
    ]
    for fork in started:
        fork.wait_until_halted()
    for fork in started:
        fork.resume()
    return [fork.wait() for fork in started]


def test_two_jobs_publish_the_same_tree_at_once(site: Site, forks: Forks) -> None:
    """On SQLite they race to make the registry as well."""
    for number in range(3):
        folders = grow(20, f"Text {number}.")
        ended = race(forks, site, [("publish", "skills", "--json")] * 2)
        assert [(done.code, done.stderr) for done in ended] == [(0, "")] * 2
        both = Counter(r["status"] for done in ended for r in done.json["results"])
        assert both == {"published": 20, "unchanged": 20}
        newest = {slug: hashes[-1:] for slug, hashes in standing(site).items()}
        assert newest == digests(folders)
        assert {len(hashes) for hashes in standing(site).values()} == {number + 1}
        assert number_of_events(site) == 20 * (number + 1)


def test_four_jobs_publish_other_bytes_of_the_same_skills_in_other_orders(
    site: Site, forks: Forks
) -> None:
    assert forks.run("publish", *grow(4, "Before."), env=site.env).code == 0
    runs: list[tuple[str | Path, ...]] = []
    for job in range(4):
        folders = grow(16, f"Of job {job}.", f"tree-{job}")
        random.Random(job).shuffle(folders)
        runs.append(("publish", *folders[: 12 + job], "--json"))
    ended = race(forks, site, runs)
    assert [(done.code, done.json["status"]) for done in ended] == [(0, "published")] * 4
    said = Counter((r["slug"], r["version"]) for done in ended for r in done.json["results"])
    assert set(said.values()) == {1}
    stands = standing(site)
    for done in ended:
        for result in done.json["results"]:
            assert stands[result["slug"]][result["version"] - 1] == result["content_hash"]
    assert sum(map(len, stands.values())) == 4 + 12 + 13 + 14 + 15
    if site.url.startswith("postgresql"):
        assert deadlocks(site) == 0


def deadlocks(site: Site) -> int:
    """How often PostgreSQL had to end one of some transactions that waited for each other."""
    wait_for_the_server(site)
    [number] = site.query(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    )
    return int(number)


def test_new_skills_are_made_in_one_order_whatever_was_typed(
    postgres_url: str, stores: FolderStores, everyskill: Everyskill, tmp_path: Path
) -> None:
    """Or two who make the same ones would wait for each other."""
    make_registry(postgres_url, tmp_path).close()
    site = site_of(postgres_url, stores.new(), stores.get)
    folders = grow(2)
    words = ("publish", folders[1], folders[0], "--json", "--jobs", "1")
    waits = (
        "SELECT 1 FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )

    class Enough(Exception):
        """The rival gives up."""

    with Database(postgres_url) as rival, suppress(Enough), rival.writing() as tx:
        add_version(tx, "s-00", email="bob@example.org")
        process = everyskill.start(*words, env=site.env)
        while not site.query(waits):
            assert process.poll() is None
        add_version(tx, "s-01", email="bob@example.org")
        raise Enough
    _, stderr = process.communicate(timeout=30)
    assert (process.returncode, stderr, deadlocks(site)) == (0, "", 0)
    assert standing(site) == digests(folders)


def test_writers_that_wait_for_each_other_in_a_ring_come_to_an_end(
    postgres_url: str, stores: FolderStores, forks: Forks, tmp_path: Path
) -> None:
    """Three who publish overlapping new skills can; one of them is made to try again."""
    make_registry(postgres_url, tmp_path).close()
    site = site_of(postgres_url, stores.new(), stores.get)
    lock = "SELECT skills FOR UPDATE"
    trees = {job: grow(2, f"Of {job}.", f"tree-{job}") for job in ("one", "two", "three")}
    assert forks.run("publish", write_skill(Path("x"), "x"), env=site.env).code == 0
    two = forks.start(("publish", *trees["two"], "--json"), env=site.env, halt_after=lock)
    two.wait_until_halted()  # it has found neither of both
    assert forks.run("publish", trees["one"][1], env=site.env).code == 0
    three = forks.start(("publish", *trees["three"], "--json"), env=site.env, halt_after=lock)
    three.wait_until_halted()  # it has locked the second, and makes the first
    two.resume().wait_until_taken("INSERT INTO skills")
    ended = [three.resume().wait(), two.wait()]
    assert [(done.code, counts(done)) for done in ended] == [(0, {"published": 2})] * 2
    assert deadlocks(site) == 1
    assert {slug: len(hashes) for slug, hashes in standing(site).items()} == {
        "s-00": 2,
        "s-01": 3,
        "x": 1,
    }


# The store.


class Bucket:
    """A loopback server that keeps what is put, and does with each request what a test says.

    Attributes:
        kept: the bodies by path.
        puts: the keys of the objects that were to be put, in order; the marker is none.
        judge: called with the method and the key of each request for an object: an answer to give
            instead, or None.
        most: requests for objects that were under way at once, and bytes of puts.
    """

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.puts: list[str] = []
        self.judge: Callable[[str, str], Answer | None] = lambda method, key: None
        self.most, self.most_bytes = 0, 0
        self._now, self._now_bytes = 0, 0
        self._lock = threading.Lock()
        self._relay = Relay(self._handle)
        self.closing = self._relay.closing
        self.env = {
            "R2_ENDPOINT": self._relay.endpoint,
            "R2_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "R2_SECRET_ACCESS_KEY": "secret",
            "R2_BUCKET_NAME": "bucket",
            "EVERYSKILL_STORE_URL": "s3://bucket",
        }

    def get(self, env: Any, key: str) -> bytes:
        return self.kept[f"/bucket/{key}"]

    def close(self) -> None:
        self._relay.close()

    def _handle(self, exchange: Exchange) -> None:
        key = exchange.path.removeprefix("/bucket/")
        if not key.startswith("sha256/"):
            exchange.send(self._answer(exchange))
            return
        with self._lock:
            if exchange.command == "PUT":
                self.puts.append(key)
            self._now, self._now_bytes = self._now + 1, self._now_bytes + len(exchange.body)
            self.most = max(self.most, self._now)
            self.most_bytes = max(self.most_bytes, self._now_bytes)
        answer = self.judge(exchange.command, key)
        with self._lock:
            self._now, self._now_bytes = self._now - 1, self._now_bytes - len(exchange.body)
        exchange.send(answer or self._answer(exchange))

    def _answer(self, exchange: Exchange) -> Answer:
        path = exchange.path
        if exchange.command == "PUT":
            if path in self.kept and exchange.headers.get("If-None-Match"):
                return refusal(412, "PreconditionFailed")
            self.kept[path] = exchange.body
            return Answer(200, [])
        return Answer(200, [], self.kept[path]) if path in self.kept else refusal(404, "NoSuchKey")


def refusal(status: int, code: str) -> Answer:
    return Answer(status, [], f"<Error><Code>{code}</Code></Error>".encode())


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    bucket = Bucket()
    yield bucket
    bucket.close()


@pytest.fixture
def remote(bucket: Bucket, tmp_path: Path) -> Site:
    """A registry with that bucket, on SQLite."""
    return site_of(f"sqlite:///{tmp_path}/registry.db", bucket.env, bucket.get)


def test_a_real_bucket_from_the_first_to_an_edited_skill(
    s3_environment: dict[str, str], s3_server: Any, publish: Publish, tmp_path: Path
) -> None:
    site = site_of(f"sqlite:///{tmp_path}/registry.db", s3_environment, S3Stores(s3_server).get)
    folders = grow(60)
    assert counts(publish(site, "skills")) == {"published": 60}
    assert standing(site) == digests(folders)
    assert counts(publish(site, "skills")) == {"unchanged": 60}
    write_skill(folders[7].parent, folders[7].name, "Edited.")
    done = publish(site, "skills")
    assert (done.code, counts(done)) == (0, {"unchanged": 59, "published": 1})
    assert len(standing(site)["s-07"]) == 2


@pytest.mark.parametrize(
    ("fault", "method", "kind"),
    [
        (Fault.ERROR_500, "PUT", "Unavailable"),
        (Fault.RESET, "PUT", "Unavailable"),
        (Fault.FLIPPED_UPLOAD, "PUT", "IntegrityFailure"),
        (Fault.SHORT_BODY, "GET", "IntegrityFailure"),
    ],
    ids=lambda value: getattr(value, "value", value),
)
def test_one_object_that_cannot_be_stored_keeps_back_no_other(
    fault: Fault,
    method: str,
    kind: str,
    fault_environment: dict[str, str],
    fault_proxy: FaultProxy,
    local_s3: Any,
    publish: Publish,
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path}/registry.db"
    site = site_of(url, fault_environment, S3Stores(local_s3).get)
    folders = grow(12)
    fault_proxy.order(*[fault] * 100, method=method, key=digest(folders[5]))
    done = publish(site, "skills")
    assert (done.code, done.json["status"]) == (10, "failed")
    assert counts(done) == {"published": 11, "failed": 1}
    error = by_slug(done)["s-05"]["error"]
    assert (error["type"], bool(error["hint"])) == (kind, True)
    assert standing(site) == digests(folders[:5] + folders[6:])
    fault_proxy.forget()
    again = publish(site, "skills")
    assert (again.code, counts(again)) == (0, {"published": 1, "unchanged": 11})
    assert standing(site) == digests(folders)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(refusal(503, "SlowDown"), "Unavailable"), (refusal(403, "AccessDenied"), "Forbidden")],
    ids=["down", "forbidden"],
)
@pytest.mark.parametrize("jobs", [1, 4])
def test_a_store_that_takes_no_more_is_left_alone_soon(
    answer: Answer, kind: str, jobs: int, remote: Site, bucket: Bucket, publish: Publish
) -> None:
    folders = grow(30)
    up = 7

    def down(method: str, key: str) -> Answer | None:
        return answer if len(bucket.puts) > up else None

    bucket.judge = down
    done = publish(remote, "skills", "--jobs", str(jobs))
    assert (done.code, done.json["status"]) == (10, "failed")
    came = counts(done)
    assert came["published"] in range(up - jobs + 1, up + 1)
    assert came["failed"] in range(publish_module.PATIENCE, publish_module.PATIENCE + 2 * jobs)
    assert came["skipped"] == 30 - came["published"] - came["failed"]
    assert {r["error"]["type"] for r in done.json["results"] if r["status"] == "failed"} == {kind}
    assert {r["error"] for r in done.json["results"] if r["status"] == "skipped"} == {None}
    assert f"{30 - came['published']} of 30" in done.error["message"]
    assert len(standing(remote)) == came["published"]

    bucket.judge = lambda method, key: None
    again = publish(remote, "skills")
    assert (again.code, counts(again)) == (
        0,
        {"published": 30 - came["published"], "unchanged": came["published"]},
    )
    assert standing(remote) == digests(folders)


def test_failures_between_successes_are_no_store_that_is_down(
    remote: Site, bucket: Bucket, publish: Publish
) -> None:
    folders = grow(24)
    bad = {digest(folder) for folder in sorted(folders, key=str)[::2]}
    bucket.judge = lambda method, key: (
        refusal(500, "InternalError") if method == "PUT" and key[-64:] in bad else None
    )
    done = publish(remote, "skills", "--jobs", "1")
    assert counts(done) == {"published": 12, "failed": 12}


def test_an_object_that_may_not_be_stored_keeps_back_no_other(
    remote: Site, bucket: Bucket, publish: Publish
) -> None:
    folders = grow(12)
    bad = digest(folders[3])
    bucket.judge = lambda method, key: refusal(403, "AccessDenied") if key.endswith(bad) else None
    done = publish(remote, "skills")
    assert (done.code, counts(done)) == (10, {"published": 11, "failed": 1})
    assert by_slug(done)["s-03"]["error"]["type"] == "Forbidden"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusal(403, "InvalidAccessKeyId"), "NotReady"),
        (refusal(404, "NoSuchBucket"), "NotReady"),
    ],
    ids=lambda value: getattr(value, "status", value),
)
def test_what_no_other_skill_could_do_either_ends_it_at_once(
    answer: Answer, kind: str, remote: Site, bucket: Bucket, publish: Publish
) -> None:
    folders = sorted(grow(10), key=str)
    fourth = digest(folders[3])
    bucket.judge = lambda method, key: answer if key.endswith(fourth) else None
    done = publish(remote, "skills", "--jobs", "1")
    assert done.code == 10
    assert [r["status"] for r in done.json["results"]] == (
        ["published"] * 3 + ["failed"] + ["skipped"] * 6
    )
    assert done.json["results"][3]["error"]["type"] == kind
    assert standing(remote) == digests(folders[:3])
    bucket.judge = lambda method, key: None
    assert counts(publish(remote, "skills")) == {"unchanged": 3, "published": 7}
    assert standing(remote) == digests(sorted(folders, key=lambda folder: folder.name))


def test_fail_fast_ends_it_at_the_first_failure_of_the_store(
    remote: Site, bucket: Bucket, publish: Publish
) -> None:
    folders = sorted(grow(10), key=str)
    fourth = digest(folders[3])
    bucket.judge = lambda method, key: (
        refusal(500, "InternalError") if key.endswith(fourth) else None
    )
    done = publish(remote, "skills", "--jobs", "1", "--fail-fast")
    assert [r["status"] for r in done.json["results"]] == (
        ["published"] * 3 + ["failed"] + ["skipped"] * 6
    )
    assert standing(remote) == digests(folders[:3])


def test_a_store_that_was_never_there_fails_the_command(
    remote: Site, bucket: Bucket, cli: Commands
) -> None:
    grow(3)
    bucket.close()
    assert_failed(cli("publish", "skills", env=remote.env), 6, "s3://bucket")
    assert remote.query("SELECT count(*) FROM skills") == [0]


@pytest.mark.parametrize("jobs", [1, 3])
def test_so_many_connections_as_were_asked_for(
    jobs: int, remote: Site, bucket: Bucket, publish: Publish
) -> None:
    grow(12)

    def slow(method: str, key: str) -> None:
        bucket.closing.wait(0.03)

    bucket.judge = slow
    assert publish(remote, "skills", "-j", str(jobs)).code == 0
    assert bucket.most == jobs


# Memory.


@pytest.mark.parametrize(
    ("held", "flying"), [(0, 1), (0, 10**9), (300, 300), (10**9, 1), (10**9, 10**9)]
)
def test_budgets_change_nothing_but_what_is_in_memory(
    held: int,
    flying: int,
    remote: Site,
    bucket: Bucket,
    publish: Publish,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "HELD_MAX", held)
    monkeypatch.setattr(storing, "IN_FLIGHT_MAX", flying)
    folders = grow(12)

    def slow(method: str, key: str) -> None:
        bucket.closing.wait(0.005)

    bucket.judge = slow
    done = publish(remote, "skills", "--jobs", "8")
    assert (done.code, counts(done)) == (0, {"published": 12})
    assert standing(remote) == digests(folders)
    biggest = max(result["size_bytes"] for result in done.json["results"])
    assert bucket.most_bytes <= max(flying, biggest)
    assert (bucket.most == 1) == (flying < biggest)


def test_memory_does_not_grow_with_the_tree(
    local: Site, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither with its bytes nor with the texts that search keeps."""
    monkeypatch.setattr(reading, "HELD_MAX", 2_000_000)
    monkeypatch.setattr(storing, "IN_FLIGHT_MAX", 2_000_000)
    monkeypatch.setattr(publish_module, "GROUP", 5)
    assert publish(local, write_skill(Path("x"), "x")).code == 0  # everything is imported
    for number in range(80):
        write_skill(Path("skills"), f"s-{number}", f"{number} words\n" * 20_000)
    tracemalloc.start()
    try:
        done = publish(local, "skills")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert counts(done) == {"published": 80}
    assert sum(result["size_bytes"] for result in done.json["results"]) > 14_000_000
    assert peak < 9_000_000


class Meddler(Watch):
    """Does something to the disk between the reading of all skills and the storing of the first."""

    def __init__(self, meddle: Callable[[], object]) -> None:
        self._meddle = meddle
        self.bytes = (0, 0)

    def read(self, done: int, total: int) -> None:
        if done == total:
            self._meddle()

    def store(self, done: int, total: int, sent: int, size: int) -> None:
        self.bytes = (sent, size)


@pytest.mark.parametrize(
    ("meddle", "rule"),
    [
        (lambda folder: write_skill(folder.parent, folder.name, "Edited."), "changed-while-read"),
        (lambda folder: (folder / "new.md").write_text("x"), "changed-while-read"),
        (lambda folder: (folder / "SKILL.md").write_text(""), "empty-file"),
        (lambda folder: (folder / "x").symlink_to("SKILL.md"), "symlink"),
        (shutil.rmtree, "missing-path"),
    ],
    ids=["edited", "added", "emptied", "linked", "removed"],
)
@pytest.mark.parametrize("held", [0, 10**9])
def test_what_changes_between_reading_and_storing(
    held: int,
    meddle: Callable[[Path], object],
    rule: str,
    local: Site,
    publish: Publish,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was read and is still in memory is published; what must be read again is refused."""
    monkeypatch.setattr(reading, "HELD_MAX", held)
    folders = grow(6)
    expected = digests(folders)
    watch = Meddler(lambda: meddle(folders[2]))
    with closing(Registry(load({}, local.env), "create")) as registry:
        answer = publish_module.publish(registry, [Path("skills")], PublishOptions(), watch)
    told = {result.slug: result for result in answer.results}
    if held:
        assert {result.status for result in answer.results} == {"published"}
        assert watch.bytes[0] == watch.bytes[1] == sum(r.size_bytes or 0 for r in answer.results)
    else:
        refused = told.pop("s-02")
        assert (refused.status, refused.error and refused.error.rule) == ("refused", rule)
        assert {result.status for result in told.values()} == {"published"}
        del expected["s-02"]
    assert standing(local) == expected


# Ctrl-C and kills.


class Gate:
    """Lets so many puts of objects pass and holds the others, until it is opened."""

    def __init__(self, bucket: Bucket, passing: int) -> None:
        self._bucket = bucket
        self._passing = passing
        self._open = threading.Event()
        bucket.judge = self.judge

    def judge(self, method: str, key: str) -> Answer | None:
        if method == "PUT" and self._bucket.puts.index(key) >= self._passing:
            while not (self._open.wait(0.01) or self._bucket.closing.is_set()):
                pass
        return None

    def wait_for(self, puts: int) -> None:
        deadline = time.monotonic() + 60
        while len(self._bucket.puts) < puts:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def open(self) -> None:
        self._open.set()


def press(process: subprocess.Popen[str]) -> None:
    """Press Ctrl-C, and give the process the time to hear it."""
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.7)


@pytest.mark.parametrize("changed", [12, 1], ids=["all", "one"])
def test_ctrl_c_finishes_what_is_under_way_and_says_what_was_done(
    changed: int, remote: Site, bucket: Bucket, everyskill: Everyskill, publish: Publish
) -> None:
    folders = grow(12)
    if changed == 1:
        assert publish(remote, *folders[1:]).code == 0
        bucket.puts.clear()
    passing, jobs = (3, 2) if changed > 1 else (0, 1)
    gate = Gate(bucket, passing)
    process = everyskill.start("publish", "skills", "--json", "-j", str(jobs), env=remote.env)
    gate.wait_for(passing + jobs)
    press(process)
    gate.open()
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert stderr == STOPPING.decode()
    done = Finished(130, stdout, stderr)
    finished = passing + jobs
    assert counts(done) == {
        key: number
        for key, number in {
            "published": finished,
            "skipped": changed - finished,
            "unchanged": 12 - changed,
        }.items()
        if number
    }
    assert len(bucket.puts) == finished
    assert len(standing(remote)) == 12 - changed + finished
    again = publish(remote, "skills")
    assert (again.code, counts(again).get("published", 0)) == (0, changed - finished)
    assert standing(remote) == digests(folders)


def test_a_second_ctrl_c_ends_it_at_once(
    remote: Site, bucket: Bucket, everyskill: Everyskill, publish: Publish
) -> None:
    folders = grow(8)
    gate = Gate(bucket, 3)
    process = everyskill.start("publish", "skills", "--json", "-j", "2", env=remote.env)
    gate.wait_for(5)
    press(process)
    pressed = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=30) == ("", STOPPING.decode())
    assert (process.returncode, time.monotonic() - pressed < 5) == (130, True)
    gate.open()
    assert publish(remote, "skills").code == 0
    assert standing(remote) == digests(folders)


def test_ctrl_c_while_skills_are_read_has_done_nothing(
    local: Site, everyskill: Everyskill, tmp_path: Path
) -> None:
    grow(8)
    slow = Path("slow.py")
    slow.write_text(
        "import sys, time\n"
        "from everyskill_cli.registry.publishing import candidate\n"
        "read = candidate.find_skill\n"
        "def slowly(path):\n"
        "    print('reading', file=sys.stderr, flush=True)\n"
        "    time.sleep(0.3)\n"
        "    return read(path)\n"
        "candidate.find_skill = slowly\n"
        "from everyskill_cli.__main__ import run\n"
        "run()\n"
    )
    process = subprocess.Popen(
        [sys.executable, slow, "publish", "skills", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **local.env},
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "reading\n"
    assert process.stderr.readline() == "reading\n"  # of the second skill: it is amid
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=30)
    assert (process.returncode, stdout) == (130, "")
    assert "reading\n" * 3 not in stderr
    assert not Path(local.env["EVERYSKILL_STORE_URL"].removeprefix("file://")).exists()


def wait_for_the_server(site: Site) -> None:
    """PostgreSQL finishes what it was sent, a COMMIT perhaps, though nobody waits for it."""
    others = (
        "SELECT 1 FROM pg_stat_activity WHERE application_name = 'everyskill'"
        " AND datname = current_database() AND pid <> pg_backend_pid()"
    )
    while site.url.startswith("postgresql") and site.query(others):
        time.sleep(0.01)


WATCHED = {
    "start",
    "pack",
    "put",
    "INSERT INTO skills",
    "INSERT INTO skill_versions",
    "INSERT INTO version_events",
    "COMMIT",
    "answer",
}


def kill_points(site: Site, steps: list[str]) -> list[str | int]:
    """The first of every kind of step after which others see something new, and some at random."""
    quiet = {"SELECT", "END", "PRAGMA", "--"}
    kinds = [kind for kind in sorted(set(steps), key=steps.index) if kind.split()[0] not in quiet]
    kinds.remove("os.mkdir")  # which the next one may not need
    if site.url.startswith("postgresql"):  # the store is the same as with SQLite
        kinds = [kind for kind in kinds if not kind.startswith("os.")]
    return [*kinds, *random.Random(5).sample(range(len(steps) // 2), 3)]


def test_a_batch_that_is_killed_at_any_step_can_be_run_again(
    site: Site, forks: Forks, publish: Publish, stores: FolderStores, count: Count
) -> None:
    """All rows of a group stand, or none."""
    assert forks.run("publish", *grow(5), env=site.env).code == 0

    def change(number: int) -> list[Path]:
        shutil.rmtree("skills/new", ignore_errors=True)
        new = write_skill(Path("skills/new"), f"new-{number}")
        return [*grow(5, f"Text {number}."), new]

    change(0)
    points = kill_points(site, forks.run("publish", "skills", env=site.env).steps)
    assert set(points) >= WATCHED
    outcomes = set()
    for number, point in enumerate(points, 1):
        folders = change(number)
        before = number_of_events(site)
        assert forks.run("publish", "skills", env=site.env, kill_after=point).code == -9
        wait_for_the_server(site)
        written = number_of_events(site) - before
        assert written in (0, 6)
        outcomes.add(written)
        site.audit()
        again = publish(site, "skills")
        assert (again.code, counts(again)) == (0, {"unchanged" if written else "published": 6})
        assert_newest(site, folders)
        assert number_of_events(site) == before + 6
    assert outcomes == {0, 6}
    stores.assert_whole(site.env)
    count("kill matrix", kills=len(points), reruns=len(points))


def assert_newest(site: Site, folders: list[Path]) -> None:
    """Assert that each folder is its skill's newest version."""
    stands, expected = standing(site), digests(folders)
    assert {slug: stands[slug][-1:] for slug in expected} == expected


SMALL_GROUPS = """
import time
from everyskill_cli.registry.publishing import publish
write, publish.GROUP = publish.write, 4
publish.write = lambda *group, **more: [write(*group, **more), time.sleep(0.02)][0]
from everyskill_cli.__main__ import run
run()
"""


def kill_at_random(site: Site, publish: Publish, rounds: int, count: int) -> set[int]:
    """Kill real processes in the midst of a batch; give how many skills each had published."""
    chance, done = random.Random(7), set()
    assert publish(site, *grow(count)).code == 0
    for number in range(1, rounds + 1):
        folders = grow(count, f"Text {number}.")
        before = number_of_events(site)
        victim = subprocess.Popen(
            [sys.executable, "-P", "-c", SMALL_GROUPS, "publish", "skills"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **site.env},
        )
        if number % 2:  # from the first group on it is in the midst
            while victim.poll() is None and number_of_events(site) == before:
                pass
        with suppress(subprocess.TimeoutExpired):
            victim.wait(chance.uniform(0, 0.1) if number % 2 else chance.uniform(0, 0.8))
        victim.kill()
        victim.wait()
        wait_for_the_server(site)
        written = number_of_events(site) - before
        done.add(written)
        again = publish(site, "skills")
        assert again.code == 0
        assert counts(again).get("published", 0) == count - written
        assert_newest(site, folders)
        assert {len(hashes) for hashes in standing(site).values()} == {number + 1}
    return done


@pytest.mark.long
def test_batches_that_are_killed_at_random_moments(
    site: Site, publish: Publish, stores: FolderStores, count: Count
) -> None:
    done = kill_at_random(site, publish, 4, 40)
    assert all(written % 4 == 0 for written in done)
    assert done & set(range(1, 40))  # in the midst, at least once
    stores.assert_whole(site.env)
    count("random kills", kills=4)


@pytest.mark.long
def test_a_dozen_batches_that_are_killed_at_random_moments(
    site: Site, publish: Publish, stores: FolderStores, count: Count
) -> None:
    kill_at_random(site, publish, 12, 200)
    stores.assert_whole(site.env)
    count("random kills", kills=12)


# Progress.


PATIENT = """
import sys
from everyskill_cli.cli.render import watcher
watcher.PATIENCE = float(sys.argv.pop(1))
from everyskill_cli.__main__ import run
run()
"""


def watched(site: Site, patience: float | None = None, **env: str) -> tuple[Finished, str]:
    """Run a publish with a terminal as its stderr: what the pipe got, and what people saw.

    Args:
        site: where it publishes.
        patience: the seconds after which people want to know how far it is, if not the program's.
        env: more variables.
    """
    program = PROGRAM if patience is None else [sys.executable, "-P", "-c", PATIENT, str(patience)]
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*program, "publish", "skills", "--json", "-j", "1"],
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        env={**os.environ, **site.env, "TERM": "xterm", "COLUMNS": "100", **env},
    )
    os.close(theirs)
    seen = b""
    with suppress(OSError):  # the end of a terminal is an error
        while more := os.read(ours, 65536):
            seen += more
    os.close(ours)
    stdout, _ = process.communicate(timeout=30)
    return Finished(process.returncode, stdout, ""), seen.decode()


def slowly(bucket: Bucket, seconds: float) -> None:
    def slow(method: str, key: str) -> None:
        bucket.closing.wait(seconds)

    bucket.judge = slow


def test_a_terminal_sees_how_far_it_is_and_a_pipe_sees_nothing(
    remote: Site, bucket: Bucket, everyskill: Everyskill
) -> None:
    grow(12)
    slowly(bucket, 0.035)
    done, seen = watched(remote)
    assert (done.code, counts(done)) == (0, {"published": 12})
    assert "Publishing" in seen
    assert re.search(r"\d+ of 12 skills, \S+ k?B of \d\.\d kB", seen)
    numbers = [int(number) for number in re.findall(r"(\d+) of 12 skills", seen)]
    assert numbers == sorted(numbers)
    after = re.split("\x1b\\[2K", seen)[-1]  # the bar was wiped away at the end
    assert "skills" not in after
    assert "skills," not in done.stdout

    grow(12, "Edited.")
    piped = everyskill("publish", "skills", "--json", "-j", "1", env=remote.env)
    assert (piped.code, piped.stderr, counts(piped)) == (0, "", {"published": 12})


@pytest.mark.parametrize("env", [{"TERM": "dumb"}, {}], ids=["dumb", "quick"])
def test_a_terminal_that_cannot_or_need_not_show_it_sees_nothing(
    env: dict[str, str], remote: Site
) -> None:
    grow(2)
    done, seen = watched(remote, 0 if env else 3600, **env)
    assert (done.code, seen) == (0, "")
    grow(2, "Again.")
    _, seen = watched(remote, 0)
    assert "Publishing" in seen

"""Promote, rollback, yank, unyank: one event each, nothing rewritten, and what stands is said."""

from __future__ import annotations

import os
import pty
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import text

from everyskill_cli.database.queries import history
from everyskill_cli.errors import Conflict, IntegrityFailure, NotFound, UsageError
from everyskill_cli.model import Reference
from everyskill_cli.registry import Registry
from everyskill_cli.registry.pages import list_versions
from everyskill_cli.registry.publishing.decision import PublishOptions
from everyskill_cli.registry.publishing.publish import publish
from everyskill_cli.registry.releasing.release import promote, rollback, unyank, yank
from everyskill_cli.registry.show import show
from tests.audit import audit_objects, audit_records
from tests.commands import PROGRAM, Commands, as_ordinary_user, assert_failed, rows
from tests.forks import Fork, Forks
from tests.registries import TEXT, make_registry, write_skill
from tests.rows import append
from tests.servers.cut import Cut, CutProxy
from tests.sites import FolderStores, Site

DEMO = Reference("demo")


def at(version) -> Reference:
    return Reference.parse(f"demo@{version}")


def body(number: int) -> str:
    return f"Text {number}."


class Desk:
    """A registry with `demo`, and what stands in it."""

    def __init__(self, registry: Registry, folder: Path) -> None:
        self.registry = registry
        self.folder = folder
        self.count = 0

    def publish(self, *, draft: bool = False) -> None:
        """Publish a new text."""
        self.count += 1
        skill = write_skill(self.folder / str(self.count), body=body(self.count))
        publish(self.registry, [skill], PublishOptions(draft=draft))

    def append(self, version: int, kind: str, **more) -> None:
        """Append an event that no command makes yet, or past the commands."""
        found = show(self.registry, at(version)).version
        with self.registry.database.writing() as tx:
            append(tx, found, kind, **more)

    @property
    def pointers(self) -> tuple[int | None, int | None]:
        shown = show(self.registry, DEMO)
        return shown.published_version, shown.draft_version

    @property
    def events(self) -> list[str]:
        """What happened to which version, the oldest first."""
        page = list_versions(self.registry, DEMO, 100, None)
        events = sorted((e for v in page.items for e in v.events), key=lambda event: event.seq)
        return [f"{event.kind} {event.version}" for event in events]

    @property
    def content(self) -> str | None:
        """What search finds."""
        with self.registry.database.reading() as tx:
            return tx.scalar(text("SELECT content FROM skills WHERE slug = 'demo'"))

    def text_of(self, number: int) -> str:
        return TEXT.format(name="demo", body=body(number))

    def versions(self) -> list[str]:
        return rows(self.registry.settings.database_url)["skill_versions"]

    def object_of(self, number: int) -> Path:
        return self.folder / "store" / show(self.registry, at(number)).version.content_url


@pytest.fixture
def desk(database_url, tmp_path) -> Iterator[Desk]:
    """Three published versions; whatever a test does, the registry is whole at its end."""
    desk = Desk(make_registry(database_url, tmp_path), tmp_path)
    for _ in range(3):
        desk.publish()
    before = desk.versions()
    yield desk
    assert set(before) <= set(desk.versions())
    with desk.registry.database.reading() as tx:
        pointed = tx.scalar(text("SELECT published_version_id IS NULL FROM skills"))
    assert (desk.content is None) == bool(pointed)
    audit_records(desk.registry.database)
    desk.registry.close()


def said(answer):
    """The status, and what its result says: version, published, draft, before."""
    [result] = answer.results
    return (
        answer.status,
        result.version,
        result.published_version,
        result.draft_version,
        result.previous_version,
    )


# The whole story.


def test_nothing_is_rewritten_and_everything_is_told(desk):
    registry, before = desk.registry, desk.versions()
    assert said(rollback(registry, DEMO, reason="slow")) == ("rolled-back", 2, 2, None, 3)
    audit_records(registry.database)
    assert show(registry, DEMO).version.version == 2
    assert said(yank(registry, at(2), reason="a leak", successor=3)) == ("yanked", 2, 3, None, 2)
    audit_records(registry.database)
    assert show(registry, DEMO).version.version == 3
    assert desk.versions() == before
    audit_objects(registry.database, registry.store.get)

    assert said(unyank(registry, at(2))) == ("unyanked", 2, 3, None, 3)
    assert said(promote(registry, at(2))) == ("promoted", 2, 2, None, 3)
    assert desk.versions() == before
    births = ["publish 1", "publish 2", "publish 3"]
    assert desk.events == [*births, "rollback 2", "yank 2", "unyank 2", "promote 2"]
    story = list_versions(registry, DEMO, 1, "3").items[0].events
    assert [(e.kind, e.published_version, e.reason, e.successor) for e in story] == [
        ("promote", 2, None, None),
        ("unyank", 3, None, None),
        ("yank", 3, "a leak", 3),
        ("rollback", 2, "slow", None),
        ("publish", 2, None, None),
    ]
    assert {event.actor for event in story} == {"ann@example.org"}
    shown = show(registry, DEMO)
    assert shown.summary.events == ()
    with registry.database.reading() as tx:
        newest = history.stories(tx, shown.skill.id, [1, 2, 3], 2)
    assert [event.kind for event in newest[2]] == ["promote", "unyank"]
    assert newest.keys() == {2}


# Promote.


def test_a_draft_is_promoted_without_naming_it(desk):
    desk.publish(draft=True)
    assert desk.pointers == (3, 4)
    assert said(promote(desk.registry, DEMO, reason="ready")) == ("promoted", 4, 4, None, 3)
    assert desk.content == desk.text_of(4)
    # It may have been killed behind its commit: the same command again has one effect.
    assert said(promote(desk.registry, DEMO)) == ("unchanged", 4, 4, None, 4)
    rollback(desk.registry, DEMO)
    with pytest.raises(NotFound, match="no draft") as caught:
        promote(desk.registry, DEMO)
    assert "everyskill promote demo@4" in caught.value.hint


@pytest.mark.parametrize(("name", "version"), [("1", 1), ("latest", 4), ("draft", 4)])
def test_any_version_is_promoted_by_its_name(desk, name, version):
    desk.publish(draft=True)
    status, *result = said(promote(desk.registry, at(name)))
    assert (status, result) == ("promoted", [version, version, None if version == 4 else 4, 3])
    assert desk.content == desk.text_of(version)


def test_what_is_published_stays_so_and_nothing_is_written(desk):
    before = rows(desk.registry.settings.database_url)
    new = Registry(desk.registry.settings, "write")
    for name in ("3", "published", "latest"):
        with closing(new):
            answer = promote(new, at(name), reason="again", expect=1)
        assert said(answer) == ("unchanged", 3, 3, None, 3)
        assert answer.results[0].created_at == show(desk.registry, DEMO).version.created_at
    assert rows(desk.registry.settings.database_url) == before


def test_what_cannot_be_promoted(desk):
    desk.append(1, "yank", reason="a leak")
    with pytest.raises(Conflict, match=r"demo@1 was yanked \(a leak\)") as caught:
        promote(desk.registry, at(1))
    assert "everyskill unyank demo@1" in caught.value.hint
    desk.append(2, "purge", reason="law")
    with pytest.raises(Conflict, match="demo@2 was purged"):
        promote(desk.registry, at(2))
    with pytest.raises(NotFound, match="no version 9"):
        promote(desk.registry, at(9))
    with pytest.raises(NotFound, match="no skill other"):
        promote(desk.registry, Reference("other"))


# Rollback.


def test_again_goes_further_back_until_nothing_is_left(desk):
    assert said(rollback(desk.registry, DEMO)) == ("rolled-back", 2, 2, None, 3)
    assert said(rollback(desk.registry, DEMO)) == ("rolled-back", 1, 1, None, 2)
    assert desk.content == desk.text_of(1)
    with pytest.raises(Conflict, match="no version below 1") as caught:
        rollback(desk.registry, DEMO)
    assert "everyskill promote demo@N" in caught.value.hint


def test_it_goes_back_only_to_what_was_published_and_stands(desk):
    desk.publish(draft=True)  # 4, which is never published
    desk.publish()
    assert desk.pointers == (5, None)
    desk.append(3, "yank", reason="bad")
    desk.append(2, "purge", reason="law")
    assert said(rollback(desk.registry, DEMO)) == ("rolled-back", 1, 1, None, 5)
    assert said(promote(desk.registry, at(4))) == ("promoted", 4, 4, None, 1)
    assert said(promote(desk.registry, at(5))) == ("promoted", 5, 5, None, 4)
    assert said(rollback(desk.registry, DEMO)) == ("rolled-back", 4, 4, None, 5)  # by now it was


@pytest.mark.parametrize(
    ("to", "says"),
    [
        (2, r"demo@2 was purged"),
        (3, r"demo@3 was yanked \(bad\)"),
        (4, r"demo@4 was never published"),
        (6, r"demo@6 is not older than demo@5"),
    ],
)
def test_it_goes_back_to_no_other_version(desk, to, says):
    desk.publish(draft=True)
    desk.publish()
    desk.publish(draft=True)
    desk.append(3, "yank", reason="bad")
    desk.append(2, "purge", reason="law")
    with pytest.raises(Conflict, match=says) as caught:
        rollback(desk.registry, DEMO, to=to)
    assert ("versions demo" if to == 2 else "everyskill promote") in caught.value.hint
    with pytest.raises(NotFound):
        rollback(desk.registry, DEMO, to=9)
    assert said(rollback(desk.registry, DEMO, to=1)) == ("rolled-back", 1, 1, 6, 5)
    assert said(rollback(desk.registry, DEMO, to=1)) == ("unchanged", 1, 1, 6, 1)


def test_there_is_nothing_to_go_back_from(desk, tmp_path):
    publish(desk.registry, [write_skill(tmp_path, "wip")], PublishOptions(draft=True))
    with pytest.raises(Conflict, match="no published version"):
        rollback(desk.registry, Reference("wip"))
    with pytest.raises(UsageError) as caught:
        rollback(desk.registry, at(1))
    assert "--to N" in caught.value.hint


# Yank.


def test_a_version_that_is_not_published_is_withdrawn_without_a_question(desk):
    def refuse(said, question):
        raise AssertionError(said)

    answer = yank(desk.registry, at(1), reason="old", successor=2, consent=refuse)
    assert said(answer) == ("yanked", 1, 3, None, 3)
    state = show(desk.registry, at(1)).summary
    assert (state.status, state.yank_reason, state.successor) == ("yanked", "old", 2)
    again = yank(desk.registry, at(1), reason="old", successor=2, expect=7)
    assert said(again)[0] == "unchanged"
    assert again.results[0].created_at == answer.results[0].created_at == state.yanked_at
    assert said(yank(desk.registry, at(1), reason="older", successor=2))[0] == "yanked"
    assert said(yank(desk.registry, at(1), reason="older"))[0] == "yanked"
    assert show(desk.registry, at(1)).summary.successor is None
    assert desk.events[3:] == ["yank 1"] * 3


def test_the_draft_pointer_goes_with_a_draft(desk):
    desk.publish(draft=True)
    assert said(yank(desk.registry, at("draft"), reason="no")) == ("yanked", 4, 3, None, 3)


def test_without_a_successor_it_falls_back_as_a_rollback_would(desk):
    asked = []

    def agree(said, question):
        asked.extend(said)

    answer = yank(desk.registry, at(3), reason="bad", consent=agree)
    assert said(answer) == ("yanked", 3, 2, None, 3)
    assert "without it demo@2 becomes the published one" in asked[0]
    assert desk.content == desk.text_of(2)
    with pytest.raises(UsageError, match="moves with every yank"):
        yank(desk.registry, at("published"), reason="bad")
    yank(desk.registry, at("published"), reason="bad", expect=2)
    yank(desk.registry, at(1), reason="bad", consent=agree)
    assert "no version of demo is published" in asked[1]
    assert desk.pointers == (None, None)
    assert desk.content is None
    with pytest.raises(NotFound):
        yank(desk.registry, at("published"), reason="bad", expect=0)


def test_the_same_command_withdraws_only_one_version(desk):
    for status in ("yanked", "unchanged"):
        assert said(yank(desk.registry, at("published"), reason="bad", expect=3))[:3] == (
            status,
            3,
            2,
        )


def test_a_draft_that_was_withdrawn_is_the_same_one_again(desk):
    desk.publish(draft=True)
    for status in ("yanked", "unchanged"):
        assert said(yank(desk.registry, at("draft"), reason="bad"))[:4] == (status, 4, 3, None)
    with pytest.raises(NotFound, match="no draft"):
        unyank(desk.registry, at("draft"))


def test_who_does_not_agree_changes_nothing(desk):
    before = rows(desk.registry.settings.database_url)

    def refuse(said, question):
        raise UsageError(said[0])

    with pytest.raises(UsageError, match="demo@2 becomes"):
        yank(desk.registry, at(3), reason="bad", consent=refuse)
    assert rows(desk.registry.settings.database_url) == before


def test_what_was_agreed_to_is_what_is_done(desk):
    """While somebody reads the question, the version to fall back to is withdrawn."""

    def dawdle(said, question):
        with closing(Registry(desk.registry.settings, "write")) as other:
            yank(other, at(2), reason="bad too")

    with pytest.raises(Conflict, match="demo@1 becomes the published one"):
        yank(desk.registry, at(3), reason="bad", consent=dawdle)
    assert desk.events[3:] == ["yank 2"]
    assert desk.pointers == (3, None)


@pytest.mark.parametrize(
    ("successor", "says"),
    [
        (1, "is the version itself"),
        (2, "is yanked"),
        (3, "is purged"),
        (4, "was never published"),
        (6, "is a draft"),
        (9, "does not exist"),
    ],
)
def test_a_successor_stands_and_was_published(desk, successor, says):
    desk.publish(draft=True)
    desk.publish()
    desk.publish(draft=True)
    desk.append(2, "yank", reason="bad")
    desk.append(3, "purge", reason="law")
    before = desk.events
    with pytest.raises(Conflict, match=says):
        yank(desk.registry, at(1), reason="old", successor=successor)
    assert desk.events == before


def test_what_is_purged_is_neither_withdrawn_nor_taken_back(desk):
    desk.append(1, "purge", reason="law")
    for verb in (partial(yank, reason="old"), unyank):
        with pytest.raises(Conflict, match="demo@1 was purged"):
            verb(desk.registry, at(1))
        with pytest.raises(UsageError, match="takes a version"):
            verb(desk.registry, DEMO)


def test_a_yank_is_taken_back_and_publishes_nothing(desk):
    assert said(unyank(desk.registry, at(2), expect=7))[0] == "unchanged"
    yank(desk.registry, at(3), reason="bad")
    answer = unyank(desk.registry, at(3), reason="it was not")
    assert said(answer) == ("unyanked", 3, 2, None, 2)
    assert "everyskill promote demo@3" in answer.warnings[0].message
    assert show(desk.registry, at(3)).summary.yanked_at is None


# Only if.


@pytest.mark.parametrize(
    "verb",
    [
        partial(promote, reference=at(1)),
        partial(rollback, reference=DEMO),
        partial(rollback, reference=DEMO, to=1),
        partial(yank, reference=at(3), reason="bad"),
        partial(unyank, reference=at(2)),
    ],
    ids=["promote", "rollback", "rollback-to", "yank", "unyank"],
)
def test_only_if_the_expected_version_is_published(desk, verb):
    yank(desk.registry, at(2), reason="bad")
    before = desk.events
    for wrong in (0, 1, 2, 4):
        with pytest.raises(Conflict, match=f"demo@3 is published, and {wrong or 'none'} was") as no:
            verb(desk.registry, expect=wrong)
        assert "--expect 3" in no.value.hint
    assert desk.events == before
    assert verb(desk.registry, expect=3).status != "unchanged"
    assert verb(desk.registry, expect=3).status == "unchanged"
    assert len(desk.events) == len(before) + 1


def test_only_if_nothing_is_published(desk, tmp_path):
    publish(desk.registry, [write_skill(tmp_path, "wip")], PublishOptions(draft=True))
    wip = Reference("wip")
    with pytest.raises(Conflict, match="No version of wip is published, and 1 was expected"):
        promote(desk.registry, wip, expect=1)
    for status in ("promoted", "unchanged"):  # the draft is no draft any more
        assert promote(desk.registry, wip, expect=0).status == status


# What search finds.


def test_search_finds_what_is_published_as_publish_would_have_it(desk, tmp_path):
    mark = "\ufeff" + desk.text_of(0)
    long = desk.text_of(1) + "ä" * 300_000
    for number, said_ in enumerate((mark, long)):
        folder = write_skill(tmp_path / f"odd-{number}", a_md="# A\n")
        (folder / "SKILL.md").write_text(said_, encoding="utf-8")
        publish(desk.registry, [folder], PublishOptions())
        published = desk.content
        assert not published.startswith("\ufeff")
        rollback(desk.registry, DEMO, to=3)
        assert desk.content == desk.text_of(3)
        promote(desk.registry, at("latest"))
        assert desk.content == published


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"Not that.")])
def test_bytes_that_are_not_what_was_published_are_not_published_again(desk, damage):
    place = desk.object_of(2)
    whole, before = place.read_bytes(), rows(desk.registry.settings.database_url)
    place.chmod(0o600)
    damage(place)
    new = Registry(desk.registry.settings, "write")
    for verb in (
        partial(rollback, reference=DEMO),
        partial(promote, reference=at(2)),
        partial(yank, reference=at(3), reason="bad"),
    ):
        with closing(new), pytest.raises(IntegrityFailure):
            verb(new)
    assert rows(desk.registry.settings.database_url) == before
    place.write_bytes(whole)
    assert rollback(desk.registry, DEMO).status == "rolled-back"


def test_a_bucket_is_read_as_well(s3_environment, tmp_path, everyskill):
    env = {**s3_environment, "EVERYSKILL_DATABASE_URL": f"sqlite:///{tmp_path}/registry.db"}
    env["EVERYSKILL_USER"] = "ann@example.org"
    for number in (1, 2):
        assert everyskill("publish", write_skill(tmp_path, body=body(number)), env=env).code == 0
    done = everyskill("rollback", "demo", env=env)
    assert (done.code, done.stdout.splitlines()[0]) == (0, "rolled-back demo@1")


# The command line.


@pytest.fixture
def cli(capsys, monkeypatch, tmp_path) -> Commands:
    """The program with a local registry that has three versions of `demo`."""
    monkeypatch.setenv("EVERYSKILL_USER", "ann@example.org")
    monkeypatch.setenv("EVERYSKILL_HOME", str(tmp_path / "registry"))
    cli = Commands(capsys)
    for number in (1, 2, 3):
        assert cli("publish", write_skill(tmp_path, body=body(number))).code == 0
    return cli


def test_what_a_pipe_is_told(cli):
    done = cli("rollback", "demo", "-m", "Misses\nraces")
    head, *lines = done.stdout.splitlines()
    assert (done.code, done.stderr, head) == (0, "", "rolled-back demo@2")
    assert lines[:-1] == ["published_version: 2", "previous_version: 3", r"reason: Misses\nraces"]
    assert cli("yank", "demo@3", "--reason", "a leak").code == 0
    taken_back = cli("unyank", "demo@3")
    assert "everyskill promote demo@3" in taken_back.stderr
    story = cli("versions", "demo").stdout.splitlines()[0].split("\t")[-1]
    kinds = [part.split(" at ")[0] for part in story.split("; ")]
    assert kinds == ["unyank", "yank", "publish"]
    assert " by ann@example.org: a leak; " in story
    assert cli("promote", "demo@2", "--json").json["status"] == "unchanged"


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ("promote demo", 4, "no draft|everyskill promote demo@3"),
        ("promote demo@9", 4, "no version 9"),
        ("promote demo@2 --expect 2", 5, "demo@3 is published|--expect 3"),
        ("promote demo@2 --expect -1", 2, "-1"),
        ("rollback demo@2", 2, "--to N"),
        ("rollback demo --to 0", 2, "'0'"),
        ("rollback nobody", 4, "no skill nobody"),
        ("yank demo --reason x", 2, "demo@N"),
        ("yank demo@3", 2, "--reason"),
        ("yank demo@3 --reason ''", 2, "reason is empty"),
        ("yank demo@3 --reason ' '", 2, "reason is empty"),
        ("yank demo@3 --reason x --successor 3", 5, "is the version itself"),
        ("yank demo@3 --reason x", 2, "demo@2 becomes the published one|--yes|--successor M"),
        ("unyank demo", 2, "demo@N"),
        ("use demo@9", 4, "no version 9"),
        ("use demo --tool No_Slug", 2, "No_Slug"),
        ("use demo --external-id ''", 2, "1 to 200"),
    ],
)
def test_what_cannot_be_meant(cli, words, code, says, monkeypatch, tmp_path):
    url = f"sqlite:///{tmp_path}/registry/registry.db"
    before = rows(url)
    with Path(os.devnull).open() as nothing:  # no terminal, wherever tests run
        monkeypatch.setattr("sys.stdin", nothing)
        assert_failed(cli(*shlex.split(words)), code, *says.split("|"))
    assert rows(url) == before


def at_a_terminal(answer: str, *words: str) -> tuple[int, str, str]:
    """Run the program with a terminal as its stdin, on which somebody types; both streams."""
    keyboard, terminal = pty.openpty()
    try:
        program = subprocess.Popen(
            [*PROGRAM, *words],
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        os.write(keyboard, answer.encode())
        out, err = program.communicate(timeout=60)
        return program.returncode, out, err
    finally:
        os.close(keyboard)
        os.close(terminal)


def test_a_question_at_a_terminal(cli):
    yank_it = ("yank", "demo@3", "--reason", "bad", "--json")
    for answer in ("n\n", "\n", "what\n", "\x04"):
        code, out, err = at_a_terminal(answer, *yank_it)
        assert (code, out) == (130, ""), err
        assert "without it demo@2 becomes the published one. Go on? [y/N]" in err
        assert err.endswith("Nothing was changed.\n")
    code, out, err = at_a_terminal("y\n", *yank_it)
    assert (code, out.startswith('{\n  "status": "yanked"')) == (0, True), err
    code, out, err = at_a_terminal("", "yank", "demo@2", "--reason", "bad", "--yes")
    assert (code, out.splitlines()[0], err) == (0, "yanked demo@2", "")


def test_an_absent_registry_stays_absent(capsys, tmp_path):
    cli = Commands(capsys)
    env = {"EVERYSKILL_HOME": str(tmp_path / "no"), "EVERYSKILL_USER": "ann@example.org"}
    for words in (
        ["promote", "demo@1"],
        ["rollback", "demo"],
        ["yank", "demo@1", "--reason", "x"],
        ["unyank", "demo@1"],
        ["use", "demo"],
    ):
        assert_failed(cli(*words, env=env), 4, "no skill demo")
    assert list(tmp_path.iterdir()) == []


WRITERS = (
    ["promote", "demo@1"],
    ["rollback", "demo"],
    ["yank", "demo@1", "--reason", "x"],
    ["use", "demo"],
)


def test_a_file_that_may_only_be_read(cli, tmp_path):
    file = tmp_path / "registry" / "registry.db"
    before = rows(f"sqlite:///{file}")
    file.chmod(0o444)
    for words in WRITERS:
        assert_failed(as_ordinary_user(*words), 9, "is read-only for you")
    file.chmod(0o644)
    assert rows(f"sqlite:///{file}") == before


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_login_that_may_only_read(desk, capsys, database_url, tmp_path):
    setting = quote("-c default_transaction_read_only=on")
    env = {
        "EVERYSKILL_DATABASE_URL": f"{database_url}?options={setting}",
        "EVERYSKILL_STORE_URL": f"file://{tmp_path}/store",
        "EVERYSKILL_USER": "ann@example.org",
    }
    for words in WRITERS:
        assert Commands(capsys)(*words, env=env).code == 9
    assert len(desk.events) == 3


# Many at once, and without an answer; `test_record_kills.py` kills them after every step.


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks() as forks:
        yield forks


@pytest.fixture
def site(database_url, tmp_path, forks) -> Site:
    """A registry with a folder, and three versions of `demo`."""
    return make_site(database_url, tmp_path, forks)


def make_site(url: str, folder: Path, forks: Forks) -> Site:
    if url.startswith("postgresql"):
        make_registry(url, folder).close()
    stores = FolderStores(folder)
    env = {**stores.new(), "EVERYSKILL_DATABASE_URL": url, "EVERYSKILL_USER": "ann@example.org"}
    for number in (1, 2, 3):
        words = ("publish", write_skill(folder / f"text-{number}", body=body(number)))
        assert forks.run(*words, env=env).code == 0
    return Site(env, partial(stores.get, env))


def content_of(site: Site) -> str | None:
    [content] = site.query("SELECT content FROM skills")
    return content


def text_of(number: int | None) -> str | None:
    return None if number is None else TEXT.format(name="demo", body=body(number))


def halted_behind_the_look(words: tuple[str, ...], forks: Forks, site: Site) -> Fork:
    """Start a command that has found out what to do, and has locked nothing yet."""
    look = ["SELECT version_events", "END"]
    slow = forks.start(words, env=site.env, halt_after=look).wait_until_halted()
    return slow.resume().wait_until_halted()


def test_what_falls_back_is_decided_under_the_lock(site, forks):
    """Between the look and the lock, the version to fall back to is withdrawn."""
    words = ("yank", "demo@3", "--reason", "bad", "--yes", "--json")
    slow = halted_behind_the_look(words, forks, site)
    assert forks.run("yank", "demo@2", "--reason", "bad", env=site.env).code == 0
    done = slow.resume().wait()
    assert done.json["results"][0]["published_version"] == 1
    assert site.audit().published == 1
    assert content_of(site) == text_of(1)


def test_who_comes_too_late_finds_it_done(site, forks):
    words = ("rollback", "demo", "--expect", "3", "--json")
    slow = halted_behind_the_look(words, forks, site)
    assert forks.run(*words, env=site.env).json["status"] == "rolled-back"
    assert slow.resume().wait().json["status"] == "unchanged"
    assert site.audit().events[3:] == ("rollback",)


def test_four_at_once_on_one_skill(site, forks, tmp_path):
    def run(number: int) -> list[tuple[str | Path, ...]]:
        skill = write_skill(tmp_path / f"new-{number}", body=f"New {number}.")
        commands: list[tuple[str | Path, ...]] = [
            ("publish", skill),
            ("rollback", "demo"),
            ("promote", "demo@latest"),
            ("yank", "demo@2", "--reason", f"bad {number}"),
            ("unyank", "demo@2"),
            ("yank", "demo@latest", "--reason", "bad", "--yes"),
            ("promote", "demo@1"),
        ]
        return commands[number:] + commands[:number]

    started = [forks.start(*run(n), env=site.env, halt_after="start") for n in range(4)]
    for fork in started:
        fork.wait_until_halted()
    for fork in started:
        fork.resume()
    ended = [done for fork in started for done in fork.wait_all()]
    assert len(ended) == 28
    assert {done.code for done in ended} <= {0, 2, 4, 5}  # 2: it needs a yes by now
    assert [
        done.stderr for done in ended if "Traceback" in done.stderr or "bug" in done.stderr
    ] == []
    standing = site.audit()
    # A text that search finds is the published one's.
    if standing.published is None:
        assert content_of(site) is None
    else:
        name = site.query(
            "SELECT content_url FROM skill_versions WHERE version = :v", v=standing.published
        )[0]
        assert content_of(site) == site.get(name).decode()


MOVES = {
    "promote": (("promote", "demo@1"), "promote", "promoted", 1),
    "rollback": (("rollback", "demo", "--expect", "3"), "rollback", "rolled-back", 2),
    "yank": (("yank", "demo@3", "--reason", "bad", "--yes"), "yank", "yanked", 2),
}


@pytest.mark.parametrize("cut", Cut)
def test_the_answer_to_commit_is_lost(cut, postgres_url, forks, tmp_path):
    direct = make_site(postgres_url, tmp_path, forks)
    with CutProxy(postgres_url) as line:
        site = Site({**direct.env, "EVERYSKILL_DATABASE_URL": line.url}, direct.get)
        for words, event, status, published in MOVES.values():
            words = (*words, "--expect", "3", "--json")
            before = site.standing()
            line.order(cut, "COMMIT")
            done = forks.run(*words, env=site.env)
            assert not line.pending
            if cut is Cut.AFTER:
                assert (done.code, done.json["status"]) == (0, status)
            else:
                assert (done.code, "again" in done.error["hint"]) == (6, True)
                assert site.standing() == before
            again = forks.run(*words, env=site.env)
            assert again.json["status"] == ("unchanged" if cut is Cut.AFTER else status)
            standing = site.audit()
            assert standing.events == (*before.events, event)
            assert content_of(direct) == text_of(standing.published) == text_of(published)
            for back in (("unyank", "demo@3"), ("promote", "demo@3")):
                assert forks.run(*back, env=direct.env).code == 0

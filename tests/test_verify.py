"""`verify` as people and CI run it: what it says, how it ends, and how it goes on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from everyskill_cli.chain import details_hash, event_hash
from everyskill_cli.database.queries import auditing, entries, standing
from everyskill_cli.errors import NotFound, NotReady, Unavailable, UsageError
from everyskill_cli.heads import Heads
from everyskill_cli.model import FileEntry, Opinion, Reference
from everyskill_cli.model.evidence import Entry
from everyskill_cli.registry import Registry
from everyskill_cli.registry.auditing import stored
from everyskill_cli.registry.auditing import verify as verify_module
from everyskill_cli.registry.auditing.deletion import delete_skill
from everyskill_cli.registry.auditing.notes import Notes, NotesFile
from everyskill_cli.registry.auditing.verify import VerifyOptions, verify
from everyskill_cli.registry.publishing.decision import PublishOptions
from everyskill_cli.registry.publishing.publish import publish
from everyskill_cli.registry.rate import rate
from everyskill_cli.registry.show import show
from everyskill_cli.registry.watch import Watch
from everyskill_cli.settings import load
from tests.commands import Commands, assert_failed
from tests.registries import make_registry, write_skill
from tests.rows import add_version, append
from tests.sites import Copies, Databases, Files
from tests.test_tamper import edit

MANY = 12


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def built(request, tmp_path_factory, outer_environment) -> tuple[Databases, str, Path]:
    """A dozen skills, one of them with three versions, to be copied."""
    folder = tmp_path_factory.mktemp("built")
    if request.param == "sqlite":
        databases: Databases = Files(folder)
    else:
        databases = Copies(request.getfixturevalue("postgres_server"))
    url = databases.new()
    with closing(make_registry(url, folder)) as registry:
        for number in range(MANY):
            write_skill(folder / "tree", f"skill-{number:02}", f"Text {number}.")
        publish(registry, [folder / "tree"], PublishOptions())
        for body in ("one", "two"):
            publish(registry, [write_skill(folder / body, "skill-00", body)], PublishOptions())
    return databases, url, folder / "store"


@pytest.fixture
def registry(built, tmp_path) -> Iterator[Registry]:
    """A copy of it, which this machine has seen."""
    databases, original, store = built
    url = databases.copy(original)
    shutil.copytree(store, tmp_path / "store")
    settings = {
        "database_url": url,
        "store_url": f"file://{tmp_path}/store",
        "user": "ann@example.org",
    }
    with closing(Registry(load(settings), "write")) as registry:
        with registry.database.reading() as tx:
            [own] = standing.registry_ids(tx)
            heads = entries.heads_after(tx, "", 100)
        Heads(registry.settings.home).note(own, {slug: entry for slug, _, entry in heads})
        yield registry
    databases.drop(url)


@pytest.fixture
def cli(capsys) -> Commands:
    return Commands(capsys)


def everything(**options) -> VerifyOptions:
    return VerifyOptions(**options)


def objects_of(registry: Registry, slug: str) -> list[Path]:
    """The files of a skill's versions, the oldest first."""
    root = Path(registry.settings.store_url.removeprefix("file://"))
    with registry.database.reading() as tx:
        keys = tx.exec_driver_sql(
            "SELECT content_url FROM skill_versions JOIN skills ON skills.id = skill_id"
            f" WHERE slug = '{slug}' ORDER BY version"
        ).scalars()
        return [root / key for key in keys]


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)


def kinds(answer) -> list[tuple]:
    return [(d.kind, d.slug, d.version) for d in answer.results]


def test_a_flipped_byte_and_a_missing_object_are_named_and_nothing_else(registry):
    flip(objects_of(registry, "skill-07")[0])
    objects_of(registry, "skill-00")[1].unlink()
    answer = verify(registry, [], everything())
    assert answer.status == "damaged"
    assert sorted(kinds(answer)) == [
        ("object-changed", "skill-07", 1),
        ("object-missing", "skill-00", 2),
    ]
    assert answer.looked.objects == MANY + 2


def test_quick_sees_presence_and_size_and_reads_nothing(registry):
    flip(objects_of(registry, "skill-07")[0])
    short = objects_of(registry, "skill-08")[0]
    short.chmod(0o644)
    short.write_bytes(b"short")
    objects_of(registry, "skill-00")[1].unlink()
    answer = verify(registry, [], everything(share=0.0))
    assert sorted(kinds(answer)) == [
        ("object-changed", "skill-08", 1),
        ("object-missing", "skill-00", 2),
    ]
    assert (answer.looked.read, answer.looked.bytes) == (0, 0)


def test_a_sample_reads_some_and_looks_for_all(registry):
    objects_of(registry, "skill-03")[0].unlink()
    seen = [verify(registry, [], everything(share=0.3)).looked.read for _ in range(6)]
    assert 0 < sum(seen) < 6 * (MANY + 1)
    answer = verify(registry, [], everything(share=0.3))
    assert kinds(answer) == [("object-missing", "skill-03", 1)]
    assert answer.looked.objects == MANY + 2


def test_named_skills_and_versions_alone(registry):
    flip(objects_of(registry, "skill-00")[1])
    flip(objects_of(registry, "skill-05")[0])
    assert kinds(verify(registry, [Reference("skill-00")], everything())) == [
        ("object-changed", "skill-00", 2)
    ]
    one = verify(registry, [Reference("skill-00", 1)], everything())
    assert (kinds(one), one.looked.read, one.looked.skills) == ([], 1, 1)
    with pytest.raises(NotFound, match="no skill nothing"):
        verify(registry, [Reference("nothing")], everything())
    with pytest.raises(NotFound, match="no version 9"):
        verify(registry, [Reference("skill-00", 9)], everything())


def test_names_and_whole_registry_options_exclude_each_other(registry, tmp_path):
    for options in (everything(resume=True), everything(checkpoint=tmp_path / "heads")):
        with pytest.raises(UsageError, match="whole registry"):
            verify(registry, [Reference("skill-00")], options)


def remove_newest(registry: Registry, slug: str) -> None:
    """Do as an owner who makes the newest version unhappened."""
    mine = f"skill_id = (SELECT id FROM skills WHERE slug = '{slug}')"
    newest = f"(SELECT max(version) FROM skill_versions WHERE {mine})"
    before = f"(SELECT id FROM skill_versions WHERE {mine} AND version = {newest})"
    edit(
        registry.settings.database_url,
        f"DELETE FROM version_events WHERE {mine} AND version = {newest}",
        f"DELETE FROM version_state WHERE skill_version_id = {before}",
        f"DELETE FROM skill_versions WHERE {mine} AND version = {newest}",
        f"UPDATE skills SET latest_version = latest_version - 1, content = (SELECT content FROM"
        f" skills WHERE slug = '{slug}'), published_version_id = {before} WHERE slug = '{slug}'",
    )


def copy_of_text(registry: Registry, slug: str, path: Path) -> None:
    """Make the search copy of a skill that of a file, as a careful forger does."""
    text = path.read_text().replace("'", "''")
    edit(
        registry.settings.database_url,
        f"UPDATE skills SET content = '{text}' WHERE slug = '{slug}'",
    )


def forge(registry: Registry, slug: str) -> None:
    """Rewrite a version's name and recompute every digest, as the owner of the database can."""
    with registry.database.reading() as tx:
        [own] = standing.registry_ids(tx)
        [skill] = auditing.skills_after(tx, "", 1, [slug])
        versions = auditing.versions_after(tx, [skill.id], ("", 0), 100)
        events = auditing.events_after(tx, [skill.id], ("", 0), 100)
    mine = f"skill_id = '{skill.id}'"
    changed, details = [], {}
    for version in versions:
        said = dict(version.details or {}, name="Forged")
        files = [FileEntry(**entry) for entry in said.pop("files")]
        details[version.version] = (version, details_hash(**said, files=files))
        changed.append(
            f"UPDATE skill_versions SET name = 'Forged',"
            f" details_hash = '{details[version.version][1]}'"
            f" WHERE {mine} AND version = {version.version}"
        )
    before = "0" * 64
    for event in events:
        version, digest = details[event.version]
        newest = event_hash(
            own,
            slug,
            event._replace(prev_hash=before),
            content=version.content_hash,
            size=version.size_bytes,
            details=digest,
        )
        changed.append(
            f"UPDATE version_events SET prev_hash = '{before}',"
            f" entry_hash = '{newest}' WHERE {mine} AND seq = {event.seq}"
        )
        before = newest
    changed.append(f"UPDATE skills SET name = 'Forged' WHERE slug = '{slug}'")
    edit(registry.settings.database_url, *changed)


def test_a_checkpoint_finds_removed_rows_and_a_recomputed_chain(registry, tmp_path, home, count):
    file = tmp_path / "heads.txt"
    assert verify(registry, [], everything(checkpoint=file)).checkpoint == str(file)
    second, third = objects_of(registry, "skill-00")[1:]
    remove_newest(registry, "skill-00")
    copy_of_text(registry, "skill-00", second)
    forge(registry, "skill-01")
    nobody = home / ".local/share/everyskill/heads.db"
    nobody.unlink()  # a machine that never saw it
    alone = verify(registry, [], everything())
    assert (kinds(alone), alone.status) == ([], "intact")  # in itself it is consistent
    nobody.unlink()
    answer = verify(registry, [], everything(against=file))
    assert sorted(kinds(answer)) == [
        ("history-gone", "skill-00", None),
        ("history-rewritten", "skill-01", None),
    ]
    assert answer.looked.compared == MANY
    assert third.exists()
    count("checkpoints", forgeries=2, found=2)


def test_a_registry_that_only_grew_passes_its_checkpoint(registry, tmp_path):
    file = tmp_path / "heads.txt"
    verify(registry, [], everything(checkpoint=file))
    publish(registry, [write_skill(tmp_path / "more", "skill-00", "more")], PublishOptions())
    publish(registry, [write_skill(tmp_path / "more", "newcomer", "new")], PublishOptions())
    assert verify(registry, [], everything(against=file)).status == "intact"


def test_this_machine_remembers_what_it_saw(registry, cli: Commands, tmp_path, home):
    env = {
        "EVERYSKILL_DATABASE_URL": registry.settings.database_url,
        "EVERYSKILL_STORE_URL": registry.settings.store_url,
        "EVERYSKILL_USER": "ann@example.org",
    }
    second = objects_of(registry, "skill-00")[1]
    remove_newest(registry, "skill-00")
    copy_of_text(registry, "skill-00", second)
    gone = "The history of skill-00 is not the one that this machine has seen: it had 3 events"
    for words in (["show", "skill-00"], ["versions", "skill-00"], ["install", "skill-00"]):
        done = cli(*words, env=env)
        assert done.code == 0
        if words[0] != "install":  # which sees the events of births
            assert gone in done.stderr
    folder = write_skill(tmp_path / "again", "skill-00", "again")
    done = cli("publish", folder, env=env)
    assert done.code == 0
    assert "is not the one that this machine has seen" in done.stderr
    for _ in range(2):  # what was seen is not forgotten because something else was seen
        done = cli("verify", "--json", env=env)
        assert done.code == 7
        assert [d["kind"] for d in done.json["results"]] == ["history-rewritten"]
    done = cli("verify", "skill-00", "--forget", env=env)
    assert (done.code, done.stderr) == (0, "")
    assert cli("show", "skill-00", env=env).stderr == ""
    assert cli("verify", env=env).code == 0


def test_a_skill_that_vanished_is_missed(registry, home):
    verify(registry, [], everything())
    mine = "skill_id = (SELECT id FROM skills WHERE slug = 'skill-09')"
    edit(
        registry.settings.database_url,
        f"DELETE FROM version_events WHERE {mine}",
        f"DELETE FROM version_state WHERE {mine}",
        f"DELETE FROM skill_versions WHERE {mine}",
        "DELETE FROM skills WHERE slug = 'skill-09'",
    )
    assert kinds(verify(registry, [], everything())) == [("history-gone", "skill-09", None)]
    named = verify(registry, [Reference("skill-09")], everything())
    assert kinds(named)[0] == ("history-gone", "skill-09", None)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (lambda data: data.replace(b" 1 1 ", b" 1 2 ", 1), 7, "was changed"),
        (lambda data: data[: len(data) // 2], 7, "was changed"),
        (lambda data: data + b"skill-99 1 1 " + b"a" * 64 + b"\n", 7, "was changed"),
        (lambda data: b"", 7, "was changed"),
        (lambda data: b"hello\n", 2, "is no checkpoint"),
        (lambda data: b"\xff\xfe\x00" * 1000, 2, "is no checkpoint"),
        (lambda data: data.replace(b"checkpoint:1", b"checkpoint:2"), 8, "has format 2"),
        (
            lambda data: b"everyskill-checkpoint:1 other 2026-01-01T00:00:00.000Z\n",
            8,
            "is of the registry other",
        ),
    ],
)
def test_a_checkpoint_that_is_none(registry, cli: Commands, tmp_path, change, error, said):
    file = tmp_path / "heads.txt"
    verify(registry, [], everything(checkpoint=file))
    file.write_bytes(change(file.read_bytes()))
    env = {
        "EVERYSKILL_DATABASE_URL": registry.settings.database_url,
        "EVERYSKILL_STORE_URL": registry.settings.store_url,
    }
    assert_failed(cli("verify", "--against", file, env=env), error, said)


def test_no_checkpoint_of_what_is_damaged(registry, tmp_path):
    flip(objects_of(registry, "skill-07")[0])
    file = tmp_path / "heads.txt"
    answer = verify(registry, [], everything(checkpoint=file))
    assert [warning.rule for warning in answer.warnings] == ["no-checkpoint"]
    assert answer.checkpoint is None
    assert not file.exists()
    assert list(tmp_path.glob(".heads*")) == []


class Stops(Watch):
    """Somebody who asks to stop after some pages."""

    def __init__(self, after: int) -> None:
        self.after = after
        self.heard: list[tuple[int, int, str]] = []

    def verify(self, done: int, total: int, what: str) -> None:
        self.heard.append((done, total, what))
        self.stopped = len(self.heard) >= self.after


@pytest.fixture
def small_pages(monkeypatch):
    monkeypatch.setattr(verify_module, "SKILLS", 3)
    monkeypatch.setattr(verify_module, "OBJECTS", 3)


@pytest.mark.parametrize("after", [1, 3, 5, 6, 8])
def test_what_was_interrupted_goes_on_where_it_was(registry, small_pages, after):
    flip(objects_of(registry, "skill-07")[0])
    objects_of(registry, "skill-00")[1].unlink()
    whole = verify(registry, [], everything())
    first = verify(registry, [], everything(), Stops(after))
    assert first.status == "interrupted"
    rest = verify(registry, [], everything(resume=True))
    assert rest.status == "damaged"
    assert sorted(kinds(rest)) == sorted(kinds(whole))
    for name in ("skills", "versions", "events", "objects", "read", "bytes"):
        assert getattr(rest.looked, name) == getattr(whole.looked, name), name
    again = verify(registry, [], everything(resume=True))
    assert [warning.rule for warning in again.warnings] == ["nothing-to-resume"]


def test_words_that_search_lacks_are_still_lacking_when_it_goes_on(registry, small_pages):
    edit(
        registry.settings.database_url,
        "DELETE FROM skill_search WHERE skill_id = (SELECT id FROM skills WHERE slug = 'skill-01')",
    )
    stop = Stops((len(objects_of(registry, "skill-00")) + MANY) // 3 + 4)
    before = verify(registry, [], everything(), stop)
    assert (before.status, kinds(before)) == ("interrupted", [("search-copy", "skill-01", None)])
    rest = verify(registry, [], everything(resume=True))
    assert (rest.status, kinds(rest)) == ("damaged", [("search-copy", "skill-01", None)])


def test_what_was_repaired_meanwhile_is_not_repeated(registry, small_pages):
    broken, missing = objects_of(registry, "skill-07")[0], objects_of(registry, "skill-00")[1]
    whole = missing.read_bytes()
    flip(broken)
    missing.unlink()
    url, last = registry.settings.database_url, len(objects_of(registry, "skill-00")) + MANY
    edit(url, "UPDATE skills SET total_uses = 9 WHERE slug IN ('skill-01', 'skill-02')")
    edit(url, "UPDATE skills SET content = 'other' WHERE slug = 'skill-03'")
    edit(url, "UPDATE registry SET format_version = 2")
    before = verify(registry, [], everything(), Stops(last // 3 + 4))
    assert before.status == "interrupted"
    damaged = {("counter", "skill-01"), ("counter", "skill-02"), ("registry", None)}
    damaged |= {("object-changed", "skill-07"), ("object-missing", "skill-00")}
    assert {(d.kind, d.slug) for d in before.results} == damaged | {("search-copy", "skill-03")}
    edit(url, "UPDATE skills SET total_uses = 0 WHERE slug = 'skill-01'")
    edit(url, "UPDATE registry SET format_version = 1")
    copy_of_text(registry, "skill-03", objects_of(registry, "skill-03")[0])
    flip(broken)
    impatient = Stops(0)
    impatient.stopped = True
    again = verify(registry, [], everything(resume=True), impatient)
    assert (again.status, len(again.results)) == ("interrupted", 5)  # and nothing is lost
    rest = verify(registry, [], everything(resume=True))
    assert kinds(rest) == [("counter", "skill-02", None), ("object-missing", "skill-00", 2)]
    assert rest.looked.objects == MANY + 2
    missing.write_bytes(whole)


def test_what_a_checkpoint_told_is_not_lost_where_the_rest_goes_on_without_it(
    registry, small_pages, tmp_path, home
):
    file, other = tmp_path / "heads.txt", tmp_path / "newer.txt"
    verify(registry, [], everything(checkpoint=file))
    forge(registry, "skill-05")
    (home / ".local/share/everyskill/heads.db").unlink()
    verify(registry, [], everything(checkpoint=other))
    before = verify(registry, [], everything(against=file), Stops(2))
    assert (before.status, kinds(before)) == (
        "interrupted",
        [("history-rewritten", "skill-05", None)],
    )
    for against in (None, other, file):
        again = verify(registry, [], everything(resume=True, against=against), Stops(1))
        assert (again.status, again.results) == ("interrupted", before.results)
    rest = verify(registry, [], everything(resume=True))
    assert (rest.status, rest.results) == ("damaged", before.results)


def test_notes_go_after_a_week_or_with_a_new_beginning(registry, small_pages, home):
    folder = home / ".local/share/everyskill/verify"
    verify(registry, [], everything(), Stops(2))
    [notes] = folder.iterdir()
    for name, days in (("a" * 64 + ".json", 8), ("b" * 64 + ".123", 8), ("c" * 64 + ".json", 6)):
        (folder / name).write_text("{}")
        os.utime(folder / name, (time.time() - days * 86_400,) * 2)
    (folder / "mine.txt").write_text("mine")
    os.utime(folder / "mine.txt", (0, 0))
    verify(registry, [Reference("skill-05")], everything())
    assert {path.name for path in folder.iterdir()} == {
        notes.name,
        "c" * 64 + ".json",
        "mine.txt",
    }
    os.utime(notes, (time.time() - 8 * 86_400,) * 2)
    late = verify(registry, [], everything(resume=True), Stops(2))
    assert [w.rule for w in late.warnings][:1] == ["nothing-to-resume"]
    assert notes.exists()
    with pytest.raises(UsageError):  # begun anew, and ended before anything was kept
        verify(registry, [], everything(against=folder))
    assert not notes.exists()


def test_a_store_that_falls_silent_loses_nothing(registry, small_pages, monkeypatch):
    get, calls = type(registry.store)._get, []

    def silent(self, key, limit):
        calls.append(key)
        if len(calls) > 9:
            raise Unavailable("The store is silent.")
        return get(self, key, limit)

    monkeypatch.setattr(type(registry.store), "_get", silent)
    with pytest.raises(Unavailable) as error:
        verify(registry, [], everything(jobs=2))
    assert "everyskill verify --resume" in error.value.hint
    monkeypatch.setattr(type(registry.store), "_get", get)
    answer = verify(registry, [], everything(resume=True))
    assert (answer.status, answer.looked.objects) == ("intact", MANY + 2)


def test_the_guards_are_looked_at(registry):
    url = registry.settings.database_url
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as file, file:
            file.execute("DROP TRIGGER version_events_update")
    else:
        with registry.database.writing() as tx:
            tx.exec_driver_sql("ALTER TABLE version_events DISABLE TRIGGER version_events_update")
    [damage] = verify(registry, [], everything()).results
    assert (damage.kind, damage.where) == ("guard", "version_events_update")


def test_the_marker_of_the_store(registry):
    root = Path(registry.settings.store_url.removeprefix("file://"))
    marker = root / "everyskill.json"
    whole = marker.read_bytes()
    marker.unlink()
    assert kinds(verify(registry, [], everything())) == [("registry", None, None)]
    marker.write_bytes(b"{")
    assert kinds(verify(registry, [], everything())) == [("registry", None, None)]
    marker.write_bytes(whole.replace(whole[-10:-4], b"000000"))
    with pytest.raises(NotReady, match="belongs to another registry"):
        verify(registry, [], everything())


def test_an_empty_store_is_another_place(registry, tmp_path):
    settings = {
        "database_url": registry.settings.database_url,
        "store_url": f"file://{tmp_path}/elsewhere",
    }
    with closing(Registry(load(settings))) as other, pytest.raises(NotReady, match="not theirs"):
        verify(other, [], everything())


def test_nothing_is_not_intact(everyskill, home):
    """A mistyped address must not look like a registry in order."""
    done = everyskill("verify")
    assert (done.code, done.stdout) == (8, "")
    assert "nothing was verified" in done.stderr
    assert [path for path in home.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("kind", ["fifo", "link", "device"])
def test_a_checkpoint_replaces_nothing_but_a_file(registry, cli: Commands, tmp_path, kind):
    place = tmp_path / "place"
    if kind == "fifo":
        os.mkfifo(place)
    elif kind == "link":
        place.symlink_to(tmp_path / "elsewhere")
    else:
        place = Path("/dev/null")
    before = place.lstat()
    env = {
        "EVERYSKILL_DATABASE_URL": registry.settings.database_url,
        "EVERYSKILL_STORE_URL": registry.settings.store_url,
    }
    assert_failed(cli("verify", "--checkpoint", place, env=env), 2, "No file can be written")
    if kind != "link":
        assert_failed(cli("verify", "--against", place, env=env), 2, "is no file")
    assert (place.lstat().st_mode, place.lstat().st_ino) == (before.st_mode, before.st_ino)
    resumed = cli("verify", "--resume", "--checkpoint", tmp_path / "heads.txt", env=env)
    assert_failed(resumed, 2, "exclude each other")


def test_rows_that_name_nobody_are_named(registry, tmp_path):
    url = registry.settings.database_url
    rate(registry, Reference("skill-03"), Opinion(stars=4))
    edit(url, "DELETE FROM users", "UPDATE ratings SET skill_version_id = 'none'")
    found = {d.where for d in verify(registry, [], everything()).results if d.kind == "reference"}
    assert found == {
        "skills.author_id",
        "skill_versions.created_by",
        "version_events.actor_id",
        "ratings.user_id",
        "ratings.skill_version_id",
    }


def test_a_purge_that_never_was_gives_nobody_leave_to_delete(registry, cli: Commands):
    edit(
        registry.settings.database_url,
        "UPDATE version_state SET purged_at = '2026-01-01T00:00:00.000Z' WHERE skill_id ="
        " (SELECT id FROM skills WHERE slug = 'skill-04')",
    )
    answer = verify(registry, [], everything())
    assert (kinds(answer), answer.warnings) == ([("state", "skill-04", 1)], ())
    assert answer.looked.objects == MANY + 2
    env = {
        "EVERYSKILL_DATABASE_URL": registry.settings.database_url,
        "EVERYSKILL_STORE_URL": registry.settings.store_url,
    }
    assert cli("gc", "--delete", "--older-than", "0", "--force", env=env).code == 0
    assert objects_of(registry, "skill-04")[0].exists()


def test_a_purge_that_is_whole_is_no_damage(registry, tmp_path):

    version = show(registry, Reference("skill-00", 1)).version
    with registry.database.writing() as tx:
        append(tx, version, "purge", slug="skill-00")
    there = verify(registry, [], everything())
    assert (there.status, [w.rule for w in there.warnings]) == ("intact", ["purged-object-left"])
    objects_of(registry, "skill-00")[0].unlink()
    for share in (1.0, 0.0):
        answer = verify(registry, [], everything(share=share))
        assert (answer.status, answer.warnings, answer.looked.purged) == ("intact", (), 1)
        assert answer.looked.objects == MANY + 1


def test_text_for_people_and_lines_for_programs(registry, cli: Commands):
    env = {
        "EVERYSKILL_DATABASE_URL": registry.settings.database_url,
        "EVERYSKILL_STORE_URL": registry.settings.store_url,
    }
    objects_of(registry, "skill-00")[1].unlink()
    done = cli("verify", env=env)
    assert (done.code, done.stderr) == (7, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "damaged"
    [damage] = [line.split("\t") for line in lines if line.startswith("damage:")]
    assert damage[1:4] == ["object-missing", "skill-00", "2"]
    assert damage[5] == "The object of skill-00@2 is missing."
    answer = cli("verify", "--json", env=env)
    assert answer.code == 7
    assert answer.json["results"][0]["message"] == "The object of skill-00@2 is missing."
    assert_failed(cli("verify", "--sample", "0%", env=env), 2, "is not a share")
    assert_failed(cli("verify", "--sample", "٣%", env=env), 2, "is not a share")
    assert_failed(cli("verify", "--sample", "5%", "--quick", env=env), 2, "exclude each other")
    assert_failed(cli("verify", "--resume", "--quick", env=env), 2, "exclude each other")
    assert cli("verify", "--sample", "50%", env=env).code == 7


def test_ctrl_c_ends_with_what_was_found_and_130(registry, everyskill, monkeypatch):
    env = {
        "EVERYSKILL_DATABASE_URL": registry.settings.database_url,
        "EVERYSKILL_STORE_URL": registry.settings.store_url,
    }
    process = everyskill.start("verify", "--json", env=env)
    time.sleep(0.6)
    process.send_signal(signal.SIGINT)
    stdout, _ = process.communicate(timeout=60)
    assert process.returncode in (0, 130, -signal.SIGINT)
    if stdout:
        assert json.loads(stdout)["status"] in ("interrupted", "intact")


class TestHeads:
    """The file that remembers."""

    def test_the_newest_is_kept(self, tmp_path):
        heads = Heads(tmp_path)
        assert heads.known("r", ["a"]) == {}
        heads.note("r", {"a": Entry(2, "x" * 64), "b": Entry(1, "y" * 64)})
        heads.note("r", {"a": Entry(1, "z" * 64)})
        heads.note("other", {"a": Entry(9, "z" * 64)})
        assert heads.known("r", ["a", "c"]) == {"a": Entry(2, "x" * 64)}
        assert list(heads.pages("r", 1)) == [
            {"a": Entry(2, "x" * 64)},
            {"b": Entry(1, "y" * 64)},
        ]
        heads.forget("r", ["a"])
        assert heads.known("r", ["a", "b"]) == {"b": Entry(1, "y" * 64)}
        heads.forget("r", [])
        assert list(heads.pages("r", 5)) == []
        assert heads.known("other", ["a"]) == {"a": Entry(9, "z" * 64)}

    def test_what_is_no_such_file_is_said_and_begun_anew(self, tmp_path):
        (tmp_path / "heads.db").write_bytes(b"no database" * 200)
        heads = Heads(tmp_path)
        with pytest.raises(NotReady, match="cannot be read: file is not a database"):
            heads.known("r", ["a"])
        heads.note("r", {"a": Entry(1, "x" * 64)})  # and makes room for one
        assert heads.known("r", ["a"]) == {"a": Entry(1, "x" * 64)}

    def test_a_tombstone_stays_whatever_is_seen_under_its_slug(self, tmp_path):
        heads = Heads(tmp_path)
        heads.note("r", {"a": Entry(0, "t" * 64)})
        heads.note("r", {"a": Entry(1, "x" * 64)})
        assert heads.known("r", ["a"]) == {"a": Entry(0, "t" * 64)}

    def test_a_slug_that_is_none_is_said(self, tmp_path):
        heads = Heads(tmp_path)
        heads.note("r", {"a": Entry(1, "x" * 64), "b": Entry(1, "x" * 64)})
        with closing(sqlite3.connect(tmp_path / "heads.db")) as file, file:
            file.execute("UPDATE heads SET slug = x'ff' WHERE slug = 'b'")
        with pytest.raises(NotReady, match="holds what everyskill never wrote"):
            list(heads.pages("r", 5))

    def test_a_folder_that_cannot_be_made_is_said(self, tmp_path):
        (tmp_path / "file").touch()
        heads = Heads(tmp_path / "file" / "below")
        with pytest.raises(NotReady, match="cannot be written: Not a directory"):
            heads.note("r", {"a": Entry(1, "x" * 64)})
        assert heads.known("r", ["a"]) == {}

    def test_who_was_here_stays_until_it_is_forgotten(self, tmp_path):
        heads = Heads(tmp_path, "here")
        assert heads.last() is None
        heads.note("r", {})
        Heads(tmp_path, "here").note("other", {"a": Entry(1, "x" * 64)})
        assert Heads(tmp_path, "here").last() == "r"
        assert Heads(tmp_path, "there").last() is None
        Heads(tmp_path, "here").forget("other", ["a"])
        assert Heads(tmp_path, "here").last() == "r"
        heads.forget("other", [])
        assert heads.last() is None
        heads.note("other", {})
        assert heads.last() == "other"


def test_memory_is_bounded(registry, monkeypatch):
    """Rows of few skills and objects of few bytes are held at once, whatever there is."""
    held, most = 0, 0
    get = type(registry.store)._get

    def counting(self, key, limit):
        nonlocal held, most
        data = get(self, key, limit)
        held += 1
        most = max(most, held)
        return data

    look = stored._unpacked

    def letting_go(row, data):
        nonlocal held
        held -= 1
        return look(row, data)

    monkeypatch.setattr(type(registry.store), "_get", counting)
    monkeypatch.setattr(stored, "_unpacked", letting_go)
    verify(registry, [], everything(jobs=2))
    assert most <= 2


def test_a_bucket(everyskill, s3_server, s3_environment, tmp_path):
    """Read whole, listed, and asked for one by one: the same is found."""
    env = s3_environment | {"EVERYSKILL_DATABASE_URL": f"sqlite:///{tmp_path}/r.db"}
    env["EVERYSKILL_USER"] = "ann@example.org"
    for number in range(5):
        write_skill(tmp_path / "tree", f"skill-{number}", f"Text {number}.")
    assert everyskill("publish", tmp_path / "tree", env=env).code == 0
    keys = s3_server.keys(env["EVERYSKILL_STORE_URL"].split("/", 3)[3] + "/sha256/")
    assert len(keys) == 5
    place = {"Bucket": s3_server.bucket}
    s3_server.client.delete_object(Key=keys[1], **place)
    s3_server.client.put_object(Key=keys[3], Body=b"short", **place)
    for words in ([], ["--quick"], [f"skill-{number}" for number in range(5)]):
        done = everyskill("verify", *words, "--json", env=env)
        assert done.code == 7
        found = {damage["where"][-64:]: damage["kind"] for damage in done.json["results"]}
        assert found == {keys[1][-64:]: "object-missing", keys[3][-64:]: "object-changed"}


def take_database_away(registry: Registry) -> str:
    """Give the address of an empty database, as somebody has who restored nothing."""
    return registry.settings.database_url.replace("registry.db", "lost.db")


def test_bytes_without_records_are_not_intact(tmp_path, cli: Commands):
    with closing(make_registry(f"sqlite:///{tmp_path}/registry.db", tmp_path)) as registry:
        publish(registry, [write_skill(tmp_path, "demo")], PublishOptions())
        env = {
            "EVERYSKILL_DATABASE_URL": take_database_away(registry),
            "EVERYSKILL_STORE_URL": registry.settings.store_url,
        }
    assert_failed(cli("verify", env=env), 8, "and the database", "Restore the database")


def test_the_id_of_a_registry_names_no_file(registry, home):
    """Whoever owns a registry must not choose which of your files is written or removed."""
    mine = home / ".local/share/settings.json"
    mine.parent.mkdir(parents=True, exist_ok=True)
    mine.write_text("mine")
    (home / ".local/share/everyskill/verify").mkdir(parents=True)
    root = Path(registry.settings.store_url.removeprefix("file://"))
    evil = "../../settings"
    NotesFile(home / ".local/share/everyskill", evil).save(Notes(1.0), now=True)
    odd = Notes(1.0, place=b"no text")  # as a slug may be in a file of SQLite; nothing is saved
    NotesFile(home / ".local/share/everyskill", evil).save(odd, now=True)
    NotesFile(home / ".local/share/everyskill", evil).drop()
    assert mine.read_text() == "mine"
    assert (root / "everyskill.json").exists()


def test_a_look_at_one_skill_keeps_what_was_interrupted(registry, small_pages):
    flip(objects_of(registry, "skill-00")[0])
    assert verify(registry, [], everything(), Stops(7)).status == "interrupted"
    assert verify(registry, [Reference("skill-05")], everything()).status == "intact"
    rest = verify(registry, [], everything(resume=True))
    assert (rest.status, [w.rule for w in rest.warnings]) == ("damaged", [])
    assert rest.looked.objects == MANY + 2


def test_notes_of_another_program_are_none(registry, small_pages, home):
    verify(registry, [], everything(), Stops(2))
    [file] = (home / ".local/share/everyskill/verify").glob("*.json")
    whole = json.loads(file.read_text())
    for change in ({"counts": {"stars": 1}}, {"share": "x"}, {"damages": [1]}, {"place": None}):
        file.write_text(json.dumps(whole | change))
        verify(registry, [], everything(resume=True), Stops(2))
    file.write_text("[" * 5000)
    answer = verify(registry, [], everything(resume=True))
    assert [warning.rule for warning in answer.warnings] == ["nothing-to-resume"]


def test_a_skill_that_is_lost_is_looked_for_alone(registry, tmp_path, home):
    file = tmp_path / "heads.txt"
    verify(registry, [], everything(checkpoint=file))
    remove_whole(registry, "skill-09")
    named = verify(registry, [Reference("skill-09")], everything())
    assert kinds(named) == [("history-gone", "skill-09", None)]
    assert (named.looked.skills, named.looked.objects) == (0, 0)
    (home / ".local/share/everyskill/heads.db").unlink()
    with pytest.raises(NotFound):
        verify(registry, [Reference("skill-09")], everything())
    told = verify(registry, [Reference("skill-09")], everything(against=file))
    assert kinds(told) == [("history-gone", "skill-09", None)]


def remove_whole(registry: Registry, slug: str, *tables: str) -> None:
    mine = f"skill_id = (SELECT id FROM skills WHERE slug = '{slug}')"
    edit(
        registry.settings.database_url,
        *(
            f"DELETE FROM {table} WHERE {mine}"
            for table in tables or ("version_events", "version_state", "skill_versions")
        ),
        f"DELETE FROM skills WHERE slug = '{slug}'",
    )


@pytest.mark.parametrize(
    "tables", [("version_state", "skill_versions"), ("version_events", "version_state")]
)
def test_rows_of_a_skill_that_is_gone_are_missed(registry, tables):
    remove_whole(registry, "skill-09", *tables)
    found = kinds(verify(registry, [], everything()))
    assert ("skill-missing", None, None) in found


def test_a_skill_that_was_deleted_whole_is_told_and_no_damage(registry, tmp_path, home):
    file = tmp_path / "heads.txt"
    verify(registry, [], everything(checkpoint=file))
    purge_whole(registry, Reference("skill-09"), "Court order 17/26.")
    told = verify(registry, [], everything(against=file))
    assert told.status == "intact"
    assert {warning.rule for warning in told.warnings} == {"deleted-since"}
    assert all("Court order 17/26." in warning.message for warning in told.warnings)
    assert verify(registry, [], everything()).warnings == ()  # said once, and not for ever


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("DELETE FROM tombstones", "it is gone"),
        ("UPDATE tombstones SET reason = 'Nothing.'", "it was changed"),
    ],
)
def test_a_tombstone_is_remembered(registry, tmp_path, home, change, what):
    purge_whole(registry, Reference("skill-09"), "Court order 17/26.")
    purge_whole(registry, Reference("skill-05"), "Too old.")
    file = tmp_path / "heads.txt"
    told = verify(registry, [], everything(checkpoint=file))
    assert [w.rule for w in told.warnings] == ["deleted-since"] * 2
    assert verify(registry, [], everything(against=file)).results == ()
    edit(registry.settings.database_url, f"{change} WHERE slug = 'skill-09'")
    [damage] = verify(registry, [], everything()).results
    assert (damage.kind, damage.slug, damage.where) == ("tombstone", "skill-09", "tombstones")
    assert damage.message.endswith(f"the one that this machine has seen: {what}.")
    (home / ".local/share/everyskill/heads.db").unlink()
    [damage] = verify(registry, [], everything(against=file)).results
    assert damage.message.endswith(f"the one that the checkpoint heads.txt has seen: {what}.")
    if what == "it is gone":
        named = verify(registry, [Reference("skill-09")], everything(against=file))
        assert kinds(named) == [("tombstone", "skill-09", None)]


def purge_whole(registry: Registry, reference: Reference, reason: str) -> None:
    delete_skill(registry, reference, reason=reason)


def test_an_average_that_is_no_average(registry):
    """Somebody who may alter the table may make it say anything."""
    url = registry.settings.database_url
    if url.startswith("sqlite"):
        return  # a generated column cannot be written there, and its expression not be dropped
    with registry.database.writing() as tx:
        tx.exec_driver_sql("ALTER TABLE skills ALTER average_rating DROP EXPRESSION")
        tx.exec_driver_sql("ALTER TABLE skills DISABLE TRIGGER USER")
        tx.exec_driver_sql("UPDATE skills SET average_rating = 500 WHERE slug = 'skill-03'")
        tx.exec_driver_sql("ALTER TABLE skills ENABLE TRIGGER USER")
    found = [d for d in verify(registry, [], everything()).results if d.kind != "guard"]
    assert [(d.kind, d.slug, d.where) for d in found] == [
        ("counter", "skill-03", "skills.average_rating")
    ]


def test_what_is_no_object_is_named(registry, tmp_path):
    [path] = objects_of(registry, "skill-07")
    path.unlink()
    path.symlink_to(tmp_path)
    for share in (0.0, 1.0):
        answer = verify(registry, [], everything(share=share))
        assert kinds(answer) == [("object-changed", "skill-07", 1)]
        assert answer.looked.objects == MANY + 2


def test_a_folder_of_objects_that_is_a_link_stops_nothing(registry, tmp_path):
    [path] = objects_of(registry, "skill-07")
    path.parent.rename(tmp_path / "moved")
    path.parent.symlink_to(tmp_path / "moved")
    objects_of(registry, "skill-08")[0].unlink()
    for share in (0.0, 0.5, 1.0):
        answer = verify(registry, [], everything(share=share))
        found = kinds(answer)
        assert {("object-changed", "skill-07", 1), ("object-missing", "skill-08", 1)} <= set(found)
        [said] = [each.message for each in answer.results if each.slug == "skill-07"]
        assert said.startswith("The object of skill-07@1 ")
        assert said[-2:].count(".") == 1


@pytest.mark.parametrize("value", ["x'00ff'", "CAST(x'ff41' AS TEXT)"])
def test_a_tombstone_whose_slug_is_none_stops_nothing(tmp_path, home, value):
    """SQLite keeps anything in any column, for whoever switches its checks off."""
    with closing(make_registry(f"sqlite:///{tmp_path}/registry.db", tmp_path)) as registry:
        for name in ("alpha", "beta", "gamma"):
            publish(registry, [write_skill(tmp_path, name)], PublishOptions())
        for name in ("alpha", "beta"):
            purge_whole(registry, Reference(name), "Too old.")
        url, unchecked = registry.settings.database_url, "PRAGMA ignore_check_constraints = 1"
        edit(url, unchecked, f"UPDATE tombstones SET slug = {value} WHERE slug = 'beta'")
        (home / ".local/share/everyskill/heads.db").unlink()
        file = tmp_path / "heads.txt"
        assert verify(registry, [], everything(checkpoint=file)).status == "intact"
        assert verify(registry, [], everything(against=file)).looked.compared == 4
        lines = file.read_text().splitlines()[1:-1]
        assert [line.partition(" ")[0] for line in lines] == ["gamma", "alpha"]
        edit(url, unchecked, f"UPDATE skills SET slug = {value}")
        assert verify(registry, [], everything()).status == "damaged"


def test_a_text_that_is_no_utf8_is_named(tmp_path):
    with closing(make_registry(f"sqlite:///{tmp_path}/registry.db", tmp_path)) as registry:
        for name in ("alpha", "beta"):
            publish(registry, [write_skill(tmp_path, name)], PublishOptions())
        edit(
            registry.settings.database_url,
            *(
                f"UPDATE {table} SET {column} = CAST(x'ff41' AS TEXT) WHERE"
                f" {key} IN (SELECT id FROM skills WHERE slug = 'alpha')"
                for table, column, key in (
                    ("skills", "name", "id"),
                    ("skill_versions", "message", "skill_id"),
                    ("version_events", "reason", "skill_id"),
                )
            ),
        )
        answer = verify(registry, [], everything())
        assert {d.slug for d in answer.results} == {"alpha"}
        assert len(answer.results) >= 2
        assert answer.looked.skills == 2


@pytest.mark.parametrize(("table", "column"), [("skills", "id"), ("skill_versions", "content_url")])
def test_an_id_or_a_key_that_is_no_utf8_stops_nothing(tmp_path, table, column):
    with closing(make_registry(f"sqlite:///{tmp_path}/registry.db", tmp_path)) as registry:
        for name in ("alpha", "beta"):
            publish(registry, [write_skill(tmp_path, name)], PublishOptions())
        edit(
            registry.settings.database_url,
            "PRAGMA ignore_check_constraints = 1",
            f"UPDATE {table} SET {column} = CAST(x'61ff' AS TEXT)"
            f" WHERE {column} = (SELECT min({column}) FROM {table})",
        )
        answer = verify(registry, [], everything())
    assert answer.status == "damaged"
    assert answer.looked.skills == 2
    assert answer.looked.objects == 1


def test_a_publisher_beside_is_no_damage(registry, tmp_path, monkeypatch):
    """What this machine heard of after a transaction had begun is not missed in it."""
    from everyskill_cli.registry.auditing import remembered

    verify(registry, [], everything())
    gone, published = remembered.gone, []

    def after_a_publish(tx, known, who):
        if not published:
            tx.exec_driver_sql("SELECT 1 FROM skills").all()  # from here on it sees one moment
            folder = write_skill(tmp_path / "beside", "skill-00", "beside")
            with closing(Registry(registry.settings, "write")) as other:
                published.append(publish(other, [folder], PublishOptions()))
            known = Heads(registry.settings.home).known(registry_id(registry), ["skill-00"])
        yield from gone(tx, known, who)

    monkeypatch.setattr(remembered, "gone", after_a_publish)
    shown = show(registry, Reference("skill-00"))
    assert [w.message for w in shown.warnings] == []


def registry_id(registry: Registry) -> str:
    with registry.database.reading() as tx:
        return str(standing.registry_ids(tx)[0])


def test_two_edits_do_not_hide_the_id(registry):
    edit(
        registry.settings.database_url,
        "UPDATE registry SET id = '7b0bd8a2-9a4f-4a0c-9f5e-0b7f2f7a1c11'",
        "UPDATE skills SET total_uses = 9 WHERE slug = 'skill-00'",
    )
    found = kinds(verify(registry, [], everything()))
    assert found == [("registry", None, None), ("counter", "skill-00", None)]


@pytest.mark.parametrize("place", [".", "nowhere/heads.txt", ""])
def test_a_place_for_a_checkpoint_is_looked_at_first(registry, cli: Commands, place):
    env = {
        "EVERYSKILL_DATABASE_URL": registry.settings.database_url,
        "EVERYSKILL_STORE_URL": registry.settings.store_url,
    }
    assert_failed(cli("verify", "--checkpoint", place, env=env), 2)
    assert_failed(cli("verify", "--against", "/", env=env), 2, "is no file")


def test_others_rows_are_not_judged_where_one_is_named(registry, tmp_path):
    same = write_skill(tmp_path / "same", "skill-03", "Text 3.")
    publish(registry, [same], PublishOptions(slug="zeta"))
    url = registry.settings.database_url
    edit(
        url,
        "UPDATE skill_versions SET size_bytes = 7 WHERE skill_id ="
        " (SELECT id FROM skills WHERE slug = 'zeta')",
    )
    for share in (0.0, 1.0):
        assert verify(registry, [Reference("skill-03")], everything(share=share)).results == ()
        [damage] = verify(registry, [Reference("zeta")], everything(share=share)).results
        assert (damage.kind, damage.where) == ("version-changed", "skill_versions.size_bytes")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE skill_versions SET version = version + 100000",
        "UPDATE version_events SET seq = seq * 2 + 1000",
        "UPDATE version_events SET seq = 2000000000 - seq",
        "UPDATE version_events SET created_at = '2020-01-01T00:00:00.000Z'",
    ],
)
def test_what_was_damaged_all_over_takes_bounded_time(tmp_path, change):
    """Guesses are counted, so that nobody can make a verification endless."""
    with closing(make_registry(f"sqlite:///{tmp_path}/registry.db", tmp_path)) as registry:
        publish(registry, [write_skill(tmp_path, "demo")], PublishOptions())
        with registry.database.writing() as tx:
            for _ in range(300):
                add_version(tx, "demo")
        edit(registry.settings.database_url, change)
        before = time.process_time()
        answer = verify(registry, [Reference("demo")], everything(share=0.0))
        assert answer.status == "damaged"
        assert time.process_time() - before < 20


def test_notices_stay_out_of_json_and_are_told_with_errors(registry, cli: Commands, tmp_path):
    env = {
        "EVERYSKILL_DATABASE_URL": registry.settings.database_url,
        "EVERYSKILL_STORE_URL": registry.settings.store_url,
        "EVERYSKILL_USER": "ann@example.org",
    }
    second = objects_of(registry, "skill-00")[1]
    remove_newest(registry, "skill-00")
    copy_of_text(registry, "skill-00", second)
    shown = cli("show", "skill-00", "--json", env=env)
    assert shown.stderr == ""
    assert [w["rule"] for w in shown.json["warnings"]] == ["history-gone"]
    missing = cli("show", "skill-00@3", "--json", env=env)
    assert missing.code == 4
    assert "is not the one that this machine has seen" in missing.error["hint"]

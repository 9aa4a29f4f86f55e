"""``gc``: what nothing needs is found and deleted, what is needed stays, every end is whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from everyskill_cli.database.queries import garbage
from everyskill_cli.errors import Conflict, NotReady, Unavailable, UsageError
from everyskill_cli.model import STALE_MARK, Reference
from everyskill_cli.registry import Registry
from everyskill_cli.registry.auditing import condemning, gc
from everyskill_cli.registry.auditing.condemning import remove_all
from everyskill_cli.registry.auditing.gc import GcOptions, collect
from everyskill_cli.registry.auditing.pile import Pile
from everyskill_cli.registry.auditing.purge import purge
from everyskill_cli.registry.watch import Watch
from everyskill_cli.settings import load
from everyskill_cli.stores import ObjectInfo, content_key
from tests.commands import Commands, as_ordinary_user, assert_failed, assert_json_failure
from tests.figures import Count
from tests.forks import Forks
from tests.registries import make_registry
from tests.servers.faults import Fault
from tests.sites import S3Stores
from tests.yards import CHANGES, Yard, key_of, on_folders, on_one

LEFT = ".staging-0123456789abcdef"


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks() as forks:
        yield forks


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], yard: Yard, monkeypatch) -> Commands:
    """The command line in the yard's registry."""
    for name, value in yard.env.items():
        monkeypatch.setenv(name, value)
    return Commands(capsys)


# What is found


def test_nothing_is_deleted_unless_that_is_said(yard: Yard) -> None:
    assert yard.collect().status == "clean"
    orphans = yard.plant("a", "bc")
    before = yard.stored()
    answer = yard.collect()
    assert answer.status == "would-delete"
    assert [(each.kind, each.status, each.key) for each in answer.results] == [
        ("orphan", "would-delete", key) for key in sorted(orphans)
    ]
    assert (answer.garbage, answer.garbage_bytes, answer.young, answer.deleted) == (2, 3, 0, 0)
    assert (answer.objects, len(before)) == (5, 5)
    assert yard.stored() == before
    assert yard.marks() == {}


def test_what_no_version_refers_to_is_deleted_and_all_else_stays(yard: Yard) -> None:
    needed = yard.stored()
    orphans = yard.plant("a", "bc")
    answer = yard.collect(delete=True)
    assert (answer.status, answer.deleted, answer.deleted_bytes) == ("deleted", 2, 3)
    assert {each.status for each in answer.results} == {"deleted"}
    assert yard.stored() == needed
    assert yard.marks() == dict.fromkeys(orphans, True)
    assert yard.collect(delete=True).status == "clean"
    yard.site.audit()


def test_what_was_deleted_can_be_published_and_is_an_orphan_no_more(yard: Yard) -> None:
    key = yard.publish("Wanted.", "third", dry_run=True)
    yard.plant((yard.skill("Wanted.") / "SKILL.md").read_text())
    assert yard.collect(delete=True).deleted == 1
    assert yard.publish("Wanted.", "third") == key
    assert yard.marks() == {}
    assert yard.collect().status == "clean"
    yard.site.audit("third")


def test_an_object_that_comes_again_is_deleted_again(yard: Yard) -> None:
    [key] = yard.plant("a")
    for _ in range(3):
        yard.plant("a")
        assert yard.collect(delete=True).deleted == 1
        assert yard.marks() == {key: True}


def test_what_was_written_within_the_grace_period_stays(yard: Yard) -> None:
    [young] = yard.plant("young")
    answer = yard.collect(days=1, delete=True)
    assert (answer.status, answer.young, answer.young_bytes) == ("clean", 1, 5)
    assert (answer.older_than, young in yard.stored()) == (86_400, True)
    if yard.is_folder:
        yard.plant("old", days=1.5)
        assert [each.size_bytes for each in yard.collect(days=1, delete=True).results] == [3]
        assert young in yard.stored()


def test_what_was_written_in_the_future_is_young(yard: Yard) -> None:
    yard.plant("a")
    if yard.is_folder:
        yard.age(key_of(b"a"), days=-1)
    assert yard.collect(days=0.01, delete=True).young == 1
    assert yard.collect(delete=True).deleted == 1  # where nothing is too young, no clock is asked


@on_one
def test_files_left_aside_are_deleted_an_hour_after_the_last_byte_at_the_soonest(
    yard: Yard,
) -> None:
    names = (LEFT, f"sha256/ab/{LEFT}")
    for name in names:
        (yard.root / name).parent.mkdir(exist_ok=True)
        (yard.root / name).write_bytes(b"half")
    beside = yard.root / ".staging-mine"
    beside.write_bytes(b"somebody else's")
    answer = yard.collect(delete=True)  # a writer may be at it
    assert (answer.status, answer.young, answer.young_bytes) == ("clean", 2, 8)
    for name in names:
        yard.age(name, days=0.05)
    assert yard.collect(days=1, delete=True).young == 2
    assert [each.kind for each in yard.collect().results] == ["leftover"] * 2
    assert yard.collect(delete=True).deleted_bytes == 8
    assert not any((yard.root / name).exists() for name in names)
    assert beside.exists()


def test_purged_bytes_that_came_again_have_no_grace(yard: Yard) -> None:
    key = yard.publish("Two.")
    text = yard.site.get(key).decode()
    purge(yard.registry, Reference("demo", 2), reason="a key")
    assert key not in yard.stored()
    yard.plant(text)
    answer = yard.collect(days=7, delete=True)
    assert [(each.kind, each.status, each.key) for each in answer.results] == [
        ("purged", "deleted", key)
    ]
    assert key not in yard.stored()
    yard.site.audit()


@on_one
def test_many_objects_are_asked_about_in_pages(yard: Yard, monkeypatch) -> None:
    monkeypatch.setattr(gc, "PAGE", 2)
    monkeypatch.setattr(gc, "LISTED_MAX", 3)
    needed = yard.stored()
    yard.plant(*"abcdefg")
    seen: list[tuple[int, int]] = []

    class Seeing(Watch):
        def look(self, done: int, total: int) -> None:
            seen.append((done, total))

    answer = collect(yard.registry, GcOptions(older_than=timedelta()), Seeing())
    assert (answer.objects, answer.garbage, len(answer.results)) == (10, 7, 3)
    assert [done for done, _ in seen] == [2, 4, 6, 8, 10]
    assert all(done <= total for done, total in seen)
    answer = yard.collect(delete=True, force=True)
    assert (answer.deleted, len(answer.results)) == (7, 3)
    assert yard.stored() == needed


def test_a_pile_gives_back_what_was_put_on_it() -> None:
    pile, moment = Pile(), datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
    found = [
        (ObjectInfo(content_key(f"{n:064x}"), n, moment + timedelta(seconds=n)), n % 2 == 0)
        for n in range(1000)
    ]
    for each, is_purged in found:
        pile.add(each, is_purged=is_purged)
    assert list(pile) == list(pile) == found
    assert (len(pile), pile.size) == (1000, sum(range(1000)))


# What it refuses


def test_more_than_half_of_all_objects_are_not_deleted_without_force(yard: Yard) -> None:
    yard.plant("a", "b", "c")
    assert yard.collect().warnings == ()
    yard.plant("d")
    before = yard.stored()
    [warning] = yard.collect().warnings
    assert (warning.rule, "4 of 7 objects" in warning.message) == ("more-than-half", True)
    with pytest.raises(Conflict, match=r"4 of 7 objects.*older backup") as caught:
        yard.collect(delete=True)
    assert "--force" in caught.value.hint
    assert (yard.stored(), yard.marks()) == (before, {})
    assert yard.collect(delete=True, force=True).deleted == 4


def test_nothing_is_deleted_in_a_store_that_is_not_this_registrys(yard: Yard, tmp_path) -> None:
    yard.plant("a")
    before = yard.stored()
    options = GcOptions(older_than=timedelta(), delete=True, force=True)
    other = f"sqlite:///{tmp_path}/other.db"
    env = {**yard.env, "EVERYSKILL_DATABASE_URL": other}
    with (
        closing(Registry(load({}, env), "write")) as absent,
        pytest.raises(NotReady, match="no reg"),
    ):
        collect(absent, options)
    assert not (tmp_path / "other.db").exists()
    with closing(Registry(load({}, env), "create")) as empty:
        with pytest.raises(NotReady, match="belongs to another registry"):
            collect(empty, options)
        yard.registry.store._delete("everyskill.json")
        with pytest.raises(NotReady, match="has no versions"):
            collect(empty, options)
    with pytest.raises(NotReady, match=r"there is no everyskill\.json"):
        collect(yard.registry, options)
    assert yard.stored() == before


def test_an_empty_registry_with_an_empty_store_is_clean(database_url, tmp_path) -> None:
    with closing(make_registry(database_url, tmp_path)) as registry:
        answer = collect(registry, GcOptions(older_than=timedelta(), delete=True))
        assert (answer.status, answer.objects) == ("clean", 0)
        assert not (tmp_path / "store").exists()


@on_folders
def test_who_may_not_write_deletes_nothing(yard: Yard, cli: Commands) -> None:
    yard.plant("a", days=9)
    before, database_url = yard.stored(), yard.env["EVERYSKILL_DATABASE_URL"]
    if database_url.startswith("sqlite"):
        file = Path(database_url.removeprefix("sqlite:///"))
        yard.registry.close()
        file.chmod(0o444)
        file.parent.chmod(0o555)
        assert as_ordinary_user("gc").code == 0
        assert_failed(as_ordinary_user("gc", "--delete"), 9, "is read-only for you")
        file.parent.chmod(0o755)
        file.chmod(0o644)
    folder = yard.root / Path(key_of(b"a")).parent
    folder.chmod(0o555)
    assert_failed(as_ordinary_user("gc", "--delete"), 9, "Permission denied")
    folder.chmod(0o755)
    assert yard.stored() == before
    assert yard.marks() == {key_of(b"a"): True}  # nobody deletes it: publishers may go on
    assert cli("gc", "--delete").code == 0


# Beside publishers and other collectors


def test_an_object_that_came_into_use_after_the_look_stays(yard: Yard) -> None:
    key = yard.publish("Two.")
    [removal] = remove_all(yard.registry, [(key, False)], 4, lambda: True)
    assert (removal.outcome, removal.error) == ("kept", None)
    assert key in yard.stored()
    assert yard.marks() == {}


def test_an_object_is_left_to_the_collector_that_marked_it_unless_that_one_died(yard: Yard) -> None:
    [key] = yard.plant("a")
    with yard.registry.database.writing() as tx:
        first = garbage.condemn(tx, key, STALE_MARK)
    assert first is not None
    answer = yard.collect(delete=True)
    assert (answer.status, answer.deleted) == ("unchanged", 0)
    assert [each.status for each in answer.results] == ["busy"]
    assert key in yard.stored()
    yard.age_marks()
    assert yard.collect(delete=True).deleted == 1
    with yard.registry.database.writing() as tx:
        assert not garbage.finish(tx, first.mark)  # it is not its mark any more
    assert yard.marks() == {key: True}


@on_folders
def test_of_two_collectors_one_marks_an_object(yard: Yard) -> None:
    keys = yard.plant("a", "b", "c")
    with yard.registry.database.writing() as tx:
        marks = [garbage.condemn(tx, key, STALE_MARK) for key in keys]
        assert [garbage.condemn(tx, key, STALE_MARK) for key in keys] == [None] * 3
        assert all(claim is not None and garbage.finish(tx, claim.mark) for claim in marks)
        again = [garbage.condemn(tx, key, STALE_MARK) for key in keys]
    for before, after in zip(marks, again, strict=True):
        assert before is not None and after is not None and before.mark.since < after.mark.since


def test_two_collectors_at_once_delete_everything_once(yard: Yard, everyskill) -> None:
    needed = yard.stored()
    yard.plant(*(f"orphan {number}" for number in range(60)))
    words = ("gc", "--older-than", "0", "--delete", "--force", "--json")
    running = [everyskill.start(*words, env=yard.env) for _ in range(2)]
    answers = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0, 0], answers
    assert yard.stored() == needed
    assert list(yard.marks().values()) == [True] * 60


@on_one
@pytest.mark.parametrize("number", [1, 3])
def test_ctrl_c_is_heard_between_two_objects(yard: Yard, number: int) -> None:
    yard.plant(*"abcdefgh")

    class Stopping(Watch):
        def collect(self, done: int, total: int) -> None:
            self.stopped = done >= number

    options = GcOptions(older_than=timedelta(), delete=True, force=True, jobs=1)
    answer = collect(yard.registry, options, Stopping())
    assert answer.status == "deleted"
    assert number <= answer.deleted <= number + 1
    assert len(yard.stored()) == 3 + 8 - answer.deleted
    assert set(yard.marks().values()) == {True}


def test_a_store_that_does_not_answer_may_still_delete_so_publishers_wait(
    fault_proxy, fault_environment, local_s3, tmp_path
) -> None:
    faulty = Yard(f"sqlite:///{tmp_path}/registry.db", S3Stores(local_s3), tmp_path)
    faulty.env.update(fault_environment)
    with closing(faulty):
        for text in ("Four.", "Five.", "Six."):
            faulty.publish(text)
        keys = sorted(
            faulty.registry.store.put(key_of(text), text, "text/plain") or key_of(text)
            for text in (b"a", b"b")
        )
        fault_proxy.order(*[Fault.RESET] * 4, method="DELETE", key=keys[0])
        answer = faulty.collect(delete=True, jobs=1)
        assert (answer.status, answer.deleted) == ("failed", 1)
        assert [(each.status, each.key) for each in answer.results] == [
            ("failed", keys[0]),
            ("deleted", keys[1]),
        ]
        assert answer.results[0].error is not None
        assert answer.results[0].error.type == "Unavailable"
        assert faulty.marks() == {keys[0]: False, keys[1]: True}
        assert gc.incomplete(answer) is not None
        fault_proxy.order(*[Fault.RESET] * 4, method="DELETE", key=keys[0])
        faulty.age_marks()
        with pytest.raises(Unavailable):
            faulty.collect(delete=True)
        faulty.age_marks()
        assert faulty.collect(delete=True).deleted == 1


def test_a_deletion_whose_turn_comes_too_late_is_not_begun(yard: Yard, monkeypatch) -> None:
    monkeypatch.setattr(condemning, "BEGIN_SECONDS", -1.0)
    [key] = yard.plant("a")
    with pytest.raises(Unavailable, match="too late"):
        yard.collect(delete=True)
    assert key in yard.stored()
    assert yard.marks() == {key: True}  # nobody deletes it: publishers may go on


@on_folders
def test_a_collector_that_was_held_up_beyond_its_time_says_what_it_did(
    yard: Yard, forks: Forks
) -> None:
    """Nothing keeps a process from being stopped for ten minutes between two of its steps."""
    yard.plant((yard.skill("Wanted.") / "SKILL.md").read_text())
    words = ("gc", "--older-than", "0", "--delete", "--json")
    collector = forks.start(words, env=yard.env, halt_after="COMMIT").wait_until_halted()
    yard.age_marks()
    key = yard.publish("Wanted.", "third")
    done = collector.resume().wait()
    assert (done.code, done.error["type"]) == (7, "IntegrityFailure")
    assert Path(key).name in done.error["message"]


# What is met on the way


def test_marks_that_cannot_be_looked_after_lose_no_answer_and_leave_no_deletion_unfinished(
    fault_proxy, fault_environment, local_s3, tmp_path
) -> None:
    faulty = Yard(f"sqlite:///{tmp_path}/registry.db", S3Stores(local_s3), tmp_path)
    faulty.env.update(fault_environment)
    with closing(faulty):
        for text in ("Four.", "Five."):
            faulty.publish(text)
        gone, orphan = key_of(b"gone"), key_of(b"a")
        with faulty.registry.database.writing() as tx:
            assert garbage.condemn(tx, gone, STALE_MARK)  # a collector dies behind its deletion
        faulty.age_marks()
        faulty.registry.store.put(orphan, b"a", "text/plain")
        fault_proxy.order(*[Fault.RESET] * 4, method="HEAD", key=gone)
        answer = faulty.collect(delete=True)
        assert (answer.status, answer.deleted) == ("deleted", 1)
        assert [(each.status, each.key) for each in answer.results] == [("deleted", orphan)]
        assert [each.rule for each in answer.warnings] == ["marks-left"]
        assert faulty.marks() == {gone: False, orphan: True}
        assert faulty.collect(delete=True).warnings == ()
        assert faulty.marks() == {gone: True, orphan: True}


@on_folders
def test_what_was_begun_is_finished_and_told_before_an_error_is(yard: Yard) -> None:
    keys = yard.plant("a", "b")

    def begin() -> Iterator[tuple[str, bool]]:
        yield from ((key, False) for key in keys)
        raise Unavailable("Nobody answers.", "Try again.")

    removals = remove_all(yard.registry, begin(), 4, lambda: True)
    assert [next(removals).outcome, next(removals).outcome] == ["deleted"] * 2
    with pytest.raises(Unavailable, match="Nobody answers"):
        next(removals)
    assert yard.marks() == dict.fromkeys(keys, True)


@on_folders
def test_what_was_begun_is_finished_though_nobody_listens_any_more(yard: Yard) -> None:
    keys = yard.plant("a", "b", "c")
    removals = remove_all(yard.registry, [(key, False) for key in keys], 2, lambda: True)
    next(removals)
    removals.close()
    assert yard.marks() == dict.fromkeys(keys[:2], True)
    assert keys[2] in yard.stored()


# The command


@on_one
def test_the_command_lists_and_then_deletes(yard: Yard, cli: Commands) -> None:
    yard.plant("a", days=9)
    yard.plant("b")
    listed = cli("gc")
    row, nothing, sums = listed.stdout.splitlines()
    assert row.split("\t")[:4] == ["would-delete", "orphan", key_of(b"a"), "1"]
    assert nothing == ""
    assert sums.endswith("), 1 garbage (1), 1 young (1), 0 deleted (0)")
    assert cli("gc", "--json").json["results"][0]["location"] == str(yard.root / key_of(b"a"))
    shown = cli("gc", env={"FORCE_COLOR": "1", "COLUMNS": "100"}).stdout
    assert "everyskill gc --older-than 7d --delete" in shown
    done = cli("gc", "--delete", "--json")
    assert (done.code, done.json["status"], done.json["deleted"]) == (0, "deleted", 1)
    assert cli("gc", "--older-than", "1h", "--delete").code == 0
    assert key_of(b"b") in yard.stored()
    assert cli("gc", "--older-than", "0", "--delete", "-j", "3", "--json").json["deleted"] == 1
    assert cli("gc").stdout.startswith("3 objects (")
    yard.plant(*"cdef")
    assert_failed(cli("gc", "--older-than", "0", "--delete"), 5, "4 of 7 objects", "--force")
    assert_json_failure(
        cli("gc", "--older-than", "0", "--delete", "--json"), Conflict.code, "Conflict"
    )
    assert cli("gc", "--older-than", "0", "--delete", "--force").code == 0


@pytest.mark.parametrize("time", ["", "7", "d", "1w", "-1d", "1.5h", "7d ", "9999999d"])
def test_a_time_that_is_none_is_a_usage_error(capsys, time: str) -> None:
    done = Commands(capsys)("gc", f"--older-than={time}")
    assert_failed(done, UsageError.code, "is not a time such as 30m, 12h or 7d, or 0")


# Killed after every step


def kill_everywhere(yard: Yard, forks: Forks, count: Count, *, thin: bool) -> None:
    words = ("gc", "--older-than", "0", "--delete", "--force", "-j", "1", "--json")
    needed = yard.stored()
    wanted = (yard.skill("Wanted.") / "SKILL.md").read_text()
    yard.plant(wanted, "a")
    steps = list(enumerate(forks.run(*words, env=yard.env).steps))
    points = [(number, name) for number, name in steps if not thin or name in CHANGES]
    assert {"INSERT INTO condemned", "UPDATE condemned", "COMMIT"} <= {name for _, name in points}
    yard.site.query("DELETE FROM condemned")
    for number, _ in points:
        yard.plant(wanted, "a")
        killed = forks.run(*words, env=yard.env, kill_after=number)
        assert killed.code == -9
        yard.site.audit()
        again = forks.run(*words, env=yard.env)
        assert again.code == 0
        assert {each["status"] for each in again.json["results"]} <= {"deleted", "busy"}
        yard.age_marks()
        assert forks.run(*words, env=yard.env).code == 0
        assert yard.stored() == needed
        assert set(yard.marks().values()) <= {True}
        yard.site.query("DELETE FROM condemned")
    count("gc killed after a step", kills=len(points))


@on_folders
def test_a_collector_killed_after_a_step_leaves_nothing_half_done(
    yard: Yard, forks: Forks, count: Count
) -> None:
    kill_everywhere(yard, forks, count, thin=True)


@pytest.mark.long
def test_a_collector_killed_after_every_step_leaves_nothing_half_done(
    yard: Yard, forks: Forks, count: Count
) -> None:
    kill_everywhere(yard, forks, count, thin=False)


@on_folders
def test_what_a_killed_collector_had_marked_can_be_published(yard: Yard, forks: Forks) -> None:
    words = ("gc", "--older-than", "0", "--delete", "-j", "1")
    for number, step in enumerate(("COMMIT", "os.unlink")):
        body = f"Wanted {number}."
        yard.plant((yard.skill(body) / "SKILL.md").read_text())
        assert forks.run(*words, env=yard.env, kill_after=step).code == -9
        assert set(yard.marks().values()) == {False}
        yard.age_marks()
        yard.publish(body, "third")
        assert yard.marks() == {}
        yard.site.audit("third")


def test_the_audit_notices_a_version_without_its_object(yard: Yard) -> None:
    yard.registry.store.delete(yard.publish("Two."))
    with pytest.raises(Exception, match=r"NoSuchKey|No such file"):
        yard.site.audit()

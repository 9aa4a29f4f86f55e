"""``purge``: the bytes go everywhere, the rows stay, and whoever asks is told why; or all goes."""

from __future__ import annotations

import os
import pty
import shlex
import shutil
import signal
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from everyskill_cli.chain import GENESIS
from everyskill_cli.database.queries import garbage
from everyskill_cli.errors import Conflict, IntegrityFailure, NotFound, NotReady, UsageError
from everyskill_cli.model import STALE_MARK, DeletionAnswer, Opinion, PurgeAnswer, Reference
from everyskill_cli.registry.auditing import purge as purging_module
from everyskill_cli.registry.auditing import taking
from everyskill_cli.registry.auditing.condemning import PATIENCE
from everyskill_cli.registry.auditing.deletion import delete_skill
from everyskill_cli.registry.auditing.purge import purge
from everyskill_cli.registry.auditing.verify import VerifyOptions, verify
from everyskill_cli.registry.rate import rate
from everyskill_cli.registry.use import Use, record
from everyskill_cli.registry.watch import Watch
from tests.commands import PROGRAM, Commands, as_ordinary_user, assert_failed, rows, tree
from tests.figures import Count
from tests.forks import Forks
from tests.installing import make_project, names
from tests.registries import write_skill
from tests.servers.faults import Fault
from tests.sites import S3Stores
from tests.yards import CHANGES, ON_POSTGRESQL, ON_SQLITE, Yard, on_folders, on_one

WHY = "Holds a customer's key"


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


def purged(yard: Yard, reference: str, **more: object) -> PurgeAnswer:
    return purge(yard.registry, Reference.parse(reference), reason=WHY, **more)


def deleted(yard: Yard, slug: str, **more: object) -> DeletionAnswer:
    return delete_skill(yard.registry, Reference(slug), reason=WHY, **more)


def content_of(yard: Yard, slug: str) -> str | None:
    [content] = yard.site.query("SELECT content FROM skills WHERE slug = :slug", slug=slug)
    return content


# A version's bytes


def test_the_bytes_go_and_the_version_before_is_published(yard: Yard) -> None:
    key = yard.publish("Two.")
    answer = purged(yard, "demo@2")
    [result] = answer.results
    assert (answer.status, result.status, result.slug, result.version) == (
        "purged",
        "purged",
        "demo",
        2,
    )
    assert (result.published_version, result.previous_version, result.reason) == (1, 2, WHY)
    assert [(each.status, each.key) for each in answer.objects] == [("deleted", key)]
    assert key not in yard.stored()
    assert yard.marks() == {key: True}
    assert "One." in str(content_of(yard, "demo"))
    assert yard.site.audit().events == ("publish", "publish", "purge")
    assert {each.rule for each in answer.warnings} == {"rows-stay", "copies-stay"}


def test_every_version_of_every_skill_that_holds_the_bytes_is_purged(yard: Yard) -> None:
    """Also several of one skill, and those that are drafts, superseded or yanked."""
    key = yard.publish("Two.")
    yard.publish("Between.")
    yard.publish("Two.")  # demo@4, published
    yard.publish("Two.", "other")  # other@2, published
    yard.publish("Two.", "sketch", draft=True)
    yard.publish("Two.", "alone")
    yard.publish("Two.", "moved")
    yard.publish("Later.", "moved")
    answer = purged(yard, "moved@1")
    assert [(each.slug, each.version, each.published_version) for each in answer.results] == [
        ("alone", 1, None),
        ("demo", 2, 3),
        ("demo", 4, 3),
        ("moved", 1, 2),
        ("other", 2, 1),
        ("sketch", 1, None),
    ]
    assert {each.status for each in answer.results} == {"purged"}
    assert {each.draft_version for each in answer.results} == {None}
    assert key not in yard.stored()
    contents = {slug: content_of(yard, slug) for slug in ("alone", "demo", "moved", "other")}
    assert contents["alone"] is None
    for slug, body in (("demo", "Between."), ("moved", "Later."), ("other", "Three.")):
        assert body in str(contents[slug])
    for slug in ("alone", "demo", "moved", "other", "sketch"):
        yard.site.audit(slug)
    assert yard.site.audit().events[-2:] == ("purge", "purge")


@on_folders
def test_what_is_published_instead_is_no_version_of_the_same_bytes(yard: Yard) -> None:
    yard.publish("Again.", "again")
    yard.publish("Other.", "again")
    yard.publish("Again.", "again")
    purged(yard, "again@2")
    [first, third] = purged(yard, "again@3").results
    assert (first.published_version, third.published_version) == (None, None)
    assert content_of(yard, "again") is None
    yard.site.audit("again")


def test_purging_again_changes_nothing_and_deletes_what_is_left(yard: Yard) -> None:
    key = yard.publish("Two.")
    text = yard.site.get(key).decode()
    purged(yard, "demo@2")
    before = yard.site.audit()
    yard.plant(text)
    again = purge(yard.registry, Reference("demo", 2), reason="Another reason")
    assert (again.status, again.results[0].status) == ("unchanged", "unchanged")
    assert again.results[0].reason == WHY
    assert [each.status for each in again.objects] == ["deleted"]
    assert [each.status for each in purged(yard, "demo@2").objects] == ["absent"]
    assert yard.site.audit() == before
    assert key not in yard.stored()


@on_folders
def test_what_was_yanked_before_is_purged_and_the_yank_stays(cli: Commands, yard: Yard) -> None:
    assert cli("yank", "demo@2", "--reason", "old", "--yes").code == 0
    [result] = purged(yard, "demo@2").results
    assert (result.published_version, result.previous_version) == (1, 1)
    yard.site.audit()


@on_one
def test_a_damaged_object_of_another_version_keeps_back_no_purge(yard: Yard) -> None:
    yard._stores.plant(yard.env, yard.publish("One.", "copy"), b"damaged")
    answer = purged(yard, "demo@2")
    assert answer.status == "purged"
    assert "search-copy" in {each.rule for each in answer.warnings}
    assert content_of(yard, "demo") is None


@on_one
def test_this_machines_cache_forgets_the_bytes(cli: Commands, yard: Yard, tmp_path) -> None:
    assert cli("install", "demo", "--to", tmp_path / "to", "--scope", "user").code == 0
    key = yard.publish("Two.")
    cached = list(Path.home().rglob(Path(key).name))
    assert len(cached) == 1
    assert cli("purge", "demo@2", "--reason", WHY, "--yes").code == 0
    assert not cached[0].exists()
    assert (tmp_path / "to/demo/SKILL.md").exists()  # the command says so


# What a purged version is told to whom


@on_one
def test_every_command_says_why_a_version_is_not_to_be_had(
    cli: Commands, yard: Yard, tmp_path, monkeypatch
) -> None:
    project = tmp_path / "project"
    (project / ".git").mkdir(parents=True)
    monkeypatch.chdir(project)
    assert cli("install", "demo@2", "--agent", "codex").code == 0
    purged(yard, "demo@2")
    gone = f"demo@2 was purged: {WHY}"
    assert_failed(cli("show", "demo@2", "--content"), 4, gone)
    assert cli("show", "demo@2").code == 0
    assert "purged" in cli("versions", "demo").stdout
    assert_failed(cli("install", "demo@2", "--to", tmp_path / "x"), 4, gone)
    assert_failed(cli("install", "--frozen"), 4, gone)
    assert_failed(cli("diff", "demo@1", "demo@2"), 4, gone)
    assert_failed(cli("rate", "demo@2", "5"), 5, WHY)
    assert_failed(cli("use", "demo@2"), 5, WHY)
    for words in (["promote", "demo@2"], ["rollback", "demo", "--to", "2"], ["unyank", "demo@2"]):
        assert_failed(cli(*words), 5, WHY)
    assert_failed(cli("yank", "demo@2", "--reason", "x"), 5, WHY)
    for slug in ("demo", "new"):
        assert_failed(cli("publish", yard.skill("Two."), "--slug", slug), 5, WHY, "not taken again")
    assert cli("list", "--installed", "--json").json["items"][0]["state"] == "purged"
    assert cli("rate", "demo", "5").code == 0


def test_a_publisher_who_is_overtaken_by_the_purge_is_refused(yard: Yard, forks: Forks) -> None:
    key = yard.publish("Two.")
    words = ("publish", yard.skill("Two."), "--slug", "late", "--json")
    publisher = forks.start(words, env=yard.env, halt_after="put").wait_until_halted()
    purged(yard, "demo@2")
    done = publisher.resume().wait()
    assert (done.code, done.error["type"]) == (5, "Conflict")
    assert "not taken again" in done.error["message"]
    yard.collect(delete=True)
    assert key not in yard.stored()
    yard.site.audit("late")


@on_folders
def test_an_installer_who_is_overtaken_by_the_purge_is_told(
    yard: Yard, forks: Forks, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for words, act, says in (
        (("demo@2",), lambda: purged(yard, "demo@2"), f"purged just now: {WHY}"),
        (("demo",), lambda: deleted(yard, "demo"), "deleted just now"),
    ):
        line = ("show", *words, "--content", "--json")
        reader = forks.start(line, env=yard.env, halt_after="SELECT ratings").wait_until_halted()
        act()
        done = reader.resume().wait()
        assert (done.code, done.error["type"]) == (4, "NotFound")
        assert says in done.error["message"]


# Where it is installed


@pytest.fixture
def project(yard: Yard, cli: Commands, tmp_path, monkeypatch) -> Path:
    """What is gone is locked here beside what stands: demo fell back, of the others nothing is."""
    folder = make_project(tmp_path / "project", ".claude")
    monkeypatch.chdir(folder)
    yard.publish("Four.", "alone")
    yard.publish("Five.", "stays")
    assert cli("install", "alone", "demo", "other", "stays").code == 0
    purged(yard, "demo@2")
    purged(yard, "alone@1")
    deleted(yard, "other")
    return folder


def commands_of(hint: str) -> list[list[str]]:
    """The commands that a hint names, as a shell would take them."""
    lines = hint.removeprefix("To go on: everyskill ").split(" && everyskill ")
    return [shlex.split(line) for line in lines]


def told(cli: Commands, *states: str) -> None:
    """What is gone is outdated, wherever its folder is; why, since when and by whom is said."""
    done = cli("outdated", "--json")
    assert (done.code, done.stderr) == (0, "")
    items = {each["slug"]: each for each in done.json["items"]}
    assert [each["state"] for each in items.values()] == list(states)
    bad = items.pop("bad")
    assert (bad["yank_reason"], bad["published_version"]) == ("It loops", None)
    assert bad["yanked_at"] and not bad["purged_at"] and not bad["hint"]
    assert {slug: each["hint"] for slug, each in items.items()} == {
        "alone": "everyskill uninstall alone",
        "demo": "everyskill update demo",
        "other": "everyskill uninstall other",
    }
    for each in items.values():
        assert (each["purge_reason"], each["purged_by"]) == (WHY, "ann@example.org")
        assert each["purged_at"].startswith("20")


@on_folders
def test_what_is_gone_is_said_of_all_that_is_locked_at_once_with_the_way_out(
    cli: Commands, yard: Yard, project: Path
) -> None:
    yard.publish("Seven.", "bad")
    assert cli("install", "bad").code == 0
    assert cli("yank", "bad@1", "--reason", "It loops", "--yes").code == 0
    told(cli, "purged", "yanked", "purged", "deleted")
    listed = cli("list", "--installed").stdout.splitlines()
    assert [line.split("\t")[-2:] for line in listed if line.startswith("deleted")] == [
        [WHY, "everyskill uninstall other"]
    ]
    for words in (["install"], ["install", "--frozen"], ["install", "stays", "demo@2", "other"]):
        before = tree(project)
        assert_failed(cli(*words), 4, f"demo@2 was purged: {WHY}", "other was deleted on")
        assert tree(project) == before

    shutil.rmtree(project / ".claude/skills")
    told(cli, "missing", "missing", "missing", "deleted")
    screen = cli("outdated", env={"FORCE_COLOR": "1", "NO_COLOR": "1"}).stdout
    shown = " ".join(screen.split())  # it is folded
    for said in ("deleted on 20", "purged on 20", "by ann@example.org", "yanked: It loops"):
        assert said in shown
    assert (shown.count(WHY), shown.count("everyskill update demo")) == (3, 1)

    said = cli("install", "--frozen", "--json").error
    assert said["message"].startswith(f"alone@1 was purged: {WHY}; demo@2 was purged: {WHY}; other")
    assert said["hint"] == "To go on: everyskill uninstall alone other && everyskill update demo"
    for line in commands_of(said["hint"]):
        assert cli(*line).code == 0
    answer = cli("install", "--frozen", "--json").json
    assert [(each["slug"], each["version"]) for each in answer["results"]] == [
        ("bad", 1),
        ("demo", 1),
        ("stays", 1),
    ]
    shown = cli("show", "alone", "--json").json
    assert shown["summary"]["purge_reason"] == shown["versions"][0]["purge_reason"] == WHY
    assert cli("show", "stays", "--json").json["summary"]["purge_reason"] is None


@on_one
def test_an_update_of_everything_leaves_what_is_gone_and_says_so(
    cli: Commands, yard: Yard, project: Path
) -> None:
    copy = shutil.copytree(project / ".claude/skills/demo", project.parent / "copy")
    answer = cli("update", "--json").json
    assert [(each["slug"], each["status"], each["kept"]) for each in answer["results"]] == [
        ("demo", "updated", None),
        ("stays", "unchanged", None),
    ]
    assert [each["rule"] for each in answer["warnings"]] == ["purged", "deleted"]
    for each, slug in zip(answer["warnings"], ("alone", "other"), strict=True):
        assert WHY in each["message"]
        assert each["message"].endswith(f"To go on: everyskill uninstall {slug}")
        assert_failed(cli("update", slug, "stays"), 4, WHY, f"everyskill uninstall {slug}")
    assert names(project / ".claude/skills") == {"alone", "demo", "other", "stays"}

    # Whoever follows another's lock has no edits where the purged bytes stand.
    shutil.rmtree(project / ".claude/skills/demo")
    shutil.copytree(copy, project / ".claude/skills/demo")
    [result] = cli("install", "--frozen", "demo", "--json").json["results"]
    assert (result["previous_version"], result["version"], result["kept"]) == (2, 1, None)

    # What is pinned is moved on by an install.
    yard.publish("Six.", "stays")
    assert cli("install", "stays@1", "--scope", "user", "--to", project.parent / "own").code == 0
    purged(yard, "stays@1")
    [note] = cli("update", "--scope", "user", "--json").json["warnings"]
    hint = cli("install", "--scope", "user", "--json").error["hint"]
    assert hint == "To go on: everyskill install stays --scope user"
    assert note["rule"] == "purged" and note["message"].endswith(hint)
    assert cli(*commands_of(hint)[0]).code == 0
    assert "Six." in (project.parent / "own/stays/SKILL.md").read_text()


@on_one
def test_edits_of_what_is_gone_are_kept(cli: Commands, yard: Yard, project: Path) -> None:
    for slug in ("demo", "other"):
        (project / f".claude/skills/{slug}/SKILL.md").write_text("Mine.\n")
    before = tree(project)
    done = cli("update", "demo")
    assert_failed(done, 5, "demo has local edits: SKILL.md", "--force")
    assert "everyskill diff" not in done.stderr  # nobody can compare with what is gone
    assert_failed(cli("uninstall", "other"), 5, "SKILL.md", "--force")
    assert tree(project) == before
    items = cli("list", "--installed", "--json").json["items"]
    stand = {each["slug"]: (each["state"], each["purge_reason"]) for each in items}
    assert (stand["demo"], stand["other"]) == (("edited", WHY), ("deleted", WHY))
    for words in (["update", "demo"], ["uninstall", "other"]):
        [result] = cli(*words, "--force", "--json").json["results"]
        assert (Path(result["kept"]) / "SKILL.md").read_text() == "Mine.\n"

    # Also where it is not installed, the reason is said.
    for words in (["rate", "alone", "5"], ["use", "alone"], ["install", "alone"]):
        done = cli(*words)
        assert_failed(done, 4, f"latest, 1, was purged: {WHY}", "everyskill versions alone")
    assert_failed(cli("install", "alone@draft"), 4, "no draft", "everyskill versions alone")
    assert_failed(cli("promote", "alone"), 4, "no draft", "everyskill promote alone@N")
    assert_failed(cli("rollback", "alone"), 5, "no published", "everyskill promote alone@N")
    source = write_skill(project.parent / "source", "other")
    assert_failed(cli("diff", source), 4, "other was deleted on", WHY)


# Beside raters, publishers and other purges


@pytest.mark.parametrize("yard", [ON_POSTGRESQL], indirect=True)  # a writer of SQLite waits
@pytest.mark.parametrize(
    "words",
    [
        ("rate", "{}", "4"),
        *(
            pytest.param(words, marks=pytest.mark.long)
            for words in (
                ("use", "{}"),
                ("show", "{}"),
                ("ratings", "{}"),
                ("versions", "{}"),
                ("diff", "{}@1", "{}@2"),
                ("install", "{}", "--to", "{}"),
                ("promote", "{}@1"),
                ("yank", "{}@1", "--reason", "bad"),
            )
        ),
    ],
    ids=lambda words: words[0],
)
def test_a_skill_is_deleted_under_a_command(
    words: tuple[str, ...], yard: Yard, forks: Forks, tmp_path, monkeypatch, count: Count
) -> None:
    """After each read of a command that has locked nothing: it was quicker, or it is told."""
    monkeypatch.chdir(tmp_path)

    def line(slug: str) -> tuple[str, ...]:
        for body in ("One.", "Two."):
            yard.publish(f"{body} {slug}", slug)
        return (*(word.format(slug) for word in words), "--json")

    steps = forks.run(*line("whole"), env=yard.env).steps
    # A writer's lock ends it, an installer's first file too: no skill is asked for after that.
    ends = ("INSERT", "UPDATE", "os.")
    last = next((n for n, step in enumerate(steps) if step.startswith(ends)), len(steps))
    points = [n for n, step in enumerate(steps[:last]) if step.startswith("SELECT")]
    assert len(points) > 2
    for number in points:
        run = forks.start(line(f"s-{number}"), env=yard.env, halt_after=[number])
        run.wait_until_halted()
        deleted(yard, f"s-{number}")
        done = run.resume().wait()
        assert done.code in (0, 4, 5), done.stderr
        assert not done.code or "deleted" in done.stderr or "foreign key" in done.stderr
    count("skills deleted under a command", deletions=len(points))


@on_folders
def test_raters_publishers_and_purges_at_once(yard: Yard, forks: Forks) -> None:
    """None waits for another in a circle, and every count is right at the end."""
    for number in range(6):
        yard.publish(f"Text {number}.")
        yard.publish(f"Text {number}.", "other")
    rated = [f"{slug}@{number}" for number in range(1, 8) for slug in ("demo", "other")]
    rating = [("rate", name, "4", "--json") for name in rated]
    purging = [("purge", f"demo@{n}", "--reason", WHY, "--yes", "--json") for n in range(3, 8)]
    publishing = [("publish", yard.skill(f"More {n}."), "--json") for n in range(5)]
    deleting = [("purge", "other", "--everything", "--reason", WHY, "--yes", "--json")]
    runs = [rating, purging, list(reversed(purging)), publishing, rating[::-1], deleting]
    started = [
        forks.start(*run, env={**yard.env, "EVERYSKILL_USER": f"user-{n}@example.org"})
        for n, run in enumerate(runs)
    ]
    ended = [fork.wait_all() for fork in started]
    assert {done.code for done in ended[0] + ended[4]} <= {0, 4, 5}
    for run in (ended[1], ended[2], ended[3], ended[5]):
        assert [done.stderr for done in run if done.code] == []
    statuses = [done.json["status"] for done in ended[1] + ended[2]]
    assert statuses.count("purged") == statuses.count("unchanged") == len(purging)
    standing = yard.site.audit()
    assert len(standing.versions) == 13
    assert yard.site.audit("other").versions == ()
    yard.collect(delete=True, force=True)
    yard.site.audit()


@on_folders
def test_a_purge_whose_skill_is_deleted_whole_meanwhile_says_what_it_did(
    yard: Yard, forks: Forks
) -> None:
    yard.publish("Two.")
    for more in ([], ["--json"]):
        slug = f"victim{len(more)}"
        yard.publish(f"Bytes of {slug}.", slug)
        line = ("purge", f"{slug}@1", "--reason", WHY, "--yes", *more)
        halts = ("INSERT INTO version_events", "COMMIT")
        purge_ = forks.start(line, env=yard.env, halt_after=halts).wait_until_halted()
        purge_.resume().wait_until_halted()
        deleted(yard, slug)
        done = purge_.resume().wait()
        assert (done.code, done.stderr.startswith("{")) == (0, False), done
        if more:
            assert (done.json["status"], done.json["results"]) == ("purged", [])
        else:
            assert done.stdout.startswith("purged sha256:")


@on_folders
def test_of_two_that_delete_a_skill_whole_the_second_changes_nothing(yard: Yard) -> None:
    first: list[DeletionAnswer] = []
    answer = deleted(yard, "demo", consent=lambda said, what: first.append(deleted(yard, "demo")))
    assert (first[0].status, answer.status) == ("deleted", "unchanged")
    assert (answer.results, answer.objects, answer.versions) == (first[0].results, (), 0)


@on_folders
def test_a_purge_that_takes_a_mark_over_lets_nobody_publish_while_the_other_may_delete(
    yard: Yard, forks: Forks
) -> None:
    """The first is held up before it deletes; the refusal of the bytes goes with the skill."""
    key = yard.publish("Two.")
    line = ("purge", "demo@2", "--reason", WHY, "--yes", "--json")
    halts = ("INSERT INTO condemned", "COMMIT")
    first = forks.start(line, env=yard.env, halt_after=halts).wait_until_halted()
    first.resume().wait_until_halted()
    [gone] = purged(yard, "demo@2").objects
    assert gone.status == "deleted"
    deleted(yard, "demo")
    assert yard.marks()[key] is False  # publishers wait
    words = ("publish", yard.skill("Two."), "--slug", "new", "--json")
    publisher = forks.start(words, env=yard.env).wait_until_taken("put")
    assert first.resume().wait().code == 0
    assert key not in yard.stored()
    yard.age_marks()
    assert publisher.wait().code == 0
    yard.site.audit("new")
    assert key not in yard.marks()


# What it refuses, and whom it asks


@on_one
def test_what_is_no_number_is_a_usage_error(cli: Commands, yard: Yard) -> None:
    before = rows(yard.env["EVERYSKILL_DATABASE_URL"])
    for name in ("demo", "demo@latest", "demo@published"):
        done = cli("purge", name, "--reason", "x", "--yes")
        assert_failed(done, 2, "demo@N", "--everything")
    done = cli("purge", "demo@2", "--everything", "--reason", "x", "--yes")
    assert_failed(done, 2, "demo@2", "--everything")
    assert_failed(cli("purge", "demo@2", "--reason", " ", "--yes"), 2, "reason is empty")
    assert cli("purge", "demo@2").code == 2
    assert_failed(cli("purge", "demo@2", "--reason", "x"), 2, "--yes")
    assert_failed(cli("purge", "demo", "--everything", "--reason", "x"), 2, "--yes")
    for name in ("nothing@1", "demo@9"):
        assert cli("purge", name, "--reason", "x", "--yes").code == 4
    assert cli("purge", "nothing", "--everything", "--reason", "x", "--yes").code == 4
    assert rows(yard.env["EVERYSKILL_DATABASE_URL"]) == before


def at_a_terminal(answer: bytes, *words: str) -> tuple[int, str]:
    """Run the program at a terminal of 80 columns and type an answer."""
    pid, terminal = pty.fork()
    if not pid:
        os.environ["COLUMNS"] = "80"
        os.execv(PROGRAM[0], [*PROGRAM, *words])
    os.write(terminal, answer)
    said = b""
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError:  # it has ended
            break
        if not part:
            break
        said += part
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(status), said.decode()


@on_one
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ("demo@2",),
            ("demo@2, the published version; demo@1 becomes that", "copy@1, the", "rows"),
        ),
        (("demo", "--everything"), ("2 versions with", "1 rating and 1 use", "never free")),
    ],
)
def test_a_person_is_told_what_will_be_done_and_asked(
    cli: Commands, yard: Yard, words: tuple[str, ...], says: tuple[str, ...]
) -> None:
    yard.publish("Two.", "copy")
    rate(yard.registry, Reference("demo"), Opinion(stars=4))
    record(yard.registry, [Use(skill=Reference("demo"))])
    before = yard.site.audit(), yard.stored()
    line = ("purge", *words, "--reason", WHY)
    for no in (b"n\n", b"\n"):
        code, said = at_a_terminal(no, *line)
        assert code == 130, said
        for part in says:
            assert part in said
        assert (yard.site.audit(), yard.stored()) == before
    assert at_a_terminal(b"y\n", *line)[0] == 0
    assert yard.site.audit() != before[0]


def test_what_changed_since_somebody_agreed_is_not_done(yard: Yard) -> None:
    def meanwhile(act: Callable[[], object]) -> Callable[..., None]:
        return lambda said, what: act() and None

    with pytest.raises(Conflict, match="Meanwhile other versions"):
        purged(yard, "demo@2", consent=meanwhile(lambda: yard.publish("Two.", "late")))
    with pytest.raises(Conflict, match=r"Meanwhile demo@3 was"):
        deleted(yard, "demo", consent=meanwhile(lambda: yard.publish("Four.")))
    assert yard.site.audit().events == ("publish",) * 3
    yard.site.audit("late")
    purged(yard, "demo@2", consent=meanwhile(lambda: None))
    deleted(yard, "demo", consent=meanwhile(lambda: None))


def test_nothing_is_purged_where_the_store_is_not_this_registrys(yard: Yard) -> None:
    before = rows(yard.env["EVERYSKILL_DATABASE_URL"])
    yard.registry.store._delete("everyskill.json")
    for act in (lambda: purged(yard, "demo@2"), lambda: deleted(yard, "demo")):
        with pytest.raises(NotReady):
            act()
    assert rows(yard.env["EVERYSKILL_DATABASE_URL"]) == before


# A skill whole


def test_a_skill_goes_with_all_its_rows_and_the_objects_that_nobody_else_has(yard: Yard) -> None:
    shared, own = yard.publish("One.", "other"), yard.publish("Two.")
    rate(yard.registry, Reference("demo"), Opinion(stars=4))
    record(yard.registry, [Use(skill=Reference("demo"))])
    events = "FROM version_events AS e JOIN skills AS s ON s.id = e.skill_id"
    [head] = yard.site.query(f"SELECT entry_hash {events} WHERE slug = 'demo' AND seq = 2")
    answer = deleted(yard, "demo")
    [stone] = answer.results
    assert (answer.status, answer.versions, answer.ratings, answer.uses) == ("deleted", 2, 1, 1)
    assert (stone.slug, stone.last_version, stone.head_hash, stone.reason) == ("demo", 2, head, WHY)
    assert [(each.status, each.key) for each in answer.objects] == [("deleted", own)]
    assert shared in yard.stored()
    assert own not in yard.stored()
    for table in ("ratings", "usage_events"):
        assert yard.site.query(f"SELECT count(*) FROM {table}") == [0]
    assert yard.site.query("SELECT slug FROM skills") == ["other"]
    yard.site.audit("other")
    again = deleted(yard, "demo")
    assert (again.status, again.results, again.objects) == ("unchanged", (stone,), ())
    assert "everyskill gc" in again.warnings[0].message


@on_one
def test_a_deleted_skill_is_told_with_the_reason_and_its_slug_is_never_free(
    cli: Commands, yard: Yard, tmp_path, monkeypatch
) -> None:
    project = tmp_path / "project"
    (project / ".git").mkdir(parents=True)
    monkeypatch.chdir(project)
    assert cli("install", "demo", "--agent", "codex").code == 0
    assert cli("purge", "demo", "--everything", "--reason", WHY, "--yes").code == 0
    for words in (
        ["show", "demo"],
        ["versions", "demo"],
        ["ratings", "demo"],
        ["rate", "demo", "4"],
        ["install", "demo", "--to", tmp_path / "x"],
        ["install", "demo@2", "--to", tmp_path / "x"],
        ["install", "--frozen"],
        ["promote", "demo@1"],
        ["yank", "demo@1", "--reason", "x"],
        ["use", "demo"],
        ["diff", "demo@1", "demo@2"],
        ["purge", "demo@1", "--reason", "x", "--yes"],
    ):
        assert_failed(cli(*words), 4, "demo was deleted on 20", WHY)
    before = yard.stored()
    for words in (["publish", yard.skill("New.")], ["publish", yard.skill("New."), "--dry-run"]):
        assert_failed(cli(*words), 5, "demo was deleted on 20", WHY, "--slug")
    assert yard.stored() == before
    assert [item["slug"] for item in cli("list", "--json").json["items"]] == ["other"]
    assert cli("publish", yard.skill("New."), "--slug", "new").code == 0


@on_one
def test_a_row_that_vanishes_under_the_lock_is_no_bug_and_nothing_is_purged(yard: Yard) -> None:
    with yard.registry.database.writing() as tx:
        plan = purging_module._plan(tx, "demo", 2)
        gone = replace(plan, holders=(plan.holders[0]._replace(version=9),))
        with pytest.raises(IntegrityFailure, match="demo@9 was there a moment ago"):
            purging_module._append(tx, gone, WHY, plan.version.created_by)
    assert "purge" not in yard.site.audit().events


@on_folders
def test_a_skill_that_somebody_made_by_hand_without_a_version_is_deleted_as_well(
    yard: Yard,
) -> None:
    """PostgreSQL takes none, but an owner can switch that off; SQLite trusts whoever writes it."""
    make = (
        "INSERT INTO skills (id, slug, name, description, tags, author_id, created_at, updated_at)"
        f" SELECT '{uuid.uuid4()}', 'bare', 'n', 'd', '[]', author_id, created_at, updated_at"
        " FROM skills WHERE slug = 'demo'"
    )
    if yard.registry.database.dialect == "postgresql":
        with pytest.raises(Conflict, match="begins with its first version"):
            yard.site.query(make)
        yard.site.query("ALTER TABLE skills DISABLE TRIGGER skills_born")
    yard.site.query(make)
    if yard.registry.database.dialect == "postgresql":
        yard.site.query("ALTER TABLE skills ENABLE TRIGGER skills_born")
    [found] = verify(yard.registry, [], VerifyOptions()).results
    assert (found.kind, found.slug) == ("chain-broken", "bare")
    answer = deleted(yard, "bare")
    [stone] = answer.results
    assert (answer.status, answer.versions, answer.objects) == ("deleted", 0, ())
    assert (stone.last_version, stone.head_hash) == (0, GENESIS)
    assert verify(yard.registry, [], VerifyOptions()).status == "intact"
    assert deleted(yard, "bare").status == "unchanged"
    with pytest.raises(Conflict, match="bare was deleted"):
        yard.publish("New.", "bare")


@on_folders
def test_a_publisher_of_a_new_version_is_refused_where_the_skill_was_deleted_meanwhile(
    yard: Yard, forks: Forks
) -> None:
    words = ("publish", yard.skill("New."), "--json")
    publisher = forks.start(words, env=yard.env, halt_after="put").wait_until_halted()
    deleted(yard, "demo")
    done = publisher.resume().wait()
    assert (done.code, done.error["type"]) == (5, "Conflict")
    assert "never free again" in done.error["message"]
    assert "--slug" in done.error["hint"]


@on_folders
def test_with_a_skills_purged_rows_goes_the_refusal_of_their_bytes(yard: Yard) -> None:
    purged(yard, "demo@2")
    assert "purged-forgotten" in {each.rule for each in deleted(yard, "demo").warnings}
    yard.publish("Two.", "new")
    yard.site.audit("new")


@on_one
def test_an_object_that_a_collector_is_about_to_delete_is_left_to_it(yard: Yard) -> None:
    [orphan] = yard.plant("a")
    with yard.registry.database.writing() as tx:
        assert garbage.condemn(tx, orphan, STALE_MARK)
    [each] = taking.take_out(yard.registry, [orphan], is_purged=False)
    assert each.status == "busy"
    yard.age_marks()
    [each] = taking.take_out(yard.registry, [orphan], is_purged=False)
    assert each.status == "deleted"


@on_one
def test_an_object_that_may_not_be_deleted_is_named_and_goes_with_the_next_run(
    yard: Yard, cli: Commands
) -> None:
    folder = (yard.root / yard.publish("Two.")).parent
    folder.chmod(0o555)
    done = as_ordinary_user("purge", "demo@2", "--reason", WHY, "--yes", "--json")
    folder.chmod(0o755)
    assert (done.code, done.error["type"]) == (10, "PartialFailure")
    assert str(folder) in done.error["message"]
    [gone] = done.json["objects"]
    assert (gone["status"], gone["error"]["type"]) == ("failed", "Forbidden")
    assert yard.site.audit().events[-1] == "purge"
    again = cli("purge", "demo@2", "--reason", WHY, "--yes", "--json")
    assert (again.code, again.json["objects"][0]["status"]) == (0, "deleted")


def test_a_skill_of_many_versions_is_given_up_where_the_store_does_not_answer(
    fault_proxy, fault_environment, local_s3, tmp_path
) -> None:
    many = 30
    faulty = Yard(f"sqlite:///{tmp_path}/registry.db", S3Stores(local_s3), tmp_path)
    faulty.env.update(fault_environment)
    with closing(faulty):
        keys = {faulty.publish(f"Text {number}.") for number in range(many)}
        faulty.registry.store.jobs = 4
        fault_proxy.forget()
        fault_proxy.order(*[Fault.RESET] * 1000, method="HEAD")
        answer = deleted(faulty, "demo")
        counts = Counter(each.status for each in answer.objects)
        assert set(counts) == {"failed", "skipped"}
        assert counts.total() == many
        asked = {each.key for each in fault_proxy.requests if each.method == "HEAD"}
        assert counts["failed"] == PATIENCE <= len(asked) <= PATIENCE + 2 * 4
        error = taking.unfinished(answer)
        assert error is not None
        assert "everyskill gc --delete --older-than 0 (with --force" in error.hint
        fault_proxy.forget()
        with pytest.raises(Conflict, match="more than half"):
            faulty.collect(delete=True)
        assert faulty.collect(delete=True, force=True).deleted == many
        assert not keys & faulty.stored()


@on_folders
def test_how_far_a_deletion_is_can_be_seen_and_stopped(yard: Yard) -> None:
    for number in range(20):
        yard.publish(f"Text {number}.")
    seen: list[tuple[int, int]] = []

    class Stopping(Watch):
        def collect(self, done: int, total: int) -> None:
            seen.append((done, total))
            self.stopped = done >= 3

    answer = deleted(yard, "demo", watch=Stopping())
    assert seen[:4] == [(0, 22), (1, 22), (2, 22), (3, 22)]
    counts = Counter(each.status for each in answer.objects)
    assert set(counts) == {"deleted", "skipped"}
    assert counts["deleted"] <= 3 + yard.registry.store.jobs
    assert "objects-left" in {each.rule for each in answer.warnings}
    assert set(yard.marks().values()) == {True}
    assert yard.collect(delete=True, force=True).deleted == counts["skipped"]
    seen.clear()
    assert deleted(yard, "other", watch=Stopping()).status == "deleted"
    assert seen == [(0, 1), (1, 1)]


@on_one
def test_ctrl_c_ends_a_deletion_between_two_objects(yard: Yard, forks: Forks) -> None:
    for number in range(10):
        yard.publish(f"Text {number}.")
    line = ("purge", "demo", "--everything", "--reason", WHY, "--yes", "--json")
    fork = forks.start(line, env=yard.env, halt_after="INSERT INTO condemned").wait_until_halted()
    os.kill(fork.pid, signal.SIGINT)
    done = fork.resume().wait()
    counts = Counter(each["status"] for each in done.json["objects"])
    assert (done.code, done.json["status"], set(counts)) == (130, "deleted", {"deleted", "skipped"})
    assert "objects-left" in {each["rule"] for each in done.json["warnings"]}
    assert set(yard.marks().values()) == {True}
    assert yard.collect(delete=True, force=True).deleted == counts["skipped"]


@on_one
def test_a_missing_skill_is_not_found(yard: Yard) -> None:
    for act in (lambda: purged(yard, "nothing@1"), lambda: deleted(yard, "nothing")):
        with pytest.raises(NotFound, match="no skill nothing"):
            act()
    with pytest.raises(UsageError):
        delete_skill(yard.registry, Reference("demo", 1), reason=WHY)


# Killed after every step


class Victims:
    """Pairs of skills, one after the other: what is purged cannot come back for the next kill."""

    def __init__(self, yard: Yard, forks: Forks, whole: bool) -> None:
        self._yard, self._forks, self._whole = yard, forks, whole
        self._made = 0
        self._needed = yard.stored()

    def rehearse(self) -> list[str]:
        """The steps of a purge that nobody kills."""
        line, _, _ = self._next()
        done = self._forks.run(*line, env=self._yard.env)
        assert done.code == 0, done
        return done.steps

    def kill(self, number: int) -> None:
        """Kill a purge after one step, look, run it again, and look again."""
        yard, (line, slug, key) = self._yard, self._next()
        assert self._forks.run(*line, env=yard.env, kill_after=number).code == -9
        yard.site.audit(slug)
        again = self._forks.run(*line, env=yard.env)
        assert (again.code, again.stderr) == (0, "")
        standing = yard.site.audit(slug)
        if self._whole:
            assert standing.events == ()
            left = len(yard.stored() - self._needed)  # no row names them any more
            yard.age_marks()
            assert yard.collect(delete=True, force=True).deleted == left
            assert yard.stored() == self._needed
        else:
            assert standing.events == ("publish", "publish", "purge")
            assert yard.site.standing(f"{slug}-copy").events == ("publish", "purge")
        assert key not in yard.stored()

    def _next(self) -> tuple[tuple[str, ...], str, str]:
        self._made += 1
        slug, yard = f"victim-{self._made}", self._yard
        yard.publish(f"Before {slug}.", slug)
        key = yard.publish(f"Bytes of {slug}.", slug)
        if self._whole:
            rate(yard.registry, Reference(slug), Opinion(stars=4))
            what: tuple[str, ...] = (slug, "--everything")
        else:
            yard.publish(f"Bytes of {slug}.", f"{slug}-copy")
            what = (f"{slug}@2",)
        return ("purge", *what, "--reason", WHY, "--yes", "--json"), slug, key


def kill_everywhere(yard: Yard, forks: Forks, count: Count, *, whole: bool, thin: bool) -> None:
    victims = Victims(yard, forks, whole)
    steps = victims.rehearse()
    points = [(n, name) for n, name in enumerate(steps) if not thin or name in CHANGES]
    names = {name for _, name in points}
    rows = {"DELETE FROM skills"} if whole else {"INSERT INTO version_events"}
    assert rows | {"COMMIT", "UPDATE condemned"} <= names
    for number, _ in points:
        victims.kill(number)
    count("purge killed after a step", kills=len(points))


@pytest.mark.parametrize(
    ("yard", "whole"),
    [(ON_SQLITE, False), (ON_POSTGRESQL, True)],
    ids=["version-sqlite", "skill-postgresql"],  # the long form has the other pairs, and buckets
    indirect=["yard"],
)
def test_a_purge_killed_after_a_step_is_finished_by_the_same_command(
    yard: Yard, forks: Forks, count: Count, whole: bool
) -> None:
    kill_everywhere(yard, forks, count, whole=whole, thin=True)


@pytest.mark.long
@pytest.mark.parametrize("whole", [False, True], ids=["version", "skill"])
def test_a_purge_killed_after_every_step_is_finished_by_the_same_command(
    yard: Yard, forks: Forks, count: Count, whole: bool
) -> None:
    kill_everywhere(yard, forks, count, whole=whole, thin=False)

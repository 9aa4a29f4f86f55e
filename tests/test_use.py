"""Uses: recorded once each, counted by the database, and nobody has to say who they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import pytest
from sqlalchemy import text

from everyskill_cli.errors import Conflict, NotFound, NotReady
from everyskill_cli.model import Reference
from everyskill_cli.registry import Registry
from everyskill_cli.registry.publishing.decision import PublishOptions
from everyskill_cli.registry.publishing.publish import publish
from everyskill_cli.registry.releasing.release import yank
from everyskill_cli.registry.show import show
from everyskill_cli.registry.use import Use, record
from tests.audit import audit_records
from tests.commands import Commands, rows
from tests.forks import Forks
from tests.registries import make_registry, write_skill
from tests.rows import append
from tests.servers.cut import Cut, CutProxy

DEMO = Reference("demo")
NAMES = ("demo", "other")


@pytest.fixture
def registry(database_url, tmp_path) -> Iterator[Registry]:
    """`demo` with two versions, and `other` with a draft."""
    opened = make_registry(database_url, tmp_path)
    for body in ("one", "two"):
        publish(opened, [write_skill(tmp_path, body=body)], PublishOptions())
    publish(opened, [write_skill(tmp_path, "other")], PublishOptions(draft=True))
    yield opened
    audit_records(opened.database)
    opened.close()


def use(registry: Registry, skill: str = "demo", **more):
    """Record one use; give the status and the one result."""
    answer = record(registry, [Use(skill=Reference.parse(skill), **more)])
    [result] = answer.results
    return answer.status, result


def recorded(registry: Registry, column: str) -> list:
    with registry.database.reading() as tx:
        return list(tx.scalars(text(f"SELECT {column} FROM usage_events ORDER BY created_at, id")))


def test_a_use_is_of_the_published_version_unless_one_is_named(registry):
    status, first = use(registry)
    assert (status, first.version, first.uses, first.total_uses) == ("recorded", 2, 1, 1)
    assert (first.tool_name, first.external_id) == ("cli", None)
    _, second = use(registry, "demo@1", tool="ci")
    assert (second.version, second.uses, second.total_uses) == (1, 1, 2)
    assert use(registry, "other@draft")[1].slug == "other"
    assert show(registry, DEMO).skill.total_uses == 2
    assert show(registry, DEMO).summary.uses == 1
    assert recorded(registry, "tool_name") == ["cli", "ci", "cli"]


def test_the_same_external_id_is_the_same_use(registry):
    status, first = use(registry, external_id="run 4711")
    assert status == "recorded"
    before = rows(registry.settings.database_url)
    yank(registry, Reference("demo", 2), reason="bad")  # another one is published by now
    status, again = use(registry, tool="ci", external_id="run 4711")
    assert (status, again) == ("unchanged", first)
    assert rows(registry.settings.database_url)["usage_events"] == before["usage_events"]
    answer = record(registry, [Use(skill=Reference("other"), external_id="run 4711")])
    assert (answer.status, answer.results[0].slug) == ("unchanged", "demo")
    assert "already a use of demo" in answer.warnings[0].message


def test_several_uses_are_one_transaction(registry):
    uses = [
        Use(skill=Reference("other", 1), tool="install", external_id="a"),
        Use(skill=DEMO, tool="install"),
        Use(skill=DEMO, tool="install", external_id="b"),
        Use(skill=DEMO, tool="install", external_id="b"),
    ]
    answer = record(registry, uses)
    assert answer.status == "recorded"
    slugs = [(result.slug, result.version, result.uses) for result in answer.results]
    assert slugs == [("other", 1, 1), ("demo", 2, 2), ("demo", 2, 2), ("demo", 2, 2)]
    assert len(recorded(registry, "id")) == 3
    with pytest.raises(NotFound, match="no version 9"):
        record(registry, [Use(skill=DEMO), Use(skill=Reference("other", 9))])
    assert len(recorded(registry, "id")) == 3
    assert record(registry, []).status == "unchanged"


def test_what_cannot_be_used(registry):
    with pytest.raises(NotFound, match="no skill nobody"):
        use(registry, "nobody")
    with pytest.raises(NotFound, match="no published version") as caught:
        use(registry, "other")
    assert "other@1" in caught.value.hint
    version = show(registry, Reference("demo", 1)).version
    use(registry, "demo@1", external_id="before")
    with registry.database.writing() as tx:
        append(tx, version, "purge", reason="law")
    with pytest.raises(Conflict, match="demo@1 was purged"):
        use(registry, "demo@1")
    assert use(registry, "demo@1", external_id="before")[0] == "unchanged"


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_use_counts_though_nobody_says_who(registry):
    with closing(Registry(replace(registry.settings, user=None), "write")) as nobody:
        assert use(nobody)[0] == "recorded"
    assert recorded(registry, "user_id") == [None]
    use(registry)
    assert len([who for who in recorded(registry, "user_id") if who]) == 1
    wrong = replace(registry.settings, user="nobody at all")
    with closing(Registry(wrong, "write")) as mistaken, pytest.raises(NotReady):
        use(mistaken)
    assert len(recorded(registry, "id")) == 2


def test_the_command(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("EVERYSKILL_USER", "ann@example.org")
    cli = Commands(capsys)
    assert cli("publish", write_skill(tmp_path)).code == 0
    done = cli("use", "demo", "--tool", "ci", "--external-id", "ä 1")
    assert (done.code, done.stderr, done.stdout.splitlines()[0]) == (0, "", "recorded demo@1")
    assert done.stdout.splitlines()[1:5] == [
        "tool_name: ci",
        "external_id: ä 1",
        "uses: 1",
        "total_uses: 1",
    ]
    again = cli("use", "demo@1", "--external-id", "ä 1", "--json")
    assert (again.code, again.json["status"]) == (0, "unchanged")
    assert cli("show", "demo", "--json").json["skill"]["total_uses"] == 1
    for bad in ("", "x" * 201, "a\nb", "a\x1b[2Jb", "a\u202eb"):
        assert cli("use", "demo", "--external-id", bad).code == 2
    assert cli("use", "demo", "--external-id", "x" * 200).code == 0


# Many at once, and without an answer.


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks() as forks:
        yield forks


def variables(registry: Registry, url: str) -> dict[str, str]:
    return {
        "EVERYSKILL_DATABASE_URL": url,
        "EVERYSKILL_STORE_URL": registry.settings.store_url,
        "EVERYSKILL_USER": "bob@example.org",
    }


def test_many_at_once_lose_nothing_and_count_nothing_twice(registry, database_url, forks):
    env = variables(registry, database_url)
    commands = [
        command
        for number in range(5)
        for command in (
            ("use", "demo", "--external-id", f"run-{number}", "--json"),
            ("use", "demo@1", "--json"),
            ("rate", "demo", str(1 + number), "--json"),
        )
    ]
    started = [forks.start(*commands, env=env, halt_after="start") for _ in range(4)]
    for fork in started:
        fork.wait_until_halted()
    for fork in started:
        fork.resume()
    ended = [done for fork in started for done in fork.wait_all()]
    assert [done.stderr for done in ended if done.code] == []
    statuses = Counter(done.json["status"] for done in ended)
    assert (statuses["recorded"], show(registry, DEMO).skill.total_uses) == (25, 25)


def test_uses_of_several_skills_never_wait_for_each_other_for_ever(registry, tmp_path):
    """In whatever order they are given, beside somebody who publishes these skills."""
    skills = [Reference("demo", 1), Reference("other", 1)]

    def use_both(order: int) -> None:
        with closing(Registry(registry.settings, "write")) as mine:
            for _ in range(15):
                record(mine, [Use(skill=skill) for skill in skills[::order]])

    def publish_both() -> None:
        with closing(Registry(registry.settings, "write")) as mine:
            for number in range(10):
                new = [write_skill(tmp_path / "new", name, f"{number}") for name in NAMES]
                publish(mine, new, PublishOptions())

    with ThreadPoolExecutor(4) as threads:
        running = [threads.submit(use_both, order) for order in (1, -1, -1)]
        for future in [*running, threads.submit(publish_both)]:
            future.result()
    assert len(recorded(registry, "id")) == 90


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("cut", Cut)
def test_the_answer_to_commit_is_lost(cut, registry, database_url, forks):
    with CutProxy(database_url) as line:
        line.order(cut, "COMMIT")
        done = forks.run("use", "demo", "--json", env=variables(registry, line.url))
        assert not line.pending
    if cut is Cut.AFTER:
        assert (done.code, done.json["status"]) == (0, "recorded")
    else:
        assert (done.code, "again" in done.error["hint"]) == (6, True)
    assert show(registry, DEMO).skill.total_uses == (1 if cut is Cut.AFTER else 0)

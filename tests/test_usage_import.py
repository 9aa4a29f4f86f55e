"""`usage import`: what Claude Code logs becomes uses, once each, of their version and person."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event as listening
from sqlalchemy import text

from everyskill_cli.chain import timestamp
from everyskill_cli.database.queries import usage
from everyskill_cli.errors import Forbidden
from everyskill_cli.model import Reference, UsageImportAnswer
from everyskill_cli.registry import Registry, importing, telemetry
from everyskill_cli.registry.importing import BATCH, import_usage, incomplete
from everyskill_cli.registry.lines import lines
from everyskill_cli.registry.publishing.decision import PublishOptions
from everyskill_cli.registry.publishing.publish import publish
from everyskill_cli.registry.show import show
from everyskill_cli.registry.stats import Wanted, stats
from everyskill_cli.registry.use import new_event
from everyskill_cli.settings import load
from tests.audit import audit_records
from tests.commands import Commands
from tests.figures import Count
from tests.forks import Forks
from tests.registries import make_registry, write_skill
from tests.samples import ROOT
from tests.servers.postgres import PostgresServer
from tests.teams import Team

DEMO = Reference("demo")
LONG_AGO = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
RECIPE = re.compile(r"^```json\n(\{\n  \"hooks\".*?)^```", re.M | re.S)


@pytest.fixture
def registry(database_url, tmp_path) -> Iterator[Registry]:
    """`demo` with one version, `other` with one."""
    opened = make_registry(database_url, tmp_path)
    publish(opened, [write_skill(tmp_path, n) for n in ("demo", "other")], PublishOptions())
    yield opened
    audit_records(opened.database)
    opened.close()


def record(skill: str = "demo", at: datetime | str = LONG_AGO, seq: int = 1, **more: Any) -> Any:
    """One log record, as Claude Code exports it (docs/agents.md names the page)."""
    values = {
        "event.name": "skill_activated",
        "event.timestamp": at if isinstance(at, str) else timestamp(at),
        "event.sequence": seq,
        "session.id": "739044cd-ce53-455d-b189-b8946926330a",
        "prompt.id": "5f4b1a52-5d43-4a3c-8a42-6c0d3f7a9f11",
        "user.id": "a68801ea",
        "user.email": "bob@example.org",
        "skill.name": skill,
        "invocation_trigger": "claude-proactive",
        "skill.source": "projectSettings",
    } | {name.replace("__", "."): value for name, value in more.items()}
    return {
        "timeUnixNano": "1788706200962000000",
        "observedTimeUnixNano": "1788706200962000000",
        "body": {"stringValue": "claude_code.skill_activated"},
        "attributes": [
            {"key": key, "value": any_value(value)}
            for key, value in values.items()
            if value is not None
        ],
    }


def any_value(value: int | str) -> dict[str, str]:
    """A value as OTLP has it in JSON: whole numbers are texts."""
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}


def export(*records: Any, **shared: str) -> dict[str, Any]:
    """One line of the collector's file exporter; ``shared`` are attributes of the resource."""
    values = {"service.name": "claude-code"} | shared
    resource = {"attributes": [{"key": k, "value": any_value(v)} for k, v in values.items()]}
    logs = [{"scope": {"name": "com.anthropic.claude_code.events"}, "logRecords": list(records)}]
    return {"resourceLogs": [{"resource": resource, "scopeLogs": logs}]}


def bring(registry: Registry, *lines: Any, dry_run: bool = False) -> UsageImportAnswer:
    """Import lines: objects, or bytes as they are."""
    data = b"".join(
        line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines
    )
    return import_usage(registry, io.BytesIO(data), dry_run=dry_run)


def recorded(registry: Registry) -> list[tuple[Any, ...]]:
    """Every use: skill, version's number, user's address, tool, time."""
    with registry.database.reading() as tx:
        rows = tx.execute(
            text(
                "SELECT s.slug, v.version, u.email, e.tool_name, e.created_at"
                " FROM usage_events AS e JOIN skills AS s ON s.id = e.skill_id"
                " LEFT JOIN skill_versions AS v ON v.id = e.skill_version_id"
                " LEFT JOIN users AS u ON u.id = e.user_id ORDER BY e.created_at, s.slug, u.email"
            )
        )
        return [(*row[:4], _moment(row[4])) for row in rows]


def _moment(stored: Any) -> datetime:
    return stored if isinstance(stored, datetime) else datetime.fromisoformat(stored)


def test_the_same_file_imported_twice_counts_once(registry):
    lines = [
        export(*(record("demo", LONG_AGO + n * timedelta(minutes=1), n) for n in range(BATCH + 5))),
        export(record("other", seq=1), record("other", seq=2), record("other", seq=2)),
    ]
    first = bring(registry, *lines)
    assert (first.status, first.found, first.recorded, first.known) == ("imported", 208, 207, 1)
    assert [(each.slug, each.recorded, each.known) for each in first.results] == [
        ("demo", 205, 0),
        ("other", 2, 1),
    ]
    again = bring(registry, *lines, export(record("demo", seq=9_999)))
    assert (again.recorded, again.known) == (1, 208)
    nothing = bring(registry, *lines)
    assert (nothing.status, nothing.recorded, nothing.known) == ("unchanged", 0, 208)
    assert show(registry, DEMO).skill.total_uses == 206
    assert stats(registry, Wanted(skill=DEMO)).total.uses == 206


def test_a_dry_run_writes_nothing_and_says_what_would_be(registry):
    lines = [export(record(seq=1), record(seq=2)), export(record(seq=1), record("other"))]
    before = recorded(registry)
    answer = bring(registry, *lines, dry_run=True)
    assert (answer.status, answer.recorded, answer.known) == ("would-import", 3, 1)
    assert recorded(registry) == before
    assert bring(registry, *lines).recorded == 3
    assert bring(registry, *lines, dry_run=True).status == "unchanged"


def test_a_use_is_of_the_version_of_its_time_and_of_whom_the_log_names(registry, tmp_path):
    between = show(registry, DEMO).version.created_at
    publish(registry, [write_skill(tmp_path, body="two")], PublishOptions())
    after = show(registry, DEMO).version.created_at
    publish(registry, [write_skill(tmp_path, body="draft")], PublishOptions(draft=True))
    bring(
        registry,
        export(
            record(at=LONG_AGO, user__email="Bob@Example.org"),
            record(at=between, seq=2),
            record(at=after, seq=3, user__email=None),
            record(at="2198-01-01T00:00:00+02:00", seq=4, user__email="no address"),
        ),
    )
    *old, newest = recorded(registry)
    assert old == [
        ("demo", None, "bob@example.org", "claude-code", LONG_AGO),
        ("demo", 1, "bob@example.org", "claude-code", between),
        ("demo", 2, None, "claude-code", after),
    ]
    assert newest[:3] == ("demo", 2, None)
    assert newest[4] >= after  # what has not happened yet is of now
    answer = stats(registry, Wanted(skill=DEMO, since=LONG_AGO))
    assert [figures.recent.uses for figures in answer.versions] == [0, 2, 1]
    assert (answer.unversioned_uses, answer.recent.users) == (1, 1)


def test_every_form_of_an_event_is_read_and_everything_else_passed_by(registry):
    plain = {"event.name": "claude_code.skill_activated", "skill.name": "demo"}
    answer = bring(
        registry,
        export(record()),
        record(seq=2),  # one record alone
        {"timeUnixNano": "1788706200962000000", "attributes": {**plain, "session.id": "x"}},
        {"body": "claude_code.skill_activated", "attributes": {**plain, "event.name": "x"}}
        | {"observedTimeUnixNano": 1788706200962999999},
        export({"body": {"stringValue": "claude_code.api_request"}, "attributes": []}),
        {"resourceMetrics": []},
        {"resourceSpans": [{}]},
        {"attributes": {}},
        b"\n",
        b"   \n",
    )
    assert (answer.found, answer.recorded, answer.unread, answer.lines) == (4, 4, 0, 10)
    assert incomplete(answer) is None


def test_other_skills_are_counted_and_named(registry):
    answer = bring(
        registry,
        export(
            record("custom_skill"),
            record("nobody", seq=2),
            record("nobody", seq=3),
            record("kit:demo", seq=4),
            record("x" * 9_000, seq=5),
            record("demo", seq=6, skill__source="bundled"),
            record("demo", seq=7, skill__source="plugin"),
            record("demo", seq=8, skill__source="userSettings"),
        ),
    )
    assert (answer.found, answer.recorded) == (8, 1)
    assert (answer.redacted, answer.bundled, answer.unknown_uses) == (1, 2, 4)
    assert [(each.name[:200], each.uses) for each in answer.unknown] == [
        ("nobody", 2),
        ("kit:demo", 1),
        ("x" * 200, 1),
    ]
    [warning] = answer.warnings
    assert "OTEL_LOG_TOOL_DETAILS=1" in warning.message


def test_a_line_that_cannot_be_read_is_named_and_the_others_are_recorded(registry):
    long = b'{"attributes": {"x": "' + b"y" * telemetry.LINE_MAX + b'"}}\n'
    answer = bring(
        registry,
        export(record()),
        b"{broken\n",
        b"\xff\xfe\x00\n",
        b"[1]\n",
        {"what": 1},
        {"resourceLogs": 3},
        export(record(seq=2), record(skill="", seq=3), record(at="soon", seq=4), record(seq=5)),
        export(record(at="1850-01-01T00:00:00Z")),
        b"[" * 100_000 + b"\n",
        long,
        export(record(seq=6)),
    )
    assert [each.line for each in answer.failures] == [2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert (answer.unread, answer.lines, answer.recorded) == (9, 11, 4)
    error = incomplete(answer)
    assert error is not None
    assert (error.code, error.message[:10]) == (10, "9 of 11 li")
    assert bring(registry, export(record(seq=6))).known == 1


KEYS = (
    *("resourceLogs", "scopeLogs", "logRecords", "resource", "attributes", "body", "skill.name"),
    *("hook_event_name", "tool_input", "tool_name", "command_name", "timeUnixNano"),
    "event.timestamp",
)
leaves = st.none() | st.integers() | st.floats(allow_nan=False) | st.text() | st.booleans()
odd = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=60)
@given(st.lists(odd.map(lambda value: json.dumps(value).encode()) | st.binary(), max_size=4))
def test_any_line_is_read_or_said_to_be_unreadable(lines):
    data = b"\n".join(line.replace(b"\n", b"") for line in lines)
    for line in telemetry.read(io.BytesIO(data)):
        assert all(use.name for use in line.activations)
        assert line.problem is None or line.problem.endswith(".")


def test_an_id_is_the_same_in_every_export_and_another_for_another_event():
    def id_of(**more: Any) -> str | None:
        data = json.dumps(export(record(**more))).encode()
        [line] = telemetry.read(io.BytesIO(data))
        return line.activations[0].external_id

    same = id_of()
    assert same is not None
    assert re.fullmatch("claude-code:[0-9a-f]{64}", same)
    assert id_of(user__email=None, invocation_trigger="x") == same
    assert id_of(at="2026-01-02T04:04:05.678+01:00") == same
    assert id_of(at="2026-01-02T03:04:05.678") == same
    others = [
        id_of(seq=2),
        id_of(at=LONG_AGO + timedelta(milliseconds=1)),
        id_of(session__id="another"),
        id_of(skill="other"),
    ]
    assert len({same, *others}) == 5


def uses_in(line: Any) -> tuple[telemetry.Activation, ...]:
    """What one line holds, where all of it can be read."""
    [read] = telemetry.read(io.BytesIO(json.dumps(line).encode()))
    assert read.problem is None
    return read.activations


def test_an_id_is_the_one_that_earlier_imports_wrote():
    """Another would count everything twice that was imported before."""
    lines = (
        export(record()),
        export(record(seq=None, session__id=None, prompt__id=None)),
        hook(),
        typed(),
    )
    assert [use.external_id for line in lines for use in uses_in(line)] == [
        "claude-code:ecdded91d061e408efeb6decc35523efa9cd5eadbd11761512c5074a37635c2e",
        "claude-code:6b0b140a9ec63303fdf7dda74865796599806dfd2985748da8178d15e9af67e4",
        "claude-code:75437cfb672b32251cac474058847748eb5439a78c62ce6ca7932aa18762a03e",
        None,
    ]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_attribute_is_taken_for_what_is_ours(registry):
    """A resource may have any attributes: ``hook`` makes nothing the importer's own use."""
    odd = {"hook": "post-deploy", "time": "5", "call": "1", "is_own": "true"}
    events = [record(at=LONG_AGO + n * timedelta(minutes=1), seq=n) for n in range(10)]
    assert uses_in(export(*events, **odd)) == uses_in(export(*events))
    timeless = [record(seq=n) for n in (20, 21)]
    for each in timeless:
        each["attributes"] = [a for a in each["attributes"] if a["key"] != "event.timestamp"]
    assert uses_in(export(*timeless, **odd)) == uses_in(export(*timeless))
    answer = bring(registry, export(*events, **odd), export(*timeless, **odd))
    assert (answer.recorded, answer.known, answer.unread) == (12, 0, 0)
    assert {row[2] for row in recorded(registry)} == {"bob@example.org"}
    assert recorded(registry)[9][4] == LONG_AGO + timedelta(minutes=9)


@given(st.lists(st.binary(min_size=1) | st.sampled_from([b"\n", b"ab\nc", b"x" * 9])))
def test_lines_are_those_of_the_stream_however_it_comes(parts):
    whole = b"".join(parts).split(b"\n")
    wanted = [line[:5] for line in (whole if whole[-1] else whole[:-1])]
    assert list(lines(Parts(parts), 4)) == wanted


class Parts(io.BytesIO):
    """A stream that gives what is there when it is asked: each part is made then."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        super().__init__()
        self._parts = iter(parts)

    def read(self, size: int | None = -1) -> bytes:
        return next(self._parts, b"")


def line_of(*records: Any) -> bytes:
    return json.dumps(export(*records)).encode() + b"\n"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_a_pipe_brought_is_recorded_while_it_is_open(registry):
    """So ``tail -F`` counts, on a machine where little happens."""
    reader, writer = os.pipe()
    with ThreadPoolExecutor(1) as thread, os.fdopen(writer, "wb", buffering=0) as pipe:
        log = os.fdopen(reader, "rb", buffering=0)

        def work() -> UsageImportAnswer:
            with log, closing(Registry(registry.settings, "write")) as mine:
                return import_usage(mine, log)

        pipe.write(line_of(record()) + b'{"resourceLogs": [')
        done = thread.submit(work)
        deadline = time.monotonic() + 20
        while not recorded(registry) and not done.done() and time.monotonic() < deadline:
            time.sleep(0.05)
        stood = recorded(registry)
        pipe.write(b"]}\n" + line_of(record(), record(seq=2)))
        pipe.close()
        answer = done.result()
    assert len(stood) == 1
    assert (answer.lines, answer.unread, answer.recorded, answer.known) == (3, 0, 2, 1)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_version_that_is_published_meanwhile_is_known(registry, tmp_path):
    def parts() -> Iterator[bytes]:
        now = show(registry, DEMO).version.created_at
        yield line_of(*(record(at=now, seq=n) for n in range(BATCH)))
        with closing(Registry(registry.settings, "write")) as other:
            publish(other, [write_skill(tmp_path, body="two")], PublishOptions())
            now = show(other, DEMO).version.created_at
        yield line_of(record(at=now, seq=BATCH))

    assert import_usage(registry, Parts(parts())).recorded == BATCH + 1
    assert [row[1] for row in recorded(registry)] == [1] * BATCH + [2]


@contextmanager
def listening_to(registry: Registry) -> Iterator[list[tuple[str, list[Any]]]]:
    """Collect each statement, with its values."""
    said: list[tuple[str, list[Any]]] = []

    def listen(connection, cursor, statement, parameters, context, many):
        is_named = isinstance(parameters, dict)
        said.append((statement, list(parameters.values() if is_named else parameters)))

    engine = registry.database.engine
    listening.listen(engine, "before_cursor_execute", listen)
    yield said
    listening.remove(engine, "before_cursor_execute", listen)


def by_many(first: int, uses: int) -> Any:
    """Uses by thirty people."""
    return export(
        *(record(seq=n, user__email=f"p{n % 30}@example.org") for n in range(first, first + uses))
    )


def test_histories_are_read_once_and_people_in_one_statement_a_batch(registry, count: Count):
    bring(registry, by_many(0, 30))
    with listening_to(registry) as said:
        assert bring(registry, by_many(1_000, 2 * BATCH)).recorded == 2 * BATCH
    since = [values[1] for statement, values in said if "FROM version_events" in statement]
    assert since == [0, 1]
    assert len([one for one, _ in said if one.startswith("SELECT users.email")]) == 2
    assert not [one for one, _ in said if one.startswith("INSERT INTO users")]
    # More than one statement a batch could wait for each other's ids with counters locked.
    assert len([one for one, _ in said if one.startswith("INSERT INTO usage_events")]) == 2
    count("statements of usage import", statements=len(said), batches=2)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_is_kept_of_histories_is_bounded(registry, monkeypatch):
    monkeypatch.setattr(importing, "CHANGES_MAX", 1)
    with listening_to(registry) as said:
        assert bring(registry, by_many(0, 2 * BATCH)).recorded == 2 * BATCH
    since = [values[1] for statement, values in said if "FROM version_events" in statement]
    assert since == [0, 0]


def test_a_history_that_was_read_is_continued(registry, tmp_path):
    def read_on(kept: dict[str, usage.Target]) -> usage.Target:
        with registry.database.reading() as tx:
            return usage.targets(tx, ["demo", "nobody"], kept)["demo"]

    first = read_on({})
    marked = first._replace(published=[(LONG_AGO, "marked")])
    assert read_on({"demo": marked}) == marked
    for draft, body in ((True, "draft"), (False, "two")):
        publish(registry, [write_skill(tmp_path, body=body)], PublishOptions(draft=draft))
    two = show(registry, DEMO).version
    newest = read_on({"demo": marked})
    assert newest.published[0] == (LONG_AGO, "marked")
    assert [change[1] for change in newest.published[1:]] == [first.published[0][1], two.id]
    assert newest.seq == 3
    assert read_on({"demo": marked._replace(skill_id="another's")}) == read_on({})


# Hooks.


def hook(**more: Any) -> dict[str, Any]:
    return {
        "session_id": "abc123",
        "transcript_path": "/home/ann/.claude/projects/x/abc123.jsonl",
        "cwd": "/home/ann/x",
        "permission_mode": "default",
        "hook_event_name": "PostToolUse",
        "tool_name": "Skill",
        "tool_input": {"skill": "demo", "args": "please"},
        "tool_response": {"success": True},
        "tool_use_id": "toolu_01ABC123",
    } | more


def typed(**more: Any) -> dict[str, Any]:
    return {
        "session_id": "abc123",
        "hook_event_name": "UserPromptExpansion",
        "expansion_type": "slash_command",
        "command_name": "demo",
        "command_args": "",
        "command_source": "project",
        "prompt": "/demo",
    } | more


def test_what_a_hook_is_told_is_a_use_by_whoever_runs_it(registry):
    answer = bring(registry, hook(), hook(), typed(), typed())
    assert (answer.recorded, answer.known) == (3, 1)
    assert bring(registry, hook(tool_use_id="toolu_02")).recorded == 1
    rows = recorded(registry)
    assert {row[:4] for row in rows} == {("demo", 1, "ann@example.org", "claude-code")}
    passed_by = bring(
        registry,
        hook(tool_name="Bash", tool_input={"command": "ls"}),
        hook(hook_event_name="PreToolUse"),
        typed(expansion_type="mcp_prompt"),
        typed(command_source="plugin"),
        typed(command_name="compact"),
    )
    assert (passed_by.recorded, passed_by.bundled, passed_by.unknown_uses) == (0, 1, 1)
    assert bring(registry, hook(tool_input={})).unread == 1


def test_the_recipe_in_the_documentation_records(tmp_path, capsys, monkeypatch):
    """Run each command of the documented settings as Claude Code does: a shell, JSON on stdin."""
    [recipe] = RECIPE.findall((ROOT / "docs/agents.md").read_text(encoding="utf-8"))
    hooks = json.loads(recipe)["hooks"]
    assert hooks["PostToolUse"][0]["matcher"] == "Skill"
    commands = {name: groups[0]["hooks"][0] for name, groups in hooks.items()}
    assert {each["type"] for each in commands.values()} == {"command"}
    programs = tmp_path / "bin"
    programs.mkdir()
    shim = programs / "everyskill"
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m everyskill_cli "$@"\n')
    shim.chmod(shim.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("EVERYSKILL_USER", "ann@example.org")
    cli = Commands(capsys)
    assert cli("publish", write_skill(tmp_path)).code == 0
    for name, given_json in (("PostToolUse", hook()), ("UserPromptExpansion", typed())):
        done = subprocess.run(
            ["/bin/sh", "-c", commands[name]["command"]],
            input=json.dumps(given_json),
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert cli("stats", "demo", "--json").json["recent"]["uses"] == 2


# The command.


def test_the_command(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("EVERYSKILL_USER", "ann@example.org")
    cli = Commands(capsys)
    cli("publish", write_skill(tmp_path))
    log = tmp_path / "log.jsonl"
    log.write_text(json.dumps(export(record(), record("nobody", seq=2))) + "\n")
    done = cli("usage", "import", log)
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.splitlines()[:4] == ["imported", "lines: 1", "found: 2", "recorded: 1"]
    assert {"skill:\tdemo\t1\t0", "unknown:\tnobody\t1"} <= set(done.stdout.splitlines())
    with log.open("a") as file:
        file.write("{half a line")
    done = cli("usage", "import", log, "--json")
    assert (done.code, done.json["status"]) == (10, "unchanged")
    assert done.error["type"] == "PartialFailure"
    assert done.json["failures"] == [{"line": 2, "message": "The line is no JSON."}]
    for bad in (tmp_path, tmp_path / "none"):
        assert cli("usage", "import", bad).code == 2
    assert cli("usage").code == 2


def test_a_use_from_when_nothing_was_published_is_explained(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("EVERYSKILL_USER", "ann@example.org")
    cli = Commands(capsys)
    cli("publish", write_skill(tmp_path))
    assert cli("yank", "demo@1", "--reason", "bad", "--yes").code == 0
    log = tmp_path / "log.jsonl"
    log.write_text(json.dumps(record(at=datetime.now(UTC))))
    assert cli("usage", "import", log).code == 0
    shown = cli("stats", "demo", env={"FORCE_COLOR": "1", "NO_COLOR": "1"}).stdout
    assert "1 use of no version: from when none was published" in shown


def test_the_shell_opens_no_file(tmp_path, everyskill):
    """A named pipe that nobody writes to opens never."""
    os.mkfifo(tmp_path / "fifo")
    for words, offered in (
        (f"everyskill usage import {tmp_path}/fifo --dry", "--dry-run"),
        (f"everyskill check {tmp_path} --summary {tmp_path}/new.md --form", "--format"),
    ):
        environment = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
        done = everyskill(env={"_EVERYSKILL_COMPLETE": "complete_bash", **environment}, timeout=20)
        assert (done.stdout.split(), done.stderr) == ([offered], "")
    assert not (tmp_path / "new.md").exists()


# Many at once, killed, and as somebody.


def test_several_at_once_count_each_use_once(registry):
    lines = [export(*(record(("demo", "other")[n % 2], seq=n) for n in range(60)))] * 2

    def work(order: int) -> int:
        with closing(Registry(registry.settings, "write")) as mine:
            return bring(mine, *lines[::order]).recorded

    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(work, (1, -1, 1, -1)))
    assert sum(done) == 60 == len(recorded(registry))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_two_that_record_the_same_in_another_order_wait_for_each_other_in_turn(registry):
    """Both are held in the midst of their rows; let go, neither waits for who waits for it."""
    events = [record(("demo", "other")[n % 2], seq=n) for n in range(60)]
    [middle] = uses_in(export(events[30]))
    bring(registry, export(record(seq=99)))  # else they would wait for whoever makes the user

    def work(order: int) -> int:
        with closing(Registry(registry.settings, "write")) as mine:
            return bring(mine, export(*events[::order])).recorded

    with ThreadPoolExecutor(2) as threads:
        with suppress(KeyError), registry.database.writing() as tx:
            event = new_event(
                show(registry, DEMO).version, None, "ci", LONG_AGO, middle.external_id
            )
            assert usage.add(tx, event)
            done = [threads.submit(work, order) for order in (1, -1)]
            wait_until_locked(registry, 2)
            raise KeyError  # nothing of it stands
        assert sorted(each.result() for each in done) == [0, 60]
    assert len(recorded(registry)) == 61


def wait_until_locked(registry: Registry, sessions: int) -> None:
    """Wait until so many sessions wait for others."""
    deadline = time.monotonic() + 20
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    while time.monotonic() < deadline:
        with registry.database.reading() as tx:
            if tx.scalar(text(f"{waiting} AND wait_event_type = 'Lock'")) == sessions:
                return
        time.sleep(0.02)
    raise AssertionError("They never waited.")


def test_killed_in_between_it_goes_on_where_it_was(tmp_path, count: Count):
    """SIGKILL right behind each COMMIT of a batch, whose answer nobody hears any more."""
    env = {"EVERYSKILL_STORE_URL": f"file://{tmp_path}/store", "EVERYSKILL_USER": "ann@example.org"}
    first = env | {"EVERYSKILL_DATABASE_URL": f"sqlite:///{tmp_path}/registry.db"}
    log = tmp_path / "log.jsonl"
    log.write_text(json.dumps(export(*(record(seq=n) for n in range(2 * BATCH)))) + "\n")
    with Forks() as forks:
        assert forks.run("publish", write_skill(tmp_path), env=first).code == 0

        def bring_in(name: str, **more: Any) -> tuple[Any, dict[str, str]]:
            own = tmp_path / f"{name}.db"
            if not own.exists():
                shutil.copy(tmp_path / "registry.db", own)
            own_env = env | {"EVERYSKILL_DATABASE_URL": f"sqlite:///{own}"}
            return forks.run("usage", "import", log, "--json", env=own_env, **more), own_env

        whole, _ = bring_in("whole")
        commits = [n for n, step in enumerate(whole.steps) if step == "COMMIT"][-2:]
        assert whole.json["recorded"] == 2 * BATCH
        for batches, step in enumerate(commits, 1):
            killed, _ = bring_in(str(batches), kill_after=step)
            assert (killed.code, killed.steps[-1]) == (-9, "COMMIT")
            rest, own_env = bring_in(str(batches))
            assert (rest.code, rest.json["known"]) == (0, batches * BATCH)
            assert rest.json["recorded"] == (2 - batches) * BATCH
            with closing(Registry(load({}, own_env))) as registry:
                audit_records(registry.database)
                assert show(registry, DEMO).skill.total_uses == 2 * BATCH
            count("kills of imports", kills=1)


@pytest.fixture(scope="module")
def team(postgres_server: PostgresServer) -> Iterator[Team]:
    made = Team(postgres_server)
    yield made
    made.close()


def as_member(team: Team, tmp_path: Path, name: str) -> Registry:
    settings = load(
        {"database_url": team.url(name), "store_url": f"file://{tmp_path}/store"},
        {"EVERYSKILL_USER": f"{name}@example.org"},
    )
    return Registry(settings, "write")


def test_a_login_records_its_own_uses_at_the_databases_time(team, tmp_path):
    lines = [
        export(
            record(user__email="rater@example.org"),
            record(seq=2, user__email=None),
            record(seq=3, user__email="other@example.org"),
        ),
        hook(),
    ]
    before = datetime.now(UTC) - timedelta(minutes=1)
    with closing(as_member(team, tmp_path, "rater")) as rater:
        dry = bring(rater, *lines, dry_run=True)
        answer = bring(rater, *lines)
        assert (dry.recorded, dry.foreign) == (answer.recorded, answer.foreign) == (3, 1)
        rules = [finding.rule for finding in answer.warnings]
        assert rules == ["foreign-uses", "import-time"]
        rows = recorded(rater)
        assert {row[2] for row in rows} == {"rater@example.org"}
        assert all(row[4] > before for row in rows)
    with closing(as_member(team, tmp_path, "owner")) as owner:
        rest = bring(owner, *lines)
        assert (rest.recorded, rest.known, rest.foreign) == (1, 3, 0)
        assert recorded(owner)[0] == ("demo", None, "other@example.org", "claude-code", LONG_AGO)
    for name in ("reader", "unbound"):
        with closing(as_member(team, tmp_path, name)) as other, pytest.raises(Forbidden):
            bring(other, export(record(seq=77, user__email=None)))


@pytest.mark.parametrize("name", ["reader", "unbound"])
def test_a_login_that_may_not_record_can_import_what_has_nothing_for_it(
    team, tmp_path, capsys, name
):
    log = tmp_path / "log.jsonl"
    known = record(seq=500, user__email=None)
    with closing(as_member(team, tmp_path, "owner")) as owner:
        bring(owner, export(known))
    cli = Commands(capsys)

    def bring_in(*lines: Any) -> Any:
        log.write_text("".join(json.dumps(line) + "\n" for line in lines))
        urls = {"DATABASE_URL": team.url(name), "STORE_URL": f"file://{tmp_path}/store"}
        env = {f"EVERYSKILL_{word}": url for word, url in urls.items()}
        return cli("usage", "import", log, "--json", env=env)

    nothing = [export(record("nobody"), known), hook(tool_input={"skill": "nobody"})]
    for lines_ in (nothing, [*nothing, export(record(seq=501, user__email="eve@example.org"))]):
        done = bring_in(*lines_)
        assert (done.code, done.stderr, done.json["status"]) == (0, "", "unchanged")
        assert (done.json["unknown_uses"], done.json["known"]) == (2, 1)
        assert done.json["foreign"] == len(lines_) - 2
    for mine in (export(record(seq=502, user__email=None)), hook(tool_use_id="502")):
        assert bring_in(*nothing, mine).error["type"] == "Forbidden"

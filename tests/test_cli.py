"""What a newcomer, a team and a script see: codes, both streams, pipes, signals, languages."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from everyskill_cli.database.schema import HEAD
from everyskill_cli.registry import show as show_module
from tests.commands import PROGRAM, Commands, assert_failed, assert_json_failure, tree
from tests.conftest import Everyskill
from tests.registries import write_skill
from tests.servers.s3 import S3Server

ODD = b"\xef\xbb\xbf---\r\nname: odd\r\ndescription: Odd bytes.\r\n---\r\n\x1b[31m\t\xc2\xa0 end"


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(capsys)


@pytest.fixture
def nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No git and nothing else on the PATH; the home is empty anyway."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


@pytest.fixture
def published(cli: Commands, tmp_path: Path) -> Path:
    """A published skill, `demo@1`, and where it lies."""
    folder = write_skill(tmp_path, scripts__run_sh="#!/bin/sh\n")
    assert cli("publish", folder).code == 0
    return folder


# The newcomer.


def test_the_first_hour_of_a_newcomer(
    everyskill: Everyskill, home: Path, tmp_path: Path, nothing_installed: None
) -> None:
    folder = write_skill(tmp_path, references__a_md="# A\n")
    first = everyskill("publish", folder)
    assert first.code == 0
    assert first.stdout.startswith("published demo@1\n")
    [note] = first.stderr.splitlines()
    assert "@localhost" in note and "EVERYSKILL_USER" in note

    before = tree(home)
    again = everyskill("publish", folder)
    assert (again.code, again.stderr) == (0, "")
    assert again.stdout.startswith("unchanged demo@1\n")
    assert tree(home) == before

    (folder / "references" / "a_md").write_text("# B\n")
    assert everyskill("publish", folder, "-m", "B").stdout.startswith("published demo@2\n")
    rated = everyskill("rate", "demo", "5", "-c", "Very good", "--hours-saved", "3")
    assert (rated.code, rated.stdout.splitlines()[0]) == (0, "rated demo@2")

    shown = everyskill("show", "demo")
    assert (shown.code, shown.stderr) == (0, "")
    for line in ("average_rating: 5.00", "hours_saved: 3", "latest_version: 2"):
        assert line in shown.stdout.splitlines()
    assert "Very good" in shown.stdout

    answer = everyskill("show", "demo", "--json")
    assert (answer.code, answer.stderr) == (0, "")
    assert answer.json["skill"]["average_rating"] == 500
    assert [version["version"] for version in answer.json["versions"]] == [2, 1]
    assert answer.json["comments"][0]["comment"] == "Very good"


def test_nothing_is_written_before_the_first_publish(cli: Commands, home: Path) -> None:
    for words in (["list"], ["doctor"], ["config"], ["show", "demo"], ["rate", "demo", "5"]):
        cli(*words)
        assert list(home.iterdir()) == [], words


def test_show_one_version_and_its_files(cli: Commands, published: Path) -> None:
    (published / "SKILL.md").write_text((published / "SKILL.md").read_text() + "More.\n")
    cli("publish", published)
    for reference, version in (("demo", 2), ("demo@1", 1), ("demo@latest", 2)):
        assert cli("show", reference, "--json").json["version"]["version"] == version
    lines = cli("show", "demo@1", "--files").stdout.splitlines()
    assert [line.split("\t")[-1] for line in lines] == ["SKILL.md", "scripts/run_sh"]


def test_the_text_in_a_pipe_is_the_file_byte_for_byte(cli: Commands, tmp_path: Path) -> None:
    (tmp_path / "SKILL.md").write_bytes(ODD)
    assert cli("publish", tmp_path / "SKILL.md").code == 0
    for force in ("0", "1"):
        environment = {**os.environ, "FORCE_COLOR": force, "PYTHONIOENCODING": "ascii"}
        done = subprocess.run(
            [*PROGRAM, "show", "odd", "--content"], capture_output=True, env=environment
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, ODD, b"")
    for odd in ("new", "there"):
        (tmp_path / "there").write_text("It was longer than this before." * 100)
        done = cli("show", "odd", "--content", "-o", tmp_path / odd)
        assert (done.code, done.stdout) == (0, "")
        assert (tmp_path / odd).read_bytes() == ODD


def test_lists_in_every_order(cli: Commands, tmp_path: Path) -> None:
    for name, stars in (("bee", "3"), ("ant", "5"), ("cat", "1")):
        cli("publish", write_skill(tmp_path, name))
        cli("rate", name, stars)
    cli("publish", write_skill(tmp_path, "bee", body="Newer."))
    orders = {
        "name": ["ant", "bee", "cat"],
        "rating": ["ant", "bee", "cat"],
        "created": ["cat", "ant", "bee"],
        "updated": ["bee", "cat", "ant"],
    }
    for sort, expected in orders.items():
        assert slugs(cli("list", "--sort", sort, "--json").json) == expected, sort
        paged, after = [], []
        while True:
            page = cli("list", "--sort", sort, "-n", "1", *after, "--json").json
            paged += slugs(page)
            if page["next"] is None:
                break
            after = ["--after", page["next"]]
        assert paged == expected, sort
    assert sorted(slugs(cli("list", "--sort", "uses", "--json").json)) == ["ant", "bee", "cat"]
    assert slugs(cli("list", "--json").json) == orders["updated"]


def slugs(page: dict[str, Any]) -> list[str]:
    return [item["slug"] for item in page["items"]]


def test_versions_and_ratings_go_on_behind_a_page(cli: Commands, tmp_path: Path) -> None:
    for number in range(3):
        cli("publish", write_skill(tmp_path, body=str(number)))
    for person in "abc":
        cli("--user", f"{person}@example.org", "rate", "demo@2", "4", "-c", person)
    for command, name in (("versions", "version"), ("ratings", "comment")):
        whole = cli(command, "demo", "--json").json["items"]
        first = cli(command, "demo", "-n", "2", "--json").json
        rest = cli(command, "demo", "-n", "2", "--after", first["next"], "--json").json
        assert [i[name] for i in [*first["items"], *rest["items"]]] == [i[name] for i in whole]
        assert (len(whole), rest["next"]) == (3, None)
        more = cli(command, "demo", "-n", "2")
        assert f"--after={first['next']}" in more.stderr
        assert len(more.stdout.splitlines()) == 2
    assert cli("ratings", "demo@1", "--json").json == {"items": [], "next": None}


def test_a_rating_is_replaced_and_taken_back(cli: Commands, published: Path) -> None:
    def rate(*words: str) -> list[Any]:
        answer = cli("rate", "demo", *words, "--json").json
        result = answer["results"][0]
        return [answer["status"], result["average_rating"], result["rating_count"]]

    assert rate("2", "-c", "Hm", "--hours-saved", "1") == ["rated", 200, 1]
    assert rate("4") == ["replaced", 400, 1]
    assert cli("ratings", "demo", "--json").json["items"][0]["comment"] == "Hm"
    assert rate("4") == ["unchanged", 400, 1]
    assert rate("4", "-c", "") == ["replaced", 400, 1]
    assert cli("ratings", "demo", "--json").json["items"][0]["comment"] is None
    assert rate("--remove") == ["removed", None, 0]
    assert_failed(cli("rate", "demo", "--remove"), 4, "everyskill ratings demo")


# JSON.

ACTION = {"status", "results", "warnings"}
PAGE = {"items", "next"}
SHOW = {
    "skill",
    "author",
    "published_version",
    "draft_version",
    "version",
    "summary",
    "location",
    "text",
    "versions",
    "comments",
    "change",
    "warnings",
}


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        (["publish", "FOLDER"], ACTION),
        (["publish", "FOLDER", "--dry-run", "--slug", "other"], ACTION),
        (["check", "FOLDER"], ACTION),
        (["rate", "demo", "5"], ACTION),
        (["promote", "demo@1"], ACTION),
        (["yank", "demo@1", "--reason", "x", "-y"], ACTION),
        (["use", "demo"], ACTION),
        (["show", "demo"], SHOW),
        (["show", "demo", "--files"], SHOW),
        (["show", "demo", "--content"], SHOW),
        (["list"], PAGE),
        (["versions", "demo"], PAGE | {"warnings"}),
        (["ratings", "demo"], PAGE),
        (["doctor"], ACTION),
        (["config"], ACTION),
        (["upgrade"], ACTION),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_every_answer_is_one_json_object_and_nothing_else(
    cli: Commands, published: Path, words: list[str], keys: set[str]
) -> None:
    words = [str(published) if word == "FOLDER" else word for word in words]
    done = cli(*words, "--json")
    assert (done.code, done.stderr) == (0, "")
    assert set(done.json) == keys


def test_the_text_is_in_the_json_only_where_it_was_asked_for(
    cli: Commands, published: Path
) -> None:
    assert cli("show", "demo", "--json").json["text"] is None
    text = (published / "SKILL.md").read_text()
    assert cli("show", "demo", "--content", "--json").json["text"] == text


@pytest.mark.parametrize(
    ("words", "code", "kind"),
    [
        (["nope"], 2, "UsageError"),
        (["show"], 2, "UsageError"),
        (["show", "demo", "--nope"], 2, "UsageError"),
        (["show", "Demo"], 2, "UsageError"),
        (["rate", "demo", "6"], 2, "UsageError"),
        (["publish", "nowhere"], 2, "UsageError"),
        (["list", "--after", "nonsense"], 2, "UsageError"),
        (["publish", "."], 3, "InvalidSkill"),
        (["show", "nobody"], 4, "NotFound"),
        (["publish", "FOLDER", "--expect", "7"], 5, "Conflict"),
        (["--database-url", "sqlite:///../garbage", "list"], 7, "IntegrityFailure"),
        (["--store-url", "s3://bucket", "list"], 8, "NotReady"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_every_failure_is_one_json_object_on_stderr(
    cli: Commands, published: Path, words: list[str], code: int, kind: str
) -> None:
    Path("../garbage").write_text("This is no database. " * 100)
    words = [str(published) if word == "FOLDER" else word for word in words]
    assert_json_failure(cli(*words, "--json"), code, kind)
    assert_failed(cli(*words), code)


def test_a_refusal_of_a_skill_names_the_rule_and_the_line(cli: Commands, tmp_path: Path) -> None:
    (tmp_path / "SKILL.md").write_text("---\nname: a\nname: b\n---\n")
    error = cli("publish", tmp_path, "--json").error
    assert (error["rule"], error["path"], error["line"]) == ("duplicate-key", "SKILL.md", 3)


# Usage.


def test_version(cli: Commands) -> None:
    done = cli("--version")
    assert (done.code, done.stdout, done.stderr) == (0, "everyskill 0.1.0\n", "")


@pytest.mark.parametrize("words", [[], ["--help"], ["--user", "a@b.org"]])
def test_without_a_command_there_is_help(cli: Commands, words: list[str]) -> None:
    done = cli(*words)
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: everyskill ")
    for command in ("publish", "show", "rate", "doctor", "upgrade"):
        assert f"\n  {command} " in done.stdout


@pytest.mark.parametrize(
    "command",
    [
        "publish",
        "check",
        "show",
        "rate",
        "list",
        "versions",
        "ratings",
        "promote",
        "rollback",
        "yank",
        "unyank",
        "use",
        "stats",
        "usage import",
        "mcp",
        "doctor",
        "config",
        "upgrade",
        "admin grants",
    ],
)
def test_every_command_has_help_with_an_example(cli: Commands, command: str) -> None:
    done = cli(*command.split(), "--help", env={"COLUMNS": "80"})
    assert (done.code, done.stderr) == (0, "")
    assert f"\n  Example: everyskill {command}" in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines())


@pytest.mark.parametrize(
    ("words", "says", "hint"),
    [
        (["nope"], "nope", "everyskill --help"),
        (["admin"], "Missing command", "everyskill admin --help"),
        (["admin", "nope"], "nope", "everyskill admin --help"),
        (["admin", "grants", "--login", "x"], "--role", "everyskill admin grants --help"),
        (["--nope"], "--nope", "everyskill --help"),
        (["show", "demo", "--nope"], "--nope", "everyskill show --help"),
        (["show"], "SLUG", "everyskill show --help"),
        (["show", "a", "b"], "b", "everyskill show --help"),
        (["rate", "demo"], "STARS", "everyskill rate --help"),
        (["rate", "demo", "5", "--remove"], "--remove", "everyskill rate --help"),
        (["show", "demo", "--files", "--content"], "--content", "everyskill show --help"),
        (["show", "demo", "-o", "file"], "--content", "everyskill show --help"),
        (["list", "--sort", "size"], "size", "everyskill list --help"),
        (["list", "-n", "0"], "0", "everyskill list --help"),
        (["list", "-n", "9" * 30], "9", "everyskill list --help"),
        (["publish", ".", "--tag", "A"], "A", "everyskill publish --help"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_line_that_cannot_be_meant(
    cli: Commands, words: list[str], says: str, hint: str
) -> None:
    assert_failed(cli(*words), 2, says, f"hint: See: {hint}")


@pytest.mark.parametrize(
    "words",
    [
        ["list", "--after=x"],
        ["list", "--after=x/x"],
        ["list", "--after=/x"],
        ["list", "--after=2026-01-01/x"],
        ["list", "--after=0001-01-01T00:00:00+23:59/x"],
        ["list", "--sort=rating", "--after=many/x"],
        ["list", "--sort=rating", f"--after={10**30}/x"],
        ["list", "--sort=uses", f"--after={10**18}/x"],
        ["list", "--sort=uses", "--after=-1/x"],
        ["list", "--sort=name", "--after=x"],
        ["versions", "demo", "--after=-1"],
        ["versions", "demo", f"--after={10**30}"],
        ["versions", "demo", "--after=²"],
        ["ratings", "demo", "--after=x"],
        ["ratings", "demo", "--after=9999-12-31T23:59:59-23:59/x"],
    ],
    ids=" ".join,
)
def test_a_place_that_no_page_gave(cli: Commands, published: Path, words: list[str]) -> None:
    assert_failed(cli(*words), 2, "is not the place of a page", "'next'")


@pytest.mark.parametrize("sort", ["rating", "uses"])
def test_a_place_beyond_every_row(cli: Commands, database_url: str, sort: str) -> None:
    settings = ["--database-url", database_url, "--store-url", "file:///nowhere"]
    assert cli(*settings, "upgrade").code == 0
    for number in (0, 10**9, 10**18 - 1):
        page = cli(*settings, "list", f"--sort={sort}", f"--after={number}/x", "--json")
        assert page.json == {"items": [], "next": None}


def test_the_list_of_versions_is_of_all_versions(cli: Commands, published: Path) -> None:
    assert_failed(cli("versions", "demo@1"), 2, "@1", "everyskill show demo@1")


# Streams.


def test_a_reader_that_has_seen_enough_is_no_failure(everyskill: Everyskill, home: Path) -> None:
    script = """
import os, subprocess, sys
for words in (["--help"], ["--version"], ["list", "--help"], ["config"], ["config", "--json"]):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([*sys.argv[1:], *words], stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    print(words, done.returncode, done.stderr)
    assert (done.returncode, done.stderr) == (0, b"")
read, write = os.pipe()
os.close(read)
done = subprocess.run([*sys.argv[1:], "show", "nobody"], stdout=write, stderr=write)
assert done.returncode == 4
"""
    done = subprocess.run([sys.executable, "-c", script, *PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done


def unwritable() -> IO[bytes]:
    """A file that takes nothing: a full device, or where there is none, one opened to read."""
    full = Path("/dev/full")
    return full.open("wb") if full.exists() else Path(os.devnull).open("rb")


def test_a_full_disk_behind_stdout_is_said_in_one_sentence(home: Path) -> None:
    for words in ("--help", "config", "config --json"):
        with unwritable() as full:
            done = subprocess.run(
                [*PROGRAM, *words.split()], stdout=full, stderr=subprocess.PIPE, text=True
            )
        assert done.returncode == 6
        if words.endswith("--json"):
            assert json.loads(done.stderr)["error"]["type"] == "Unavailable"
        else:
            [error, hint] = done.stderr.splitlines()
            assert error.startswith("error: The system refused: "), error
            assert hint.startswith("hint: "), hint


def test_nobody_hears_and_the_code_still_says_it(home: Path) -> None:
    with unwritable() as full:
        assert subprocess.run([*PROGRAM, "show", "nobody"], stderr=full).returncode == 4
    for words, code in (("config", 0), ("show nobody", 4)):
        shell = f'exec "$@" {words} <&- >&- 2>&-'
        assert subprocess.run(["/bin/sh", "-c", shell, "-", *PROGRAM]).returncode == code


def test_a_file_that_cannot_be_written(cli: Commands, published: Path) -> None:
    done = cli("show", "demo", "--content", "-o", "no/such/folder")
    assert_failed(done, 6, "no/such/folder", "-o FILE")
    assert_failed(cli("show", "demo", "--content", "-o", "."), 2, "directory")


# Signals.


@pytest.fixture
def silent_server() -> Iterator[socket.socket]:
    """It takes connections, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        yield server


def test_ctrl_c_amid_a_request(
    everyskill: Everyskill, silent_server: socket.socket, tmp_path: Path
) -> None:
    environment = {
        "R2_ENDPOINT": f"http://127.0.0.1:{silent_server.getsockname()[1]}",
        "R2_BUCKET_NAME": "bucket",
        "R2_ACCESS_KEY_ID": "key",
        "R2_SECRET_ACCESS_KEY": "secret",
        "EVERYSKILL_DATABASE_URL": f"sqlite:///{tmp_path}/registry.db",
        "EVERYSKILL_USER": "ann@example.org",
    }
    process = everyskill.start("publish", write_skill(tmp_path), env=environment)
    connection, _ = silent_server.accept()
    with connection:
        connection.recv(1)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30) == ("", "")
    assert process.returncode == 130
    assert everyskill("list", env=environment).stdout == ""


def test_ctrl_c_while_another_writer_holds_the_database(
    everyskill: Everyskill, cli: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERYSKILL_HOME", str(tmp_path))
    assert cli("publish", write_skill(tmp_path)).code == 0
    holder = sqlite3.connect(tmp_path / "registry.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    process = everyskill.start("rate", "demo", "5")
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(3)
    pressed = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=30) == ("", "")
    assert (process.returncode, time.monotonic() - pressed < 15) == (130, True)  # it waits 30 s
    holder.execute("ROLLBACK")
    holder.close()
    assert cli("ratings", "demo", "--json").json["items"] == []


def test_ctrl_c_while_the_program_is_loading(home: Path, tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise KeyboardInterrupt\n")
    done = subprocess.run(
        PROGRAM, capture_output=True, env={**os.environ, "PYTHONPATH": str(tmp_path)}
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


def test_ctrl_c_amid_our_own_work(
    cli: Commands, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(show_module, "show", interrupted)
    done = cli("show", "demo")
    assert (done.code, done.stdout, done.stderr) == (130, "", "")


# Languages and bytes.


@pytest.mark.parametrize(
    "environment",
    [
        {"LC_ALL": "C", "LANG": "C"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
    ],
    ids=lambda environment: "-".join(environment.values()),
)
def test_every_language_everywhere(
    cli: Commands, everyskill: Everyskill, tmp_path: Path, environment: dict[str, str]
) -> None:
    cli("publish", write_skill(tmp_path, body="Grüße ☃ 技能"), "-m", "Grüße ☃")
    assert cli("rate", "demo", "5", "-c", "日本語 ★").code == 0
    shown = everyskill("show", "demo", env=environment)
    assert (shown.code, shown.stderr) == (0, "")
    assert shown.stdout.isascii() or "ASCII" not in str(environment)
    answer = everyskill("show", "demo", "--content", "--json", env=environment)
    assert answer.json["comments"][0]["comment"] == "日本語 ★"
    assert "技能" in answer.json["text"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([b"show", b"\xff"], 2),
        ([b"show", b"demo@\xff"], 2),
        ([b"publish", b"FOLDER", b"-m", b"caf\xe9"], 2),
        ([b"publish", b"FOLDER", b"--slug", b"\xff"], 2),
        ([b"publish", b"FOLDER", b"--tag", b"\xff"], 2),
        ([b"publish", b"\xff"], 2),
        ([b"rate", b"demo", b"\xff"], 2),
        ([b"rate", b"demo", b"5", b"-c", b"\xff"], 2),
        ([b"list", b"--after", b"\xff"], 2),
        ([b"list", b"--after", b"2026-01-01T00:00:00Z/\xff"], 2),
        ([b"versions", b"demo", b"--after", b"\xff"], 2),
        ([b"ratings", b"demo", b"--after", b"\xff"], 2),
        ([b"\xff"], 2),
        ([b"--\xff"], 2),
        ([b"--user", b"\xff@example.org", b"rate", b"demo", b"5"], 8),
        ([b"--database-url", b"\xff", b"list"], 8),
        ([b"--store-url", b"\xff", b"show", b"demo"], 8),
        ([b"--store-url", b"s3://\xff", b"show", b"demo"], 8),
    ],
    ids=repr,
)
def test_bytes_that_are_no_text(
    cli: Commands, published: Path, words: list[bytes], code: int
) -> None:
    decoded = [os.fsdecode(os.fsencode(published) if w == b"FOLDER" else w) for w in words]
    done = cli(*decoded)
    assert_failed(done, code)
    done.stderr.encode()  # a surrogate would not be printable
    json.dumps(cli(*decoded, "--json").error, ensure_ascii=False).encode(errors="surrogatepass")


def test_a_folder_whose_name_is_no_text(cli: Commands, published: Path) -> None:
    folder = published.rename(os.fsdecode(os.fsencode(published) + b"\xff"))
    done = cli("publish", folder)
    assert (done.code, done.stdout.splitlines()[1]) == (0, f"path: {folder.parent}/demo\\xff")
    assert cli("publish", folder, "--json").json["results"][0]["path"].endswith("demo\\xff")


def test_a_file_name_of_the_answer_that_is_no_text(cli: Commands, published: Path) -> None:
    name = os.fsdecode(b"out\xff")
    assert cli("show", "demo", "--content", "-o", name).code == 0
    assert Path(name).read_bytes() == (published / "SKILL.md").read_bytes()


# Bugs.


@pytest.fixture
def bug(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def show(*_: object, **__: object) -> None:
        raise ZeroDivisionError("two\nlines \x1b[2J \u202e")

    monkeypatch.setattr(show_module, "show", show)


def test_a_bug_is_one_line_and_how_to_report_it(cli: Commands, bug: None) -> None:
    done = cli("show", "demo")
    assert (done.code, done.stdout) == (1, "")
    error, hint = done.stderr.splitlines()
    assert error.endswith(r": ZeroDivisionError: two\nlines \x1b[2J \u202e")
    assert "EVERYSKILL_DEBUG=1" in hint
    assert_json_failure(cli("show", "demo", "--json"), 1, "EveryskillError")


def test_a_bug_shows_its_traceback_to_who_asks(cli: Commands, bug: None) -> None:
    done = cli("show", "demo", env={"EVERYSKILL_DEBUG": "1"})
    assert (done.code, done.stdout) == (1, "")
    assert "Traceback (most recent call last):\n" in done.stderr
    assert "test_cli.py" in done.stderr
    assert "\x1b" not in done.stderr
    assert "Traceback" not in cli("show", "demo", env={"EVERYSKILL_DEBUG": "0"}).stderr


# Completion.


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("everyskill show de", ["demo"]),
        ("everyskill rate de", ["demo"]),
        ("everyskill promote de", ["demo"]),
        ("everyskill show x", []),
        ("everyskill ve", ["versions", "verify"]),
        ("everyskill list --sort ra", ["rating"]),
    ],
)
def test_the_shell_is_offered_what_there_is(
    everyskill: Everyskill, cli: Commands, published: Path, words: str, offered: list[str]
) -> None:
    place = str(len(words.split()) - 1)
    environment = {"COMP_WORDS": words, "COMP_CWORD": place}
    done = everyskill(env={"_EVERYSKILL_COMPLETE": "complete_bash", **environment})
    assert (done.stdout.split(), done.stderr) == (offered, "")


def test_the_shell_is_offered_nothing_where_there_is_no_registry(everyskill: Everyskill) -> None:
    environment = {
        "_EVERYSKILL_COMPLETE": "complete_bash",
        "COMP_WORDS": "everyskill show de",
        "COMP_CWORD": "2",
        "EVERYSKILL_DATABASE_URL": "nonsense",
    }
    done = everyskill(env=environment)
    assert (done.stdout.strip(), done.stderr) == ("", "")


# The team.


@pytest.fixture
def team(local_s3: S3Server, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """PostgreSQL and a bucket of its own, set by the five variables of the README."""
    bucket = f"everyskill-{uuid.uuid4().hex[:12]}"
    local_s3.client.create_bucket(Bucket=bucket)
    for name, value in {
        "R2_ENDPOINT": local_s3.endpoint,
        "R2_ACCESS_KEY_ID": local_s3.access_key,
        "R2_SECRET_ACCESS_KEY": local_s3.secret_key,
        "R2_BUCKET_NAME": bucket,
        "EVERYSKILL_DATABASE_URL": postgres_url,
    }.items():
        monkeypatch.setenv(name, value)
    yield bucket
    for item in local_s3.client.list_objects_v2(Bucket=bucket).get("Contents", []):
        local_s3.client.delete_object(Bucket=bucket, Key=item["Key"])
    local_s3.client.delete_bucket(Bucket=bucket)


def test_the_first_hour_of_a_team(
    everyskill: Everyskill, cli: Commands, team: str, home: Path, tmp_path: Path
) -> None:
    folder = write_skill(tmp_path, references__a_md="# A\n")
    ann = {"EVERYSKILL_USER": "Ann@Example.org"}
    for words in (["publish", folder], ["list"], ["show", "demo"], ["rate", "demo", "5"]):
        assert_failed(cli(*words, env=ann), 8, "holds no registry", "everyskill upgrade")
    upgraded = everyskill("upgrade")
    assert (upgraded.code, upgraded.stderr) == (0, "")
    assert_failed(cli("publish", folder), 8, "EVERYSKILL_USER")
    assert_failed(cli("show", "demo"), 4)

    published = everyskill("publish", folder, env=ann)
    assert (published.code, published.stderr) == (0, "")
    assert f"location: s3://{team}/sha256/" in published.stdout
    assert cli("publish", folder, env=ann).stdout.startswith("unchanged demo@1\n")
    (folder / "references" / "a_md").write_text("# B\n")
    assert cli("publish", folder, env=ann).stdout.startswith("published demo@2\n")
    rated = everyskill("rate", "demo", "5", "-c", "Good", "--hours-saved", "3", env=ann)
    assert (rated.code, rated.stderr) == (0, "")
    shown = everyskill("show", "demo", "--content", "--json")
    assert (shown.code, shown.stderr) == (0, "")
    assert (shown.json["author"], shown.json["skill"]["hours_saved"]) == ("ann@example.org", 3)
    assert shown.json["text"] == (folder / "SKILL.md").read_text()
    for words in (["list"], ["versions", "demo"], ["ratings", "demo"], ["config"], ["doctor"]):
        assert cli(*words, env=ann).code == 0
    left = [path.name for path in home.rglob("*") if path.is_file()]
    assert left == ["heads.db"]  # what this machine has seen of the team's histories


def test_upgrading_twice_changes_nothing(cli: Commands, database_url: str) -> None:
    def upgrade() -> list[Any]:
        words = ["--database-url", database_url, "--store-url", "file:///nowhere"]
        answer = cli(*words, "upgrade", "--json").json
        [change] = answer["results"]
        return [answer["status"], change["before"], change["after"]]

    assert upgrade() == ["upgraded", None, HEAD]
    assert upgrade() == ["unchanged", HEAD, HEAD]

"""Every command of a registry full of payloads, at terminals and in pipes: none gets through.

Behind the back of the program each text that a registry, a project, a setting, a server's answer or
a command line can hold is a payload; then the whole program runs, on a real pseudo-terminal too.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import typer

from everyskill_cli.cli.main import COMMANDS, main, make_app
from everyskill_cli.cli.render import visible
from everyskill_cli.database.tables import metadata
from tests.conftest import Everyskill
from tests.figures import Count
from tests.payloads import HARMLESS, HIDDEN, PAYLOADS
from tests.servers.relay import Answer, Exchange, Relay
from tests.tampering import Scene, edit, rehash, unchecked

# The command lines that show the most of each command. A new command needs a line here.
LINES: dict[str, list[list[str]]] = {
    "publish": [["SKILL"], ["TREE", "--dry-run"], ["EVIL"]],
    "check": [["TREE"], ["EVIL"], ["EVIL", "--format", "github"], ["EVIL", "--format", "sarif"]],
    "show": [["demo"], ["demo", "--files"], ["demo@2"], ["demo", "--content"]],
    "rate": [["demo", "4"]],
    "list": [[], ["--installed"]],
    "search": [["demo"], ["demo", "--tag", "absent"]],
    "versions": [["demo"]],
    "diff": [["demo@1", "demo@2"], ["demo", "SKILL"], ["demo", "EVIL"], ["demo@1", "--stat"]],
    "ratings": [["demo"]],
    "install": [["demo", "other"], ["demo@1"], ["--frozen"], ["demo", "--to", "DIR/demo"]],
    "outdated": [[]],
    "update": [[]],
    "uninstall": [["other"]],
    "promote": [["demo@2"]],
    "rollback": [["demo"]],
    "yank": [["demo@3", "--reason", "broken", "-y"]],
    "unyank": [["demo@1"]],
    "use": [["demo", "--tool", "ci", "--external-id", "run-1"]],
    "stats": [[], ["demo"], ["--csv"]],
    "usage": [["import", "LOG"]],
    "mcp": [],  # talks to programs, and never ends by itself: see `test_an_agent_and_its_log`
    "verify": [[], ["--quick"], ["demo@1"]],
    "gc": [[], ["--delete", "--older-than", "0", "--force"]],
    "purge": [
        ["demo@2", "--reason", "leaked", "-y"],
        ["other", "--everything", "--reason", "unwanted", "-y"],
    ],
    "admin": [["grants"], ["grants", "--login", "ann", "--role", "rater", "--email", "a@b.de"]],
    "doctor": [[]],
    "config": [[]],
    "upgrade": [[]],
}
READING = (
    "show",
    "list",
    "search",
    "versions",
    "diff",
    "ratings",
    "outdated",
    "stats",
    "verify",
    "doctor",
    "config",
)

TOLD = {  # the columns that hold what somebody said; the rest is made by the program
    "users": ("email", "name", "db_login"),
    "skills": ("name", "description", "category", "content"),
    "skill_versions": ("name", "description", "message"),
    "version_events": ("reason",),
    "version_state": ("yank_reason",),
    "ratings": ("comment",),
    "usage_events": ("tool_name", "external_id"),
}
UNIQUE = ("email", "db_login", "external_id")
REST = [
    (table.name, column.name)
    for table in metadata.sorted_tables
    for column in table.columns
    if column.computed is None and column.name not in TOLD.get(table.name, ())
]


@dataclass(frozen=True)
class Stage:
    """Where a command runs: at a terminal of so many columns, or in a pipe for 0."""

    columns: int
    options: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()


STAGES = {
    "terminal-80": Stage(80),
    "terminal-120": Stage(120),
    "no-colour": Stage(80, env=(("NO_COLOR", "1"),)),
    "dumb": Stage(120, env=(("TERM", "dumb"),)),
    "pipe": Stage(0),
    "forced": Stage(0, env=(("FORCE_COLOR", "1"),)),
    "json": Stage(0, ("--json",)),
    "json-terminal": Stage(80, ("--json",)),
    "traced": Stage(0, env=(("EVERYSKILL_DEBUG", "1"),)),
}
# What rich itself sends: colours, and on stderr the lines of progress.
OWN = re.compile("\x1b\\[[0-9;]*m|\x1b\\[\\?25[hl]|\x1b\\[[12]K|\x1b\\[[0-9]*A|\r(?=\x1b\\[)")


class Output:
    """Text streams for a command, and what it wrote to them."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._pieces: list[bytes] = []
        if stage.columns:
            self._master, slave = os.openpty()
            size = struct.pack("4H", 24, stage.columns, 0, 0)
            fcntl.ioctl(slave, termios.TIOCSWINSZ, size)
            self.out = open(slave, "w", encoding="utf-8", newline="\n")  # noqa: SIM115, PTH123 - closed by `end`; a descriptor
            self.err = open(os.dup(slave), "w", encoding="utf-8", newline="\n")  # noqa: SIM115, PTH123 - closed by `end`; a descriptor
            self._reader = threading.Thread(target=self._read)
            self._reader.start()
        else:
            self.out = io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace")
            self.err = io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace")

    def _read(self) -> None:
        try:
            while piece := os.read(self._master, 65536):
                self._pieces.append(piece)
        except OSError:  # the other end is closed
            return

    def end(self) -> tuple[str, str]:
        """Give what was written on stdout and stderr; at a terminal it is all on the first."""
        self.out.flush()
        self.err.flush()
        if self._stage.columns:
            self.out.close()
            self.err.close()
            self._reader.join()
            os.close(self._master)
            return b"".join(self._pieces).decode().replace("\r\n", "\n"), ""
        texts = [stream.buffer.getvalue().decode() for stream in (self.out, self.err)]
        return texts[0], texts[1]


@contextmanager
def staged(stage: Stage) -> Iterator[Output]:
    """Put a command on its stage."""
    output = Output(stage)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TERM", "xterm-256color")
        for name, value in stage.env:
            patch.setenv(name, value)
        patch.setattr(sys, "stdout", output.out)
        patch.setattr(sys, "stderr", output.err)
        yield output


@dataclass
class Theatre:
    """A poisoned registry and its surroundings; `play` runs one command line on one stage."""

    scene: Scene
    payload: str
    name: str
    outputs: int = 0
    sightings: int = 0

    def play(self, words: list[str], stage: Stage, env: Mapping[str, str] | None = None) -> None:
        """Run a command line, and fail on what must not come out."""
        scene = self.scene
        places = {"SKILL": str(scene.skill), "TREE": str(scene.tree), "DIR": str(scene.tree.parent)}
        places["EVIL"] = str(scene.tree.parent / "evil" / "demo")
        places["LOG"] = str(scene.tree.parent / "evil" / "log.jsonl")
        named = re.compile("^(SKILL|TREE|EVIL|LOG|DIR)(?=/|$)")
        line = [named.sub(lambda m: places[m[0]], word) for word in words]
        own = {"--format", "--csv"} & set(words)
        line += [option for option in stage.options if not own]
        with staged(stage) as output, pytest.MonkeyPatch.context() as patch:
            for name, value in (env or {}).items():
                patch.setenv(name, value)
            code = main(line)
        out, err = output.end()
        self.outputs += 1
        assert code != 1, (self.name, words, err or out)
        if "--json" in line:
            self._check_json(out, err, words)
        signs = (visible(self.payload)[:5], json.dumps(self.payload)[1:6], self.payload[:2])
        self.sightings += any(sign in out + err for sign in signs)
        if "--content" in words and not stage.columns:
            out = ""  # in a pipe it is data, byte for byte as it was published
        if "--csv" in words:  # RFC 4180 ends a line so
            out = out.replace("\r\n", "\n")
        for text in (out, err):
            self._check(text, words)

    def _check(self, text: str, words: list[str]) -> None:
        said = (self.name, words, ascii(text[:3000]))
        if HIDDEN.search(self.payload) and self.name not in HARMLESS:
            assert self.payload not in text, said
        text = OWN.sub("", text).replace("\t", "")  # a tab is between the columns of a pipe
        if self.name in HARMLESS:
            text = re.sub("[\u200c\u200d\ufe0f]", "", text)
        assert HIDDEN.search(text) is None, said
        assert re.search("[\u0300-\u036f]{6}", text) is None, said

    def _check_json(self, out: str, err: str, words: list[str]) -> None:
        if not err and out:  # at a terminal both are one text, and only one of them is JSON
            out, _, rest = out.partition("\n}\n")
            out += "\n}" if rest or out else ""
        for text in filter(None, (out,)):
            if text.lstrip().startswith("{"):
                json.loads(text)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a registry and its surroundings, for tests to copy."""
    folder, before = tmp_path_factory.mktemp("filled"), Path.cwd()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVERYSKILL_USER", "ann@example.org")
        patch.setenv("EVERYSKILL_HOME", str(folder / "home"))
        Scene(folder).loosen()
    os.chdir(before)
    yield folder


@pytest.fixture
def scene(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    shutil.copytree(filled, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("EVERYSKILL_USER", "ann@example.org")
    monkeypatch.setenv("EVERYSKILL_HOME", str(tmp_path / "home"))
    return Scene(tmp_path, fill=False)


def poison(scene: Scene, payload: str) -> None:
    """Fill a whole registry with a payload, and hash it anew, so that what it says is believed."""
    stored = payload.encode("utf-8", "replace").decode()  # half a character cannot be stored
    source = dict.fromkeys(("repository", "commit", "path"), payload)
    said: dict[str, Any] = {
        "frontmatter": {payload: payload, "name": payload, "list": [payload, {payload: payload}]},
        "declared_version": payload,
        "source": {**source, "modified": True},
    }
    with unchecked(scene.file) as connection:
        for table, columns in TOLD.items():
            for column in columns:
                for which in range(6) if column in UNIQUE else (-1,):
                    value = stored + (str(which) if column in UNIQUE else "")
                    edit(connection, table, column, value, which=which)
        edit(connection, "skill_versions", "metadata", json.dumps(said))
        edit(connection, "skills", "tags", json.dumps([payload, payload]))
    if not re.search("[\0\ud800-\udfff]", payload):  # these have no hash
        rehash(scene.file)
    scene.keep()


def poison_also(scene: Scene, payload: str, table: str, column: str) -> None:
    """Fill one more column, which the program itself makes."""
    value = payload.encode("utf-8", "replace").decode()
    if column == "metadata":
        value = json.dumps({payload: payload})
    elif column == "files":
        entry = {"path": payload, "size": 1, "sha256": payload, "executable": True}
        value = json.dumps([entry, entry])
    with unchecked(scene.restore()) as connection:
        edit(connection, table, column, value, which=0)


def evil_skill(scene: Scene, payload: str) -> None:
    """Write a skill whose frontmatter and file names are a payload, as far as a disk takes it."""
    folder = scene.tree.parent / "evil" / "demo"
    shutil.rmtree(folder.parent, ignore_errors=True)
    folder.mkdir(parents=True)
    data = payload.replace("\ud83d", "").encode("utf-8", "surrogateescape")
    quoted = b"'" + data.replace(b"'", b"''") + b"'"
    head = b"---\nname: demo\ndescription: " + quoted + b"\n" + quoted + b": " + quoted + b"\n"
    (folder / "SKILL.md").write_bytes(head + b"---\n# " + data + b"\n\n" + data + b"\n")
    name = data.replace(b"/", b"").replace(b"\0", b"")[:200]
    for path in (name + b".md", b"references/" + name):
        target = os.path.join(os.fsencode(folder), path)  # noqa: PTH118 - bytes
        os.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH103, PTH120 - bytes
        with open(target, "wb") as file:  # noqa: PTH123 - bytes
            file.write(data)


def evil_log(scene: Scene, payload: str) -> None:
    """Write a log that names a skill and a user by a payload, and lines that are none."""
    said = {"event.name": "skill_activated", "event.timestamp": "2026-01-02T03:04:05Z"}
    lines = [
        {"attributes": {**said, "skill.name": payload, "user.email": payload}},
        {"attributes": {**said, "skill.name": "demo", "session.id": payload}},
        {"attributes": {**said, "skill.name": "demo", "event.timestamp": payload}},
        {"hook_event_name": "UserPromptExpansion", "command_name": payload},
        {payload: payload},
    ]
    log = scene.tree.parent / "evil" / "log.jsonl"
    log.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def test_every_command_has_its_lines() -> None:
    assert set(LINES) == set(COMMANDS), (
        "Every command stands on the stage: add a line for what is missing to LINES of"
        " tests/test_terminal_payloads.py."
    )


def play_all(theatre: Theatre, number: int, step: int) -> None:
    """Play every line of every command, each on one stage out of so many, and others the next."""
    stages = list(STAGES.values())
    lines = [[command, *words] for command in LINES for words in LINES[command]]
    for words in lines:
        number += 1
        for stage in stages[number % step :: step]:
            if words[0] not in READING:
                theatre.scene.restore()
            theatre.play(words, stage)


def play_rest(theatre: Theatre, number: int, columns: list[tuple[str, str]]) -> None:
    """Play the lines that read, with one more column poisoned at a time."""
    stages = list(STAGES.values())
    lines = [[command, *LINES[command][0]] for command in READING]
    for table, column in columns:
        poison_also(theatre.scene, theatre.payload, table, column)
        for words in lines:
            number += 1
            theatre.play(words, stages[number % len(stages)])


def shown(theatre: Theatre, count: Count) -> None:
    """Count, and make sure that the payload was on the stage at all."""
    count("terminal payloads", outputs=theatre.outputs, payloads=1)
    assert theatre.sightings >= 5


@pytest.mark.parametrize("name", list(PAYLOADS)[::8])  # all of them: the long form, on many stages
def test_a_registry_full_of_it(scene: Scene, count: Count, name: str) -> None:
    number = list(PAYLOADS).index(name)
    theatre = Theatre(scene, PAYLOADS[name], name)
    evil_skill(scene, theatre.payload)
    evil_log(scene, theatre.payload)
    poison(scene, theatre.payload)
    play_all(theatre, number, len(STAGES))
    shown(theatre, count)


@pytest.mark.parametrize(
    ("table", "column"),
    [
        pytest.param(*place, marks=() if number % 4 == 0 else (pytest.mark.long,))
        for number, place in enumerate(REST)
    ],
)
def test_what_the_program_makes_itself(scene: Scene, count: Count, table: str, column: str) -> None:
    number = REST.index((table, column))
    name = list(PAYLOADS)[number % len(PAYLOADS)]
    theatre = Theatre(scene, PAYLOADS[name], name)
    evil_skill(scene, theatre.payload)
    evil_log(scene, theatre.payload)
    play_rest(theatre, number, [(table, column)])
    count("terminal payloads", outputs=theatre.outputs, payloads=0)


SAID_TO_AN_AGENT: list[tuple[str, dict[str, Any]]] = [
    ("tools/call", {"name": "search", "arguments": {"words": "demo"}}),
    ("tools/call", {"name": "list", "arguments": {}}),
    *(
        ("tools/call", {"name": name, "arguments": {"skill": "demo"}})
        for name in ("show", "get", "use")
    ),
    ("tools/call", {"name": "rate", "arguments": {"skill": "demo", "stars": 4}}),
    ("resources/list", {}),
    ("resources/read", {"uri": "skill://demo/SKILL.md"}),
    ("skills/list", {}),
    ("skills/get", {"uri": "skill://demo/SKILL.md"}),
]


EXACT = ("text", "blob", "frontmatter")  # the content of files, and what a host compares with it


def decoded(value: Any, key: str = "") -> Iterator[str]:
    """The strings of an answer as a model gets them, but for what is given byte for byte."""
    if isinstance(value, str) and key not in EXACT:
        yield value
    elif isinstance(value, dict) and key not in EXACT:
        for name, item in value.items():
            yield from (name, *decoded(item, name))
    elif isinstance(value, list):
        for item in value:
            yield from decoded(item, key)


class Agent:
    """Who talks to a server, and gets an answer to everything, in JSON.

    Attributes:
        outputs: how many answers there were.
    """

    def __init__(self, server: subprocess.Popen[str]) -> None:
        self._server = server
        self.outputs = 0
        assert server.stdin is not None
        server.stdin.write("no JSON\n\x1b[31m\n[[[\n")  # which gets no answer
        client = {"clientInfo": {"name": "test", "version": "1"}}
        self.ask("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, **client})

    def ask(self, method: str, params: dict[str, Any]) -> str:
        """Send a request and give the line that answers it."""
        server = self._server
        assert server.stdin is not None and server.stdout is not None
        self.outputs += 1
        request = {"jsonrpc": "2.0", "id": self.outputs, "method": method, "params": params}
        server.stdin.write(json.dumps(request) + "\n")
        server.stdin.flush()
        line = server.stdout.readline()
        assert line, server.communicate()
        assert json.loads(line)["id"] == self.outputs, line
        assert "This is a bug" not in line, (method, params, line[:3000])
        return line

    def end(self) -> tuple[int, str, str]:
        """Leave, and give the server's exit code and what else it said."""
        said = self._server.communicate()
        return self._server.returncode, *said


@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.long), 6])
def test_an_agent_and_its_log(
    scene: Scene, count: Count, everyskill: Everyskill, step: int
) -> None:
    """What `everyskill mcp` writes is JSON and clean, to its client and on stderr."""
    agent = Agent(everyskill.start("mcp"))
    sightings = 0
    for name, payload in list(PAYLOADS.items())[2 % step :: step]:
        poison(scene, payload)
        for method, params in (
            *SAID_TO_AN_AGENT,
            ("tools/call", {"name": payload, "arguments": {}}),
            ("tools/call", {"name": "show", "arguments": {"skill": payload, payload: 1}}),
            ("resources/read", {"uri": f"skill://{payload}/{payload}"}),
        ):
            line = agent.ask(method, params)
            assert HIDDEN.search(line.rstrip("\n")) is None, (name, method, ascii(line[:3000]))
            said = [text.replace("\t", "") for text in decoded(json.loads(line))]
            assert not any(map(HIDDEN.search, said)), (name, method, ascii(line[:3000]))
            sightings += visible(payload)[:5] in "".join(said)
    assert sightings > agent.outputs / 4
    for depth in (60, 900, 50_000):  # what no program can write ends one answer, and no more
        value = "[" * depth + "]" * depth
        with unchecked(scene.restore()) as connection:
            edit(connection, "skill_versions", "metadata", f'{{"frontmatter": {value}}}')
        for method, params in SAID_TO_AN_AGENT:
            agent.ask(method, params)
    assert agent.end() == (0, "", "")
    count("terminal payloads", outputs=agent.outputs, payloads=0)


# What else reaches a message: command lines, settings, what servers say.

WORDS = {  # no argument and no variable can hold a NUL, nor half of a character but for a byte
    name: payload.replace("\ud83d", "") for name, payload in PAYLOADS.items() if name != "nul"
}
PARAMETERS = [
    (command, parameter.opts[-1] if parameter.param_type_name == "option" else "")
    for command, declared in typer.main.get_command(make_app()).commands.items()
    for parameter in declared.params
    if not getattr(parameter, "is_flag", False)
]


def play_words(theatre: Theatre, command: str, option: str, number: int) -> None:
    """Say a payload where a command takes a word: as each of its arguments, or as an option."""
    stage = list(STAGES.values())[number % len(STAGES)]
    word, best = theatre.payload, [command, *LINES[command][0]]
    if option:
        theatre.play([*best, option, word], stage)
        theatre.play([*best, f"{option}={word}"], stage)
    else:
        theatre.play([command, word], stage)
        theatre.play([*best, word], stage)
    theatre.play([command, f"--{word}"], stage)


@pytest.mark.parametrize(("command", "option"), PARAMETERS)
def test_words_of_a_command_line(scene: Scene, count: Count, command: str, option: str) -> None:
    number = PARAMETERS.index((command, option))
    names = list(WORDS)
    name = names[number * 17 % len(names)]
    theatre = Theatre(scene, WORDS[name], name)
    play_words(theatre, command, option, number)
    count("terminal payloads", outputs=theatre.outputs, payloads=0)


@pytest.mark.long
@pytest.mark.parametrize("name", WORDS)
def test_all_words_of_all_command_lines(scene: Scene, count: Count, name: str) -> None:
    """Each place of a word comes on each stage with a third of the payloads."""
    theatre, first = Theatre(scene, WORDS[name], name), list(WORDS).index(name)
    for place, (command, option) in enumerate(PARAMETERS):
        for number in range((first + place) % 3, len(STAGES), 3):
            play_words(theatre, command, option, number)
    count("terminal payloads", outputs=theatre.outputs, payloads=0)


VARIABLES = (
    *("EVERYSKILL_USER", "EVERYSKILL_HOME", "EVERYSKILL_DATABASE_URL", "EVERYSKILL_STORE_URL"),
    *("R2_ENDPOINT", "R2_BUCKET_NAME", "R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY", "R2_REGION"),
)
AROUND = (
    "{}",
    "sqlite:////tmp/everyskill-absent/{}/registry.db",
    "postgresql://{}:{}@127.0.0.1:1/{}",
    "file:///tmp/everyskill-absent/{}",
    "s3://{}/{}",
    "https://{}",
    "{}@example.org",
)


@pytest.mark.parametrize("name", WORDS)
def test_settings(scene: Scene, count: Count, name: str) -> None:
    payload, number = WORDS[name], list(WORDS).index(name)
    theatre = Theatre(scene, payload, name)
    stages = list(STAGES.values())
    for variable in VARIABLES[number % 3 :: 3]:
        for around in AROUND[number % 3 :: 3]:
            number += 1
            said = {variable: around.replace("{}", payload)}
            words = (["config"], ["list"], ["doctor"], ["publish", "SKILL", "--dry-run"])[
                number % 4
            ]
            theatre.play(words, stages[number % len(stages)], said)
    for text in (f"{payload} = 1", f"store_url = {json.dumps(payload)}", f'"{payload}" = ""'):
        settings = scene.project / "everyskill.toml"
        settings.write_text(text, encoding="utf-8", errors="surrogateescape")
        number += 1
        theatre.play(["config"], stages[number % len(stages)])
    count("terminal payloads", outputs=theatre.outputs, payloads=0)


class Heckler:
    """An S3 service that refuses everything with a payload in each of its words."""

    def __init__(self) -> None:
        self.payload = b""
        self.status = 400

    def __call__(self, exchange: Exchange) -> None:
        said = b"<![CDATA[" + self.payload + b"]]>"
        fields = (b"Code", b"Message", b"Resource", b"BucketName", b"RequestId", b"Region")
        body = b"".join(b"<" + field + b">" + said + b"</" + field + b">" for field in fields)
        header = re.sub(rb"[^\x21-\x7e]", b"?", self.payload)[:100].decode()
        headers = [("Content-Type", "application/xml"), ("x-amz-request-id", header)]
        exchange.send(Answer(self.status, headers, b"<Error>" + body + b"</Error>"))


@pytest.fixture
def heckler() -> Iterator[tuple[Heckler, dict[str, str]]]:
    made = Heckler()
    relay = Relay(made)
    yield (
        made,
        {
            "R2_ENDPOINT": relay.endpoint,
            "R2_BUCKET_NAME": "bucket",
            "R2_ACCESS_KEY_ID": "id",
            "R2_SECRET_ACCESS_KEY": "secret",
        },
    )
    relay.close()


def heckle(
    scene: Scene, heckler: tuple[Heckler, dict[str, str]], status: int, names: list[str]
) -> int:
    """Have a store say payloads to commands; give how many outputs were looked at."""
    made, env = heckler
    env = {**env, "EVERYSKILL_DATABASE_URL": f"sqlite:///{scene.file}"}
    stages = list(STAGES.values())
    for number, name in enumerate(names, start=status):
        made.payload, made.status = PAYLOADS[name].encode("utf-8", "surrogatepass"), status
        words = (["show", "demo", "--content"], ["publish", "SKILL"], ["doctor"])[number % 3]
        Theatre(scene, PAYLOADS[name], name).play(words, stages[number % len(stages)], env)
    return len(names)


@pytest.mark.parametrize("status", [301, 400, 403, 404])
def test_what_a_store_says(
    scene: Scene, count: Count, heckler: tuple[Heckler, dict[str, str]], status: int
) -> None:
    names = list(PAYLOADS)[status % 9 :: 9]
    count("terminal payloads", outputs=heckle(scene, heckler, status, names), payloads=0)


@pytest.mark.long
@pytest.mark.parametrize("status", [301, 400, 403, 404, 405, 409, 412, 416])
def test_all_that_a_store_says(
    scene: Scene, count: Count, heckler: tuple[Heckler, dict[str, str]], status: int
) -> None:
    outputs = heckle(scene, heckler, status, list(PAYLOADS) * 3)
    count("terminal payloads", outputs=outputs, payloads=0)


def test_what_a_database_server_says(scene: Scene, count: Count, postgres_url: str) -> None:
    stages = list(STAGES.values())
    outputs = 0
    server = postgres_url.partition("@")[2].partition("/")[0]
    for number, (name, payload) in enumerate(WORDS.items()):
        theatre = Theatre(scene, payload, name)
        quoted = quote(payload, safe="", errors="surrogateescape")
        for url in (
            f"postgresql://{quoted}@{server}/x",
            f"postgresql://postgres@{server}/{quoted}",
        ):
            theatre.play(
                ["list"],
                stages[number % len(stages)],
                {
                    "EVERYSKILL_DATABASE_URL": url,
                    "EVERYSKILL_STORE_URL": "file:///tmp/everyskill-absent",
                },
            )
        outputs += theatre.outputs
    count("terminal payloads", outputs=outputs, payloads=0)


@pytest.mark.long
@pytest.mark.parametrize("name", PAYLOADS)
def test_a_registry_full_of_it_on_many_stages(scene: Scene, count: Count, name: str) -> None:
    """Each line comes on each stage, and each column of the rest, with a third of the payloads."""
    number = list(PAYLOADS).index(name)
    theatre = Theatre(scene, PAYLOADS[name], name)
    evil_skill(scene, theatre.payload)
    evil_log(scene, theatre.payload)
    poison(scene, theatre.payload)
    play_all(theatre, number, 3)
    play_rest(theatre, number, REST[number % 3 :: 3])
    shown(theatre, count)

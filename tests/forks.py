"""Runs of the program in forked processes, which a test ends or halts at any step they take.

One process imports the program and runs it once; each run is a fork of it. That costs 50 ms
instead of 500, so that a test can afford one for every step.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NoReturn, Self

from tests.steps import HALT, KILL, Steps

ROOT = Path(__file__).parent.parent
WAIT_SECONDS = 120


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        code: the exit code; negative for the signal that ended the process.
        steps: what its process did until then; `tests.steps` says what counts.
    """

    code: int
    stdout: str
    stderr: str
    steps: list[str]

    @property
    def json(self) -> Any:
        """The answer on stdout, which must be one JSON value."""
        return json.loads(self.stdout)

    @property
    def error(self) -> Any:
        """The error on stderr, which must be one JSON object."""
        return json.loads(self.stderr)["error"]


class Fork:
    """A started run: one process, one command after the other."""

    def __init__(self, forks: Forks, pid: int, folder: Path) -> None:
        self.pid = pid
        self._forks = forks
        self._folder = folder

    def wait_until_halted(self) -> Self:
        """Wait until it has come to the step; it must not end before."""
        status = self._forks.ask({"wait": self.pid})
        assert "halted" in status, f"it ended first: {self._read(status['code'])}"
        return self

    def wait_until_taken(self, step: str) -> Self:
        """Wait until it has taken a step."""
        deadline = time.monotonic() + WAIT_SECONDS
        while step not in (self._folder / "steps").read_text().splitlines():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return self

    @property
    def has_ended(self) -> bool:
        """Whether it has come to its end, though nobody has waited for it yet."""
        return "code" in self._forks.ask({"look": self.pid})

    def resume(self) -> Self:
        """Let a halted run go on."""
        os.kill(self.pid, signal.SIGCONT)
        return self

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> Ended:
        """Wait for its end and tell how its last command ended."""
        return self.wait_all()[-1]

    def wait_all(self) -> list[Ended]:
        """Wait for its end and tell how each command ended that it began."""
        status = self._forks.ask({"wait": self.pid})
        assert "code" in status, "it was halted, and nobody let it go on"
        ended = self._read(status["code"])
        shutil.rmtree(self._folder)
        return ended

    def _read(self, code: int) -> list[Ended]:
        done = (self._folder / "done").read_text().splitlines()
        ended = [Ended(**json.loads(line)) for line in done]
        if code:  # in the midst of a command
            ended.append(Ended(code, **_texts(self._folder)))
        return ended


class Forks:
    """The process that forks; for one thread at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.forks"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            start_new_session=True,
        )
        self.ask({})  # it is warm

    def start(
        self,
        *commands: Sequence[str | Path],
        env: Mapping[str, str] | None = None,
        halt_after: str | Sequence[str] = (),
        kill_after: int | str | None = None,
    ) -> Fork:
        """Start one process that runs these commands in order.

        Args:
            commands: each the words behind the program's name.
            env: variables besides those that the test has.
            halt_after: the name of a step, or several in order.
            kill_after: the number or the name of a step.
        """
        halts = [halt_after] if isinstance(halt_after, str) else list(halt_after)
        folder = Path(tempfile.mkdtemp(prefix="everyskill-fork-"))
        for name in ("stdout", "stderr", "steps", "done"):
            (folder / name).touch()
        answer = self.ask(
            {
                "commands": [[str(word) for word in words] for words in commands],
                "env": {**os.environ, **(env or {})},
                "cwd": str(Path.cwd()),
                "folder": str(folder),
                "after": halts if kill_after is None else [kill_after],
                "signal": HALT if kill_after is None else KILL,
            }
        )
        return Fork(self, answer["pid"], folder)

    def run(
        self,
        *words: str | Path,
        env: Mapping[str, str] | None = None,
        kill_after: int | str | None = None,
    ) -> Ended:
        """Run one command to its end."""
        return self.start(words, env=env, kill_after=kill_after).wait()

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send one request and give its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """End it and every run that is left."""
        self._process.communicate(timeout=WAIT_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def serve() -> None:
    """Fork and wait, as the requests on stdin say; end with them, and leave nobody behind."""
    _warm_up()
    children = _Children()
    _reply({})
    for line in sys.stdin:
        request = json.loads(line)
        if request:
            _reply(children.answer(request))
    children.kill()


class _Children:
    """The forked processes, and how those ended that were looked at and not yet waited for."""

    def __init__(self) -> None:
        self._started: list[int] = []
        self._ended: dict[int, dict[str, int]] = {}

    def answer(self, request: dict[str, Any]) -> dict[str, int]:
        if "wait" in request:
            pid = request["wait"]
            return self._ended.pop(pid, None) or _wait(pid, os.WUNTRACED)
        if "look" in request:
            pid = request["look"]
            seen = self._ended.get(pid) or _wait(pid, os.WNOHANG)
            if "code" in seen:
                self._ended[pid] = seen
            return seen
        pid = os.fork()
        if not pid:
            _be_the_program(request)
        self._started.append(pid)
        return {"pid": pid}

    def kill(self) -> None:
        for pid in self._started:
            with suppress(ChildProcessError):  # it was waited for
                if "running" in _wait(pid, os.WNOHANG):
                    os.kill(pid, signal.SIGKILL)


def _reply(answer: dict[str, int]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _wait(pid: int, options: int) -> dict[str, int]:
    found, status = os.waitpid(pid, options)
    if not found:
        return {"running": pid}
    if os.WIFSTOPPED(status):
        return {"halted": pid}
    return {"code": os.waitstatus_to_exitcode(status)}


def _be_the_program(request: dict[str, Any]) -> NoReturn:
    """Run the commands and end: the forked process never comes back to the requests."""
    try:
        _run(request)
    except BaseException:  # noqa: BLE001 - whatever it is, the test shall see it
        traceback.print_exc()
        os._exit(70)
    os._exit(0)


def _run(request: dict[str, Any]) -> None:
    from everyskill_cli.cli.main import main

    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    folder = Path(request["folder"])
    files = {file.name: os.open(file, os.O_RDWR | os.O_APPEND) for file in folder.iterdir()}
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(files["stdout"], 1)
    os.dup2(files["stderr"], 2)
    Steps(files["steps"], request["after"], request["signal"]).watch()
    for words in request["commands"]:
        code = main(words)
        sys.stdout.flush()
        sys.stderr.flush()
        with (folder / "done").open("a") as done:
            done.write(json.dumps({"code": code, **_texts(folder)}) + "\n")
        for name in ("stdout", "stderr", "steps"):
            os.ftruncate(files[name], 0)


def _texts(folder: Path) -> dict[str, Any]:
    """What a command has printed, and the steps that it has taken."""
    texts: dict[str, Any] = {
        name: (folder / name).read_text() for name in ("stdout", "stderr", "steps")
    }
    return texts | {"steps": texts["steps"].splitlines()}


def _warm_up() -> None:
    """Run every part once, so that no fork has to import or to compile anything."""
    import alembic.command  # noqa: F401 - each of these costs every fork 50 ms or more
    import psycopg  # noqa: F401 - the same
    import sqlalchemy.dialects.postgresql.psycopg  # noqa: F401 - the same

    from everyskill_cli.cli.main import main
    from everyskill_cli.settings import S3Settings
    from everyskill_cli.stores.s3 import S3Store
    from tests.registries import write_skill

    with tempfile.TemporaryDirectory() as scratch, Path(os.devnull).open("w") as nowhere:
        os.environ.update(EVERYSKILL_HOME=scratch, EVERYSKILL_USER="warm@example.org")
        skill = write_skill(Path(scratch))
        with redirect_stdout(nowhere), redirect_stderr(nowhere):
            for words in (["publish", str(skill)], ["publish", str(skill)], ["show", "demo"]):
                main(words)
    _hurry_up_botocore()
    S3Store("nowhere", "", S3Settings("http://127.0.0.1:1", "key", "secret"))._client()
    gc.freeze()  # a collection in a fork would copy every page


def _hurry_up_botocore() -> None:
    """Spare every fork what takes long and is not ours.

    Keep what botocore reads from its own files, half of a client's cost, and make its pauses
    before another attempt short, which are seconds long.
    """
    from botocore.loaders import JSONFileLoader
    from botocore.retries.standard import ExponentialBackoff

    read = cache(JSONFileLoader().load_file)
    JSONFileLoader.load_file = lambda self, path: read(path)  # type: ignore[method-assign]  # as above
    ExponentialBackoff.delay_amount = lambda self, context: 0.001  # type: ignore[method-assign]  # as above


if __name__ == "__main__":
    serve()

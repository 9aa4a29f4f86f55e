"""Runs of the program in forked processes, which a test ends or halts at any step they take.

One process (`tests.forking`) imports the program and runs it once; each run is a fork of it. That
costs 50 ms instead of 500, so that a test can afford one for every step.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.forking import texts

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
            ended.append(Ended(code, **texts(self._folder)))
        return ended


class Forks:
    """The process that forks; for one thread at a time."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="everyskill-forks-")
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.forking"],
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
        folder = Path(tempfile.mkdtemp(dir=self._folder.name))
        for name in ("stdout", "stderr", "steps", "done"):
            (folder / name).touch()
        answer = self.ask(
            {
                "commands": [[str(word) for word in words] for words in commands],
                # Every run is on a machine that has seen no registry yet: else copies of one
                # registry, which go different ways, would be told from each other.
                "env": {"XDG_DATA_HOME": str(folder / "data"), **os.environ, **(env or {})},
                "cwd": str(Path.cwd()),
                "folder": str(folder),
                "after": halts if kill_after is None else [kill_after],
                "signal": signal.SIGSTOP if kill_after is None else signal.SIGKILL,
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
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

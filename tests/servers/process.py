"""A server process that cannot outlive the test run, and free ports for it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

POLL_SECONDS = 0.02
START_SECONDS = 60.0
STOP_SECONDS = 20.0
MEMORY = Path("/dev/shm")  # files that are gone when the machine stops
MEMORY_BYTES = 4 * 1024**3  # that must be free there, for servers of several workers

# A second process whose standard input is a pipe from the test run. The pipe ends when the run
# ends, also by SIGKILL; then the guard stops the server it was last told of and clears up. The
# normal way out uses it too, so that it is tried on every run.
GUARD = """
import glob, os, shutil, signal, sys, time
number, folder, *litter = sys.argv[1:]
pid = 0
for line in sys.stdin:
    if line == "end\\n":
        break
    pid = int(line)
try:
    if pid:
        os.kill(pid, int(number))
    for _ in range(250 if pid else 0):
        os.kill(pid, 0)
        time.sleep(0.02)
    if pid:
        os.kill(pid, signal.SIGKILL)
except ProcessLookupError:
    pass
for pattern in litter:
    for path in glob.glob(pattern):
        os.unlink(path)
for _ in range(100):
    shutil.rmtree(folder, ignore_errors=True)
    if not os.path.exists(folder):
        break
    time.sleep(0.02)
"""


class ServerError(Exception):
    """A server that the tests need could not be started; the message says why."""


def free_ports(count: int) -> list[int]:
    """Loopback TCP ports that nobody uses now.

    Somebody may take one before the server does, so whoever starts a server tries again.
    """
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def free_port_pair(distance: int) -> tuple[int, int]:
    """Two free loopback ports, the second that far above the first."""
    while True:
        [low] = free_ports(1)
        try:
            with socket.socket() as high:
                high.bind(("127.0.0.1", low + distance))
        except (OSError, OverflowError):
            continue
        return low, low + distance


def persist(start: Callable[[], None], attempts: int = 3) -> None:
    """Start a server on free ports again when somebody was faster to take one of them."""
    for left in reversed(range(attempts)):
        try:
            start()
        except ServerError:
            if not left:
                raise
        else:
            break


class ServerProcess:
    """One server at a time with a folder of its own; both are gone after `close`.

    Other users may enter the folder but not look around: PostgreSQL never runs as root. The server
    has a session of its own, so a Ctrl-C at the terminal reaches the tests alone and they can still
    clean up through the server.

    Args:
        name: for the folder's name and for messages.
        last_signal: what ends the server at once without leaving anything outside of its folder.
        litter: patterns of paths outside of the folder that the server leaves behind.
        place: where the folder lies; else in the system's temporary folder.
    """

    def __init__(
        self,
        name: str,
        *,
        last_signal: signal.Signals = signal.SIGKILL,
        litter: Sequence[str] = (),
        place: Path | None = None,
    ) -> None:
        self.name = name
        self.last_signal = last_signal
        self.litter = litter
        self.folder = Path(tempfile.mkdtemp(prefix=f"everyskill-{name}-", dir=place))
        self.folder.chmod(0o711)
        self.log = self.folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        guard = [sys.executable, "-I", "-S", "-c", GUARD, str(int(last_signal)), str(self.folder)]
        self._guard = subprocess.Popen(
            [*guard, *litter],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )

    @property
    def pid(self) -> int:
        """The running server's process; 0 when none runs."""
        return self._process.pid if self._process else 0

    def start(
        self,
        command: Sequence[str | Path],
        ready: Callable[[], bool],
        environment: Mapping[str, str],
        **user: Any,
    ) -> None:
        """Start the server and wait until it answers.

        Args:
            command: the program and its arguments.
            ready: whether the server answers already; asked again and again.
            environment: the server's whole environment.
            user: `user`, `group` and `extra_groups` of `subprocess.Popen`.

        Raises:
            ServerError: it ended, or did not answer in time; with the end of its log.
        """
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=self.folder,
                env=environment,
                **user,
            )
        self._tell_guard()
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            if self._process.poll() is not None:
                raise ServerError(f"{self.name} ended at its start.\n{self.log_end()}")
            if time.monotonic() > deadline:
                raise ServerError(f"{self.name} does not answer.\n{self.log_end()}")
            time.sleep(POLL_SECONDS)

    def stop(self, number: signal.Signals) -> None:
        """Send the server a signal and wait for its end; harmless when none runs."""
        if self._process is None:
            return
        self._process.send_signal(number)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
        self._tell_guard()

    def close(self) -> None:
        """End the server and remove everything that it left behind; harmless when repeated."""
        self.stop(self.last_signal)
        if self._guard.returncode is None:
            self._guard.communicate(b"end\n", timeout=STOP_SECONDS)

    def log_end(self, lines: int = 20) -> str:
        """The last lines that the server printed."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def _tell_guard(self) -> None:
        assert self._guard.stdin is not None
        self._guard.stdin.write(f"{self.pid}\n".encode())
        self._guard.stdin.flush()


def memory() -> Path | None:
    """A place in memory for a server with many files, where there is one with room for them.

    A database of PostgreSQL is 300 files: to copy one took 0.30 s on a disk, and takes 0.02 here.
    """
    try:
        found = os.statvfs(MEMORY)
    except OSError:
        return None
    has_room = found.f_bavail * found.f_frsize >= MEMORY_BYTES
    return MEMORY if has_room and not found.f_flag & os.ST_NOEXEC else None


def program(name: str, *folders: Path) -> Path | None:
    """The program of that name in the first folder that has it, else the one on the PATH."""
    found = shutil.which(name, path=os.pathsep.join(map(str, folders))) or shutil.which(name)
    return Path(found) if found else None

"""The process that forks: it imports the program, runs it once, and forks it for every run.

`tests.forks` starts it and talks to it, one JSON object a line each way.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import resource
import signal
import sqlite3
import struct
import sys
import tempfile
import traceback
from contextlib import redirect_stderr, redirect_stdout, suppress
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

# Variables that make a run another one: set, …
NO_EXCHANGE = "TEST_WITHOUT_RENAMEAT2"  # … it has no way to exchange two folders at once
LATER_RELEASE = "TEST_MIGRATIONS"  # … its program is a later one, with this folder's migrations
NO_ROOT = "TEST_WITHOUT_ROOT"  # … permissions stop it, also where the tests run as root
MAX_PAGES = "TEST_MAX_PAGE_COUNT"  # … SQLite has no room for more pages than these
MAX_BYTES = "TEST_MAX_FILE_SIZE"  # … no file of it grows beyond these bytes


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
    from tests.steps import Steps

    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    folder = Path(request["folder"])
    files = {file.name: os.open(file, os.O_RDWR | os.O_APPEND) for file in folder.iterdir()}
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(files["stdout"], 1)
    os.dup2(files["stderr"], 2)
    _change(request["env"])
    Steps(files["steps"], request["after"], request["signal"]).watch()
    for words in request["commands"]:
        code = main(words)
        sys.stdout.flush()
        sys.stderr.flush()
        with (folder / "done").open("a") as done:
            done.write(json.dumps({"code": code, **texts(folder)}) + "\n")
        for name in ("stdout", "stderr", "steps"):
            os.ftruncate(files[name], 0)


def _change(env: dict[str, str]) -> None:
    """Be the program on another system, or another release of it, as the variables say."""
    from everyskill_cli.database import schema
    from everyskill_cli.installs import system

    if NO_EXCHANGE in env:  # an operating system without the call
        system._renameat2 = lambda: None  # type: ignore[assignment]  # in place of a C library
    if LATER_RELEASE in env:
        migrations = Path(env[LATER_RELEASE])
        schema.HEAD = max(file.name[:4] for file in migrations.glob("versions/[0-9]*.py"))  # type: ignore[misc]  # a later release's
        schema.upgrade.__defaults__ = (migrations,)
    if NO_ROOT in env:
        _drop_root()
    if MAX_PAGES in env:
        _limit_pages(int(env[MAX_PAGES]))
    if MAX_BYTES in env:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(env[MAX_BYTES]),) * 2)


def _drop_root() -> None:
    """Give up root's right to pass by permissions: as good as an ordinary user."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        header = struct.pack("Ii", 0x20080522, 0)  # of the third version, for this process
        if libc.capset(header, bytes(24)) != 0:  # effective, permitted, inheritable: none
            raise OSError(ctypes.get_errno(), "capset")


def _limit_pages(pages: int) -> None:
    from sqlalchemy import event
    from sqlalchemy.pool import Pool

    @event.listens_for(Pool, "connect")
    def limit(connection: Any, record: Any) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute(f"PRAGMA max_page_count = {pages}")


def texts(folder: Path) -> dict[str, Any]:
    """What a command has printed, and the steps that it has taken."""
    printed = {name: (folder / name).read_text() for name in ("stdout", "stderr")}
    return {**printed, "steps": (folder / "steps").read_text().splitlines()}


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
            for words in (
                ["publish", str(skill)],
                ["publish", str(skill)],
                ["show", "demo"],
                ["install", "demo", "--scope", "user", "--to", scratch],
                ["uninstall", "demo", "--scope", "user"],
            ):
                main(words)
    remember_files_of_botocore()
    _hurry_up_botocore()
    nowhere = S3Store("nowhere", "", S3Settings("http://127.0.0.1:1", "key", "secret"))
    nowhere._client()
    nowhere._direct()
    gc.freeze()  # a collection in a fork would copy every page


def remember_files_of_botocore() -> None:
    """Keep what botocore reads from its own files, half of a client's cost, and not ours."""
    from botocore.loaders import JSONFileLoader

    read = cache(JSONFileLoader().load_file)
    JSONFileLoader.load_file = lambda self, path: read(path)  # type: ignore[method-assign]  # as above


def _hurry_up_botocore() -> None:
    """Make its pauses before another attempt short, which are seconds long."""
    from botocore.retries.standard import ExponentialBackoff

    ExponentialBackoff.delay_amount = lambda self, context: 0.001  # type: ignore[method-assign]  # as above


if __name__ == "__main__":
    serve()

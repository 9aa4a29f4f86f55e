"""The program run in this process, and what it left behind: for tests of what people see."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, select

from everyskill_cli.cli.main import main
from everyskill_cli.database.engine import Database
from everyskill_cli.database.tables import metadata
from tests.conftest import Finished

PROGRAM = [sys.executable, "-P", "-m", "everyskill_cli"]
ORDINARY = """
import ctypes, os, sys
if os.geteuid() == 0:  # root that may not pass by permissions is as good as an ordinary user
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is None:
        import pwd
        nobody = pwd.getpwnam("nobody")
        os.setgroups([])
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)
    else:
        for capability in (1, 2, 3):  # DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER
            assert prctl(24, capability, 0, 0, 0) == 0  # PR_CAPBSET_DROP
os.execv(sys.argv[1], sys.argv[1:])
"""


class Commands:
    """The command line, without a process of its own: `commands("show", "demo").code`."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture

    def __call__(self, *words: str | Path, env: Mapping[str, str] | None = None) -> Finished:
        """Run one command.

        Args:
            words: the command and what follows it.
            env: variables besides those that the test has.
        """
        self._capture.readouterr()
        with pytest.MonkeyPatch.context() as patch:
            for name, value in (env or {}).items():
                patch.setenv(name, value)
            code = main([str(word) for word in words])
        return Finished(code, *self._capture.readouterr())


def as_ordinary_user(*words: str | Path) -> Finished:
    """Run the program as somebody whom permissions stop, also where the tests run as root."""
    command = [sys.executable, "-c", ORDINARY, *PROGRAM, *words]
    done = subprocess.run(command, capture_output=True, text=True)
    return Finished(done.returncode, done.stdout, done.stderr)


def assert_failed(done: Finished, code: int, *words: str) -> None:
    """A failure as it is promised: its code, one sentence, one hint, and nothing on stdout.

    Args:
        done: the run.
        code: its exit code.
        words: what its sentence and its hint say, among other things.
    """
    assert (done.code, done.stdout) == (code, ""), done
    error, hint = done.stderr.splitlines()
    assert error.startswith("error: ") and error.endswith((".", ")")), error
    assert hint.startswith("hint: ") and len(hint) > len("hint: See"), hint
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


def assert_json_failure(done: Finished, code: int, kind: str) -> None:
    """The same as one JSON object on stderr."""
    assert (done.code, done.stdout) == (code, ""), done
    assert (done.error["code"], done.error["type"]) == (code, kind)
    assert done.error["message"]
    assert done.error["hint"]


def tree(*folders: Path) -> dict[str, Any]:
    """Everything below some folders: kinds, modes, where links lead, digests of the bytes."""
    return {
        os.path.relpath(path, folder): _look(path)
        for folder in folders
        for path in [folder, *folder.rglob("*")]
    }


def _look(path: Path) -> tuple[Any, ...]:
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        return ("link", path.readlink())
    if stat.S_ISREG(found.st_mode):
        return (oct(found.st_mode), hashlib.sha256(path.read_bytes()).hexdigest())
    return (oct(found.st_mode),)


def rows(url: str) -> dict[str, list[str]]:
    """Every row of a registry's database."""
    engine = create_engine(Database(url).url)
    try:
        with engine.connect() as connection:
            return {
                table.name: sorted(map(repr, connection.execute(select(table))))
                for table in metadata.sorted_tables
            }
    finally:
        engine.dispose()

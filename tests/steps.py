"""The steps of a run of the program, numbered, and what is to happen after one of them.

A step is the end of a call that others can see (a statement answered, a file given its name, a
request sent) or that divides the story of a publish. Between two neighbouring steps nothing
outside of the process changes, so a process ended after each of them was ended everywhere.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from functools import reduce, wraps
from importlib import import_module
from typing import Any

START = "start"
CALLS = (
    "everyskill_cli.registry.publishing.candidate:find_skill",
    "everyskill_cli.registry.publishing.candidate:look_into",
    "everyskill_cli.registry.publishing.candidate:pack",
    "everyskill_cli.registry.publishing.publish:publish",
    "everyskill_cli.stores.base:Store.claim",
    "everyskill_cli.stores.base:Store.put",
    "everyskill_cli.database.engine:_wal",  # the first bytes of a new SQLite file
    "everyskill_cli.database.schema:_copy_aside",
    "everyskill_cli.installs.system:_rename",
    "everyskill_cli.registry.installing.placing:fetch_all",
    "everyskill_cli.cli.render:answer",
    "http.client:HTTPConnection.send",
    "http.client:HTTPResponse.begin",
    "os:fsync",
    "os:link",
    "os:mkdir",
    "os:rename",
    "os:replace",
    "os:rmdir",
    "os:unlink",
    "os:write",
)
_write = os.write  # the steps' own


class Steps:
    """Numbers the steps of this process into a file; halts or ends it after one.

    The start is number 0.

    Args:
        file: a descriptor to which each step's name is written, one a line.
        after: numbers or names of the steps, in order, after which we get the signal.
        signal_: SIGKILL, or SIGSTOP to go on at SIGCONT.
    """

    def __init__(self, file: int, after: Sequence[int | str], signal_: int) -> None:
        self._file = file
        self._after = list(after)
        self._signal = signal_
        self._taken = -1
        # Many skills are stored by several threads; what hears Ctrl-C while we are halted in here
        # takes steps too.
        self._lock = threading.RLock()

    def take(self, name: str) -> None:
        """Note that a step was taken."""
        with self._lock:
            self._taken += 1
            _write(self._file, f"{name}\n".encode())
            if self._after and self._after[0] in (self._taken, name):
                del self._after[0]
                os.kill(os.getpid(), self._signal)

    def watch(self) -> None:
        """Number every step from here on; for a process that does nothing afterwards."""
        for target in CALLS:
            self._follow(target)
        self._follow_new_files()
        self._follow_statements()
        self.take(START)

    def _follow(self, target: str) -> None:
        module, _, path = target.partition(":")
        name = f"os.{path}" if module == "os" else path.rpartition(".")[2]
        _wrap(target, lambda *_: self.take(name))

    def _follow_new_files(self) -> None:
        def opened(_: Any, path: Any, flags: int = 0, *more: Any) -> None:
            if flags & os.O_CREAT:
                self.take("os.open of a new file")

        _wrap("os:open", opened)

    def _follow_statements(self) -> None:
        from sqlalchemy import Connection, Engine, event

        writing = False

        @event.listens_for(Engine, "commit")
        def commits(connection: Connection) -> None:
            nonlocal writing
            writing = bool(connection.get_execution_options().get("everyskill_write"))

        @event.listens_for(Engine, "after_cursor_execute")
        def executed(connection: Connection, cursor: Any, statement: str, *more: Any) -> None:
            self.take(name_of(statement))

        done = "sqlalchemy.engine.default:DefaultDialect.do_commit"
        _wrap(done, lambda *_: self.take("COMMIT" if writing else "END"))


def name_of(statement: str) -> str:
    """A statement's verb and what it is about: `INSERT INTO skills`, `SELECT skills`."""
    words = statement.split()
    if words[0] == "SELECT":
        table = words[words.index("FROM") + 1] if "FROM" in words else ""
        lock = " FOR UPDATE" if " FOR NO KEY UPDATE" in statement else ""
        return f"SELECT {table}".strip() + lock
    named = {"INSERT": 3, "UPDATE": 2, "DELETE": 3, "CREATE": 3, "BEGIN": 2}
    return " ".join(words[: named.get(words[0], 1)])


def _wrap(target: str, after: Callable[..., None]) -> None:
    """Call `after` with the result and the arguments whenever the function has returned."""
    module, _, path = target.partition(":")
    *parents, last = path.split(".")
    owner = reduce(getattr, parents, import_module(module))
    original = getattr(owner, last)

    @wraps(original)
    def wrapper(*arguments: Any, **named: Any) -> Any:
        result = original(*arguments, **named)
        after(result, *arguments)
        return result

    setattr(owner, last, wrapper)

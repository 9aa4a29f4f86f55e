"""What `doctor` finds, the line to type for it, and that it changes nothing."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.commands import PROGRAM, Commands, as_ordinary_user, rows, tree
from tests.registries import write_skill
from tests.servers.moto_server import MotoServer
from tests.servers.relay import Answer, Relay
from tests.servers.s3 import S3Server

Environment = Mapping[str, str]
LOCAL = ["settings", "database", "guards", "store", "store-write", "store-write-once"]
SECRET = "s3kr3t-Value"


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.setenv("EVERYSKILL_USER", "ann@example.org")
    return Commands(capsys)


@pytest.fixture
def registry(cli: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A local registry with one skill: the folder that holds `registry.db` and `store`."""
    folder = tmp_path / "registry"
    monkeypatch.setenv("EVERYSKILL_HOME", str(folder))
    assert cli("publish", write_skill(tmp_path)).code == 0
    return folder


@pytest.fixture
def team(cli: Commands, postgres_url: str, s3_environment: Environment) -> dict[str, str]:
    """PostgreSQL with the schema, and an empty store."""
    environment = {**s3_environment, "EVERYSKILL_DATABASE_URL": postgres_url}
    assert cli("upgrade", env=environment).code == 0
    return environment


def examine(
    cli: Commands, code: int, env: Environment | None = None
) -> dict[str, dict[str, str | None]]:
    """Run it both ways and give its checks by name: each once, and with a fix unless it is ok."""
    shown, answer = cli("doctor", env=env), cli("doctor", "--json", env=env)
    assert (shown.code, answer.code, shown.stderr, answer.stderr) == (code, code, "", "")
    results = answer.json["results"]
    checks = {check["name"]: check for check in results}
    assert len(checks) == len(results), results
    statuses = [check["status"] for check in results]
    worst = max(statuses, key=("ok", "warning", "failed").index)
    assert answer.json["status"] == worst
    assert (code == 8) == (worst == "failed")
    for check in results:
        assert (check["fix"] is None) == (check["status"] == "ok"), check
        assert f"{check['status']}\t{check['name']}\t" in shown.stdout
    assert SECRET not in shown.stdout + answer.stdout
    return checks


def failed(checks: Mapping[str, Any]) -> list[str]:
    return [name for name, check in checks.items() if check["status"] == "failed"]


# All is well.


def test_a_local_registry(cli: Commands, registry: Path) -> None:
    before = tree(registry)
    checks = examine(cli, 0)
    assert list(checks) == [*LOCAL, "store-space", "user"]
    assert {check["status"] for check in checks.values()} == {"ok"}
    assert str(registry / "registry.db") in str(checks["database"]["found"])
    assert "EVERYSKILL_USER" in str(checks["user"]["found"])
    assert tree(registry) == before


def test_before_the_first_publish_it_makes_nothing(cli: Commands, home: Path) -> None:
    checks = examine(cli, 0)
    assert "publish makes it" in str(checks["database"]["found"])
    assert "first publish" in str(checks["store"]["found"])
    assert list(home.iterdir()) == []


def test_a_user_made_up_from_the_login_is_a_warning(
    cli: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EVERYSKILL_USER")
    monkeypatch.setenv("PATH", "")
    user = examine(cli, 0)["user"]
    assert (user["status"], "EVERYSKILL_USER" in str(user["fix"])) == ("warning", True)


def test_a_team(
    cli: Commands, team: Environment, s3_server: S3Server, tmp_path: Path, home: Path
) -> None:
    prefix = team["EVERYSKILL_STORE_URL"].removeprefix(f"s3://{s3_server.bucket}/")
    before = rows(team["EVERYSKILL_DATABASE_URL"])
    checks = examine(cli, 0, team)
    assert list(checks) == [*LOCAL[:3], "role", *LOCAL[3:], "store-checksums", "user"]
    assert {check["status"] for check in checks.values()} == {"ok"}
    assert s3_server.keys(prefix) == []
    assert rows(team["EVERYSKILL_DATABASE_URL"]) == before
    assert cli("publish", write_skill(tmp_path), env=team).code == 0
    kept = s3_server.keys(prefix)
    assert "registry" in str(examine(cli, 0, team)["store"]["found"])
    assert s3_server.keys(prefix) == kept
    assert [path.name for path in home.rglob("*") if path.is_file()] == ["heads.db"]


# Settings.


def test_half_a_configuration_leaves_the_other_checks(cli: Commands, registry: Path) -> None:
    checks = examine(cli, 8, {"R2_BUCKET_NAME": "skills", "R2_SECRET_ACCESS_KEY": SECRET})
    assert failed(checks) == ["settings"]
    assert "R2_ACCESS_KEY_ID" in str(checks["settings"]["fix"])
    assert {"database", "guards", "user"} <= set(checks)
    assert "store" not in checks


def test_nobody_on_a_shared_registry(
    cli: Commands, team: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("EVERYSKILL_USER")
    checks = examine(cli, 8, team)
    assert failed(checks) == ["user"]
    assert "EVERYSKILL_USER" in str(checks["user"]["fix"])


def test_a_user_who_is_no_email_address(cli: Commands, registry: Path) -> None:
    assert failed(examine(cli, 8, {"EVERYSKILL_USER": "ann"})) == ["user"]


# The database.


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("DROP TRIGGER {}", "{} is missing"),
        ("DROP INDEX {}", "{} is missing"),
    ],
    ids=["trigger", "index"],
)
def test_a_part_of_the_sqlite_schema_is_gone(
    cli: Commands, registry: Path, statement: str, found: str
) -> None:
    kind = statement.split()[1].lower()
    connection = sqlite3.connect(registry / "registry.db")
    names = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = ? AND sql IS NOT NULL ORDER BY name", [kind]
    ).fetchall()
    name = names[0][0]
    connection.execute(statement.format(name))
    connection.commit()
    connection.close()
    checks = examine(cli, 8)
    assert failed(checks) == ["guards"]
    assert found.format(name) in str(checks["guards"]["found"])
    assert "backup" in str(checks["guards"]["fix"])
    assert {"store-write-once", "user"} <= set(checks)


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TRIGGER {trigger} ON {table}",
        "ALTER TABLE {table} DISABLE TRIGGER {trigger}",
        "ALTER TABLE {table} ENABLE REPLICA TRIGGER {trigger}",
    ],
)
def test_a_trigger_of_postgresql_is_gone_or_switched_off(
    cli: Commands, team: Environment, statement: str
) -> None:
    with psycopg.connect(team["EVERYSKILL_DATABASE_URL"], autocommit=True) as connection:
        trigger, table = connection.execute(
            "SELECT tgname, tgrelid::regclass::text FROM pg_trigger"
            " WHERE NOT tgisinternal AND tgrelid = 'skill_versions'::regclass ORDER BY tgname"
        ).fetchall()[0]
        connection.execute(statement.format(trigger=trigger, table=table).encode())
    checks = examine(cli, 8, team)
    assert failed(checks) == ["guards"]
    assert re.search(f"{trigger} is (missing|switched off)", str(checks["guards"]["found"]))


def test_a_database_that_is_no_database(cli: Commands, registry: Path) -> None:
    (registry / "registry.db").write_bytes(b"This is no database. " * 500)
    checks = examine(cli, 8)
    assert failed(checks) == ["database"]
    assert "backup" in str(checks["database"]["fix"])
    assert {"settings", "store-write", "user"} <= set(checks)


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("postgresql://u:S@127.0.0.1:1/x", "refused"),
        ("postgresql://u:S@no-such-host.invalid/x", "no-such-host.invalid"),
        ("mysql://u:S@127.0.0.1/x", "not supported"),
    ],
)
def test_a_database_that_cannot_be_reached(
    cli: Commands, tmp_path: Path, url: str, found: str
) -> None:
    (tmp_path / "store").mkdir()
    settings = {
        "EVERYSKILL_DATABASE_URL": url.replace(":S@", f":{SECRET}@"),
        "EVERYSKILL_STORE_URL": f"file://{tmp_path}/store",
    }
    checks = examine(cli, 8, settings)
    assert failed(checks) == ["database"]
    assert found in str(checks["database"]["found"])
    assert {"settings", "store", "store-write", "user"} <= set(checks)


def test_postgresql_without_the_schema(
    cli: Commands, postgres_url: str, s3_environment: Environment
) -> None:
    checks = examine(cli, 8, {**s3_environment, "EVERYSKILL_DATABASE_URL": postgres_url})
    assert failed(checks) == ["database"]
    assert "everyskill upgrade" in str(checks["database"]["fix"])
    assert {"store", "store-checksums", "user"} <= set(checks)


# The store.


def test_the_store_of_another_registry(cli: Commands, registry: Path, tmp_path: Path) -> None:
    other = {"EVERYSKILL_DATABASE_URL": f"sqlite:///{tmp_path}/other.db"}
    for _ in range(2):  # first there is no other registry yet, then there is
        checks = examine(cli, 8, other)
        assert failed(checks) == ["store-registry"]
        assert "EVERYSKILL_STORE_URL" in str(checks["store-registry"]["fix"])
        assert cli("publish", write_skill(tmp_path), env=other).code == 8


@pytest.mark.parametrize(
    ("change", "fix"),
    [
        ({"R2_ACCESS_KEY_ID": "wrong"}, "R2_ACCESS_KEY_ID"),
        ({"R2_SECRET_ACCESS_KEY": SECRET}, "R2_SECRET_ACCESS_KEY"),
        ({"EVERYSKILL_STORE_URL": "s3://no-such-bucket-here"}, "R2_BUCKET_NAME"),
        ({"R2_ENDPOINT": "nowhere"}, "R2_ENDPOINT"),
        ({"R2_ENDPOINT": "http://127.0.0.1:1"}, "R2_ENDPOINT"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_store_that_does_not_let_us_in(
    cli: Commands, local_s3: S3Server, tmp_path: Path, change: Environment, fix: str
) -> None:
    settings = {
        **local_s3.environment(local_s3.prefix()),
        "EVERYSKILL_DATABASE_URL": f"sqlite:///{tmp_path}/registry.db",
        **change,
    }
    if "EVERYSKILL_STORE_URL" in change:
        del settings["R2_BUCKET_NAME"]
    checks = examine(cli, 8, settings)
    assert failed(checks) == ["store"]
    assert fix in str(checks["store"]["fix"])
    assert {"settings", "database", "user"} <= set(checks)


def test_a_web_page_where_a_store_should_be(
    cli: Commands, local_s3: S3Server, tmp_path: Path
) -> None:
    relay = Relay(lambda exchange: exchange.send(Answer(200, [], b"<html>Welcome</html>")))
    settings = {
        **local_s3.environment(local_s3.prefix(), endpoint=relay.endpoint),
        "EVERYSKILL_DATABASE_URL": f"sqlite:///{tmp_path}/registry.db",
    }
    try:
        checks = examine(cli, 8, settings)
    finally:
        relay.close()
    [name] = failed(checks)
    assert name.startswith("store")
    assert "html" not in str(checks)


def test_a_store_that_keeps_fewer_promises_is_a_warning(
    cli: Commands, moto_server: MotoServer, tmp_path: Path
) -> None:
    """moto verifies no checksum; behind a proxy that drops the condition it overwrites, too."""
    settings = {
        **moto_server.environment(moto_server.prefix()),
        "EVERYSKILL_DATABASE_URL": f"sqlite:///{tmp_path}/registry.db",
    }
    assert examine(cli, 0, settings)["store-checksums"]["status"] == "warning"
    upstream = moto_server.endpoint.removeprefix("http://")

    def forget_the_condition(exchange: Any) -> None:
        del exchange.headers["If-None-Match"]
        exchange.send(exchange.forwarded(upstream, exchange.body))

    relay = Relay(forget_the_condition)
    try:
        checks = examine(cli, 0, {**settings, "R2_ENDPOINT": relay.endpoint})
    finally:
        relay.close()
    assert checks["store-write-once"]["status"] == "warning"
    assert "If-None-Match" in str(checks["store-write-once"]["fix"])


@pytest.mark.parametrize("what", ["store", "registry.db", "home"])
def test_what_may_not_be_written(cli: Commands, registry: Path, what: str) -> None:
    place = registry.parent if what == "home" else registry / what
    mode = place.stat().st_mode
    place.chmod(mode & ~0o222)
    try:
        fresh = f"sqlite:///{registry.parent}/new/registry.db" if what == "home" else ""
        words = ["--database-url", fresh] if fresh else []
        done = as_ordinary_user(*words, "doctor", "--json")
    finally:
        place.chmod(mode)
    checks = {check["name"]: check for check in done.json["results"]}
    expected = {
        "store": (8, "store-write", "failed"),
        "registry.db": (0, "database-write", "warning"),
        "home": (8, "database", "failed"),
    }
    code, name, status = expected[what]
    assert (done.code, checks[name]["status"]) == (code, status), done
    assert checks[name]["fix"]
    assert {"settings", "user"} <= set(checks)


def test_it_is_the_same_on_a_terminal_and_in_a_pipe(registry: Path) -> None:
    for force in ("0", "1"):
        environment = {**os.environ, "FORCE_COLOR": force, "COLUMNS": "200"}
        done = subprocess.run([*PROGRAM, "doctor"], capture_output=True, text=True, env=environment)
        assert (done.returncode, done.stderr) == (0, "")
        assert "reads back what was written" in " ".join(done.stdout.split())

"""Faults of the store and the database under a publish: done, or refused with nothing left."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from sqlalchemy import text

from everyskill_cli.database.engine import Database
from tests.forks import Forks
from tests.registries import make_registry, write_skill
from tests.servers.cut import Cut, CutProxy
from tests.servers.faults import ODD, Fault
from tests.sites import NOTHING, FolderStores, S3Stores, Site

MARKER, OBJECT = "everyskill.json", "sha256/"
# What a first publish asks the store: the method, the key, and how many such requests came before.
REQUESTS = {
    "look for the marker": ("GET", MARKER, 0),
    "put the marker": ("PUT", MARKER, 0),
    "read the marker back": ("GET", MARKER, 2),  # that there is none is asked in both ways
    "put the object": ("PUT", OBJECT, 0),
    "read the object back": ("GET", OBJECT, 0),
}
FAULTS = [
    (request, fault)
    for request, (method, _, _) in REQUESTS.items()
    for fault in Fault
    if method in fault.methods and fault not in ODD | {Fault.PASS}  # test_fault_matrix.py has those
]
NO_ANSWER = (
    Fault.RESET,
    Fault.LOST_ANSWER,
    Fault.HALF_BODY,
    Fault.ERROR_500,
    Fault.DONE_AND_500,
    Fault.SLOW_DOWN_503,
    Fault.TOO_MANY_429,
)
# What faults that stay end in, where that is not 6 (try again later).
BAD_BYTES = {Fault.FLIPPED_UPLOAD: 7, Fault.FLIPPED_DOWNLOAD: 7, Fault.SHORT_BODY: 7}
LASTING = {Fault.SLOW: 0, **BAD_BYTES}
LASTING_OF = {
    # Half of the answer that there is no marker is no answer that a store gives.
    "look for the marker": {Fault.HALF_BODY: 8, Fault.SHORT_BODY: 8, Fault.FLIPPED_DOWNLOAD: 8},
    # One bit further, and the store is another registry's: a marker has no digest.
    "read the marker back": {Fault.FLIPPED_DOWNLOAD: 8},
    "put the object": {Fault.FORGOTTEN_UPLOAD: 7},
    "read the object back": {Fault.STALE: 7},
}


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks() as forks:
        yield forks


def everything(env, stores, url) -> Site:
    whole = {**env, "EVERYSKILL_DATABASE_URL": url, "EVERYSKILL_USER": "ann@example.org"}
    return Site(whole, partial(stores.get, whole))


# The store


@pytest.fixture(scope="module")
def empty_registry(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("empty")
    registry = make_registry(f"sqlite:///{folder}/registry.db", folder)
    assert registry.database.exists
    registry.close()
    return folder / "registry.db"


@pytest.fixture
def behind_proxy(empty_registry, fault_proxy, fault_environment, local_s3, tmp_path) -> Site:
    """An empty SQLite registry with an S3 store behind the proxy."""
    fault_proxy.delay = 0.1
    shutil.copyfile(empty_registry, tmp_path / "registry.db")
    return everything(fault_environment, S3Stores(local_s3), f"sqlite:///{tmp_path}/registry.db")


def order(proxy, request: str, fault: Fault, times: int) -> None:
    method, key, earlier = REQUESTS[request]
    proxy.order(*[Fault.PASS] * earlier, *[fault] * times, method=method, key=key)


@pytest.mark.parametrize(
    ("request_", "fault", "times"),
    [
        pytest.param(request, fault, 1, marks=() if number % 2 == 0 else pytest.mark.long)
        for number, (request, fault) in enumerate(FAULTS)
    ]
    + [
        pytest.param(request, fault, 2, marks=() if number % 3 == 0 else pytest.mark.long)
        for number, (request, fault) in enumerate(FAULTS)
        if fault in NO_ANSWER
    ],
    ids=lambda value: str(getattr(value, "value", value)),
)
def test_a_fault_of_the_store_that_passes(
    request_, fault, times, behind_proxy, fault_proxy, forks, local_s3, tmp_path
):
    """The first fault meets the short way to the store, a second one meets the client."""
    publish = ("publish", write_skill(tmp_path), "--json")
    order(fault_proxy, request_, fault, times)
    done = forks.run(*publish, env=behind_proxy.env)
    assert not fault_proxy.pending
    assert (done.code, done.json["status"]) == (0, "published")
    S3Stores(local_s3).assert_whole(behind_proxy.env)
    standing = behind_proxy.audit()
    assert standing.events == ("publish",)
    assert forks.run(*publish, env=behind_proxy.env).json["status"] == "unchanged"
    assert behind_proxy.standing() == standing


@pytest.mark.parametrize(
    ("request_", "fault"),
    [
        pytest.param(request, fault, marks=() if number % 2 == 0 else pytest.mark.long)
        for number, (request, fault) in enumerate(FAULTS)
    ],
    ids=lambda value: getattr(value, "value", value),
)
def test_a_fault_of_the_store_that_stays(
    request_, fault, behind_proxy, fault_proxy, forks, local_s3, tmp_path
):
    publish = ("publish", write_skill(tmp_path), "--json")
    order(fault_proxy, request_, fault, 50)
    done = forks.run(*publish, env=behind_proxy.env)
    assert done.code == LASTING_OF.get(request_, {}).get(fault, LASTING.get(fault, 6))
    if done.code:
        assert done.error["hint"]
        assert behind_proxy.audit() == NOTHING
    S3Stores(local_s3).assert_whole(behind_proxy.env)

    fault_proxy.forget()
    again = forks.run(*publish, env=behind_proxy.env)
    assert again.json["status"] == ("published" if done.code else "unchanged")
    assert behind_proxy.audit().events == ("publish",)


@pytest.mark.parametrize("fault", [fault for name, fault in FAULTS if name.startswith("look")])
def test_a_fault_of_the_marker_passes_when_the_registry_has_versions(
    fault, behind_proxy, fault_proxy, forks, tmp_path
):
    """An absent marker means that this is another store; one bad answer does not say that."""
    assert forks.run("publish", write_skill(tmp_path), env=behind_proxy.env).code == 0
    order(fault_proxy, "look for the marker", fault, 1)
    done = forks.run("publish", write_skill(tmp_path, body="Two."), env=behind_proxy.env)
    assert (done.code, done.stderr) == (0, "")
    assert not fault_proxy.pending


# The connection to PostgreSQL


@pytest.fixture
def line(postgres_url, tmp_path) -> Iterator[CutProxy]:
    """The way to an empty registry, which can be cut."""
    make_registry(postgres_url, tmp_path).close()
    with CutProxy(postgres_url) as proxy:
        yield proxy


@pytest.fixture
def site(line, tmp_path) -> Site:
    """The registry behind it, with a folder."""
    stores = FolderStores(tmp_path)
    return everything(stores.new(), stores, line.url)


def publish_of(folder: Path, slug: str, body: str = "One.") -> tuple[str | Path, ...]:
    return ("publish", write_skill(folder / body, slug, body=body), "--json")


@pytest.mark.parametrize("cut", Cut)
def test_the_connection_is_cut_at_each_statement(cut, line, site, forks, tmp_path):
    assert forks.run(*publish_of(tmp_path, "whole"), env=site.env).code == 0
    statements = [*line.statements]
    assert statements[-1] == "COMMIT"
    assert len(statements) > 20
    for number in range(len(statements)):
        slug, author = f"demo-{number}", {"EVERYSKILL_USER": f"demo-{number}@example.org"}
        publish = publish_of(tmp_path, slug)
        line.forget()
        line.order(cut, passing=number)
        done = forks.run(*publish, env={**site.env, **author})
        assert not line.pending
        stands = cut is Cut.AFTER and statements[number] == "COMMIT"
        assert done.code == (0 if stands else 6), statements[number]
        assert site.standing(slug).events == (("publish",) if stands else ())
        if not stands:
            assert done.error["hint"]

        again = forks.run(*publish, env={**site.env, **author})
        assert again.json["status"] == ("unchanged" if stands else "published")
        assert site.standing(slug).events == ("publish",)
    site.audit()


COMMITS = {
    "first": ((), (), "published"),
    "second": ((((), "One."),), (), "published"),
    "draft": ((((), "One."),), ("--draft",), "draft"),
    "promote": ((((), "One."), (("--draft",), "Two.")), (), "promoted"),
    "category": ((((), "Two."),), ("--category", "tools"), "unchanged"),
}


@pytest.mark.parametrize("cut", Cut)
@pytest.mark.parametrize(("before", "options", "status"), COMMITS.values(), ids=COMMITS)
def test_the_answer_to_commit_is_lost(before, options, status, cut, line, site, forks, tmp_path):
    for earlier, body in before:
        assert forks.run(*publish_of(tmp_path, "demo", body), *earlier, env=site.env).code == 0
    publish = (*publish_of(tmp_path, "demo", "Two."), *options)
    without = site.standing()
    line.order(cut, "COMMIT")
    done = forks.run(*publish, env=site.env)
    assert not line.pending
    if cut is Cut.AFTER:
        assert (done.code, done.json["status"]) == (0, status)
        status, updated = "unchanged", []
    else:
        assert done.code == 6
        assert "COMMIT" in done.error["message"]
        assert "again" in done.error["hint"]
        assert site.standing() == without
        updated = ["category"] if "--category" in options else []
    again = forks.run(*publish, env=site.env)
    [result] = again.json["results"]
    assert (result["status"], result["updated"]) == (status, updated)
    standing = site.audit()
    assert len(standing.events) == len(before) + ("--category" not in options)


@pytest.mark.parametrize("cut", Cut)
def test_the_answer_to_the_commit_of_a_rating_is_lost(cut, line, site, forks, tmp_path):
    """Nobody looks: whoever rates again says the same, and it counts once."""
    assert forks.run(*publish_of(tmp_path, "demo"), env=site.env).code == 0
    rate = ("rate", "demo", "4", "--json")
    line.order(cut, "COMMIT")
    done = forks.run(*rate, env=site.env)
    assert (done.code, "again" in done.error["hint"]) == (6, True)
    again = forks.run(*rate, env=site.env)
    assert again.json["status"] == ("unchanged" if cut is Cut.AFTER else "rated")
    assert site.query("SELECT rating FROM ratings") == [4]
    site.audit()


def test_the_server_dies_with_its_answer_to_commit(own_postgres, forks, tmp_path):
    stores = FolderStores(tmp_path)
    url = own_postgres.create_database()
    make_registry(url, tmp_path).close()
    with CutProxy(url) as line:
        site = everything(stores.new(), stores, line.url)
        for number, cut in enumerate(Cut, 1):
            publish = publish_of(tmp_path, "demo", f"Text {number}.")
            line.order(cut, "COMMIT", then=own_postgres.kill)
            done = forks.run(*publish, env=site.env)
            assert done.code == 6
            assert done.error["hint"]
            own_postgres.start()
            assert len(site.standing().versions) == (number if cut is Cut.AFTER else number - 1)
            again = forks.run(*publish, env=site.env)
            assert again.json["status"] == ("unchanged" if cut is Cut.AFTER else "published")
            assert len(site.audit().versions) == number


# The server of PostgreSQL


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_the_server_ends_between_two_statements(end, own_postgres, forks, tmp_path):
    stores = FolderStores(tmp_path)
    url = own_postgres.create_database()
    make_registry(url, tmp_path).close()
    site = everything(stores.new(), stores, url)
    steps = ("pack", "put", "UPDATE skills", "INSERT INTO version_events")
    for number, step in enumerate(steps, 1):
        publish = publish_of(tmp_path, "demo", f"Text {number}.")
        victim = forks.start(publish, env=site.env, halt_after=step).wait_until_halted()
        getattr(own_postgres, end)()
        done = victim.resume().wait()
        assert (done.code, bool(done.error["hint"])) == (6, True)
        own_postgres.start()
        assert len(site.audit().versions) == number - 1
        assert forks.run(*publish, env=site.env).json["status"] == "published"
        assert len(site.audit().versions) == number


SESSIONS = (
    "FROM pg_stat_activity WHERE application_name = 'everyskill' AND datname = current_database()"
)


def test_somebody_ends_the_session(site, line, postgres_url, forks, tmp_path):
    publish = publish_of(tmp_path, "demo")
    victim = forks.start(publish, env=site.env, halt_after="UPDATE skills").wait_until_halted()
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        ended = admin.execute(f"SELECT pg_terminate_backend(pid) {SESSIONS}").fetchall()
    assert ended == [(True,)]
    done = victim.resume().wait()
    assert (done.code, site.audit()) == (6, NOTHING)
    assert forks.run(*publish, env=site.env).json["status"] == "published"


def with_setting(url: str, setting: str) -> dict[str, str]:
    return {"EVERYSKILL_DATABASE_URL": f"{url}?options={quote(f'-c {setting}')}"}


@pytest.mark.parametrize("setting", ["lock_timeout=100", "statement_timeout=300"])
def test_another_one_holds_the_skill_for_too_long(setting, site, postgres_url, forks, tmp_path):
    assert forks.run(*publish_of(tmp_path, "demo"), env=site.env).code == 0
    publish = publish_of(tmp_path, "demo", "Two.")
    standing = site.standing()
    with psycopg.connect(postgres_url) as other:
        other.execute("SELECT * FROM skills FOR UPDATE")
        done = forks.run(*publish, env={**site.env, **with_setting(postgres_url, setting)})
        assert (done.code, bool(done.error["hint"])) == (6, True)
        assert site.audit() == standing
    assert forks.run(*publish, env=site.env).json["status"] == "published"


@pytest.mark.parametrize(("asked", "given"), [("0", "30s"), ("100", "100ms")])
def test_a_writer_waits_half_a_minute_for_others_or_as_the_url_says(asked, given, postgres_url):
    url = with_setting(postgres_url, f"lock_timeout={asked}")["EVERYSKILL_DATABASE_URL"]
    with Database(url) as database:
        with database.writing() as tx:
            assert tx.scalar(text("SHOW lock_timeout")) == given
        with database.reading() as tx:
            assert tx.scalar(text("SHOW lock_timeout")) == ("0" if asked == "0" else given)


def test_the_server_loses_patience(site, postgres_url, forks, tmp_path):
    publish = publish_of(tmp_path, "demo")
    setting = "idle_in_transaction_session_timeout=50"
    env = {**site.env, **with_setting(postgres_url, setting)}
    victim = forks.start(publish, env=env, halt_after="UPDATE skills").wait_until_halted()
    wait_until(lambda: not sessions_of(postgres_url))
    done = victim.resume().wait()
    assert (done.code, bool(done.error["hint"])) == (6, True)
    assert site.audit() == NOTHING
    assert forks.run(*publish, env=site.env).json["status"] == "published"


def sessions_of(url: str) -> int:
    with psycopg.connect(url, autocommit=True) as admin:
        return admin.execute(f"SELECT count(*) {SESSIONS}").fetchall()[0][0]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_database_that_is_read_only(site, postgres_url, forks, tmp_path):
    assert forks.run(*publish_of(tmp_path, "demo"), env=site.env).code == 0
    env = {**site.env, **with_setting(postgres_url, "default_transaction_read_only=on")}
    standing = site.standing()
    done = forks.run(*publish_of(tmp_path, "demo", "Two."), env=env)
    assert (done.code, bool(done.error["hint"])) == (9, True)
    assert site.audit() == standing
    assert forks.run("show", "demo", env=env).code == 0


# SQLite


def test_another_program_keeps_the_file_locked(forks, tmp_path):
    stores = FolderStores(tmp_path)
    site = everything(stores.new(), stores, f"sqlite:///{tmp_path}/registry.db?timeout=0")
    assert forks.run(*publish_of(tmp_path, "demo"), env=site.env).code == 0
    publish = publish_of(tmp_path, "demo", "Two.")
    with closing(sqlite3.connect(tmp_path / "registry.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        done = forks.run(*publish, env=site.env)
        assert (done.code, bool(done.error["hint"])) == (6, True)
        assert forks.run("show", "demo", env=site.env).code == 0
    assert len(site.audit().versions) == 1
    assert forks.run(*publish, env=site.env).json["status"] == "published"

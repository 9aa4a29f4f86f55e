"""Faults of the database under every verb: done once, or refused by its code and nothing half done.

What `publish` does at each of them is in `test_publish_faults.py`.
"""

from __future__ import annotations

import os
import random
import shutil
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from tests.effects import CHANGES, Change, Scene, make_site, records
from tests.figures import Count
from tests.forking import MAX_BYTES, MAX_PAGES, NO_ROOT
from tests.forks import Ended, Forks
from tests.installing import contents, make_project
from tests.registries import write_skill
from tests.servers.cut import Cut, CutProxy
from tests.servers.postgres import OwnPostgresServer
from tests.sites import Copies, Databases, Files, FolderStores, Site

SECRET = "b6xQ-not-for-eyes"
LONG = "\N{PARTY POPPER}" * 1_900  # 7,600 bytes: a page of SQLite has no room for it
WRITING = {
    "rate": Change(("rate", "demo", "4", "-c", LONG)),
    "rate remove": CHANGES["rate remove"],
    "promote": replace(
        CHANGES["promote"], words=("promote", "demo@1", "--expect", "3", "-m", LONG)
    ),
    "yank": replace(CHANGES["yank"], words=("yank", "demo@3", "--yes", "--reason", LONG)),
    "use": CHANGES["use"],
}
READING = (
    ("show", "demo"),
    ("show", "demo", "--content"),
    ("list",),
    ("search", "demo"),
    ("versions", "demo"),
    ("ratings", "demo"),
    ("diff", "demo@1", "demo@2"),
)
DOCTOR = ("doctor",)


class Bench:
    """Every verb on one database after the other; a registry with three versions for each."""

    def __init__(self, databases: Databases, folder: Path, forks: Forks) -> None:
        self.forks = forks
        self._folder = folder
        self._projects = 0
        stores = FolderStores(folder)
        self.base = make_site(databases, stores, folder / "skills", forks)
        self.stores = stores
        new = Change(("publish", str(write_skill(folder / "new", body="New. " + LONG))))
        changes = {**WRITING, "publish": new}
        self.scenes = {
            name: Scene(change, self.base, databases, stores, forks)
            for name, change in changes.items()
        }
        self.count: Count = lambda *_, **__: None

    def run(self, *words: str, env: Mapping[str, str]) -> Ended:
        """Run a command, which says what it did or why it did not, and no secret."""
        self.count("database faults", runs=1)
        done = self.forks.run(*words, env=env)
        said = done.stdout + done.stderr
        assert "Traceback" not in said, said
        assert done.code != 1, said
        assert SECRET not in said
        assert done.code in (0, 8) or "hint: " in done.stderr or '"hint": "' in done.stderr
        return done

    def install(self, env: Mapping[str, str]) -> int:
        """Install into a new project; all of it, or nothing."""
        self._projects += 1
        project = make_project(self._folder / f"project-{self._projects}", ".claude")
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(project)
            home = {"EVERYSKILL_HOME": str(project / ".git/home")}
            done = self.run("install", "demo", env={**env, **home})
        found = contents(project / ".claude/skills")
        assert {path.partition("/")[0] for path in found} == ({"demo"} if done.code == 0 else set())
        assert (project / "everyskill.lock").exists() == (done.code == 0)
        return done.code

    def read(self, env: Mapping[str, str], code: int, *, doctor: int | None = None) -> None:
        """Run every verb that reads; doctor tells what it found in its own way."""
        for words in READING:
            assert (words, self.run(*words, env=env).code) == (words, code)
        assert self.install(env) == code
        told = doctor if doctor is not None else 8 if code else 0
        assert self.run(*DOCTOR, env=env).code == told

    def write(
        self,
        fault: Callable[[Site], object],
        code: int,
        *,
        may_do: bool = False,
        names: tuple[str, ...] = (),
    ) -> int:
        """Run every verb that writes while there is a fault, and again without it.

        Args:
            fault: a context for a registry: gives the variables that lead to it.
            code: what each ends in while it lasts, with nothing changed.
            may_do: whether some of them get through nevertheless; how many did not is returned.
            names: of the verbs, where not all.
        """
        failed = 0
        for name, scene in self.scenes.items():
            if names and name not in names:
                continue
            with scene.copied() as site:
                with fault(site) as env:
                    done = self.run(*scene.change.words, env={**site.env, **env})
                assert (name, done.code) in {(name, code)} | ({(name, 0)} if may_do else set()), (
                    done
                )
                failed += done.code != 0
                assert records(site.url) == (scene.before if done.code else scene.after), name
                again = self.forks.run(*scene.change.words, env=site.env)
                assert again.code == (0 if done.code else scene.change.again), again
                site.audit()
                assert records(site.url) == scene.after
        return failed


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks() as made:
        yield made


@pytest.fixture(scope="module")
def server(outer_environment) -> Iterator[OwnPostgresServer]:
    """One that may be stopped, and where roles may be made."""
    with OwnPostgresServer(outer_environment.get("EVERYSKILL_TEST_PG_BIN")) as server:
        with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
            for name, limit in (("reader", -1), ("nobody", -1), ("crowded", 0)):
                admin.execute(
                    f"CREATE ROLE {name} LOGIN PASSWORD '{SECRET}' CONNECTION LIMIT {limit}"
                )
        yield server


@pytest.fixture(scope="module")
def shared(server, tmp_path_factory, forks) -> Bench:
    """On PostgreSQL."""
    bench = Bench(Copies(server), tmp_path_factory.mktemp("shared"), forks)
    for url in [bench.base.url, *[scene.url for scene in bench.scenes.values()]]:
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    return bench


@pytest.fixture(scope="module")
def local(tmp_path_factory, forks) -> Bench:
    """On SQLite."""
    folder = tmp_path_factory.mktemp("local")
    return Bench(Files(folder), folder, forks)


@pytest.fixture(autouse=True)
def figures(request, count: Count) -> None:
    """Count how often a command was run at a database with a fault, or behind it."""
    for name in {"shared", "local"} & {*request.fixturenames}:
        request.getfixturevalue(name).count = count


# PostgreSQL


@contextmanager
def with_setting(setting: str, site: Site) -> Iterator[dict[str, str]]:
    yield setting_of(setting, site)


def setting_of(setting: str, site: Site) -> dict[str, str]:
    return {"EVERYSKILL_DATABASE_URL": f"{site.url}?options={quote(f'-c {setting}')}"}


@contextmanager
def with_role(role: str, site: Site) -> Iterator[dict[str, str]]:
    yield role_of(role, site)


def role_of(role: str, site: Site) -> dict[str, str]:
    return {"EVERYSKILL_DATABASE_URL": site.url.replace("postgres@", f"{role}:{SECRET}@")}


@contextmanager
def locked(setting: str, site: Site) -> Iterator[dict[str, str]]:
    """Somebody holds every table for himself."""
    with psycopg.connect(site.url) as other:
        other.execute("LOCK TABLE skills, users, ratings, usage_events IN ACCESS EXCLUSIVE MODE")
        yield setting_of(setting, site)


@contextmanager
def full(site: Site) -> Iterator[dict[str, str]]:
    """Every write says what a server with a full disk says; a real one is not to be had cheaply."""
    tables = ("users", "skills", "skill_versions", "version_events", "ratings", "usage_events")
    with psycopg.connect(site.url, autocommit=True) as admin:
        admin.execute(
            "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE"
            " SQLSTATE '53100' USING MESSAGE = 'could not extend file: No space left on device';"
            " END $$"
        )
        for table in tables:
            admin.execute(
                f"CREATE TRIGGER aaa BEFORE INSERT OR UPDATE OR DELETE ON {table}"
                " FOR EACH ROW EXECUTE FUNCTION no_room()"
            )
        try:
            yield {}
        finally:
            admin.execute("DROP FUNCTION no_room CASCADE")


def at(fault, setting):
    return lambda site: fault(setting, site)


@pytest.mark.long
@pytest.mark.parametrize("setting", ["lock_timeout=100", "statement_timeout=150"])
def test_somebody_holds_every_table_for_too_long(setting, shared):
    shared.write(at(locked, setting), 6)
    with locked(setting, shared.base) as env:
        for words in READING[:2]:
            assert shared.run(*words, env={**shared.base.env, **env}).code == 6
        assert shared.install({**shared.base.env, **env}) == 6
    shared.read(shared.base.env, 0)


def test_a_database_that_is_read_only(shared):
    setting = "default_transaction_read_only=on"
    shared.write(at(with_setting, setting), 9)
    shared.read({**shared.base.env, **setting_of(setting, shared.base)}, 0)


def test_a_role_that_may_only_read(shared):
    shared.write(at(with_role, "reader"), 9)
    shared.read({**shared.base.env, **role_of("reader", shared.base)}, 0)


def test_a_role_that_may_nothing(shared):
    shared.write(at(with_role, "nobody"), 9)
    shared.read({**shared.base.env, **role_of("nobody", shared.base)}, 9)


def test_too_many_connections(shared):
    shared.write(at(with_role, "crowded"), 6)
    shared.read({**shared.base.env, **role_of("crowded", shared.base)}, 6)


def test_no_room_on_the_servers_disk(shared):
    shared.write(full, 6)
    with full(shared.base) as env:  # its triggers are none of ours, and doctor says so
        shared.read({**shared.base.env, **env}, 0, doctor=8)


def test_a_server_that_is_stopped_and_started(server, shared):
    @contextmanager
    def stopped(site: Site) -> Iterator[dict[str, str]]:
        server.stop()
        try:
            yield {}
        finally:
            server.start()

    shared.write(stopped, 6, names=("rate", "promote"))
    with stopped(shared.base):
        shared.read(shared.base.env, 6)
    shared.read(shared.base.env, 0)


def test_a_server_that_hangs_up_at_once(shared):
    @contextmanager
    def deaf(site: Site) -> Iterator[dict[str, str]]:
        with CutProxy(site.url) as line:
            pass
        yield {"EVERYSKILL_DATABASE_URL": line.url}

    shared.write(deaf, 6)
    with deaf(shared.base) as env:
        shared.read({**shared.base.env, **env}, 6)


def test_a_server_that_says_nothing(shared):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        env = {**shared.base.env, "EVERYSKILL_DATABASE_URL": f"postgresql://u:{SECRET}@{place}/x"}
        env["PGCONNECT_TIMEOUT"] = "60"  # the URL's own is heard instead
        env["EVERYSKILL_DATABASE_URL"] += "?connect_timeout=2"
        since = time.monotonic()
        assert shared.run("show", "demo", env=env).code == 6
        assert time.monotonic() - since < 10


def cut_at_statements(shared: Bench, name: str, every: int) -> None:
    """Cut the connection before and behind statements; behind COMMIT the effect stands."""
    scene = shared.scenes[name]
    for cut in Cut:
        with scene.copied() as site, CutProxy(site.url) as line:
            env = {**site.env, "EVERYSKILL_DATABASE_URL": line.url}
            statements = statements_of(scene, shared)
            commit = len(statements) - 1 - statements[::-1].index("COMMIT")
            numbers = sorted({*range(0, commit, every), commit})
            for number in numbers:
                line.forget()
                line.order(cut, passing=number)
                done = shared.run(*scene.change.words, env=env)
                assert not line.pending
                stands = (cut, number) == (Cut.AFTER, commit)
                assert done.code in ((0, 6) if stands else (6,)), (statements[number], done)
                assert records(site.url) == (scene.after if stands else scene.before)
            again = shared.forks.run(*scene.change.words, env=site.env)
            assert again.code == (scene.change.again if stands else 0)
            site.audit()
            assert records(site.url) == scene.after


def statements_of(scene: Scene, shared: Bench) -> list[str]:
    with scene.copied() as site, CutProxy(site.url) as line:
        env = {**site.env, "EVERYSKILL_DATABASE_URL": line.url}
        assert shared.forks.run(*scene.change.words, env=env).code == 0
        return list(line.statements)


def cut_while_reading(shared: Bench, every: int) -> None:
    with CutProxy(shared.base.url) as line:
        env = {**shared.base.env, "EVERYSKILL_DATABASE_URL": line.url}
        for words in READING:
            line.forget()
            assert shared.forks.run(*words, env=env).code == 0
            for number in range(0, len(line.statements), every):
                for cut in Cut:
                    line.forget()
                    line.order(cut, passing=number)
                    assert (words, number, shared.run(*words, env=env).code) == (words, number, 6)
                    assert not line.pending
        line.forget()
        shared.read(env, 0)


@pytest.mark.parametrize("name", WRITING)
def test_the_connection_is_cut_under_a_change(name, shared):
    cut_at_statements(shared, name, 10)


def test_the_connection_is_cut_under_a_reading(shared):
    cut_while_reading(shared, 6)


@pytest.mark.long
@pytest.mark.parametrize("name", WRITING)
def test_the_connection_is_cut_at_each_statement_of_a_change(name, shared):
    cut_at_statements(shared, name, 1)


@pytest.mark.long
def test_the_connection_is_cut_at_each_statement_of_a_reading(shared):
    cut_while_reading(shared, 1)


# SQLite


def file_of(site: Site) -> Path:
    return Path(site.url.removeprefix("sqlite:///"))


@contextmanager
def no_more_pages(site: Site) -> Iterator[dict[str, str]]:
    """SQLite's own error of a full disk: it may not make the file one page longer."""
    with closing(sqlite3.connect(file_of(site))) as database:
        [pages] = database.execute("PRAGMA page_count").fetchone()
    yield {MAX_PAGES: str(pages)}


def test_no_room_for_another_page(local):
    large = 4
    assert local.write(no_more_pages, 6, may_do=True) >= large  # the others fit into what is there
    with no_more_pages(local.base) as env:
        local.read({**local.base.env, **env}, 0)


@contextmanager
def small_files(site: Site) -> Iterator[dict[str, str]]:
    """The log beside the file may not grow."""
    yield {MAX_BYTES: str(32 * 1024)}


def test_no_file_may_grow(local):
    assert local.write(small_files, 6, may_do=True) >= 3
    local.read(local.base.env, 0)


@contextmanager
def protected(path: Path, site: Site) -> Iterator[dict[str, str]]:
    mode = path.stat().st_mode
    path.chmod(mode & ~0o222)
    try:
        yield {NO_ROOT: "1"}
    finally:
        path.chmod(mode)


@contextmanager
def in_a_folder(site: Site) -> Iterator[Site]:
    """A registry that has its folder for itself."""
    folder = file_of(site).with_suffix(".d")
    folder.mkdir()
    shutil.copyfile(file_of(site), folder / "registry.db")
    yield replace(
        site, env={**site.env, "EVERYSKILL_DATABASE_URL": f"sqlite:///{folder}/registry.db"}
    )
    shutil.rmtree(folder)


@contextmanager
def read_only_file(site: Site) -> Iterator[dict[str, str]]:
    with protected(file_of(site), site) as env:
        yield env


@contextmanager
def read_only_folder(site: Site) -> Iterator[dict[str, str]]:
    with in_a_folder(site) as other, protected(file_of(other).parent, other) as env:
        yield {**other.env, **env}


@pytest.mark.parametrize("fault", [read_only_file, read_only_folder])
def test_a_file_or_folder_that_is_read_only(fault, local):
    local.write(fault, 9)
    with fault(local.base) as env:
        local.read({**local.base.env, **env}, 0)


@contextmanager
def held(statement: str, site: Site) -> Iterator[dict[str, str]]:
    """Another program keeps the file locked, longer than anybody waits."""
    with closing(sqlite3.connect(file_of(site), isolation_level=None)) as other:
        other.execute(
            "PRAGMA locking_mode = EXCLUSIVE" if statement == "everything" else "SELECT 1"
        )
        other.execute("BEGIN IMMEDIATE")
        other.execute("UPDATE users SET name = name")
        yield {"EVERYSKILL_DATABASE_URL": f"{site.url}?timeout=0"}


@pytest.mark.parametrize(("what", "reading"), [("writing", 0), ("everything", 6)])
def test_another_program_keeps_the_file_locked(what, reading, local):
    local.write(at(held, what), 6)
    with held(what, local.base) as env:
        local.read({**local.base.env, **env}, reading)


def test_another_program_keeps_the_file_locked_for_a_while(local):
    for name, scene in local.scenes.items():
        with scene.copied() as site, closing(sqlite3.connect(file_of(site))) as other:
            other.execute("BEGIN IMMEDIATE")
            waiting = local.forks.start(scene.change.words, env=site.env)
            time.sleep(0.3)
            assert not waiting.has_ended, name
            other.rollback()
            assert waiting.wait().code == 0
            local.count("database faults", runs=1)
            assert records(site.url) == scene.after
            site.audit()


def spoil(local: Bench, how: Callable[[Path], None], codes: set[int]) -> None:
    """Spoil a copy of the file; every verb says so, or has not met the spoilt part."""
    for words in (*READING, *[scene.change.words for scene in local.scenes.values()]):
        with local.scenes["rate remove"].copied() as site:
            how(file_of(site))
            done = local.run(*words, env=site.env)
            assert done.code in codes, (words, done)
    with local.scenes["rate remove"].copied() as site:
        how(file_of(site))
        assert local.run(*DOCTOR, env=site.env).code in {8, 0}
        assert local.install(site.env) in codes


def pages_of(local: Bench) -> int:
    return file_of(local.base).stat().st_size // 4096


def spoil_pages(local: Bench, numbers: Sequence[int], count: Count) -> None:
    chance = random.Random(3)
    for number in numbers:
        noise = chance.choice([bytes(4096), b"\xff" * 4096, chance.randbytes(4096)])

        def overwrite(file: Path, number: int = number, noise: bytes = noise) -> None:
            with file.open("r+b") as data:
                data.seek(number * 4096)
                data.write(noise)

        spoil(local, overwrite, {0, 4, 7})
    count("database faults", spoilt_pages=len(numbers))


def test_a_page_is_spoilt(local, count):
    spoil_pages(local, [0, *range(1, pages_of(local), 20)], count)


@pytest.mark.long
def test_each_page_is_spoilt(local, count):
    spoil_pages(local, range(pages_of(local)), count)


@pytest.mark.parametrize("left", [99, 4096, 4096 * 7 + 5, -4096])
def test_the_file_was_cut_off(left, local):
    spoil(local, lambda file: os.truncate(file, left % file.stat().st_size), {7})


@pytest.mark.parametrize("left", [0, 1])  # SQLite takes one byte for none
def test_nothing_is_left_of_the_file(left, local):
    """It is no registry, and the store knows that it was one's: nothing is published beside it."""
    publish = local.scenes["publish"].change.words
    for words, code in ((("show", "demo"), 4), (("rate", "demo", "5"), 4), (publish, 8)):
        with local.scenes["publish"].copied() as site:
            os.truncate(file_of(site), left)
            assert (words, local.run(*words, env=site.env).code) == (words, code)


@contextmanager
def killed(local: Bench, site: Site) -> Iterator[Path]:
    """A rater was killed right behind its commit: that stands in the log alone."""
    before = file_of(site).read_bytes()
    done = local.forks.run(*local.scenes["rate"].change.words, env=site.env, kill_after="COMMIT")
    assert done.code == -9
    assert file_of(site).read_bytes() == before
    yield Path(f"{file_of(site)}-wal")


def test_a_log_was_left_by_a_killed_process(local):
    scene = local.scenes["rate"]
    with scene.copied() as site, killed(local, site):
        with protected(file_of(site), site) as env:  # who may not write reads it all the same
            assert local.run("ratings", "demo", env={**site.env, **env}).stdout.count("\n") == 2
        assert records(site.url) == scene.after
        local.read(site.env, 0)


@pytest.mark.parametrize("cut", [1, 5000, "all", "noise"])
def test_the_log_of_a_killed_process_is_damaged(cut, local):
    """What was not written whole was never acknowledged: all of it is gone, and nothing else."""
    scene = local.scenes["rate"]
    with scene.copied() as site, killed(local, site) as log:
        if cut == "noise":
            log.write_bytes(random.Random(4).randbytes(log.stat().st_size))
        else:
            os.truncate(log, 0 if cut == "all" else log.stat().st_size - cut)
        for words in READING:
            assert local.run(*words, env=site.env).code == 0
        assert records(site.url) == scene.before
        site.audit()
        assert local.run(*scene.change.words, env=site.env).code == 0
        assert records(site.url) == scene.after


def write_a_diary(file: Path) -> None:
    file.write_text("Dear diary,\n" * 1000)


def test_the_file_is_no_database(local):
    spoil(local, write_a_diary, {7})


def test_the_file_is_another_programs(local):
    def other(file: Path) -> None:
        file.unlink()
        with closing(sqlite3.connect(file)) as database:
            database.executescript("CREATE TABLE bookmarks (url TEXT)")
        database.close()

    spoil(local, other, {8})

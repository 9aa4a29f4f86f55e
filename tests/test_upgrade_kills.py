"""An upgrade killed after any step: the old schema or the new one, every row, never between."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from everyskill_cli.database.engine import Database
from everyskill_cli.database.schema import HEAD, MIGRATIONS, revision, upgrade
from tests.effects import AUTHOR, lasts
from tests.figures import Count
from tests.forking import LATER_RELEASE, MAX_BYTES
from tests.forks import Forks
from tests.killing import LANES, Point, kill_at, spread, thinned
from tests.rows import add_rating, add_version
from tests.servers.postgres import PostgresServer
from tests.sites import Copies, Databases, Files
from tests.test_schema import description, migrations_until, released, with_next_migration

LATER = "a later release"
# What a later release might do; this one's own migrations are tried from every release before.
CHANGES = (
    "CREATE TABLE notes (id TEXT PRIMARY KEY, slug TEXT)",
    "INSERT INTO notes SELECT id, slug FROM skills",
    "ALTER TABLE users ADD COLUMN note TEXT",
    "UPDATE users SET note = email",
)
UPGRADE = ("upgrade", "--json")
RATE = ("rate", "demo", "4", "--json")  # on SQLite any writer upgrades first


class Schemas:
    """Databases: empty, or of an older release and with rows in them."""

    def __init__(self, databases: Databases, folder: Path) -> None:
        self._databases = databases
        self._folder = folder

    def old(self, start: str | None) -> str:
        """Make one as a release left it; None: nobody made a schema yet."""
        url = self._databases.new()
        if start is None:
            return url
        with Database(url) as database:
            upgrade(database, MIGRATIONS if start == HEAD else self._until(start))
            with database.writing() as tx:
                first = add_version(tx)
                add_version(tx)
            with database.writing() as tx:
                add_rating(tx, first, 5, "bob@example.org", hours=2)
        return url

    def _until(self, start: str) -> Path:
        folder = self._folder / start
        if not folder.exists():
            folder.mkdir()
            migrations_until(folder, start)
        return folder / "migrations"


@dataclass(frozen=True)
class Found:
    """What somebody finds in a database: revision, schema, and rows without ids and times."""

    revision: str | None
    schema: Mapping[str, object]
    rows: Mapping[str, list[str]]


def look(url: str) -> Found:
    with Database(url) as database:
        if not database.exists:  # looking would make the file
            return Found(None, {}, {})
        with database.reading() as tx:
            names = [n for n in inspect(tx).get_table_names() if n != "everyskill_revision"]
            rows = {
                name: sorted(
                    repr([value for column, value in row._mapping.items() if lasts(column)])
                    for row in tx.execute(text(f'SELECT * FROM "{name}"'))
                )
                for name in names
            }
            return Found(revision(tx), description(database), rows)


class Scene:
    """A database, and what a command makes of it when nobody kills it."""

    def __init__(
        self, words: tuple[str, ...], url: str, env: Mapping[str, str], databases: Databases
    ) -> None:
        self.words = words
        self._url = url
        self._env = {**env, **AUTHOR}
        self._databases = databases

    def finish(self, forks: Forks) -> list[str]:
        """Run it and note what it makes; gives its steps."""
        self.before = look(self._url)
        self.upgraded, _ = self._whole(UPGRADE, forks)
        self.after, steps = self._whole(self.words, forks)
        return steps

    def _whole(self, words: tuple[str, ...], forks: Forks) -> tuple[Found, list[str]]:
        with self.copied() as (url, env):
            done = forks.run(*words, env=env)
            assert done.code == 0, done
            return look(url), done.steps

    @contextmanager
    def copied(self) -> Iterator[tuple[str, Mapping[str, str]]]:
        """The same database once more, and the variables that lead to it."""
        url = self._databases.copy(self._url)
        yield url, {**self._env, "EVERYSKILL_DATABASE_URL": url}
        self._databases.drop(url)


class Lane:
    """Kills, one after the other."""

    def __init__(self, scene: Scene, forks: Forks) -> None:
        self._scene = scene
        self._forks = forks

    def kill(self, number: int, name: str) -> None:
        """Kill after one step, look, run it again, and look again."""
        scene = self._scene
        with scene.copied() as (url, env):
            killed = self._forks.run(*scene.words, env=env, kill_after=number)
            assert (killed.code, killed.steps[-1]) == (-9, name)
            stages = [scene.before, scene.upgraded, scene.after]
            assert look(url) == stages[killed.steps.count("COMMIT")]

            again = self._forks.run(*scene.words, env=env)
            assert again.code == 0, again
            if scene.words == UPGRADE:
                stands = "COMMIT" in killed.steps
                assert again.json["status"] == ("unchanged" if stands else "upgraded")
            assert look(url) == scene.after
            self._assert_backups(url)

    def _assert_backups(self, url: str) -> None:
        """Whatever is called a backup is one: every row as it was before."""
        file = Path(url.removeprefix("sqlite:///"))
        backups = list(file.parent.glob(f"{file.name}.*.backup"))
        assert bool(backups) == (file.exists() and self._scene.before.revision is not None)
        for backup in backups:
            with closing(sqlite3.connect(backup)) as copy:
                for name, rows in self._scene.before.rows.items():
                    [[found]] = copy.execute(f'SELECT count(*) FROM "{name}"').fetchall()
                    assert found == len(rows)
            backup.unlink()


@pytest.fixture(scope="module")
def forks() -> Iterator[list[Forks]]:
    with ExitStack() as stack:
        yield [stack.enter_context(Forks()) for _ in range(LANES)]


class EmptyCopies(Copies):
    """Databases of PostgreSQL; a new one is empty."""

    def __init__(self, server: PostgresServer) -> None:
        super().__init__(server)
        self._server = server

    def new(self) -> str:
        return self._server.create_database()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request, tmp_path) -> Databases:
    if request.param == "sqlite":
        return Files(tmp_path)
    return EmptyCopies(request.getfixturevalue("postgres_server"))


STARTS = [None, *released()[:-1], LATER]
every_start = pytest.mark.parametrize("start", STARTS, ids=[str(start) for start in STARTS])


@pytest.fixture
def scene(start, words, empty, tmp_path) -> Scene:
    env = {"EVERYSKILL_STORE_URL": f"file://{tmp_path}/store"}
    if start == LATER:
        body = "; ".join(f"op.execute({change!r})" for change in CHANGES)
        shutil.rmtree(tmp_path / "migrations", ignore_errors=True)
        env[LATER_RELEASE] = str(with_next_migration(tmp_path, body))
    url = Schemas(empty, tmp_path).old(HEAD if start == LATER else start)
    return Scene(words, url, env, empty)


def kill_in(scene: Scene, points: list[Point], forks: list[Forks], count: Count) -> None:
    kill_at(points, [Lane(scene, each) for each in forks])
    count("kill matrix", kills=len(points), reruns=len(points))


@pytest.mark.parametrize("words", [UPGRADE], ids=["upgrade"])
@every_start
def test_an_upgrade_killed_after_a_step(scene, start, forks, count):
    steps = scene.finish(forks[0])
    points = thinned(steps)
    assert {"start", "COMMIT", "answer"} <= {name for _, name in points}
    assert scene.before != scene.after
    kill_in(scene, spread(points)[::3], forks, count)


@pytest.mark.parametrize("words", [RATE], ids=["rate"])
@pytest.mark.parametrize("empty", ["sqlite"], indirect=True)
@pytest.mark.parametrize("start", STARTS[1:])
def test_a_writer_killed_while_it_upgrades_a_file(scene, start, forks, count):
    steps = scene.finish(forks[0])
    assert steps.count("COMMIT") == 2
    assert {"_copy_aside", "UPDATE users", "INSERT INTO ratings"} <= {*steps} or start != LATER
    kill_in(scene, spread(thinned(steps)), forks, count)


@pytest.mark.long
@pytest.mark.parametrize("words", [UPGRADE], ids=["upgrade"])
@every_start
def test_an_upgrade_killed_after_every_step(scene, start, forks, count):
    kill_in(scene, list(enumerate(scene.finish(forks[0]))), forks, count)


@pytest.mark.parametrize("words", [UPGRADE, RATE], ids=["upgrade", "rate"])
@pytest.mark.parametrize("empty", ["sqlite"], indirect=True)
@pytest.mark.parametrize("start", STARTS[1:])
def test_there_is_no_room_for_the_backup(scene, start, forks):
    """Nothing is upgraded, and nothing that is called a backup is less than one."""
    scene.finish(forks[0])
    with scene.copied() as (url, env):
        done = forks[0].run(*scene.words, env={**env, MAX_BYTES: "100000"})
        assert (done.code, bool(done.error["hint"])) == (6, True), done
        assert look(url) == scene.before
        file = Path(url.removeprefix("sqlite:///"))
        assert [path.name for path in file.parent.glob(f"{file.name}.*backup*")] == []
        assert forks[0].run(*scene.words, env=env).code == 0
        assert look(url) == scene.after

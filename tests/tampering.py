"""A registry with all that a registry holds, and ways to write into it behind its back."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

from everyskill_cli import chain
from everyskill_cli.cli.main import main
from everyskill_cli.database.engine import Database
from everyskill_cli.database.queries import pins
from everyskill_cli.database.tables import metadata
from tests.installing import make_project
from tests.registries import write_skill


class Scene:
    """A local registry of two skills, a project that has them installed, and what is to publish.

    Attributes:
        tree: a folder with the skills `demo` and `other`, both changed since they were published.
        skill: the first of them.
        project: where both are installed; the current folder.
        home: the registry; every column of its database takes anything once it is `loose`.
    """

    def __init__(self, folder: Path, *, fill: bool = True) -> None:
        self.tree = folder / "tree"
        self.skill = self.tree / "demo"
        self.project = make_project(folder / "project", ".claude")
        self.home = folder / "home"
        self._whole = folder / "whole.db"
        if fill:
            self._fill()
        os.chdir(self.project)

    @property
    def file(self) -> Path:
        """The database of the registry."""
        return self.home / "registry.db"

    def _fill(self) -> None:
        """Publish, yank, rate, use, draft and install; EVERYSKILL_HOME is ours already."""
        other = write_skill(self.tree, "other")
        for body, words in (
            ("One.", ["publish", self.skill, "--tag", "one", "--category", "text", "-m", "First."]),
            ("Two.", ["publish", self.skill]),
            ("Three.", ["publish", self.skill, "-m", "Third."]),
            ("Four.", ["yank", "demo@1", "--reason", "broken", "--successor", "2", "-y"]),
            ("Four.", ["publish", other]),
            ("Four.", ["rate", "demo@2", "5", "-c", "Good.", "--hours-saved", "3"]),
            ("Four.", ["rate", "other", "2"]),
            ("Four.", ["use", "demo", "--tool", "ci", "--external-id", "run-1"]),
        ):
            write_skill(self.tree, body=body, a_md=f"# {body}\n")
            quietly(*words)
        write_skill(self.tree, "other", body="New.")
        quietly("publish", other, "--draft")
        write_skill(self.tree, "other", body="Newer.")
        os.chdir(self.project)
        quietly("install", "demo", "other")

    def loosen(self) -> None:
        """Let the database take anything; `restore` gives it back as it is now."""
        loosen(self.file)
        self.keep()

    def keep(self) -> None:
        """Have `restore` give the database back as it is now."""
        shutil.copy(self.file, self._whole)

    def restore(self) -> Path:
        """Give the database back as it was, and its path."""
        for file in self.home.glob("registry.db*"):
            file.unlink()
        shutil.copy(self._whole, self.file)
        return self.file


def quietly(*words: str | Path) -> None:
    """Run a command that succeeds, and print nothing."""
    with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
        code = main([str(word) for word in words])
    assert code == 0, (words, out.getvalue(), err.getvalue())


def loosen(file: Path) -> None:
    """Take every trigger and every NOT NULL from a SQLite registry."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in triggers.fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_master SET sql = replace(sql, ' NOT NULL', '') WHERE type = 'table'"
        )
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def unchecked(file: Path) -> Iterator[sqlite3.Connection]:
    """Open a database to write into it whatever its checks say; the end closes it."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("PRAGMA synchronous = OFF")
        yield connection


def edit(
    connection: sqlite3.Connection, table: str, column: str, value: object, *, which: int = -1
) -> None:
    """Write a value into a column of one row, or of all for -1.

    What SQLite would not have by its very keys stays: a second row of that key.
    """
    found = [row for (row,) in connection.execute(f"SELECT rowid FROM {table}")]
    chosen = found if which < 0 else found[which % len(found) :][:1] if found else []
    with suppress(sqlite3.IntegrityError):
        for row in chosen:
            statement = f"UPDATE {table} SET {column} = ? WHERE rowid = ?"
            connection.execute(statement, (value, row))


def rehash(file: Path) -> None:
    """Recompute every hash of a registry, as somebody would who can write the file."""
    with Database(f"sqlite:///{file}") as database, database.reading() as tx:
        registry = tx.exec_driver_sql("SELECT id FROM registry").scalar_one()
        found = tx.exec_driver_sql(
            "SELECT slug, version FROM skill_versions v JOIN skills s ON s.id = v.skill_id"
        )
        wanted = [tuple(row) for row in found]
        known = pins.find(tx, wanted)
        events = list(
            tx.execute(
                metadata.tables["version_events"]
                .select()
                .order_by(metadata.tables["version_events"].c.seq)
            )
        )
    by_number = {(pin.version.skill_id, pin.version.version): pin for pin in known.values()}
    details, last = {}, {}
    with unchecked(file) as connection:
        for key, pin in by_number.items():
            version = pin.version
            details[key] = chain.details_hash(
                name=version.name,
                description=version.description,
                content_type=version.content_type,
                files=version.files,
                metadata=version.metadata,
                message=version.message,
            )
            connection.execute(
                "UPDATE skill_versions SET details_hash = ? WHERE id = ?",
                (details[key], version.id),
            )
        for event in events:
            key = (event.skill_id, event.version)
            version = by_number[key].version
            before = last.get(event.skill_id, chain.GENESIS)
            last[event.skill_id] = chain.event_hash(
                registry,
                by_number[key].slug,
                SimpleNamespace(**event._asdict() | {"prev_hash": before}),
                content=version.content_hash,
                size=version.size_bytes,
                details=details[key],
            )
            connection.execute(
                "UPDATE version_events SET prev_hash = ?, entry_hash = ? WHERE id = ?",
                (before, last[event.skill_id], event.id),
            )

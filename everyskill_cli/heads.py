"""What this machine has seen of registries: who was where, and the newest entry of each chain.

A registry whose owner takes the newest rows away, or rewrites a history and recomputes its hashes,
is consistent in itself; under another id it is even unknown. Whoever saw it before can tell. The
memory is a small SQLite file in the data directory, and may be deleted at any time. A tombstone is
remembered as the entry 0 of its slug.
"""

from __future__ import annotations

import json
import sqlite3
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from everyskill_cli.errors import EveryskillError, NotReady, Unavailable
from everyskill_cli.model.evidence import Entry

NAME: Final = "heads.db"
WAIT_SECONDS: Final = 1.0  # for another process that writes
_TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS heads (registry TEXT NOT NULL, slug TEXT NOT NULL,"
    " seq INTEGER NOT NULL, entry_hash TEXT NOT NULL, PRIMARY KEY (registry, slug)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS places (place TEXT NOT NULL PRIMARY KEY, registry TEXT NOT NULL)"
    " WITHOUT ROWID",
)
_NOTE: Final = (  # what stands for a tombstone stays: its slug is never free again
    "INSERT INTO heads VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
    " SET seq = excluded.seq, entry_hash = excluded.entry_hash WHERE excluded.seq > seq AND seq > 0"
)
_PLACE: Final = "INSERT INTO places VALUES (?, ?) ON CONFLICT DO NOTHING"  # until it is forgotten
_DAMAGED: Final = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
_LATER: Final = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
)
Change = tuple[str, Sequence[tuple[object, ...]]]  # a statement, and the rows that it is run with


class Heads:
    """What was seen.

    Every method raises Unavailable where the file is locked or its disk fails, from then on without
    waiting again, and NotReady where it may not be used or is no such file. One that is not there
    holds nothing.

    Args:
        folder: the data directory.
        place: a digest of where the registry is that is at work; nothing is remembered of "".
    """

    def __init__(self, folder: Path, place: str = "") -> None:
        self._path = folder / NAME
        self._place = _text(place)
        self._is_placed = not place  # so nothing has to be written for it
        self._failed: Unavailable | None = None

    def last(self) -> str | None:
        """Give the id of the registry that was seen at this place."""
        found = self._ask("SELECT registry FROM places WHERE place = ?", (self._place,))
        self._is_placed = self._is_placed or bool(found)
        return str(found[0][0]) if found else None

    def known(self, registry: str, slugs: Iterable[str]) -> dict[str, Entry]:
        """Give what was seen of some skills of a registry; what was not is absent."""
        return self._entries(
            "SELECT slug, seq, entry_hash FROM heads"
            " WHERE registry = ? AND slug IN (SELECT value FROM json_each(?))",
            (_text(registry), json.dumps(list(slugs))),
        )

    def pages(self, registry: str, size: int) -> Iterator[dict[str, Entry]]:
        """Yield all that was seen of a registry, so many skills at a time, in order."""
        last = ""
        while found := self._entries(
            "SELECT slug, seq, entry_hash FROM heads WHERE registry = ? AND slug > ?"
            " ORDER BY slug LIMIT ?",
            (_text(registry), last, size),
        ):
            yield found
            last = max(found)

    def note(self, registry: str, seen: Mapping[str, Entry]) -> None:
        """Remember entries, of each skill the newest; and the registry, where none was here yet."""
        if not seen and self._is_placed:
            return
        own = _text(registry)
        place = [] if self._is_placed else [(self._place, own)]
        self._write((_NOTE, [(own, slug, *entry) for slug, entry in seen.items()]), (_PLACE, place))
        self._is_placed = True

    def forget(self, registry: str, slugs: Iterable[str]) -> None:
        """Forget some skills of a registry; where none is named, all of them, and who was here."""
        named = [(_text(registry), slug) for slug in slugs]
        if not self._is_there():
            return
        if named:
            self._write(("DELETE FROM heads WHERE registry = ? AND slug = ?", named))
        else:
            self._write(("DELETE FROM heads WHERE registry = ?", [(_text(registry),)]))
            self.leave()

    def leave(self) -> None:
        """Forget who was here: another registry is, and that is right."""
        if self._is_there():
            self._write(("DELETE FROM places WHERE place = ?", [(self._place,)]))
        self._is_placed = not self._place

    def _is_there(self) -> bool:
        if self._failed is not None:
            raise self._failed
        try:
            mode = self._path.stat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise self._unusable("cannot be used", error.strerror) from error
        if not stat.S_ISREG(mode):  # opening a FIFO would hang
            raise self._unusable("cannot be used", "it is no file")
        return True

    def _entries(self, question: str, values: tuple[object, ...]) -> dict[str, Entry]:
        found = {slug: Entry(seq, digest) for slug, seq, digest in self._ask(question, values)}
        kinds = {(type(slug), *map(type, entry)) for slug, entry in found.items()}
        if kinds - {(str, int, str)}:
            raise self._unusable("cannot be read", "it holds what everyskill never wrote")
        return found

    def _ask(self, question: str, values: tuple[object, ...]) -> list[Any]:
        if not self._is_there():
            return []
        with self._said("cannot be read"):
            try:
                with closing(sqlite3.connect(self._path, timeout=WAIT_SECONDS)) as file:
                    return file.execute(question, values).fetchall()
            except sqlite3.OperationalError as error:
                if str(error).startswith("no such table"):  # one that was never finished
                    return []
                raise

    def _write(self, *changes: Change) -> None:
        """Write all or nothing; a file that is damaged is begun anew."""
        self._is_there()
        with self._said("cannot be written"):
            try:
                self._try(changes)
            except sqlite3.DatabaseError as error:
                if _code(error) not in _DAMAGED:
                    raise
                self._path.unlink()
                self._try(changes)

    def _try(self, changes: Sequence[Change]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self._path, timeout=WAIT_SECONDS)) as file, file:
            file.execute("PRAGMA synchronous = OFF")  # what a power cut takes is seen again
            for table in _TABLES:
                file.execute(table)
            for statement, rows in changes:
                file.executemany(statement, rows)

    @contextmanager
    def _said(self, what: str) -> Iterator[None]:
        """Say in our own words what the system or SQLite says."""
        try:
            yield
        except OSError as error:
            raise self._unusable(what, error.strerror) from error
        except sqlite3.Error as error:
            raise self._unusable(what, error, _code(error)) from error

    def _unusable(self, what: str, why: object, code: int = 0) -> EveryskillError:
        message = f"What this machine remembers, {self._path}, {what}: {why}."
        if code in _LATER:
            hint = "Look at its disk and at who holds it, or try again later."
            self._failed = Unavailable(message, hint)
            return self._failed
        if code in _DAMAGED:
            return NotReady(message, "The next command that sees something begins it anew.")
        hint = "Make it a file that you may read and write, or delete it: it is made again."
        return NotReady(message, hint)


def _code(error: sqlite3.Error) -> int:
    """Give SQLite's code without its details; 0 for an error of Python's own."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _text(value: str) -> str:
    """Write what need not be UTF-8 so that SQLite takes it."""
    return value.encode("utf-8", "backslashreplace").decode()

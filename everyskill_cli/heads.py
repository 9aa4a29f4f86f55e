"""What this machine has seen of registries: the newest entry of each skill's chain.

A registry whose owner takes the newest rows away, or rewrites a history and recomputes its hashes,
is consistent in itself. Whoever saw it before can tell. The memory is a small SQLite file in the
data directory; it may be deleted at any time, and what goes wrong with it stops nobody.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

from everyskill_cli.model.evidence import Entry

NAME: Final = "heads.db"
WAIT_SECONDS: Final = 1.0  # for another process that writes
_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS heads (registry TEXT NOT NULL, slug TEXT NOT NULL,"
    " seq INTEGER NOT NULL, entry_hash TEXT NOT NULL, PRIMARY KEY (registry, slug)) WITHOUT ROWID"
)
_NOTE: Final = (
    "INSERT INTO heads VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
    " SET seq = excluded.seq, entry_hash = excluded.entry_hash WHERE excluded.seq > seq"
)


class Heads:
    """The entries that were seen.

    Args:
        folder: the data directory.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME

    def known(self, registry: str, slugs: Iterable[str]) -> dict[str, Entry]:
        """Give what was seen of some skills of a registry; what was not is absent."""
        found = self._ask(
            "SELECT slug, seq, entry_hash FROM heads"
            " WHERE registry = ? AND slug IN (SELECT value FROM json_each(?))",
            (registry, json.dumps(list(slugs))),
        )
        return {slug: Entry(seq, digest) for slug, seq, digest in found}

    def pages(self, registry: str, size: int) -> Iterator[dict[str, Entry]]:
        """Yield all that was seen of a registry, so many skills at a time, in order."""
        last = ""
        while True:
            found = self._ask(
                "SELECT slug, seq, entry_hash FROM heads WHERE registry = ? AND slug > ?"
                " ORDER BY slug LIMIT ?",
                (registry, last, size),
            )
            if not found:
                return
            yield {slug: Entry(seq, digest) for slug, seq, digest in found}
            last = found[-1][0]

    def note(self, registry: str, seen: Mapping[str, Entry]) -> None:
        """Remember entries; of each skill the newest."""
        if seen:
            self._write(_NOTE, [(registry, slug, *entry) for slug, entry in seen.items()])

    def forget(self, registry: str, slugs: Iterable[str]) -> None:
        """Forget some skills of a registry, or all of them where none is named."""
        named = [(registry, slug) for slug in slugs]
        if not self._path.is_file():
            return
        if named:
            self._write("DELETE FROM heads WHERE registry = ? AND slug = ?", named)
        else:
            self._write("DELETE FROM heads WHERE registry = ?", [(registry,)])

    def _ask(self, question: str, values: tuple[object, ...]) -> list[Any]:
        if not self._path.is_file():
            return []
        try:
            with closing(sqlite3.connect(self._path, timeout=WAIT_SECONDS)) as file:
                return file.execute(question, values).fetchall()
        except (sqlite3.Error, OSError):
            return []

    def _write(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._path, timeout=WAIT_SECONDS)) as file, file:
                file.execute("PRAGMA synchronous = OFF")  # what a power cut takes is seen again
                file.execute(_TABLE)
                file.executemany(statement, rows)
        except (sqlite3.Error, OSError) as error:
            if getattr(error, "sqlite_errorname", "") in ("SQLITE_NOTADB", "SQLITE_CORRUPT"):
                with suppress(OSError):
                    self._path.unlink()

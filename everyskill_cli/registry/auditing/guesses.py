"""What a column must have held, by the other rows: to be tried where a digest does not come out."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Final, NamedTuple, get_args

from everyskill_cli.bundle import archive_size
from everyskill_cli.chain import event_hash, statement_hash
from everyskill_cli.model import EventKind
from everyskill_cli.model.evidence import StoredEvent, StoredVersion
from everyskill_cli.skill.content import ARCHIVE, SUFFIXES

NUMBERS_MAX: Final = 200  # version numbers that are tried in the place of one
_COVERED: Final = ("content_hash", "size_bytes", "details_hash")  # by every event about a version
Guess = tuple[str, dict[str, Any]]  # the column, and the values to try instead


class Fact(NamedTuple):
    """A version's row, and what came of recomputing it.

    Attributes:
        number: which version it is; its row may say otherwise.
        recomputed: the digest of its details; None where they were never hashed so.
        repaired: columns that were found to be edited; filled while its chain is walked.
    """

    number: int
    row: StoredVersion
    recomputed: str | None
    repaired: set[str]

    @classmethod
    def of(cls, row: StoredVersion) -> Fact:
        """Recompute a row's digest; details that are right are let go but for what is shown."""
        recomputed = hash_of(row.details)
        if row.details is not None and recomputed == row.details_hash:
            kept = {name: row.details[name] for name in ("name", "description")}
            sums = {"size": _size(row.details), "single": _single(row.details).get("sha256")}
            row = row._replace(details=kept | sums)
        return cls(row.version, row, recomputed, set())

    @property
    def is_right(self) -> bool:
        """Whether what it says of itself is what was published."""
        return self.recomputed == self.row.details_hash

    def wrong_details(self) -> tuple[str, ...]:
        """Name the column that was edited, where one can be told; nothing where all is right."""
        if self.is_right:
            return ()
        details = self.row.details
        if details is None:
            return ("files or metadata",)
        for column, value in _details_guesses(self.row, details):
            if hash_of(details | {column: value}) == self.row.details_hash:
                return (column,)
        return ("name, description, content_type, files, metadata or message",)


def hash_of(details: dict[str, Any] | None) -> str | None:
    """Hash what a version says of itself; None for what was never hashed."""
    try:
        return None if details is None else statement_hash(details)
    except (ValueError, RecursionError):
        return None


def hash_of_event(
    registry: str, slug: str, event: StoredEvent, fact: Fact, values: dict[str, Any]
) -> str:
    """Recompute an event's hash, with some values instead of the stored ones; or an empty text."""
    content, size, details = (values.get(name, getattr(fact.row, name)) for name in _COVERED)
    said = event._replace(**{name: values[name] for name in values.keys() - set(_COVERED)})
    try:
        return event_hash(registry, slug, said, content=content, size=size, details=details)
    except (AttributeError, TypeError, ValueError):  # a value of a type that was never hashed
        return ""


def event_guesses(
    fact: Fact | None, facts: Collection[int], before: Collection[str]
) -> Iterator[Guess]:
    """Give what an event may have said.

    Args:
        fact: the version that it is about; None where its row is missing.
        facts: the numbers of the skill's versions.
        before: the hashes that the event before it may have.
    """
    for digest in before:
        yield "prev_hash", {"prev_hash": digest}
    numbers = sorted(facts, key=str)[-NUMBERS_MAX:]
    for number in numbers:
        yield "version", {"version": number}
    for kind in get_args(EventKind):
        yield "kind", {"kind": kind}
    for column in ("published_version", "draft_version", "successor"):
        for value in (None, *numbers):
            yield column, {column: value}
    yield "reason", {"reason": None}
    if fact is not None:
        yield "created_at", {"created_at": fact.row.created_at}
        yield "actor_id", {"actor_id": fact.row.created_by}


def version_guesses(fact: Fact) -> Iterator[Guess]:
    """Give what the columns of a version may have said that its events' digests cover."""
    row = fact.row
    if fact.recomputed is not None:
        yield "details_hash", {"details_hash": fact.recomputed}
    yield "content_hash", {"content_hash": str(row.content_url)[-64:]}
    details = row.details or {}
    is_kept = "single" in details
    yield "size_bytes", {"size_bytes": details["size"] if is_kept else _size(details)}
    digest = details["single"] if is_kept else _single(details).get("sha256")
    yield "content_hash", {"content_hash": digest}


def _details_guesses(row: StoredVersion, details: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    metadata = details["metadata"]
    said = metadata.get("frontmatter") if isinstance(metadata, dict) else None
    for column in ("name", "description"):
        if isinstance(said, dict) and isinstance(said.get(column), str):
            yield column, said[column]
    for content_type in (ARCHIVE, *dict.fromkeys(SUFFIXES.values())):
        yield "content_type", content_type
    yield "message", None
    if file := _single(details):
        entry = {"sha256": row.content_hash, "size": row.size_bytes, "executable": False}
        yield "files", [file | entry]


def _single(details: dict[str, Any]) -> dict[str, Any]:
    """Give the manifest's entry of a skill of one file, whose bytes are the object's."""
    files = details.get("files")
    if not isinstance(files, list) or details.get("content_type") == ARCHIVE:
        return {}
    return files[0] if len(files) == 1 and isinstance(files[0], dict) else {}


def _size(details: dict[str, Any]) -> int | None:
    """Compute the size of the object from its manifest."""
    files, kind = details.get("files"), details.get("content_type")
    try:
        if kind == ARCHIVE:
            return archive_size((entry["path"], entry["size"]) for entry in files or ())
        return int(files[0]["size"]) if files else None
    except (LookupError, TypeError, ValueError, AttributeError):
        return None

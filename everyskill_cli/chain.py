"""The hashed statements, byte for byte (docs/format.md states them for other implementations).

A version's descriptive fields hash to ``details_hash``; every event hashes, with the one before
it, to ``entry_hash``. Both are part of the frozen format 1: a change needs a new format version.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from everyskill_cli.errors import IntegrityFailure
from everyskill_cli.model import FileEntry, JsonObject, Pin

if TYPE_CHECKING:
    from everyskill_cli.model import VersionEvent
    from everyskill_cli.model.evidence import StoredEvent, StoredTombstone

GENESIS: Final = "0" * 64  # prev_hash of a skill's first event
# What a version says of itself: the columns that ``details_hash`` covers.
DETAILS: Final = ("name", "description", "content_type", "files", "metadata", "message")


def canonical_json(value: Any) -> bytes:
    """Write a value as the one JSON text that is hashed: sorted keys, no spaces, UTF-8.

    Only strings, integers, booleans, null, lists and maps with string keys have one text on
    every database (JSONB rewrites floats); anything else is a ValueError.
    """
    _refuse_unstable(value)
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8")


def _refuse_unstable(value: Any) -> None:
    """Refuse what JSON or JSONB would not give back unchanged."""
    if isinstance(value, str):
        _refuse_unstable_text(value)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise ValueError("a key that is not a text cannot be stored")
            _refuse_unstable_text(key)
            _refuse_unstable(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _refuse_unstable(inner)
    elif value is not None:
        _refuse_unstable_number(value)


def _refuse_unstable_number(value: object) -> None:
    if not isinstance(value, int):
        raise ValueError(f"a value of type {type(value).__name__} cannot be stored")
    if abs(value) >= 2**63:
        raise ValueError("an integer outside 64 bits cannot be stored")


def _refuse_unstable_text(value: str) -> None:
    if "\0" in value:
        raise ValueError("text with a NUL character cannot be stored")
    if not value.isascii():
        value.encode("utf-8")  # a lone surrogate raises UnicodeEncodeError, a ValueError


def details_hash(
    *,
    name: str,
    description: str,
    content_type: str,
    files: Iterable[FileEntry],
    metadata: JsonObject,
    message: str | None,
) -> str:
    """Hash what a version says of itself: SHA-256 of the canonical JSON of these six fields."""
    statement = {
        "name": name,
        "description": description,
        "content_type": content_type,
        "files": [entry.to_json() for entry in files],
        "metadata": metadata,
        "message": message,
    }
    return statement_hash(statement)


def statement_hash(details: JsonObject) -> str:
    """Hash the six fields as they are stored; ValueError for what was never hashed."""
    return hashlib.sha256(canonical_json(details)).hexdigest()


def timestamp(moment: datetime) -> str:
    """Write a moment as it is stored and hashed: ``YYYY-MM-DDTHH:MM:SS.mmmZ``, UTC, truncated."""
    if moment.tzinfo is None:
        raise ValueError("a time without a time zone has no one moment")
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"


def event_statement(
    *,
    registry: str,
    skill: str,
    event: str,
    seq: int,
    kind: str,
    version: int,
    content: str,
    size: int,
    details: str,
    published: int | None,
    draft: int | None,
    reason: str | None,
    successor: int | None,
    actor: str,
    created_at: datetime | str,
    prev: str,
) -> bytes:
    """Write one event as the lines that are hashed: ``key:value`` each, ``-`` where absent.

    Free text (the reason) enters only as its own SHA-256, so no value can hold a line break.
    A time that was read as text is taken as it is.
    """
    lines: tuple[tuple[str, object], ...] = (
        ("everyskill-event", 1),
        ("registry", registry),
        ("skill", skill),
        ("event", event),
        ("seq", seq),
        ("kind", kind),
        ("version", version),
        ("content", content),
        ("size", size),
        ("details", details),
        ("published", published),
        ("draft", draft),
        ("reason", None if reason is None else hashlib.sha256(reason.encode()).hexdigest()),
        ("successor", successor),
        ("actor", actor),
        ("created_at", created_at if isinstance(created_at, str) else timestamp(created_at)),
        ("prev", prev),
    )
    text = "".join(f"{key}:{'-' if value is None else value}\n" for key, value in lines)
    return text.encode("utf-8")


def entry_hash(statement: bytes) -> str:
    """Hash one event's statement."""
    return hashlib.sha256(statement).hexdigest()


def event_hash(
    registry: str,
    skill: str,
    event: VersionEvent | StoredEvent,
    *,
    content: str,
    size: int,
    details: str,
) -> str:
    """Hash an event as it stands; its own ``entry_hash`` is not looked at.

    Args:
        registry: its id.
        skill: the slug.
        event: a record, or a row that nobody believes.
        content: of its version, as are the size in bytes and the hash of the details.
        size: see ``content``.
        details: see ``content``.

    Raises:
        ValueError, TypeError, AttributeError: it holds a value that was never hashed.
    """
    statement = event_statement(
        registry=registry,
        skill=skill,
        event=event.id,
        seq=event.seq,
        kind=event.kind,
        version=event.version,
        content=content,
        size=size,
        details=details,
        published=event.published_version,
        draft=event.draft_version,
        reason=event.reason,
        successor=event.successor,
        actor=event.actor_id,
        created_at=event.created_at,
        prev=event.prev_hash,
    )
    return entry_hash(statement)


def tombstone_hash(tombstone: StoredTombstone) -> str:
    """Hash a tombstone as events are hashed; what stands in it may be anything."""
    said = tombstone._asdict()
    reason = str(said["reason"]).encode(errors="surrogateescape")
    said["reason"] = hashlib.sha256(reason).hexdigest()
    text = "".join(f"{key}:{value}\n" for key, value in {"everyskill-tombstone": 1, **said}.items())
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def verify(registry: str, pin: Pin) -> None:
    """Recompute a version's digests from what is said of it.

    Raises:
        IntegrityFailure: one of them is not what its row, or the event of its birth, says.
    """
    version, birth = pin.version, pin.birth
    try:
        details, entry = _digests(registry, pin)
    except (ValueError, TypeError, AttributeError):  # a value that was never hashed
        details = entry = ""
    same = (details, entry) == (version.details_hash, birth.entry_hash)
    if not same or birth.version != version.version:
        raise IntegrityFailure(
            f"What the registry says of {pin.slug}@{version.version} is not what was published.",
            "Somebody changed its records: trust none of them, and compare with a backup.",
        )


def _digests(registry: str, pin: Pin) -> tuple[str, str]:
    """Recompute the digest of what a version says of itself, and that of its birth."""
    version, birth = pin.version, pin.birth
    details = details_hash(
        name=version.name,
        description=version.description,
        content_type=version.content_type,
        files=version.files,
        metadata=version.metadata,
        message=version.message,
    )
    entry = event_hash(
        registry,
        pin.slug,
        birth,
        content=version.content_hash,
        size=version.size_bytes,
        details=details,
    )
    return details, entry

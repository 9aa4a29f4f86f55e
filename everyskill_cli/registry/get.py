"""Get a file of a version, verified, in parts that fit into an answer."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from typing import Final

from everyskill_cli.chain import verify
from everyskill_cli.database.queries import pins, versions
from everyskill_cli.errors import NotFound, UsageError
from everyskill_cli.model import FileEntry, Finding, GetAnswer, Pin, Reference, VersionSummary
from everyskill_cli.registry import Registry
from everyskill_cli.registry.comparing.contents import StoredFiles, read_files
from everyskill_cli.registry.lookup import find_skill, find_version, number_to_use, purged
from everyskill_cli.registry.memory import meet

PART_MAX: Final = 256 * 1024  # bytes of a file in one answer
PART: Final = 24 * 1024  # with the list, less than what clients cut off (50,000 characters)
FILES_SHOWN: Final = 50  # of the list that comes with the main file
MAIN_FILE: Final = "SKILL.md"


@dataclass(frozen=True, slots=True)
class Held:
    """A version whose records were compared with the hash of its birth, and how it stands."""

    pin: Pin
    summary: VersionSummary
    warnings: tuple[Finding, ...]


def hold(registry: Registry, reference: Reference) -> Held:
    """Find the version that somebody wants to read: without a number the published one.

    Raises:
        NotFound: no such skill or version, none is published, or its bytes were purged.
        IntegrityFailure: its records are not what was published.
    """
    with registry.database.reading() as tx:
        found = find_skill(tx, reference.slug)
        meet(registry, tx, found)
        number = number_to_use(tx, found, reference)
        version = find_version(tx, found, number, whole=False)
        summary = versions.summary(tx, version, found.pointers)
        if summary.purged_at is not None:
            raise purged(tx, reference.slug, version)
        place = (reference.slug, number)
        pin = pins.find(tx, [place]).get(place)
        own = versions.registry_id(tx)
    if pin is None:
        raise NotFound(
            f"{reference.slug}@{number} was deleted just now.", "See what there is: everyskill list"
        )
    verify(own or "", pin)
    return Held(pin, summary, (*_yanked(pin), *registry.notices))


def main_file(pin: Pin) -> FileEntry:
    """Give the file to read first: SKILL.md, or the only one."""
    files = pin.version.files
    return next((entry for entry in files if entry.path == MAIN_FILE), files[0])


def read_file(registry: Registry, pin: Pin, entry: FileEntry) -> bytes:
    """Read one file of a version, compared with its digest.

    Raises:
        IntegrityFailure: the stored bytes are not the ones that were published, or are gone.
    """
    [files] = read_files((StoredFiles(registry, pin.version), [entry]))
    return files[entry.path]


def get(
    registry: Registry,
    reference: Reference,
    path: str | None = None,
    offset: int = 0,
    limit: int = PART,
) -> GetAnswer:
    """Read a file, or a part of it.

    Args:
        registry: where.
        reference: which version.
        path: which of its files; None for the main one, and a list of the first ones.
        offset: where in the file to begin, bytes.
        limit: bytes at most; a part of a text ends with a whole character, and has one at least.

    Raises:
        NotFound: no such skill, version or file.
        UsageError: the file does not reach as far, or a character does not begin there.
        IntegrityFailure: the stored bytes are not the ones that were published.
    """
    held = hold(registry, reference)
    pin = held.pin
    entry = main_file(pin) if path is None else find_file(pin, path)
    data = read_file(registry, pin, entry)
    text, base64, end = _part(data, entry.path, offset, limit)
    return GetAnswer(
        slug=pin.slug,
        version=pin.version.version,
        status=held.summary.status,
        content_hash=pin.version.content_hash,
        name=pin.version.name,
        description=pin.version.description,
        files=pin.version.files[:FILES_SHOWN] if path is None else (),
        file_count=len(pin.version.files),
        file=entry,
        text=text,
        base64=base64,
        offset=offset,
        next=end if end < len(data) else None,
        warnings=held.warnings,
    )


def find_file(pin: Pin, path: str) -> FileEntry:
    """Find a file in a version's manifest, or NotFound."""
    for entry in pin.version.files:
        if entry.path == path:
            return entry
    this = f"{pin.slug}@{pin.version.version}"
    raise NotFound(
        f"There is no file {path!a} in {this}.", f"See its files: everyskill show {this} --files"
    )


def _part(data: bytes, path: str, offset: int, limit: int) -> tuple[str | None, str | None, int]:
    """Give a part as text or as base64, and where it ends."""
    if offset > len(data):
        raise UsageError(
            f"{path} has {len(data):,} bytes, and nothing at {offset:,}.",
            "Begin at 0, or where the part before said 'next'.",
        )
    try:
        data.decode()
    except UnicodeDecodeError:
        part = data[offset : offset + limit]
        return None, b64encode(part).decode("ascii"), offset + len(part)
    if _is_inside(data, offset):
        raise UsageError(
            f"No character of {path} begins at byte {offset:,}.",
            "Begin at 0, or where the part before said 'next'.",
        )
    end = min(offset + limit, len(data))
    while _is_inside(data, end):
        end -= 1
    if end == offset < len(data):  # the limit is less than one character
        end = next(e for e in range(offset + 1, len(data) + 1) if not _is_inside(data, e))
    return data[offset:end].decode(), None, end


def _is_inside(data: bytes, place: int) -> bool:
    """Tell whether a place in UTF-8 is inside of a character."""
    return place < len(data) and data[place] & 0xC0 == 0x80


def _yanked(pin: Pin) -> tuple[Finding, ...]:
    if pin.yanked_at is None:
        return ()
    why = f": {pin.yank_reason.rstrip('.')}" if pin.yank_reason else ""
    use = f" Use {pin.slug}@{pin.successor} instead." if pin.successor else ""
    message = f"{pin.slug}@{pin.version.version} was yanked{why}.{use}"
    return (Finding("yanked", message),)

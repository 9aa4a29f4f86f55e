"""The newest entry of every chain in a file, to be kept where the registry's owners cannot write.

A chain shows every change that was not recomputed. Who owns the database can recompute it, or take
its newest rows away; then it does not hold any more what such a file says that it held.

The file is text: a line ``everyskill-checkpoint:1 REGISTRY CREATED_AT``; for every skill, in the
order of the slugs, ``SLUG LATEST_VERSION SEQ ENTRY_HASH``; and as its last line ``sha256 HEX``, the
digest of all bytes before that.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from everyskill_cli.errors import Forbidden, IntegrityFailure, NotReady, Unavailable, UsageError
from everyskill_cli.model.evidence import Entry

FORMAT: Final = 1
HEAD: Final = re.compile(r"everyskill-checkpoint:(\d{1,9}) (\S+) \S+")
LINE: Final = re.compile(r"([a-z0-9-]{1,64}) \d{1,9} (\d{1,9}) ([0-9a-f]{64})")
LINE_MAX: Final = 400  # characters


def require_place(path: Path) -> None:
    """Refuse a place where no file can be written, before anybody has waited for what is in it.

    Raises:
        UsageError: something else than a file is there, or it is in no folder.
        Forbidden: its folder is not to be written to.
    """
    is_other = path.is_symlink() or (path.exists() and not path.is_file())
    if is_other or not path.name or not path.parent.is_dir():
        raise UsageError(f"No file can be written to {path}.", "Name a file in a folder.")
    if not os.access(path.parent, os.W_OK):
        raise Forbidden(f"The folder of {path} is not to be written to.", "Name another file.")


def write_checkpoint(
    path: Path, registry: str, created_at: str, heads: Iterable[tuple[str, int, Entry]]
) -> None:
    """Write a checkpoint, whole or not at all.

    Args:
        path: of the file; one that is there is replaced.
        registry: its id.
        created_at: the database's time, as it is stored.
        heads: slug, latest version and newest entry of every skill, in the order of the slugs.

    Raises:
        Unavailable, Forbidden: the file cannot be written.
    """
    aside = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    digest = hashlib.sha256()
    with _said(path):
        try:
            with aside.open("xb") as file:
                for line in _lines(registry, created_at, heads):
                    digest.update(line)
                    file.write(line)
                file.write(f"sha256 {digest.hexdigest()}\n".encode())
                file.flush()
                os.fsync(file.fileno())
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)


def _lines(
    registry: str, created_at: str, heads: Iterable[tuple[str, int, Entry]]
) -> Iterator[bytes]:
    yield f"everyskill-checkpoint:{FORMAT} {registry} {created_at}\n".encode()
    for slug, latest, entry in heads:
        yield f"{slug} {latest} {entry.seq} {entry.entry_hash}\n".encode()


def read_checkpoint(path: Path, registry: str | None) -> Iterator[tuple[str, Entry]]:
    """Yield what a checkpoint says: each skill's slug and entry; its digest is checked at the end.

    Args:
        path: of the file.
        registry: the id of the one that it is to be of.

    Raises:
        UsageError: it is no checkpoint.
        NotReady: it is of another registry, or of a newer format.
        IntegrityFailure: it was changed, or ends too early.
    """
    digest = hashlib.sha256()
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} is no file.", "Check the path.")
    with _said(path), path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(LINE_MAX), b"")):
            text = line.decode("ascii", errors="replace").removesuffix("\n")
            if number == 0:
                _require_own(path, HEAD.fullmatch(text), registry)
            elif text == f"sha256 {digest.hexdigest()}" and not file.read(1):
                return
            elif (found := LINE.fullmatch(text)) is None:
                raise _changed(path)
            else:
                yield found[1], Entry(int(found[2]), found[3])
            digest.update(line)
    raise _changed(path)


def _require_own(path: Path, head: re.Match[str] | None, registry: str | None) -> None:
    if head is None:
        raise UsageError(
            f"{path} is no checkpoint.", "Make one: everyskill verify --checkpoint FILE"
        )
    if int(head[1]) != FORMAT:
        raise NotReady(
            f"{path} has format {head[1]}; this program knows {FORMAT}.",
            "Install a newer everyskill.",
        )
    if head[2] != registry:
        raise NotReady(
            f"{path} is of the registry {head[2]}, and this is {registry or 'an empty one'}.",
            "Give the checkpoint of this registry, or check EVERYSKILL_DATABASE_URL.",
        )


def _changed(path: Path) -> IntegrityFailure:
    return IntegrityFailure(
        f"The checkpoint {path} was changed, or is not whole: its digest does not come out.",
        "Take another copy of it, from a place that nobody but you can write to.",
    )


@contextmanager
def _said(path: Path) -> Iterator[None]:
    """Say in our own words what the system says about the file."""
    try:
        yield
    except FileNotFoundError as error:
        raise UsageError(f"{path} does not exist.", "Check the path.") from error
    except (IsADirectoryError, NotADirectoryError) as error:
        raise UsageError(f"{path} is no file.", "Check the path.") from error
    except OSError as error:
        kind = Forbidden if isinstance(error, PermissionError) else Unavailable
        raise kind(
            f"The checkpoint {path} cannot be used: {error.strerror}.", "Name another file."
        ) from error

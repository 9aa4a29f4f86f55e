"""A SQLite registry's file as it lies on the disk, before SQLite opens it."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

from everyskill_cli.errors import Forbidden, NotReady


def target_of(path: Path) -> str:
    """The file as SQLite's URI; read-only where it cannot be written.

    WAL needs to write beside the file even to read it. Where that is impossible and no log stands
    beside it, the file cannot change under us, and ``immutable`` reads it as it is.
    """
    uri = "file:" + quote(os.fsencode(path.absolute()))
    if not is_read_only(path):
        return uri
    log = path.with_name(path.name + "-wal")
    return f"{uri}?mode=ro" if log.exists() else f"{uri}?mode=ro&immutable=1"


def is_read_only(path: Path) -> bool:
    """Tell whether this process may read a file that is there, and not write it."""
    if look(path) is None:
        return False
    return not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))


def look(path: Path) -> os.stat_result | None:
    """Look at a file that may be absent."""
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        kind = Forbidden if isinstance(error, PermissionError) else NotReady
        raise kind(
            f"The database's file {path} cannot be looked at: {error.strerror}.",
            "Check that you may enter its folder, or set EVERYSKILL_DATABASE_URL.",
        ) from error

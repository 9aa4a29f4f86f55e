"""A local folder as a store: the default, and what a team may share on a disk of its own.

Every name below the root is opened from its parent's descriptor without following links, so
nothing outside of the root is ever read or written. The root itself may be a link.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import unquote_to_bytes

from everyskill_cli.errors import (
    EveryskillError,
    Forbidden,
    IntegrityFailure,
    NotReady,
    Unavailable,
)
from everyskill_cli.stores.aside import ROOT, make, store, sync, sync_path, try_link
from everyskill_cli.stores.base import OBJECT_MAX, ObjectInfo, Store
from everyskill_cli.stores.keys import PROBE, STAGING
from everyskill_cli.stores.probe import check_of

if TYPE_CHECKING:
    from everyskill_cli.model import Check

_SHARD: Final = re.compile("[0-9a-f]{2}")

_FOLDER: Final = ROOT | os.O_NOFOLLOW
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a FIFO must not hang

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_REFUSED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_NO_FOLDER: Final = frozenset({errno.ENOTDIR, errno.EEXIST, errno.ELOOP, errno.ENAMETOOLONG})
_DETOUR: Final = frozenset({errno.ELOOP, errno.EMLINK, errno.ENOTDIR, errno.ENXIO})


class FolderStore(Store):
    """Objects as files below one folder, which the first write makes."""

    def __init__(self, root: Path) -> None:
        super().__init__(root.as_uri())
        self._root = root

    @classmethod
    def open(cls, rest: str) -> Self:
        """Open the store of a ``file://`` URL, given what follows ``file://``."""
        host, _, path = rest.partition("/")
        root = os.fsdecode(unquote_to_bytes(os.fsencode(path))).strip("/")
        if host not in ("", "localhost") or not root or "\0" in root:
            raise NotReady(
                f"file://{rest} names no folder of this machine.",
                "Write it with three slashes and the whole path: file:///home/me/skills.",
            )
        return cls(Path("/", root))

    def location(self, key: str) -> str:
        """Give the path of an object's file."""
        return str(self._root / key)

    def _put(self, key: str, data: bytes, content_type: str, *, overwrite: bool) -> None:
        del content_type  # the version's row holds it; a file has none
        with self._border(), self._folder(key, create=True) as (folder, name):
            if overwrite or _info(name, folder) is None:
                store(data, name, folder, overwrite=overwrite)
            sync(folder)  # also for a file that another process gave its name just now

    def _get(self, key: str, limit: int) -> bytes | None:
        return self._get_part(key, 0, limit)

    def _get_part(self, key: str, start: int, size: int) -> bytes | None:
        with self._border(), suppress(FileNotFoundError), self._folder(key) as (folder, name):
            with _no_detours(self.location(key)):
                descriptor = os.open(name, _READ, dir_fd=folder)
            try:
                found = os.fstat(descriptor)
                if not stat.S_ISREG(found.st_mode):
                    raise _strange(self.location(key))
                with os.fdopen(descriptor, "rb", closefd=False) as file:
                    file.seek(start)
                    return file.read(max(0, min(size, found.st_size - start)))
            finally:
                os.close(descriptor)
        return None

    def _head(self, key: str) -> int | None:
        with self._border(), suppress(FileNotFoundError), self._folder(key) as (folder, name):
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if not stat.S_ISREG(found.st_mode):
                raise _strange(self.location(key))
            return found.st_size
        return None

    def _list(self, prefix: str) -> Iterator[ObjectInfo]:
        for folder in self._shards():
            if folder.startswith(prefix) or prefix.startswith(folder):
                yield from self._objects(folder, prefix)

    def _leftovers(self) -> Iterator[ObjectInfo]:
        for beginning in (STAGING, PROBE):
            yield from self._objects("", beginning)
        for folder in self._shards():
            yield from self._objects(folder, folder + STAGING)

    def _shards(self) -> list[str]:
        with self._border(), suppress(FileNotFoundError), self._folder("sha256/") as (inside, _):
            return [f"sha256/{name}/" for name in _names(inside) if _SHARD.fullmatch(name)]
        return []

    def _objects(self, folder: str, prefix: str) -> list[ObjectInfo]:
        with self._border(), suppress(FileNotFoundError), self._folder(folder) as (inside, _):
            keys = (folder + name for name in _names(inside))
            seen = (_info(key, inside) for key in keys if key.startswith(prefix))
            return [info for info in seen if info is not None]
        return []

    def _delete(self, key: str) -> None:
        with self._border(), suppress(FileNotFoundError), self._folder(key) as (folder, name):
            os.unlink(name, dir_fd=folder)
            sync(folder)

    def _probe_absent(self) -> Check | None:
        with self._border(), suppress(FileNotFoundError), self._folder(""):
            return None
        with self._border():
            parent = next(folder for folder in self._root.parents if folder.exists())
        effective = os.access in os.supports_effective_ids
        if os.access(parent, os.W_OK | os.X_OK, effective_ids=effective) and parent.is_dir():
            return check_of("store", "ok", f"{self._root} is made by the first publish")
        found = f"{self._root} does not exist and cannot be made in {parent}"
        return check_of("store", "failed", found, "Set EVERYSKILL_STORE_URL to a folder of yours.")

    def _probe_more(self, key: str) -> Iterator[Check]:
        with self._border(), self._folder(key) as (folder, name):
            disk = os.fstatvfs(folder)
            linked = try_link(name, name + "-link", folder)
        if not linked:
            yield check_of(
                "store-links",
                "warning",
                "has no hard links: two registries might claim this store at the same time",
                "Use a file system with hard links, as ext4, XFS and APFS have.",
            )
        free = disk.f_bavail * disk.f_frsize
        found = f"{free // 2**20:,} MiB free"
        fix = "Make room on that disk." if free < OBJECT_MAX else ""
        yield check_of("store-space", "warning" if fix else "ok", found, fix)

    @contextmanager
    def _folder(self, key: str, *, create: bool = False) -> Iterator[tuple[int, str]]:
        """Open the folder that holds a key, and give its descriptor and the name within."""
        *parents, name = key.split("/")
        folder = self._open_root(create=create)
        try:
            for count, part in enumerate(parents, 1):
                if create:
                    make(part, folder)
                with _no_detours(self.location("/".join(parents[:count]))):
                    inner = os.open(part, _FOLDER, dir_fd=folder)
                os.close(folder)
                folder = inner
            yield folder, name
        finally:
            os.close(folder)

    def _open_root(self, *, create: bool) -> int:
        if create and not self._root.is_dir():
            for folder in reversed((self._root, *self._root.parents)):
                if not folder.is_dir():
                    folder.mkdir(exist_ok=True)
                    sync_path(folder.parent)
        return os.open(self._root, ROOT)

    @contextmanager
    def _border(self) -> Iterator[None]:
        """Turn what the operating system says into our errors."""
        try:
            yield
        except OSError as error:
            raise self._fault(error) from error

    def _fault(self, error: OSError) -> EveryskillError:
        why = f"The store {self._root} cannot be used: {os.strerror(error.errno or errno.EIO)}."
        if error.errno in _NO_ROOM:
            return Unavailable(why, "Make room on that disk, then run the same command again.")
        if error.errno in _REFUSED:
            return Forbidden(why, "Ask its owner for access, or set EVERYSKILL_STORE_URL.")
        if error.errno in _NO_FOLDER:
            return NotReady(why, "Set EVERYSKILL_STORE_URL to a folder, or to a new name for one.")
        return Unavailable(why, "Run the same command again; `everyskill doctor` looks closer.")


def _strange(place: str) -> IntegrityFailure:
    return IntegrityFailure(
        f"{place} is a link or something else that everyskill never puts there; it was not opened.",
        "Find out who put it there, and remove it.",
    )


@contextmanager
def _no_detours(place: str) -> Iterator[None]:
    """Report a link, or a file in place of a folder, where a store has none of its own."""
    try:
        yield
    except OSError as error:
        if error.errno in _DETOUR:
            raise _strange(place) from error
        raise


def _names(folder: int) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries)


def _info(key: str, folder: int) -> ObjectInfo | None:
    """Look at one file of a folder; None for what is no file, or is gone by now."""
    with suppress(FileNotFoundError):
        seen = os.stat(key.rpartition("/")[2], dir_fd=folder, follow_symlinks=False)
        if stat.S_ISREG(seen.st_mode):
            return ObjectInfo(key, seen.st_size, datetime.fromtimestamp(seen.st_mtime, UTC))
    return None

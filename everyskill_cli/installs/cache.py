"""What was fetched before: objects by their digest, and versions by the hash of their birth.

Everything in it is verified again whenever it is read, so it may lie anywhere, and be deleted at
any time. It serves an install from a lock file when no registry can be reached.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from everyskill_cli.chain import timestamp, verify
from everyskill_cli.errors import EveryskillError, IntegrityFailure
from everyskill_cli.model import FileEntry, Pin, SkillVersion, VersionEvent
from everyskill_cli.settings import Settings, cache_folder
from everyskill_cli.skill.files import read_file
from everyskill_cli.stores import Store, open_store


class Cache:
    """A folder of objects and versions. What goes wrong in it never stops anybody.

    Args:
        folder: made by the first write.
        writes: whether anything may be added.

    Attributes:
        writes: the same.
    """

    def __init__(self, folder: Path, *, writes: bool) -> None:
        self._folder = folder
        self.writes = writes
        self._objects: Store = open_store(folder.as_uri())

    @classmethod
    def of(cls, settings: Settings, *, writes: bool = True) -> Cache:
        """Open the user's cache."""
        return cls(cache_folder(settings), writes=writes)

    def get(self, key: str) -> bytes | None:
        """Give an object whose digest is its key's; None where there is none."""
        try:
            return self._objects.get(key)
        except IntegrityFailure:
            self.drop(key)
        except EveryskillError:
            pass
        return None

    def add(self, key: str, data: bytes, content_type: str) -> None:
        """Keep an object."""
        if self.writes:
            with suppress(EveryskillError):
                self._objects.put(key, data, content_type)

    def pin(self, registry: str, birth_hash: str) -> Pin | None:
        """Give the version that was born with an event of this hash; None where it is not known."""
        data = self._read(birth_hash)
        if data is None:
            return None
        try:
            pin = _from_json(json.loads(data))
            verify(registry, pin)
        except (
            IntegrityFailure,
            ValueError,
            ArithmeticError,
            LookupError,
            TypeError,
            AttributeError,
            RecursionError,
        ):
            return None  # somebody wrote another thing into it
        return pin if pin.birth.entry_hash == birth_hash else None

    def add_pin(self, pin: Pin) -> None:
        """Keep what a version is."""
        path, data = self._pin_path(pin.birth.entry_hash), json.dumps(_as_json(pin)).encode()
        if not self.writes or self._read(pin.birth.entry_hash) == data:
            return
        aside = path.with_name(f".{os.urandom(8).hex()}")
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            aside.write_bytes(data)
            aside.replace(path)

    def _read(self, birth_hash: str) -> bytes | None:
        path = str(self._pin_path(birth_hash))
        try:
            return read_file(path, path, None).data
        except EveryskillError:  # there is none, or something else has its name
            return None

    def _pin_path(self, birth_hash: str) -> Path:
        return self._folder / "versions" / birth_hash[:2] / f"{birth_hash}.json"

    def drop(self, key: str) -> None:
        """Keep an object no longer."""
        if self.writes:
            with suppress(EveryskillError):
                self._objects.delete(key)


def _as_json(pin: Pin) -> dict[str, Any]:
    version, birth = pin.version, pin.birth
    return {
        "slug": pin.slug,
        "version": _plain(version) | {"files": [entry.to_json() for entry in version.files]},
        "birth": _plain(birth),
    }


def _plain(record: SkillVersion | VersionEvent) -> dict[str, Any]:
    values = {name: getattr(record, name) for name in record.__slots__}
    return values | {"created_at": timestamp(record.created_at)}


def _from_json(said: dict[str, Any]) -> Pin:
    """Read a version; how it stood when it was kept says nothing about today."""
    version, birth = said["version"], said["birth"]
    version["files"] = tuple(FileEntry(**entry) for entry in version["files"])
    for record in (version, birth):
        record["created_at"] = datetime.fromisoformat(record["created_at"])
    return Pin(
        slug=said["slug"],
        version=SkillVersion(**version),
        birth=VersionEvent(**birth),
        yanked_at=None,
        yank_reason=None,
        successor=None,
        purged_at=None,
    )

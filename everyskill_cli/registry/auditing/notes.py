"""How far a verification came, in a file: one that was interrupted or killed goes on from there."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from everyskill_cli.model import Damage, Finding, Looked

Stage: TypeAlias = Literal["records", "objects"]
EVERY_SECONDS: Final = 5.0
DAMAGES_MAX: Final = 10_000  # that are named
KEPT_SECONDS: Final = 7 * 24 * 3600.0  # after which what was looked at says little of today
NAMES: Final = re.compile(r"[0-9a-f]{64}\.(json|[0-9]+)")  # the second while it is written
_COUNTS: Final = frozenset(field.name for field in fields(Looked))


@dataclass(slots=True)
class Notes:
    """What a verification has found by now, and behind which place it goes on.

    Attributes:
        share: of the objects that are read, 0 to 1: how it was begun, and so goes on.
        place: the slug or the key that was looked at last.
        counts: how much was looked at, by the names of ``Looked``.
        damages: in the order in which they were found, each once.
        unnamed: damages beyond those that are named.
    """

    share: float
    stage: Stage = "records"
    place: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    damages: dict[Damage, None] = field(default_factory=dict)
    warnings: dict[Finding, None] = field(default_factory=dict)
    unnamed: int = 0

    @classmethod
    def read(cls, said: dict[str, Any]) -> Notes:
        """Read what ``written`` gave; ValueError, TypeError or LookupError for anything else."""
        notes = cls(
            share=float(said["share"]),
            stage="objects" if said["stage"] == "objects" else "records",
            place=str(said["place"]),
            counts={str(name): int(count) for name, count in said["counts"].items()},
            damages={Damage(**damage): None for damage in said["damages"]},
            warnings={Finding(**finding): None for finding in said["warnings"]},
            unnamed=int(said["unnamed"]),
        )
        if not notes.counts.keys() <= _COUNTS:
            raise ValueError("counts of another program")
        return notes

    def written(self) -> dict[str, Any]:
        """Give it as JSON."""
        return {
            "share": self.share,
            "stage": self.stage,
            "place": self.place,
            "counts": self.counts,
            "damages": [asdict(damage) for damage in self.damages],
            "warnings": [asdict(finding) for finding in self.warnings],
            "unnamed": self.unnamed,
        }

    def count(self, **numbers: int) -> None:
        """Add to what was looked at."""
        for name, number in numbers.items():
            self.counts[name] = self.counts.get(name, 0) + number

    def add(self, damage: Damage) -> None:
        """Note a damage, once."""
        if damage in self.damages:
            return
        if len(self.damages) < DAMAGES_MAX:
            self.damages[damage] = None
        else:
            self.unnamed += 1


class NotesFile:
    """Where notes are kept while a registry is verified as a whole.

    Args:
        folder: the data directory.
        registry: the id of the registry, which nobody has checked: it names no file by itself.
    """

    def __init__(self, folder: Path, registry: str) -> None:
        name = hashlib.sha256(registry.encode(errors="surrogateescape")).hexdigest()
        self._path = folder / "verify" / f"{name}.json"
        self._saved = time.monotonic()

    def read(self) -> Notes | None:
        """Give the notes of a verification that did not come to its end."""
        try:
            return Notes.read(json.loads(self._path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
            return None

    def tidy(self) -> None:
        """Remove what verifications of any registry left and nobody went on with for a week."""
        with suppress(OSError):
            for path in self._path.parent.iterdir():
                age = time.time() - path.lstat().st_mtime
                if NAMES.fullmatch(path.name) and age > KEPT_SECONDS:
                    path.unlink()

    def save(self, notes: Notes, *, now: bool = False) -> None:
        """Write notes, now or where the last time is some seconds ago; no failure stops anybody."""
        if not now and time.monotonic() - self._saved < EVERY_SECONDS:
            return
        self._saved = time.monotonic()
        aside = self._path.with_suffix(f".{os.getpid()}")
        with suppress(OSError, TypeError):  # a row's blob, where a slug should be, is no JSON
            self._path.parent.mkdir(parents=True, exist_ok=True)
            aside.write_text(json.dumps(notes.written()), encoding="utf-8")
            aside.replace(self._path)

    def drop(self) -> None:
        """Remove them: the verification came to its end."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

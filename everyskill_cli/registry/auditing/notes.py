"""How far a verification came, in a file: one that was interrupted or killed goes on from there."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias

from everyskill_cli.model import Damage

Stage: TypeAlias = Literal["records", "objects"]
EVERY_SECONDS: Final = 5.0
DAMAGES_MAX: Final = 10_000  # that are named


@dataclass(slots=True)
class Notes:
    """What a verification has found by now, and behind which place it goes on.

    Attributes:
        share: of the objects that are read, 0 to 1: how it was begun, and so goes on.
        place: the slug or the key that was looked at last.
        counts: how much was looked at, by the names of ``Looked``.
        unnamed: damages beyond those that are named.
    """

    share: float
    stage: Stage = "records"
    place: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    damages: list[Damage] = field(default_factory=list)
    unnamed: int = 0

    def count(self, **numbers: int) -> None:
        """Add to what was looked at."""
        for name, number in numbers.items():
            self.counts[name] = self.counts.get(name, 0) + number

    def add(self, damage: Damage) -> None:
        """Note a damage, once."""
        if damage in self.damages[-100:]:
            return
        if len(self.damages) < DAMAGES_MAX:
            self.damages.append(damage)
        else:
            self.unnamed += 1


class NotesFile:
    """Where notes are kept while a registry is verified as a whole.

    Args:
        folder: the data directory.
        registry: the id of the registry.
    """

    def __init__(self, folder: Path, registry: str) -> None:
        self._path = folder / "verify" / f"{registry}.json"
        self._saved = time.monotonic()

    def read(self) -> Notes | None:
        """Give the notes of a verification that did not come to its end."""
        try:
            said = json.loads(self._path.read_text(encoding="utf-8"))
            said["damages"] = [Damage(**damage) for damage in said["damages"]]
            return Notes(**said)
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def save(self, notes: Notes, *, now: bool = False) -> None:
        """Write notes, now or where the last time is some seconds ago; no failure stops anybody."""
        if not now and time.monotonic() - self._saved < EVERY_SECONDS:
            return
        self._saved = time.monotonic()
        aside = self._path.with_suffix(f".{os.getpid()}")
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            aside.write_text(json.dumps(asdict(notes)), encoding="utf-8")
            aside.replace(self._path)

    def drop(self) -> None:
        """Remove them: the verification came to its end."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

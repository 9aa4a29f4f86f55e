"""What lies around a path, for hints: the skill that somebody meant and did not type."""

from __future__ import annotations

import os
import shlex
from itertools import islice
from pathlib import Path
from typing import Final

from everyskill_cli.model import Finding
from everyskill_cli.skill.ignore import left_out_by_default
from everyskill_cli.skill.paths import as_text

LOOKED_AT: Final = 500  # names: a hint must not cost more than the command


def hint_without_skill_md(folder: str, names: list[str]) -> str:
    """Say what to type for a folder that has no SKILL.md at its top but these names."""
    top = Path(folder)
    for name in names:
        if name.casefold() == "skill.md":
            move = shlex.join(["mv", as_text(top / name), as_text(top / "SKILL.md")])
            return f"The name must be exactly SKILL.md: {move}"
    return "Write one (docs/bundles.md says how), or publish a single file by its name."


def sibling_files(path: Path) -> Finding | None:
    """Warn that a SKILL.md is published alone though its folder holds more."""
    try:
        names = _names(path.parent)
    except OSError:
        return None  # a folder that may be entered but not listed: nothing to warn about
    if set(names) <= {"SKILL.md"}:
        return None
    return Finding(
        rule="sibling-files",
        message="Only SKILL.md is published, and its folder holds more "
        f"(to publish all of it: {_command(path.parent)}).",
        path="SKILL.md",
    )


def _names(folder: Path) -> list[str]:
    with os.scandir(folder) as listing:
        return [
            entry.name
            for entry in islice(listing, LOOKED_AT)
            if not left_out_by_default(entry.name)
        ]


def _command(path: Path) -> str:
    return shlex.join(["everyskill", "publish", as_text(path)])

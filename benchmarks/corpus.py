"""Skills to measure with: the same bytes for the same numbers, on every machine."""

from __future__ import annotations

import random
from pathlib import Path

TEXT = "alpha beta gamma delta review commit release deploy check lint style guide agent skill test"
WORDS = TEXT.split()


def make_tree(root: Path, skills: int, files: int, seed: int = 7) -> None:
    """Write folders of skills, twenty to a group: root/group-03/skill-0003/SKILL.md and more.

    Args:
        root: made new.
        skills: how many.
        files: of all skills together, spread evenly; at least one for each skill.
        seed: another one makes other words, and so other digests, in the same files.
    """
    chance = random.Random(seed)
    for number in range(skills):
        folder = root / f"group-{number % 20:02}" / f"skill-{number:04}"
        more, rest = divmod(files - skills, skills)
        make_skill(folder, more + (number < rest), chance)


def make_skill(folder: Path, more: int, chance: random.Random) -> None:
    """Write one skill of 1 to 6 KB of text a file: its SKILL.md, and more files below it."""
    folder.mkdir(parents=True)
    name = folder.name
    header = f"---\nname: {name}\ndescription: Does {chance.choice(WORDS)} for {name}.\n---\n"
    _write(folder / "SKILL.md", header + f"# {name}\n\n" + _text(chance, 20, 80, 12))
    for number in range(more):
        kind, suffix = (("references", "md"), ("scripts", "py"))[number % 2]
        (folder / kind).mkdir(exist_ok=True)
        _write(folder / kind / f"f{number}.{suffix}", _text(chance, 10, 60, 10) + f"# {number}\n")


def edit(root: Path, count: int, seed: int) -> list[str]:
    """Add a line to the SKILL.md of so many skills, and give their names."""
    chosen = random.Random(seed).sample(sorted(root.glob("*/*/SKILL.md")), count)
    for path in chosen:
        with path.open("a", encoding="utf-8") as file:
            file.write(f"Edited in round {seed}.\n")
    return sorted(path.parent.name for path in chosen)


def files_of(folder: Path) -> dict[str, bytes]:
    """Read every file below a folder, by its path in it."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def _text(chance: random.Random, least: int, most: int, words: int) -> str:
    lines = range(chance.randint(least, most))
    return "".join(" ".join(chance.choices(WORDS, k=words)) + "\n" for _ in lines)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")

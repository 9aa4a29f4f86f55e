"""Opened registries and skills on disk, for tests of the verbs."""

from __future__ import annotations

from pathlib import Path

from everyskill_cli.database.engine import Database
from everyskill_cli.database.schema import upgrade
from everyskill_cli.model import Access
from everyskill_cli.registry import Registry
from everyskill_cli.settings import load

HEAD = "---\nname: {name}\ndescription: What {name} does. Use it in tests.\n---\n\n"
TEXT = HEAD + "# {name}\n\n{body}\n"


def make_registry(
    database_url: str, folder: Path, user: str = "ann@example.org", access: Access = "create"
) -> Registry:
    """Open a registry on a database and a folder; an empty PostgreSQL gets its schema."""
    if database_url.startswith("postgresql"):
        with Database(database_url) as database:
            upgrade(database)
    settings = load(
        {"database_url": database_url, "store_url": f"file://{folder}/store", "user": user}
    )
    return Registry(settings, access)


def write_skill(parent: Path, name: str = "demo", body: str = "Do it.", **files: str) -> Path:
    """Write a skill folder; further files by name, ``__`` for a slash."""
    folder = parent / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "SKILL.md").write_text(TEXT.format(name=name, body=body), encoding="utf-8")
    for path, text in files.items():
        target = folder / path.replace("__", "/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return folder

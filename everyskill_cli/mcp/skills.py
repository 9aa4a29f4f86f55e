"""The Skills extension of MCP (SEP-2640): skills as entries with all their digests.

An entry holds a skill's frontmatter as other programs read it, numbers as numbers, and every file
with its size and digest; a host compares both with what it reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from everyskill_cli.errors import EveryskillError, NotFound
from everyskill_cli.mcp.addresses import Folder, nothing_at, parse, why_no_skill
from everyskill_cli.mcp.resources import PAGE
from everyskill_cli.model import JsonObject, Pin
from everyskill_cli.registry import Registry
from everyskill_cli.registry.get import MAIN_FILE, hold, main_file, read_file
from everyskill_cli.registry.published import list_published
from everyskill_cli.skill import SkillFile
from everyskill_cli.skill.content import read_frontmatter
from everyskill_cli.skill.plain_yaml import core_value

EXTENSION: Final = "io.modelcontextprotocol/skills"
EXACT: Final = frozenset({"frontmatter"})  # a host compares it with the SKILL.md that it reads


def listing(registry: Registry, cursor: str | None, limit: int = PAGE) -> JsonObject:
    """Give a page of what is published and is a skill by the extension.

    One whose SKILL.md is to be read and cannot be is left out: who asks for it is told why.
    """
    found, after = list_published(registry, limit, cursor)
    folders = [Folder(pin, is_pinned=False) for pin in found if why_no_skill(pin) is None]
    entries = [entry for entry in _entries(registry, folders) if entry is not None]
    return {"skills": entries} | ({} if after is None else {"nextCursor": after})


def one(registry: Registry, uri: str) -> JsonObject:
    """Give one skill by the address of its SKILL.md.

    Raises:
        NotFound: there is none.
        IntegrityFailure: its records or its SKILL.md are not what was published.
    """
    address = parse(uri)
    pin = hold(registry, address.reference).pin
    folder = Folder(pin, isinstance(address.reference.version, int))
    if folder.inside(address.rest) != MAIN_FILE:
        raise nothing_at(uri)
    why = why_no_skill(pin)
    if why is None:
        entry = _entry(folder, _frontmatter(registry, pin))
        if entry is not None:
            return {"skill": entry}
        why = "its name or its description is no text"
    raise NotFound(
        f"{pin.slug}@{pin.version.version} is no skill of the Skills extension: {why}.",
        "Read its files as resources, or with the tool get.",
    )


def _entries(registry: Registry, folders: Sequence[Folder]) -> list[JsonObject | None]:
    """Make entries, and read at once the files that have to be read."""

    def make(folder: Folder) -> JsonObject | None:
        try:
            return _entry(folder, _frontmatter(registry, folder.pin))
        except EveryskillError:
            return None

    if all(_is_plain(folder.pin.version.metadata["frontmatter"]) for folder in folders):
        return list(map(make, folders))  # and the store is not even opened
    with ThreadPoolExecutor(registry.store.jobs, "everyskill-entries") as pool:
        return list(pool.map(make, folders))


def _entry(folder: Folder, frontmatter: Mapping[str, Any]) -> JsonObject | None:
    """Make an entry; None where name and description turn out to be no texts."""
    if not all(isinstance(frontmatter.get(key), str) for key in ("name", "description")):
        return None
    return {
        "uri": folder.uri(MAIN_FILE),
        "frontmatter": dict(frontmatter),
        "resources": [
            {"uri": folder.uri(file.path), "digest": f"sha256:{file.sha256}", "size": file.size}
            for file in folder.pin.version.files
        ],
    }


def _frontmatter(registry: Registry, pin: Pin) -> JsonObject:
    """Give the frontmatter as other programs read it; out of SKILL.md where the row cannot tell.

    Rows keep every scalar as the text it is, so ``1.10`` may have been a number or a text.
    """
    kept: JsonObject = pin.version.metadata["frontmatter"]
    if _is_plain(kept):
        return kept
    main = main_file(pin)
    return read_frontmatter(SkillFile(main.path, read_file(registry, pin, main), False))


def _is_plain(value: Any) -> bool:
    """Tell whether nothing in it could have been anything but a text."""
    if isinstance(value, dict):
        return all(map(_is_plain, value.values()))
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return isinstance(core_value(value), str)

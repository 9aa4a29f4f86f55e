"""The Skills extension of MCP (SEP-2640): skills as entries with all their digests.

An entry holds a skill's frontmatter as other programs read it, numbers as numbers, and every file
with its size and digest; a host compares both with what it reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from everyskill_cli.errors import IntegrityFailure, InvalidSkill, NotFound
from everyskill_cli.mcp.addresses import Folder, fields_of, find, has_main_file, name_of
from everyskill_cli.mcp.resources import PAGE, warnings
from everyskill_cli.model import JsonObject, Pin
from everyskill_cli.registry import Registry
from everyskill_cli.registry.get import MAIN_FILE, main_file, read_file
from everyskill_cli.registry.published import list_published
from everyskill_cli.skill import SkillFile
from everyskill_cli.skill.content import read_frontmatter
from everyskill_cli.skill.plain_yaml import core_value
from everyskill_cli.skill.specification import broken_fields

EXTENSION: Final = "io.modelcontextprotocol/skills"
FILES_MAX: Final = 512  # what every host of the extension takes
BYTES_MAX: Final = 16 * 1024 * 1024
EXACT: Final = frozenset({"frontmatter"})  # a host compares it with the SKILL.md that it reads


def listing(registry: Registry, cursor: str | None, limit: int = PAGE) -> JsonObject:
    """Give a page of what is published and is a skill by the extension.

    One whose SKILL.md is to be read, and is not what was published, is left out: who asks for it is
    told why.

    Raises:
        Unavailable, NotReady, Forbidden: the store cannot be read.
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
    place = find(registry, uri)
    pin = place.held.pin
    if place.path != MAIN_FILE:
        raise place.nothing
    frontmatter = fields_of(pin)
    why = why_no_skill(pin)
    if why is None:
        frontmatter = _frontmatter(registry, pin)
        why = _why_not(frontmatter)
    if why is not None:
        raise NotFound(
            f"{pin.slug}@{pin.version.version} is no skill of the Skills extension: {why}",
            place.where,
        )
    return {"skill": _entry(place.folder, frontmatter)} | warnings(place)


def why_no_skill(pin: Pin) -> str | None:
    """Say why a version is no skill of the extension, by its row; None where it may be one."""
    files = pin.version.files
    if not has_main_file(pin):
        return f"it has no {MAIN_FILE}."
    if len(files) > FILES_MAX or sum(entry.size for entry in files) > BYTES_MAX:
        return f"it has more than {FILES_MAX} files or {BYTES_MAX // 2**20} MiB."
    why = _why_not(fields_of(pin))
    return "its name is a number or the like." if why is None and name_of(pin) is None else why


def _why_not(frontmatter: Mapping[str, Any]) -> str | None:
    """Say what the specification refuses in a frontmatter, with the rules that `check` has."""
    return next((message for _, _, message in broken_fields(dict(frontmatter))), None)


def _entries(registry: Registry, folders: Sequence[Folder]) -> list[JsonObject | None]:
    """Make entries, and read at once the files that have to be read."""

    def make(folder: Folder) -> JsonObject | None:
        try:
            frontmatter = _frontmatter(registry, folder.pin)
        except (IntegrityFailure, InvalidSkill):  # wrong with this skill, and no other
            return None
        return None if _why_not(frontmatter) else _entry(folder, frontmatter)

    if all(_is_plain(folder.pin.version.metadata["frontmatter"]) for folder in folders):
        return list(map(make, folders))  # and the store is not even opened
    with ThreadPoolExecutor(registry.store.jobs, "everyskill-entries") as pool:
        return list(pool.map(make, folders))


def _entry(folder: Folder, frontmatter: Mapping[str, Any]) -> JsonObject:
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

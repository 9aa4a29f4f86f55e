"""What the Agent Skills specification asks of a SKILL.md, as warnings.

The limits are those of https://agentskills.io/specification. 8 % of 454 public skills break one
of them, Anthropic's own among them, and work: so they warn, and ``--strict`` refuses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from everyskill_cli.model import Finding, JsonObject
from everyskill_cli.skill.content import Content

NAME_MAX: Final = 64  # characters
DESCRIPTION_MAX: Final = 1_024
COMPATIBILITY_MAX: Final = 500
KEYS: Final = frozenset(
    {"name", "description", "license", "compatibility", "metadata", "allowed-tools"}
)

_NAME: Final = re.compile(r"[a-z0-9-]+")


def check_specification(content: Content, *, path: str, folder: str | None) -> tuple[Finding, ...]:
    """Compare a Markdown file with the specification.

    Args:
        content: the file, read.
        path: its name, for the findings.
        folder: the name of the folder it lies in; None where an agent will not use that name.
    """
    if content.frontmatter is None:
        message = f"{path} has no frontmatter, so agents cannot tell when to use it."
        return (Finding("missing-frontmatter", message, path, 1),)
    return tuple(
        Finding(rule, f"{path}: {message}", path, content.lines.get(key))
        for rule, key, message in _findings(content.frontmatter, folder)
    )


def broken_fields(fields: JsonObject, folder: str | None = None) -> Iterator[tuple[str, str, str]]:
    """Compare the fields that the specification knows with what it says of each.

    Args:
        fields: a frontmatter; of texts alone, or as other programs read it.
        folder: which the name has to be; None where that does not matter.

    Yields:
        A rule, the field that breaks it, and a sentence.
    """
    yield from _name(fields.get("name"), folder)
    yield from _description(fields.get("description"))
    yield from _other(fields)


def _findings(fields: JsonObject, folder: str | None) -> Iterator[tuple[str, str, str]]:
    yield from broken_fields(fields, folder)
    for key in fields:
        if key not in KEYS:
            yield "unknown-key", key, f"the specification knows no key {key!r} here."
    yield from _residue(fields.get("metadata"))


def _name(name: Any, folder: str | None) -> Iterator[tuple[str, str, str]]:
    if name is None:
        yield "missing-name", "name", "there is no name."
    elif not isinstance(name, str):
        yield "name-not-text", "name", "the name is not a text."
    elif not name.strip():
        yield "missing-name", "name", "the name is empty."
    else:
        if len(name) > NAME_MAX:
            yield "name-length", "name", f"the name has {len(name)} characters, over {NAME_MAX}."
        if not _NAME.fullmatch(name):
            yield "name-characters", "name", "the name has other characters than a-z, 0-9 and -."
        if name.startswith("-") or name.endswith("-") or "--" in name:
            yield "name-hyphens", "name", "the name begins or ends with - or has two together."
        if folder is not None and name != folder:
            yield "name-not-folder", "name", f"the name is not the folder's, which is {folder!r}."


def _description(text: Any) -> Iterator[tuple[str, str, str]]:
    if text is None:
        yield "missing-description", "description", "there is no description."
    elif not isinstance(text, str):
        yield "description-not-text", "description", "the description is not a text."
    elif not text.strip():
        yield "missing-description", "description", "the description is empty."
    elif len(text) > DESCRIPTION_MAX:
        what = f"the description has {len(text):,} characters, over {DESCRIPTION_MAX:,}."
        yield "description-length", "description", what


def _other(fields: JsonObject) -> Iterator[tuple[str, str, str]]:
    if not isinstance(fields.get("license", ""), str):
        yield "license-not-text", "license", "the license is not a text."
    compatibility = fields.get("compatibility", "any")
    if not isinstance(compatibility, str):
        yield "compatibility-not-text", "compatibility", "compatibility is not a text."
    elif not 1 <= len(compatibility) <= COMPATIBILITY_MAX:
        what = f"compatibility has {len(compatibility):,} characters, not 1-{COMPATIBILITY_MAX}."
        yield "compatibility-length", "compatibility", what
    yield from _metadata(fields.get("metadata", {}))
    if not isinstance(fields.get("allowed-tools", ""), str):
        what = "allowed-tools is not a text of names with spaces between them."
        yield "allowed-tools-not-text", "allowed-tools", what


def _metadata(metadata: Any) -> Iterator[tuple[str, str, str]]:
    if not isinstance(metadata, dict):
        yield "metadata-not-a-map", "metadata", "metadata is not a map."
        return
    for key, value in metadata.items():
        if not isinstance(value, str):
            yield "metadata-not-texts", "metadata", f"metadata.{key} is not a text."
            return


def _residue(metadata: Any) -> Iterator[tuple[str, str, str]]:
    """Find what installers write into a skill: where it came from, a path on its author's disk."""
    for key in metadata if isinstance(metadata, dict) else ():
        if key == "local-path" or key.startswith("github-"):
            what = f"metadata.{key} was written by an installer and is not part of the skill."
            yield "tool-residue", "metadata", what

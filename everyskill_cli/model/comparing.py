"""The answer of ``diff``: two sides, and what the second has otherwise than the first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from everyskill_cli.model.words import FileEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffSide:
    """One of the two things that are compared: a version, or what lies at a path.

    Attributes:
        slug: the skill; of a path, the one that ``publish`` would use.
        version: its number; None for a path.
        path: as it was given, never to be taken for a reference; None for a version.
        files: how many.
    """

    slug: str | None
    version: int | None
    path: str | None
    name: str
    description: str
    content_type: str
    content_hash: str
    size_bytes: int
    files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One thing that the two sides say of themselves and not alike.

    Attributes:
        field: ``name``, ``description``, ``declared_version``, or a key of the frontmatter; keys
            inside one another are joined by dots.
        before: None where it was added. A list is its JSON text.
        after: None where it was removed.
    """

    field: str
    change: Literal["added", "removed", "modified"]
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDiff:
    """One file that the two sides do not have alike.

    Attributes:
        path: on the second side; of a removed file, on the first.
        old_path: of a renamed file, its path on the first side; else None.
        before: None where it was added.
        after: None where it was removed.
        is_binary: whether it is no text; None where nobody has looked into it.
        added_lines: None where lines were not compared.
        removed_lines: the same.
        patch: a unified diff; empty where no line differs, None where none was made.
    """

    path: str
    change: Literal["added", "removed", "modified", "renamed"]
    old_path: str | None
    before: FileEntry | None
    after: FileEntry | None
    is_binary: bool | None = None
    added_lines: int | None = None
    removed_lines: int | None = None
    patch: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffAnswer:
    """How two versions differ, or a version and a folder; identical where nothing does."""

    before: DiffSide
    after: DiffSide
    status: Literal["identical", "different"]
    fields: tuple[FieldChange, ...]
    files: tuple[FileDiff, ...]

"""How two manifests differ."""

from __future__ import annotations

from collections.abc import Iterable

from everyskill_cli.model import FileChange, FileEntry


def changed_files(
    before: Iterable[FileEntry], after: Iterable[FileEntry]
) -> tuple[FileChange, ...]:
    """Say which files one manifest has otherwise than the one before it, sorted by path."""
    old = {entry.path: entry for entry in before}
    new = {entry.path: entry for entry in after}
    return tuple(
        FileChange(path, "removed" if path not in new else "modified" if path in old else "added")
        for path in sorted(old.keys() | new.keys())
        if old.get(path) != new.get(path)
    )

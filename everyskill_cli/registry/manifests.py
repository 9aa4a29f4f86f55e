"""How two lists of files differ: from their manifests alone, without a byte of the files."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import replace
from typing import Literal

from everyskill_cli.model import FileChange, FileDiff, FileEntry


def changed_files(
    before: Iterable[FileEntry], after: Iterable[FileEntry]
) -> tuple[FileChange, ...]:
    """Say which files were added, modified or removed, sorted by path."""
    old = {entry.path: entry for entry in before}
    new = {entry.path: entry for entry in after}
    return tuple(
        FileChange(path, "modified" if path in old and path in new else _only_in(path, new))
        for path in sorted(old.keys() | new.keys())
        if old.get(path) != new.get(path)
    )


def compared(before: Iterable[FileEntry], after: Iterable[FileEntry]) -> tuple[FileDiff, ...]:
    """Say the same with what each side has, and take the same bytes under another path as renamed.

    Lines are not compared: nothing but the manifests is known here.
    """
    old = {entry.path: entry for entry in before}
    new = {entry.path: entry for entry in after}
    found = [
        FileDiff(
            path=changed.path,
            change=changed.change,
            old_path=None,
            before=old.get(changed.path),
            after=new.get(changed.path),
        )
        for changed in changed_files(old.values(), new.values())
    ]
    gone = [each.before for each in found if each.change == "removed" and each.before]
    come = [each.after for each in found if each.change == "added" and each.after]
    renamed = _old_paths(gone, come)
    absorbed = set(renamed.values())
    return tuple(
        _as_renamed(each, old.get(renamed.get(each.path, "")))
        for each in found
        if each.change != "removed" or each.path not in absorbed
    )


def _as_renamed(found: FileDiff, source: FileEntry | None) -> FileDiff:
    if source is None:
        return found
    return replace(found, change="renamed", old_path=source.path, before=source)


def _old_paths(gone: Sequence[FileEntry], come: Sequence[FileEntry]) -> dict[str, str]:
    """Give the new paths of renamed files with their old ones; each has one partner.

    First those that kept their name in another folder, then the others in the order of paths.
    """
    found: dict[str, str] = {}
    keys: tuple[Callable[[FileEntry], object], ...] = (_name_and_bytes, _bytes)
    for key in keys:
        taken = set(found.values())
        waiting: dict[object, deque[str]] = defaultdict(deque)
        for entry in gone:
            if entry.path not in taken:
                waiting[key(entry)].append(entry.path)
        for entry in come:
            if entry.path not in found and waiting[key(entry)]:
                found[entry.path] = waiting[key(entry)].popleft()
    return found


def _name_and_bytes(entry: FileEntry) -> object:
    return entry.path.rpartition("/")[2], entry.sha256


def _bytes(entry: FileEntry) -> object:
    return entry.sha256


def _only_in(path: str, new: Container[str]) -> Literal["added", "removed"]:
    return "added" if path in new else "removed"

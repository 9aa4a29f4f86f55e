"""Diff: find two sides, compare their manifests, and look into the files whose bytes differ."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeAlias

from everyskill_cli.model import DiffAnswer, FileDiff
from everyskill_cli.registry import Registry
from everyskill_cli.registry.comparing.contents import read_files
from everyskill_cli.registry.comparing.fields import changed_fields
from everyskill_cli.registry.comparing.patches import LineComparer, has_same_bytes, is_comparable
from everyskill_cli.registry.comparing.sides import Side, Target, find_sides, local_side
from everyskill_cli.registry.manifests import compared

Depth: TypeAlias = Literal["names", "stat", "patch"]


def diff(
    opened: Callable[[], AbstractContextManager[Registry]],
    before: Target,
    after: Target | None,
    depth: Depth = "patch",
) -> DiffAnswer:
    """Say how two versions differ, or a version and what lies at a path, or two paths.

    Args:
        opened: opens the registry; two paths need none.
        before: the old side; alone, a path is compared with the latest version of its skill, a
            version with the one before it, and of a skill the published version with the draft.
        after: the new side.
        depth: ``names`` says which files differ and fetches nothing; ``stat`` also by how many
            lines; ``patch`` also in which.

    Raises:
        InvalidSkill: what lies at a path breaks a rule.
        NotFound: no such skill or version, or nothing to compare with.
        IntegrityFailure: the stored bytes are not the ones that were published, or are gone.
    """
    if isinstance(before, Path) and isinstance(after, Path):
        return _compare(local_side(before), local_side(after), depth)
    with opened() as registry:
        return _compare(*find_sides(registry, before, after), depth)


def _compare(before: Side, after: Side, depth: Depth) -> DiffAnswer:
    fields = changed_fields(before.fields, after.fields)
    files = compared(before.files, after.files)
    if depth != "names":
        files = _look_into(before, after, files, patch=depth == "patch")
    return DiffAnswer(
        before=before.said,
        after=after.said,
        status="different" if fields or files else "identical",
        fields=fields,
        files=files,
    )


def _look_into(
    before: Side, after: Side, files: tuple[FileDiff, ...], *, patch: bool
) -> tuple[FileDiff, ...]:
    """Compare lines; nothing is fetched but files whose bytes differ and that are no giants."""
    wanted = [found for found in files if is_comparable(found)]
    old, new = read_files(
        (before.contents, [found.before for found in wanted if found.before]),
        (after.contents, [found.after for found in wanted if found.after]),
    )
    comparer = LineComparer()
    looked: list[FileDiff] = []
    for found in files:
        if has_same_bytes(found):
            looked.append(replace(found, added_lines=0, removed_lines=0))
        elif is_comparable(found):  # the bytes of each file are let go once they are compared
            sides = old.pop(found.path, b""), new.pop(found.path, b"")
            looked.append(comparer.compare(found, *sides, patch=patch))
        else:
            looked.append(found)
    return tuple(looked)

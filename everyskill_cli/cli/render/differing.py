"""What ``diff`` says: fields, files and lines; in a pipe a patch, with remarks around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from everyskill_cli.cli.render.blocks import Block, Change, Column, Headline, Table
from everyskill_cli.cli.render.words import (
    Patch,
    Role,
    Words,
    counted,
    joined,
    named,
    only_piped,
    only_shown,
    say,
    size,
)

if TYPE_CHECKING:
    from datetime import datetime

    from everyskill_cli.model import DiffAnswer, DiffSide, FieldChange, FileDiff, FileEntry

STAT_COLUMNS: Final = tuple(
    Column(name) for name in ("change", "added_lines", "removed_lines", "path", "old_path")
)
_FIELDS: Final = (Column("field", fit="folded"), Column("change", fit="folded"))
_FILES: Final = (
    Column("change"),
    Column("path", fit="folded"),
    Column("lines", fit="folded"),
    Column("size", from_width=60),
    Column("mode", from_width=48),
)
_COUNTS: Final = (Column("path", fit="folded"), Column("lines", right=True), Column("bar"))
_PATHS: Final = (Column("path", fit="folded"),)
_ROLES: Final[dict[str, Role]] = {"added": "good", "removed": "bad", "modified": "attention"}
_TOO_LARGE: Final = "too large to compare line by line"
_VALUE_SHOWN: Final = 200  # characters of a field on a terminal
_BAR_MAX: Final = 30


def patched(value: DiffAnswer, _now: datetime) -> list[Block]:
    """Show what differs, line by line; in a pipe as a patch."""
    if not value.fields and not value.files:
        return [_identical(value)]
    return [
        _headline(value),
        Table(_FIELDS, tuple(map(_field_row, value.fields)), title="Fields", place="screen"),
        Table(_FILES, tuple(map(_file_row, value.files)), title="Files", place="screen"),
        Change(tuple(map(_field_remark, value.fields)), Patch("")),
        *(Change(_file_remarks(found), Patch(found.patch or "")) for found in value.files),
    ]


def counted_up(value: DiffAnswer, _now: datetime) -> list[Block]:
    """Count the lines of each file that differs."""
    if not value.fields and not value.files:
        return [_identical(value)]
    most = max((_added(found) + _removed(found) for found in value.files), default=0)
    rows = tuple(_count_row(found, most) for found in value.files)
    return [
        Table(_COUNTS, rows, place="screen"),
        Table(STAT_COLUMNS, tuple(map(_count_columns, value.files)), place="pipe"),
        Headline(say(_total(value))),
    ]


def names(value: DiffAnswer, _now: datetime) -> list[Block]:
    """List the files that differ."""
    if not value.fields and not value.files:
        return [_identical(value)]
    return [Table(_PATHS, tuple((say(found.path),) for found in value.files))]


def _identical(value: DiffAnswer) -> Headline:
    """Say so to people; a pipe gets nothing, as from any program that compares."""
    sides = f"{_name(value.before)} and {_name(value.after)}"
    return Headline(only_shown(f"{sides} are identical", "muted"))


def _name(side: DiffSide) -> str:
    return side.path if side.path is not None else named(str(side.slug), side.version)


def _headline(value: DiffAnswer) -> Headline:
    sides = only_shown(_name(value.before), "strong") + only_shown(" → ", "muted")
    sides += only_shown(_name(value.after), "strong")
    return Headline(sides + only_shown(f"  {_total(value)}", "muted"))


def _total(value: DiffAnswer) -> str:
    """Count everything up: ``2 files changed, 10 lines added, 3 lines removed, 1 field``."""
    added, removed = (sum(map(count, value.files)) for count in (_added, _removed))
    parts = [f"{counted(len(value.files), 'file').shown} changed"]
    parts += [f"{counted(added, 'line').shown} added"] if added else []
    parts += [f"{counted(removed, 'line').shown} removed"] if removed else []
    parts += [counted(len(value.fields), "field").shown] if value.fields else []
    return ", ".join(parts)


def _added(found: FileDiff) -> int:
    return found.added_lines or 0


def _removed(found: FileDiff) -> int:
    return found.removed_lines or 0


def _field_row(found: FieldChange) -> tuple[Words, Words]:
    before, after = _short(found.before, "bad"), _short(found.after, "good")
    between = only_shown(" → ", "muted") if before.shown and after.shown else only_shown("")
    return only_shown(found.field, "strong"), before + between + after


def _short(text: str | None, role: Role) -> Words:
    if text is None:
        return only_shown("")
    cut = len(text) > _VALUE_SHOWN
    return only_shown(text[:_VALUE_SHOWN] + ("…" if cut else "") or '""', role)


def _file_row(found: FileDiff) -> tuple[Words, ...]:
    return (
        only_shown(found.change, _ROLES.get(found.change, "command")),
        _path(found),
        _lines(found),
        only_shown(_changed([_size(found.before), _size(found.after)]), "muted"),
        only_shown(_modes(found), "muted"),
    )


def _path(found: FileDiff) -> Words:
    if found.old_path is None:
        return only_shown(found.path)
    return only_shown(f"{found.old_path} → ", "muted") + only_shown(found.path)


def _lines(found: FileDiff) -> Words:
    """Say how many lines are new and how many are gone, or why nobody counted."""
    if found.is_binary:
        return only_shown("binary", "muted")
    if found.added_lines is None or found.removed_lines is None:
        return only_shown(_TOO_LARGE, "muted")
    added = only_shown(f"+{found.added_lines}" if found.added_lines else "", "good")
    removed = only_shown(f"-{found.removed_lines}" if found.removed_lines else "", "bad")
    return joined([added, removed], " ")


def _changed(sides: list[str]) -> str:
    """Say one text, or two with an arrow where they differ; a side that is not there is silent."""
    return " → ".join(dict.fromkeys(filter(None, sides)))


def _size(entry: FileEntry | None) -> str:
    return "" if entry is None else size(entry.size).shown


def _modes(found: FileDiff) -> str:
    """Say whether a file may be executed, where that is new or where it may."""
    sides = [_mode(found.before), _mode(found.after)]
    said = _changed(sides)
    return said if " " in said or ("755" in sides and None in (found.before, found.after)) else ""


def _mode(entry: FileEntry | None) -> str:
    return "" if entry is None else "755" if entry.executable else "644"


def _count_row(found: FileDiff, most: int) -> tuple[Words, ...]:
    if found.added_lines is None or found.removed_lines is None:
        sizes = only_shown(_changed([_size(found.before), _size(found.after)]), "muted")
        return _path(found), _lines(found), sizes
    share = min(1, _BAR_MAX / most) if most else 0
    signs = only_shown("+" * _scaled(found.added_lines, share), "good")
    signs += only_shown("-" * _scaled(found.removed_lines, share), "bad")
    return _path(found), only_shown(f"{found.added_lines + found.removed_lines:,}"), signs


def _scaled(count: int, share: float) -> int:
    """Give the length of a bar; what is there is seen."""
    return max(round(count * share), 1) if count else 0


def _count_columns(found: FileDiff) -> tuple[Words, ...]:
    said = found.change, found.added_lines, found.removed_lines, found.path, found.old_path
    return tuple(only_piped(value) for value in said)


def _field_remark(found: FieldChange) -> Words:
    return only_piped(f"# {found.field}: {found.before or ''} → {found.after or ''}")


def _file_remarks(found: FileDiff) -> tuple[Words, ...]:
    """Say of a file what a patch of lines cannot, in the words that git has for it."""
    before, after = found.before, found.after
    lines = [f"diff --everyskill a/{found.old_path or found.path} b/{found.path}"]
    if before is None or after is None:
        word = "new file" if before is None else "deleted file"
        lines.append(f"{word} mode 100{_mode(before) or _mode(after)}")
    elif before.executable != after.executable:
        lines += [f"old mode 100{_mode(before)}", f"new mode 100{_mode(after)}"]
    if found.old_path is not None:
        lines += [f"rename from {found.old_path}", f"rename to {found.path}"]
    if found.added_lines is None:
        lines.append(_unlike(found))
    return tuple(map(only_piped, lines))


def _unlike(found: FileDiff) -> str:
    """Say that a file differs whose lines were not compared."""
    old = "/dev/null" if found.before is None else f"a/{found.before.path}"
    new = "/dev/null" if found.after is None else f"b/{found.after.path}"
    if not found.is_binary:
        return f"Files {old} and {new} differ: {_TOO_LARGE}"
    sizes = " and ".join(f"{entry.size if entry else 0:,}" for entry in (found.before, found.after))
    return f"Binary files {old} and {new} differ: {sizes} bytes"

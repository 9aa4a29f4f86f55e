"""What ``list``, ``versions``, ``ratings``, ``doctor``, ``config`` and ``show --files`` say.

In a pipe each is tab-separated columns without a header; new columns come at the end.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from everyskill_cli.chain import timestamp
from everyskill_cli.cli.render.blocks import Block, Column, Quotes, Table
from everyskill_cli.cli.render.releasing import story, told
from everyskill_cli.cli.render.words import (
    Words,
    average,
    counted,
    flowing,
    joined,
    moment,
    number,
    only_piped,
    only_shown,
    prose,
    role_of,
    say,
    size,
    stars,
    status,
)

if TYPE_CHECKING:
    from datetime import datetime

    from everyskill_cli.model import (
        Check,
        ConfigAnswer,
        DoctorAnswer,
        FileEntry,
        RatingEntry,
        RatingPage,
        Setting,
        ShowAnswer,
        SkillPage,
        SkillSummary,
        VersionPage,
        VersionSummary,
    )

SKILL_COLUMNS: Final = (
    Column("slug", "skill", fit="folded"),
    Column("published_version", place="pipe"),
    Column("average_rating", "rating"),
    Column("rating_count", place="pipe"),
    Column("total_uses", "uses", right=True, from_width=60),
    Column("hours_saved", "hours saved", right=True, from_width=100),
    Column("updated_at", "updated", from_width=60),
    Column("author", "author", fit="cut", from_width=100),
    Column("name", place="pipe"),
    Column("description", "description", fit="cut"),
)
VERSION_COLUMNS: Final = (
    Column("version", "version", right=True),
    Column("status", "status"),
    Column("average_rating", "rating"),
    Column("rating_count", place="pipe"),
    Column("uses", "uses", right=True, from_width=100),
    Column("hours_saved", "hours saved", right=True, from_width=120),
    Column("created_at", "when", from_width=48),
    Column("author", "who", fit="cut", from_width=60),
    Column("size_bytes", place="pipe"),
    Column("content_hash", place="pipe"),
    Column("declared_version", place="pipe"),
    Column("message", "message", fit="cut", from_width=60),
    Column("yank_reason", place="pipe"),
    Column("successor", place="pipe"),
    Column("events", place="pipe"),
)
RATING_COLUMNS: Final = tuple(
    Column(name)
    for name in ("version", "rating", "user", "hours_saved_estimate", "updated_at", "comment")
)
FILE_COLUMNS: Final = (
    Column("mode", "mode"),
    Column("size", "size", right=True),
    Column("sha256", "sha256"),
    Column("path", "path", fit="folded"),
)
CHECK_COLUMNS: Final = (
    Column("status"),
    Column("name"),
    Column("found", fit="folded"),
    Column("fix", place="pipe"),
)
SETTING_COLUMNS: Final = (
    Column("name", "setting"),
    Column("value", "value", fit="folded"),
    Column("origin", "from", fit="folded"),
)
_SIGNS: Final = {"ok": "✓", "warning": "!", "failed": "✗"}


def skills(value: SkillPage, now: datetime) -> list[Block]:
    """List skills; a skill without a published version says so."""
    rows = tuple(skill_row(item, now) for item in value.items)
    return [Table(SKILL_COLUMNS, rows)]


def skill_row(item: SkillSummary, now: datetime) -> tuple[Words, ...]:
    """Say what a list says of one skill."""
    at = item.published_version
    pointer = only_shown(f"@{at}", "muted")
    if at is None:
        is_draft = item.draft_version is not None
        pointer = only_shown(" draft", "attention") if is_draft else only_shown(" none", "bad")
    return (
        say(item.slug, "strong") + pointer,
        only_piped(at),
        average(item.average_rating, item.rating_count),
        only_piped(item.rating_count),
        number(item.total_uses),
        number(item.hours_saved),
        moment(item.updated_at, now, short=True),
        say(item.author),
        say(item.name),
        flowing(item.description),
    )


def versions(value: VersionPage, now: datetime) -> list[Block]:
    """List versions, and tell their story."""
    rows = tuple((*_version_row(item, now), told(item.events)) for item in value.items)
    return [Table(VERSION_COLUMNS, rows), story(value.items, now)]


def version_table(
    items: Iterable[VersionSummary], now: datetime, *, title: str = "", key: str = ""
) -> Table:
    """Make the table of versions for ``show``, which tells no story."""
    return Table(VERSION_COLUMNS[:-1], tuple(_version_row(v, now) for v in items), title, key)


def _version_row(item: VersionSummary, now: datetime) -> tuple[Words, ...]:
    withdrawn = _withdrawn(item)
    message = flowing(item.message or "")
    return (
        say(str(item.version), "strong"),
        status(item.status),
        average(item.average_rating, item.rating_count),
        only_piped(item.rating_count),
        number(item.uses),
        number(item.hours_saved),
        moment(item.created_at, now, short=True),
        say(item.author),
        only_piped(item.size_bytes),
        only_piped(item.content_hash),
        only_piped(item.declared_version),
        joined([only_shown(withdrawn, "bad"), message], "  "),
        only_piped(item.yank_reason),
        only_piped(item.successor),
    )


def _withdrawn(item: VersionSummary) -> str:
    """Say on a terminal why a version is purged, or yanked, and what to use instead."""
    if item.purged_at is not None:
        return item.purge_reason or ""
    if item.yanked_at is None:
        return ""
    instead = f" (use {item.successor})" if item.successor else ""
    return f"{item.yank_reason or 'withdrawn'}{instead}"


def ratings(value: RatingPage, now: datetime) -> list[Block]:
    """List ratings with the whole of their comments."""
    return [rating_quotes(value.items, now), rating_table(value.items)]


def rating_quotes(
    items: Iterable[RatingEntry], now: datetime, *, title: str = "", lines_max: int | None = None
) -> Quotes:
    """Say who gave how many stars when, and what they wrote, on a terminal."""
    return Quotes(title, tuple(_quote(item, now) for item in items), lines_max)


def _quote(item: RatingEntry, now: datetime) -> tuple[Words, Words | None]:
    saved = item.hours_saved_estimate
    facts = [
        say(item.user),
        say(f"version {item.version}", "muted"),
        moment(item.updated_at, now),
        only_shown(f"saved {counted(saved, 'hour').shown}" if saved else "", "muted"),
    ]
    head = stars(item.rating) + only_shown("  ") + joined(facts, " · ")
    return head, prose(item.comment) if item.comment else None


def rating_table(items: Iterable[RatingEntry], *, key: str = "") -> Table:
    """Make the rows of ratings for a pipe; line breaks in a comment become escapes."""
    rows = tuple(
        (
            only_piped(item.version),
            only_piped(item.rating),
            only_piped(item.user),
            only_piped(item.hours_saved_estimate),
            only_piped(timestamp(item.updated_at)),
            only_piped(item.comment),
        )
        for item in items
    )
    return Table(RATING_COLUMNS, rows, key=key, place="pipe")


def files(value: ShowAnswer, _now: datetime) -> list[Block]:
    """List the manifest of one version, as ``sha256sum`` and ``ls`` would say it."""
    return [Table(FILE_COLUMNS, tuple(_file_row(entry) for entry in value.version.files))]


def _file_row(entry: FileEntry) -> tuple[Words, ...]:
    mode = say("755", "good") if entry.executable else say("644", "muted")
    sha256 = say(f"{entry.sha256[:12]}…", "muted", plain=entry.sha256)
    return (mode, size(entry.size), sha256, say(entry.path))


def checks(value: DoctorAnswer, _now: datetime) -> list[Block]:
    """Say what was looked at and found, and under it what to do where something is wrong."""
    return [Table(CHECK_COLUMNS, tuple(_check_row(check) for check in value.results))]


def _check_row(check: Check) -> tuple[Words, ...]:
    sign = Words(((_SIGNS[check.status], role_of(check.status)),), check.status)
    found = say(check.found)
    if check.fix:
        found += Words((("\n→ ", "muted"),), "", lines=True) + only_shown(check.fix, "command")
    return (sign, say(check.name, "strong"), found, only_piped(check.fix))


def config(value: ConfigAnswer, _now: datetime) -> list[Block]:
    """List settings with where each comes from."""
    return [Table(SETTING_COLUMNS, tuple(_setting_row(setting) for setting in value.results))]


def _setting_row(setting: Setting) -> tuple[Words, ...]:
    value = say("not set", "muted", plain="") if setting.value is None else say(setting.value)
    quiet = setting.origin == "default"
    return (say(setting.name), value, say(setting.origin, "muted" if quiet else ""))

"""What ``promote``, ``rollback``, ``yank``, ``unyank`` and ``use`` say, and a skill's story."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from everyskill_cli.chain import timestamp
from everyskill_cli.cli.render.blocks import Block, Column, Commands, Field, Fields, Headline, Table
from everyskill_cli.cli.render.words import (
    Words,
    command,
    counted,
    flowing,
    moment,
    named,
    only_piped,
    only_shown,
    quoted,
    say,
    status,
)
from everyskill_cli.model import BIRTHS

if TYPE_CHECKING:
    from datetime import datetime

    from everyskill_cli.cli.render.words import Role
    from everyskill_cli.model import (
        EventEntry,
        EventKind,
        ReleaseAnswer,
        ReleaseResult,
        UseAnswer,
        UseResult,
        VersionSummary,
    )

STORY_COLUMNS: Final = (
    Column("created_at", "when"),
    Column("kind", "what"),
    Column("version", "version", right=True),
    Column("published_version", "published", right=True, from_width=60),
    Column("actor", "by", fit="cut", from_width=80),
    Column("successor", "instead", right=True),
    Column("reason", "why", fit="cut", from_width=48),
)
_EVENT_ROLES: Final[dict[EventKind, Role]] = {
    "publish": "good",
    "promote": "good",
    "draft": "attention",
    "rollback": "attention",
    "yank": "bad",
    "purge": "bad",
}


def released(value: ReleaseAnswer, _now: datetime) -> list[Block]:
    """Say where the pointers of each skill stand now, and where to read how they came there."""
    blocks: list[Block] = []
    for result in value.results:
        blocks += [
            _headline(value.status, result, _remark(value.status, result)),
            Fields(_release_fields(result)),
        ]
    if len(value.results) == 1:
        slug = quoted(value.results[0].slug)
        blocks.append(Commands(((command(f"everyskill versions {slug}"), "see its story"),)))
    return blocks


def _headline(word: str, result: ReleaseResult | UseResult, remark: str) -> Headline:
    what = say(" " + named(result.slug, result.version), "strong")
    aside = only_shown("  " + remark, "muted") if remark else Words((), "")
    return Headline(status(word) + what + aside)


def _remark(word: str, result: ReleaseResult) -> str:
    now, before = result.published_version, result.previous_version
    match word:
        case "promoted" | "rolled-back":
            return f"instead of version {before}" if before else "nothing was published before"
        case "yanked" if before == result.version:
            return f"version {now} is published instead" if now else "nothing is published now"
        case "yanked" | "unyanked":
            return f"version {now} stays published" if now else "nothing is published"
    return "it stands so already"


def _release_fields(result: ReleaseResult) -> tuple[Field, ...]:
    reason = result.reason

    def at(version: int | None) -> Words:
        if version is None:
            return only_shown("none", "muted")
        return say(f"version {version}", plain=str(version))

    return (
        Field("published_version", at(result.published_version), "published"),
        Field(
            "draft_version",
            at(result.draft_version) if result.draft_version is not None else None,
            "draft",
        ),
        Field("previous_version", only_piped(result.previous_version)),
        Field("reason", Words(flowing(reason).spans, reason) if reason else None),
        Field(
            "successor", at(result.successor) if result.successor is not None else None, "use now"
        ),
        Field(
            "created_at", only_piped(timestamp(result.created_at) if result.created_at else None)
        ),
    )


def used(value: UseAnswer, _now: datetime) -> list[Block]:
    """Say what was counted, and how often it was used by now."""
    remark = "counted before" if value.status == "unchanged" else ""
    blocks: list[Block] = []
    for result in value.results:
        blocks += [_headline(value.status, result, remark), Fields(_use_fields(result))]
    return blocks


def _use_fields(result: UseResult) -> tuple[Field, ...]:
    own_id = result.external_id
    return (
        Field("tool_name", say(result.tool_name), "through"),
        Field("external_id", None if own_id is None else say(own_id), "your id"),
        Field("uses", counted(result.uses, "use"), "this version"),
        Field("total_uses", counted(result.total_uses, "use"), "all versions"),
        Field("created_at", only_piped(timestamp(result.created_at))),
    )


def story(items: Sequence[VersionSummary], now: datetime) -> Table:
    """Tell on a terminal what happened to some versions, a line each, the newest first."""
    events = [event for item in items for event in item.events]
    events.sort(key=lambda event: event.seq, reverse=True)
    messages = {item.version: item.message for item in items}
    rows = tuple(_story_row(event, messages.get(event.version), now) for event in events)
    return Table(STORY_COLUMNS, rows, title="Story", place="screen")


def _story_row(event: EventEntry, message: str | None, now: datetime) -> tuple[Words, ...]:
    published = event.published_version
    return (
        moment(event.created_at, now, short=True),
        only_shown(event.kind, _EVENT_ROLES.get(event.kind, "")),
        only_shown(str(event.version), "strong"),
        only_shown("none", "muted") if published is None else only_shown(str(published)),
        only_shown(event.actor),
        only_shown(str(event.successor or "")),
        flowing((message if event.kind in BIRTHS else event.reason) or ""),
    )


def told(events: Iterable[EventEntry]) -> Words:
    """Tell what happened to a version in one column of a pipe."""
    return only_piped("; ".join(map(_told, events)))


def _told(event: EventEntry) -> str:
    why = f": {event.reason}" if event.reason else ""
    return f"{event.kind} at {timestamp(event.created_at)} by {event.actor}{why}"

"""What ``gc`` and ``purge`` say: what nothing needs, what went, and what stays."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from everyskill_cli.chain import timestamp
from everyskill_cli.cli.render.blocks import (
    Block,
    Column,
    Commands,
    Field,
    Fields,
    Headline,
    Line,
    Table,
)
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
    role_of,
    say,
    size,
    status,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from everyskill_cli.model import (
        DeletionAnswer,
        Garbage,
        GcAnswer,
        PurgeAnswer,
        PurgeResult,
        RemovedObject,
    )

GC_COLUMNS: Final = (
    Column("status", "status"),
    Column("kind", "kind"),
    Column("key", "key", fit="cut"),
    Column("size_bytes", "size", right=True),
    Column("modified", "written"),
    Column("message", place="pipe"),
)
SHOWN: Final = 20  # things that a terminal names
_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "m"))


def collected(value: GcAnswer, now: datetime) -> list[Block]:
    """Name what nothing needs, and count it."""
    rows = tuple(_garbage_row(thing, now) for thing in value.results)
    blocks: list[Block] = [
        Table(GC_COLUMNS, rows[:SHOWN], place="screen"),
        Table(GC_COLUMNS, rows, place="pipe"),
    ]
    more = value.garbage - SHOWN
    if more > 0:
        blocks.append(Line(only_shown(f"and {more:,} more; --json names the first 1,000", "muted")))
    blocks.append(Headline(_sums(value)))
    if value.status == "would-delete":
        again = command(f"everyskill gc --older-than {_said(value.older_than)} --delete")
        blocks.append(Commands(((again, "delete that"),)))
    return blocks


def _garbage_row(thing: Garbage, now: datetime) -> tuple[Words, ...]:
    return (
        status(thing.status),
        say(thing.kind),
        say(thing.key),
        size(thing.size_bytes),
        moment(thing.modified, now),
        only_piped(None if thing.error is None else thing.error.message),
    )


def _sums(value: GcAnswer) -> Words:
    """Count up: a terminal is told what there is, a pipe is told the same four things always."""
    young = f"younger than {_said(value.older_than)}"
    sums = (
        (value.objects, value.objects_bytes, "objects", "objects"),
        (value.garbage, value.garbage_bytes, "garbage", "garbage"),
        (value.young, value.young_bytes, "young", young),
        (value.deleted, value.deleted_bytes, "deleted", "deleted"),
    )
    plain = ", ".join(f"{count:,} {word} ({amount})" for count, amount, word, _ in sums)
    shown = [f"{c:,} {text} ({size(amount).shown})" for c, amount, _, text in sums if c]
    return say(", ".join(shown) or "The store is empty", plain=plain)


def _said(seconds: int) -> str:
    """Say a grace period as it is typed."""
    for length, unit in _UNITS:
        if seconds and seconds % length == 0:
            return f"{seconds // length}{unit}"
    return "0"


def purged(value: PurgeAnswer, _now: datetime) -> list[Block]:
    """Say which versions lost their bytes, and what became of the object."""
    blocks: list[Block] = []
    for result in value.results:
        what = say(" " + named(result.slug, result.version), "strong")
        aside = only_shown("  " + _became(result), "muted")
        blocks += [Headline(status(result.status) + what + aside), Fields(_purge_fields(result))]
    if not value.results:
        what = say(f" sha256:{value.content_hash}", "strong")
        aside = only_shown("  its skills are deleted whole by now", "muted")
        blocks.append(Headline(status(value.status) + what + aside))
    blocks.append(Fields(_object_fields(value.objects)))
    if value.results:
        line = f"everyskill versions {quoted(value.results[0].slug)}"
        blocks.append(Commands(((command(line), "see what is left"),)))
    return blocks


def _became(result: PurgeResult) -> str:
    now, before = result.published_version, result.previous_version
    if result.status == "unchanged":
        return "it was purged before"
    if before == result.version:
        return f"version {now} is published instead" if now else "nothing is published now"
    return f"version {now} stays published" if now else "nothing is published"


def _purge_fields(result: PurgeResult) -> tuple[Field, ...]:
    made = result.created_at
    return (
        Field("published_version", only_piped(result.published_version)),
        Field("draft_version", only_piped(result.draft_version)),
        Field("previous_version", only_piped(result.previous_version)),
        Field("reason", _prose(result.reason)),
        Field("created_at", only_piped(None if made is None else timestamp(made))),
    )


def _prose(text: str | None) -> Words | None:
    return Words(flowing(text).spans, text) if text else None


def _object_fields(objects: Iterable[RemovedObject]) -> tuple[Field, ...]:
    return tuple(
        Field(
            "object",
            say(f"{each.status} ", role_of(each.status)) + say(each.location, plain=each.key),
        )
        for each in objects
    )


def deleted(value: DeletionAnswer, _now: datetime) -> list[Block]:
    """Say what went with a skill, and what became of its objects."""
    blocks: list[Block] = []
    is_new = value.status == "deleted"
    for tombstone in value.results:
        aside = only_shown("" if is_new else "  it was deleted before", "muted")
        counts = (
            Field("versions", only_piped(value.versions)),
            Field("ratings", only_piped(value.ratings)),
            Field("uses", only_piped(value.uses)),
        )
        rows = ", ".join(
            counted(number, word).shown
            for number, word in (
                (value.versions, "version"),
                (value.ratings, "rating"),
                (value.uses, "use"),
            )
        )
        blocks += [
            Headline(status(value.status) + say(f" {tombstone.slug}", "strong") + aside),
            Fields(
                (
                    Field("rows", only_shown(rows) if is_new else None, "went with it"),
                    Field("last_version", say(str(tombstone.last_version))),
                    Field("head_hash", say(tombstone.head_hash)),
                    *counts,
                    Field("reason", _prose(tombstone.reason)),
                    Field("created_at", say(timestamp(tombstone.created_at)), "deleted at"),
                )
            ),
        ]
    if value.objects:
        found = Counter(each.status for each in value.objects)
        said = ", ".join(f"{count:,} {word}" for word, count in found.items())
        blocks.append(Fields((Field("objects", only_shown(said)),), place="screen"))
        blocks.append(Fields(_object_fields(value.objects), place="pipe"))
    return blocks

"""What ``publish``, ``rate`` and ``upgrade`` say about what they did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from everyskill_cli.chain import timestamp
from everyskill_cli.cli.render.blocks import Block, Column, Commands, Field, Fields, Headline, Table
from everyskill_cli.cli.render.words import (
    Words,
    average,
    command,
    counted,
    digest,
    flowing,
    named,
    only_piped,
    only_shown,
    optional,
    quoted,
    rate_line,
    say,
    size,
    stars,
    status,
)

if TYPE_CHECKING:
    from datetime import datetime

    from everyskill_cli.model import (
        PublishAnswer,
        PublishResult,
        RateAnswer,
        RateResult,
        SchemaChange,
        UpgradeAnswer,
    )

UPGRADE_COLUMNS: Final = tuple(
    Column(name) for name in ("status", "database", "before", "after", "backup")
)
_OMITTED_SHOWN: Final = 3


def published(value: PublishAnswer, _now: datetime) -> list[Block]:
    """Say what became of one skill, and what to type next; many are another page."""
    if len(value.results) > 1 or value.results[0].error is not None:
        from everyskill_cli.cli.render import batches

        return batches.published(value)
    (result,) = value.results
    return [
        _publish_headline(result),
        Fields(_publish_fields(result)),
        Commands(_after_publish(result)),
    ]


def _publish_headline(result: PublishResult) -> Headline:
    stays = result.published_version
    remarks = {
        "draft": f"version {stays} stays published" if stays else "nothing is published yet",
        "promoted": "the draft is now the published version",
        "unchanged": "this version holds these bytes already",
        "would-publish": "a dry run: nothing was written",
    }
    return _headline(result.status, result, Words((), ""), remarks.get(result.status, ""))


def _headline(word: str, result: PublishResult | RateResult, signs: Words, remark: str) -> Headline:
    what = say(" " + named(str(result.slug), result.version), "strong")
    aside = only_shown("  " + remark, "muted") if remark else Words((), "")
    return Headline(status(word) + what + signs + aside)


def _publish_fields(result: PublishResult) -> tuple[Field, ...]:
    made, files = result.created_at, counted(len(result.files), "file")
    length = size(result.size_bytes or 0) + only_shown(f" in {files.shown}")
    return (
        Field("path", only_piped(result.path)),
        Field("content_hash", digest(str(result.content_hash)), "digest"),
        Field("size_bytes", length, "size"),
        Field("files", only_piped(len(result.files))),
        Field("content_type", only_piped(result.content_type)),
        Field("location", say(str(result.location)), "stored at"),
        *_left_out(result.omitted),
        Field("updated", optional(", ".join(result.updated))),
        Field("published_version", only_piped(result.published_version)),
        Field("draft_version", only_piped(result.draft_version)),
        Field("created_at", only_piped(timestamp(made) if made else None)),
    )


def _left_out(paths: tuple[str, ...]) -> tuple[Field, ...]:
    """Say the first few on a terminal, and all of them, one a line, in a pipe."""
    more = len(paths) - _OMITTED_SHOWN
    shown = ", ".join(paths[:_OMITTED_SHOWN]) + (f" and {more:,} more" if more > 0 else "")
    return (
        Field("omitted", only_shown(shown), "left out"),
        *(Field("omitted", only_piped(path)) for path in paths),
    )


def _after_publish(result: PublishResult) -> tuple[tuple[Words, str], ...]:
    """Give the lines to type next; a draft is published by publishing the same bytes again."""
    slug, path = quoted(str(result.slug)), quoted(result.path)
    this = quoted(named(str(result.slug), result.version))
    match result.status:
        case "published" | "promoted":
            return (
                (command(f"everyskill show {slug}"), "see it"),
                (command(rate_line(slug)), "rate it"),
            )
        case "draft":
            return (
                (command(f"everyskill show {this}"), "see it"),
                (command(f"everyskill publish {path}"), "publish it"),
            )
        case "unchanged":
            return ((command(f"everyskill show {this}"), "see it"),)
        case "would-publish":
            return ((command(f"everyskill publish {path}"), "do it"),)
    return ()


def rated(value: RateAnswer, _now: datetime) -> list[Block]:
    """Say how a rating stands now, and the averages after it."""
    blocks: list[Block] = []
    for result in value.results:
        blocks += [_rate_headline(value.status, result), Fields(_rate_fields(result))]
    if len(value.results) == 1:
        slug = quoted(value.results[0].slug)
        blocks.append(Commands(((command(f"everyskill show {slug}"), "see it"),)))
    return blocks


def _rate_headline(word: str, result: RateResult) -> Headline:
    remarks = {
        "replaced": "instead of your rating before",
        "unchanged": "your rating is the same already",
        "removed": "your rating is taken back",
    }
    signs = Words((), "")
    if result.rating is not None:
        signs = only_shown(" ") + Words(stars(result.rating.rating).spans, "")
    return _headline(word, result, signs, remarks.get(word, ""))


def _rate_fields(result: RateResult) -> tuple[Field, ...]:
    rating = result.rating
    hours = None if rating is None else rating.hours_saved_estimate
    comment = None if rating is None else rating.comment
    of_version = average(result.version_average_rating, result.version_rating_count)
    return (
        Field("rating", only_piped(None if rating is None else rating.rating)),
        Field("comment", Words(flowing(comment).spans, comment) if comment else None),
        Field(
            "hours_saved_estimate", None if hours is None else counted(hours, "hour"), "hours saved"
        ),
        Field("version_average_rating", of_version, "this version"),
        Field("version_rating_count", only_piped(result.version_rating_count)),
        Field(
            "average_rating", average(result.average_rating, result.rating_count), "all versions"
        ),
        Field("rating_count", only_piped(result.rating_count)),
    )


def upgraded(value: UpgradeAnswer, _now: datetime) -> list[Block]:
    """Say from where to where each schema went, and where the copy of the old one is."""
    blocks: list[Block] = []
    for change in value.results:
        backup = only_shown(change.backup) if change.backup else None
        blocks += [
            Headline(_moved(value.status, change)),
            Fields((Field("backup", backup, "copied to"),)),
        ]
    rows = tuple(
        tuple(only_piped(text) for text in (value.status, c.database, c.before, c.after, c.backup))
        for c in value.results
    )
    return [*blocks, Table(UPGRADE_COLUMNS, rows, place="pipe")]


def _moved(word: str, change: SchemaChange) -> Words:
    if change.before == change.after:
        how = f"the schema is at {change.after} already"
    elif change.before is None:
        how = f"a new schema, at {change.after}"
    else:
        how = f"the schema went from {change.before} to {change.after}"
    shown = (*status(word).spans, (f" {change.database}", "strong"), (f"  {how}", "muted"))
    return Words(shown, "")

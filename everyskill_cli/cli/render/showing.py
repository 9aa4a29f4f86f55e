"""What ``show`` says: one screen about a skill, or stanzas of ``key: value`` lines in a pipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from everyskill_cli.chain import timestamp
from everyskill_cli.cli.render.blocks import (
    Bars,
    Block,
    Card,
    Commands,
    Field,
    Fields,
    Line,
    Quotes,
    Side,
)
from everyskill_cli.cli.render.lists import rating_quotes, rating_table, version_table
from everyskill_cli.cli.render.verdicts import change_table, sentence
from everyskill_cli.cli.render.words import (
    Words,
    average,
    command,
    counted,
    digest,
    flowing,
    joined,
    moment,
    named,
    number,
    only_piped,
    only_shown,
    optional,
    quoted,
    rate_line,
    role_of,
    say,
    size,
)

if TYPE_CHECKING:
    from datetime import datetime

    from everyskill_cli.model import ShowAnswer, Skill

_COMMIT_SHOWN: Final = 10  # digits
_COMMENT_LINES: Final = 4  # of one comment on the screen; `ratings` prints it whole


def shown(value: ShowAnswer, now: datetime) -> list[Block]:
    """Show a skill, the version that was asked for, and what people made of it."""
    return [
        _card(value, now),
        Side(_counters(value.skill), _pointers(value)),
        _skill_fields(value),
        _version_fields(value, now),
        version_table(value.versions, now, title="Versions", key="history"),
        *_opinions(value, now),
        Commands(_next(value)),
    ]


def _card(value: ShowAnswer, now: datetime) -> Card:
    skill = value.skill
    tags = "  ".join(f"#{tag}" for tag in skill.tags)
    where = joined([only_shown(skill.category or ""), only_shown(tags, "muted")], "  ")
    since = moment(skill.created_at, now).shown
    return Card(
        title=say(value.version.name, "strong"),
        aside=say(named(skill.slug, value.version.version), "muted"),
        body=flowing(value.version.description),
        foot=where,
        foot_aside=only_shown("by ", "muted")
        + say(value.author)
        + only_shown(f", {since}", "muted"),
    )


def _rating_count(skill: Skill) -> int:
    return sum(_histogram(skill).values())


def _histogram(skill: Skill) -> dict[int, int]:
    return {
        5: skill.stars_5,
        4: skill.stars_4,
        3: skill.stars_3,
        2: skill.stars_2,
        1: skill.stars_1,
    }


def _counters(skill: Skill) -> Fields:
    """Say on a terminal how people found it."""
    count = _rating_count(skill)
    mean = only_shown("none yet", "muted")
    if skill.average_rating is not None:
        mean = only_shown(f"★ {skill.average_rating / 100:.2f}", "stars")
        mean += only_shown(f" from {counted(count, 'rating').shown}", "muted")
    return Fields(
        (
            Field("rating", mean),
            Field("uses", only_shown(number(skill.total_uses).shown)),
            Field("hours saved", only_shown(counted(skill.hours_saved, "hour").shown)),
        ),
        place="screen",
    )


def _pointers(value: ShowAnswer) -> Fields:
    """Say on a terminal which versions the skill's pointers name."""

    def at(version: int | None) -> Words:
        return only_shown("none", "muted") if version is None else only_shown(f"version {version}")

    return Fields(
        (
            Field("published", at(value.published_version)),
            Field("draft", at(value.draft_version)),
            Field("latest", at(value.skill.latest_version)),
        ),
        place="screen",
    )


def _skill_fields(value: ShowAnswer) -> Fields:
    """Say all of it in a pipe; the names are those of ``list --json``."""
    skill = value.skill
    stars = tuple(
        Field(f"stars_{given}", only_piped(count)) for given, count in _histogram(skill).items()
    )
    return Fields(
        (
            Field("slug", say(skill.slug)),
            Field("name", say(skill.name)),
            Field("description", flowing(skill.description)),
            Field("category", optional(skill.category)),
            Field("tags", optional(", ".join(skill.tags))),
            Field("author", say(value.author)),
            Field("latest_version", only_piped(skill.latest_version)),
            Field("published_version", only_piped(value.published_version)),
            Field("draft_version", only_piped(value.draft_version)),
            Field("average_rating", average(skill.average_rating, 0)),
            Field("rating_count", only_piped(_rating_count(skill))),
            *stars,
            Field("total_uses", only_piped(skill.total_uses)),
            Field("hours_saved", only_piped(skill.hours_saved)),
            Field("updated_at", only_piped(timestamp(skill.updated_at))),
        ),
        place="pipe",
    )


def _version_fields(value: ShowAnswer, now: datetime) -> Fields:
    """Say what the version is that was asked for, in both places."""
    version, summary = value.version, value.summary
    made = moment(version.created_at, now)
    files = counted(len(version.files), "file")
    head = (
        only_shown(f"{version.version}  ", "strong")
        + only_shown(summary.status, role_of(summary.status))
        + only_shown(f"  {made.shown} by ", "muted")
        + only_shown(summary.author)
    )
    content = only_shown(size(version.size_bytes).shown) + only_shown(
        f" in {files.shown}, {version.content_type}"
    )
    return Fields(
        (
            Field("version", Words(head.spans, str(version.version))),
            Field("status", Words((), summary.status)),
            *_withdrawal(value, now),
            Field("message", flowing(version.message or "")),
            Field("declared_version", optional(summary.declared_version), "declares"),
            Field("size_bytes", Words(content.spans, str(version.size_bytes)), "content"),
            Field("files", only_piped(len(version.files))),
            Field("content_type", only_piped(version.content_type)),
            Field("content_hash", digest(version.content_hash), "digest"),
            Field("location", say(value.location), "stored at"),
            Field("source", _source(version.metadata.get("source")), "from"),
            Field("author", only_piped(summary.author)),
            Field("created_at", only_piped(made.plain)),
        )
    )


def _source(source: object) -> Words | None:
    """Say which repository, commit and path the version was made of, as far as that is known."""
    if not isinstance(source, dict):
        return None
    known = {name: text for name, text in source.items() if isinstance(text, str)}
    repository, commit = known.get("repository", ""), known.get("commit", "")
    changed = "(modified)" if source.get("modified") is True else ""

    def said(commit: str) -> str:
        whole = "@".join(part for part in (repository, commit) if part)
        return " ".join(part for part in (whole, known.get("path", ""), changed) if part)

    return say(said(commit[:_COMMIT_SHOWN]), plain=said(commit))


def _withdrawal(value: ShowAnswer, now: datetime) -> tuple[Field, ...]:
    """Say why and when the version was withdrawn, and what to use instead."""
    summary = value.summary
    yanked, purged = summary.yanked_at, summary.purged_at
    successor = summary.successor
    return (
        Field("yanked_at", None if yanked is None else moment(yanked, now), "yanked"),
        Field("yank_reason", optional(summary.yank_reason, "bad"), "because"),
        Field(
            "successor",
            None if successor is None else say(f"version {successor}", plain=str(successor)),
            "use instead",
        ),
        Field("purged_at", None if purged is None else moment(purged, now), "purged"),
        Field("purge_reason", optional(summary.purge_reason, "bad"), "because"),
    )


def _opinions(value: ShowAnswer, now: datetime) -> list[Block]:
    if _rating_count(value.skill) == 0:
        return [Line(only_shown("nobody has rated it yet", "muted"), "Ratings")]
    comments = rating_quotes(value.comments, now, title="Newest comments", lines_max=_COMMENT_LINES)
    trend = _trend(value)
    bars: Block = _bars(value.skill)
    if len(trend.items) > 1:
        bars = Side(bars, trend)
    return [
        bars,
        *_verdict(value),
        *_unless_empty(comments),
        rating_table(value.comments, key="comment"),
    ]


def _verdict(value: ShowAnswer) -> list[Block]:
    """Say whether it got better with the version that people get, and how sure that is."""
    if value.change is None:
        return []
    return [Line(sentence(value.change)), change_table([value.change])]


def _unless_empty(quotes: Quotes) -> list[Block]:
    return [quotes] if quotes.items else []


def _bars(skill: Skill) -> Bars:
    counts = _histogram(skill)
    most = max(counts.values())
    return Bars(
        "Ratings",
        tuple(
            (only_shown(f"{given} ★", "stars"), only_shown(number(count).shown), count / most)
            for given, count in counts.items()
        ),
    )


def _trend(value: ShowAnswer) -> Bars:
    """Draw the averages of the newest versions, oldest first, to see whether it got better."""
    return Bars(
        "Average by version",
        tuple(
            (
                only_shown(f"@{item.version}", "muted"),
                Words(average(item.average_rating, item.rating_count).spans, ""),
                item.average_rating / 500,
            )
            for item in reversed(value.versions)
            if item.average_rating is not None
        ),
    )


def _next(value: ShowAnswer) -> tuple[tuple[Words, str], ...]:
    """Give the lines to type next; a version that is not the published one needs its number."""
    slug, number = value.skill.slug, value.version.version
    this = quoted(named(slug, None if number == value.published_version else number))
    lines = []
    if value.summary.purged_at is None:
        lines.append((f"everyskill show {this} --content", "read it"))
        lines.append((rate_line(this), "rate it"))
    if _rating_count(value.skill) > len(value.comments):
        lines.append((f"everyskill ratings {quoted(slug)}", "all ratings"))
    if value.skill.latest_version > len(value.versions):
        lines.append((f"everyskill versions {quoted(slug)}", "all versions"))
    return tuple((command(line), why) for line, why in lines)

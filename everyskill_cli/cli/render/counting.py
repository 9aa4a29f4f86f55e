"""What ``stats`` says: figures, small bars, and rows; the rows alone under ``--csv``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from everyskill_cli.chain import timestamp
from everyskill_cli.cli.render.blocks import (
    Bars,
    Block,
    Commands,
    Field,
    Fields,
    Headline,
    Line,
    Side,
)
from everyskill_cli.cli.render.figures import periods, quiet, skills, versions
from everyskill_cli.cli.render.verdicts import change_table, hundredths, sentence
from everyskill_cli.cli.render.words import (
    Words,
    average,
    command,
    counted,
    number,
    only_piped,
    only_shown,
    optional,
    quoted,
    rate_line,
)

if TYPE_CHECKING:
    from datetime import datetime

    from everyskill_cli.model import (
        Activity,
        Period,
        SkillFigures,
        SkillStatsAnswer,
        StatsAnswer,
        Totals,
        VersionChange,
        VersionFigures,
    )

_LEVELS: Final = "▁▂▃▄▅▆▇█"
_HOURS: Final = (24 * 364, "year"), (24 * 28, "4 weeks"), (24 * 7, "week"), (24, "day"), (1, "hour")


def of_skill(value: SkillStatsAnswer, now: datetime) -> list[Block]:
    """Say what one skill brought, and which of its versions brought more."""
    return [
        Headline(only_shown(value.slug, "strong") + only_shown(f" by {value.author}", "muted")),
        Fields(
            (
                Field("slug", only_piped(value.slug)),
                Field("author", only_piped(value.author)),
                Field("published_version", only_piped(value.published_version)),
                Field("unrated_version", only_piped(value.unrated_version)),
                Field("unversioned_uses", only_piped(value.unversioned_uses)),
            ),
            place="pipe",
        ),
        *_figures(value),
        _spark(value.periods, "nobody used it"),
        periods(value.periods),
        versions(value, now),
        *_unversioned(value.unversioned_uses),
        *_averages(value.versions),
        *_changes(value.changes),
        *_unrated_line(value),
    ]


def of_many(value: StatsAnswer, now: datetime) -> list[Block]:
    """Say what a registry or an author brought, and what nobody speaks of."""
    whose = f" by {value.author}" if value.author else ""
    head = counted(value.skills, "skill").shown
    never = f", {number(value.unused_skills).shown} never used" if value.unused_skills else ""
    return [
        Headline(only_shown(head, "strong") + only_shown(f"{whose}{never}", "muted")),
        Fields(
            (
                Field("author", optional(value.author)),
                Field("skills", only_piped(value.skills)),
                Field("unused_skills", only_piped(value.unused_skills)),
            ),
            place="pipe",
        ),
        *_figures(value),
        _spark(value.periods, "nobody used any"),
        periods(value.periods),
        skills(value),
        *_most_used(value.items),
        *_changes(value.changes, named=True),
        quiet(value.unused, now, "Used by nobody recently", "unused"),
        quiet(value.unrated, now, "Not rated since the published version", "unrated"),
    ]


def _figures(value: SkillStatsAnswer | StatsAnswer) -> list[Block]:
    """Say the sums, ever and of the period, beside each other."""
    return [
        Side(_ever(value.total), _recently(value.recent, value.since)),
        Fields(
            (
                Field("since", only_piped(timestamp(value.since))),
                Field("until", only_piped(timestamp(value.until))),
                *_piped_totals(value.total),
                *_piped_activity(value.recent),
            ),
            place="pipe",
        ),
    ]


def _ever(total: Totals) -> Fields:
    return Fields(
        (
            Field("since", only_shown("the beginning", "muted")),
            Field("uses", only_shown(number(total.uses).shown)),
            Field("rating", _mean(total.average_rating, total.rating_count)),
            Field("hours saved", _hours(total.hours_saved, total.hours_per_rating)),
        ),
        place="screen",
    )


def _recently(recent: Activity, since: datetime) -> Fields:
    people = f" by {counted(recent.users, 'user').shown}"
    return Fields(
        (
            Field("since", only_shown(f"{since:%Y-%m-%d %H:%M} UTC", "muted")),
            Field("uses", only_shown(number(recent.uses).shown) + only_shown(people, "muted")),
            Field("rating", _mean(recent.average_rating, recent.rating_count)),
            Field("hours saved", _hours(recent.hours_saved, recent.hours_per_rating)),
            Field("installs", only_shown(number(recent.installs).shown)),
        ),
        place="screen",
    )


def _mean(hundred: int | None, count: int) -> Words:
    if hundred is None:
        return only_shown("none", "muted")
    stars = only_shown(f"★ {hundredths(hundred)}", "stars")
    return stars + only_shown(f" from {counted(count, 'rating').shown}", "muted")


def _hours(hours: int, per_rating: int | None) -> Words:
    said = only_shown(counted(hours, "hour").shown)
    if per_rating is None:
        return said
    return said + only_shown(f", {hundredths(per_rating)} a rating", "muted")


def _piped_totals(total: Totals) -> tuple[Field, ...]:
    return (
        Field("uses", only_piped(total.uses)),
        Field("rating_count", only_piped(total.rating_count)),
        Field("average_rating", only_piped(hundredths(total.average_rating))),
        *(Field(f"stars_{n}", only_piped(getattr(total, f"stars_{n}"))) for n in (5, 4, 3, 2, 1)),
        Field("hours_saved", only_piped(total.hours_saved)),
        Field("hours_per_rating", only_piped(hundredths(total.hours_per_rating))),
    )


def _piped_activity(recent: Activity) -> tuple[Field, ...]:
    return (
        Field("recent_uses", only_piped(recent.uses)),
        Field("recent_users", only_piped(recent.users)),
        Field("recent_installs", only_piped(recent.installs)),
        Field("recent_rating_count", only_piped(recent.rating_count)),
        Field("recent_raters", only_piped(recent.raters)),
        Field("recent_average_rating", only_piped(hundredths(recent.average_rating))),
        Field("recent_hours_saved", only_piped(recent.hours_saved)),
        Field("recent_hours_per_rating", only_piped(hundredths(recent.hours_per_rating))),
    )


def _spark(parts: Sequence[Period], nothing: str) -> Line:
    """Draw the uses of each part of the period as one small bar."""
    counts = [period.recent.uses for period in parts]
    most = max(counts, default=0)
    if most == 0:
        return Line(only_shown(f"{nothing} in this time", "muted"), "Uses")
    bars = "".join(_LEVELS[-(-count * (len(_LEVELS) - 1) // most)] for count in counts)
    hours = round((parts[-1].ends_at - parts[-1].begins_at).total_seconds() / 3600)
    part = next(f"a {word}" for length, word in (*_HOURS, (0, "part")) if hours >= length)
    part = part if hours <= _HOURS[0][0] else f"for {hours // 24:,} days"
    said = only_shown(bars, "stars") + only_shown(f"  a bar {part}, {most:,} at most", "muted")
    return Line(said, "Uses")


def _averages(items: Sequence[VersionFigures]) -> list[Block]:
    """Draw the averages of the versions, oldest first, to see whether it got better."""
    bars = tuple(
        (
            only_shown(f"@{item.version}", "muted"),
            Words(average(item.total.average_rating, item.total.rating_count).spans, ""),
            item.total.average_rating / 500,
        )
        for item in reversed(items)
        if item.total.average_rating is not None
    )
    return [Bars("Average by version", bars)] if len(bars) > 1 else []


def _most_used(items: Sequence[SkillFigures]) -> list[Block]:
    if len(items) < 2:
        return []
    most = items[0].recent.uses
    bars = tuple(
        (
            only_shown(item.slug, "muted"),
            only_shown(number(item.recent.uses).shown),
            item.recent.uses / most,
        )
        for item in items
    )
    return [Bars("Uses recently", bars)]


def _changes(changes: Sequence[VersionChange], *, named: bool = False) -> list[Block]:
    if not changes:
        return []
    lines = [sentence(change, whose=change.slug if named else "") for change in changes]
    spans = [span for line in lines for span in (*line.spans, ("\n", ""))][:-1]
    return [
        Line(Words(spans, "", lines=True), "What got better or worse"),
        change_table(changes),
    ]


def _unversioned(uses: int) -> list[Block]:
    if not uses:
        return []
    said = f"{counted(uses, 'use').shown} of no version: from when none was published"
    return [Line(only_shown(said, "muted"))]


def _unrated_line(value: SkillStatsAnswer) -> list[Block]:
    if value.unrated_version is None:
        return []
    said = f"version {value.unrated_version} is published, and nobody has rated it yet"
    return [
        Line(only_shown(said, "muted")),
        Commands(((command(rate_line(quoted(value.slug))), "rate it"),)),
    ]

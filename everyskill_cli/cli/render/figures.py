"""The rows of ``stats``: a version, a skill, a part of the period, a skill nobody speaks of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from everyskill_cli.chain import timestamp
from everyskill_cli.cli.render.blocks import Column, Table
from everyskill_cli.cli.render.verdicts import hundredths
from everyskill_cli.cli.render.words import (
    Words,
    average,
    moment,
    number,
    only_piped,
    only_shown,
    say,
    status,
)

if TYPE_CHECKING:
    from datetime import datetime

    from everyskill_cli.model import (
        Activity,
        Period,
        QuietSkill,
        SkillFigures,
        SkillStatsAnswer,
        StatsAnswer,
        Totals,
        VersionFigures,
    )

FIGURE_COLUMNS: Final = (
    Column("average_rating", "rating"),
    Column("rating_count", place="pipe"),
    Column("uses", "uses", right=True),
    Column("recent_uses", "recently", right=True, from_width=48),
    Column("recent_users", "by users", right=True, from_width=60),
    Column("recent_installs", "installs", right=True, from_width=76),
    Column("hours_saved", "hours saved", right=True, from_width=88),
    Column("hours_per_rating", "a rating", right=True, from_width=100),
    Column("recent_rating_count", place="pipe"),
    Column("recent_raters", place="pipe"),
    Column("recent_average_rating", place="pipe"),
    Column("recent_hours_saved", place="pipe"),
    Column("recent_hours_per_rating", place="pipe"),
)
VERSION_COLUMNS: Final = (
    Column("version", "version", right=True),
    Column("status", "status"),
    Column("created_at", "when", from_width=60),
    *FIGURE_COLUMNS,
)
SKILL_COLUMNS: Final = (
    Column("slug", "skill", fit="folded"),
    Column("published_version", place="pipe"),
    Column("author", "author", fit="cut", from_width=110),
    *FIGURE_COLUMNS,
)
PERIOD_COLUMNS: Final = tuple(
    Column(name)
    for name in (
        "begins_at",
        "ends_at",
        *("recent_uses", "recent_users", "recent_installs", "recent_rating_count"),
        *("recent_raters", "recent_average_rating", "recent_hours_saved"),
    )
)
QUIET_COLUMNS: Final = (
    Column("slug", "skill", fit="folded"),
    Column("version", place="pipe"),
    Column("total_uses", "uses", right=True),
    Column("created_at", "published", from_width=48),
    Column("author", "author", fit="cut", from_width=76),
)


def versions(value: SkillStatsAnswer, now: datetime) -> Table:
    """Make a row for each version."""
    rows = tuple(_version_row(item, now) for item in value.versions)
    return Table(VERSION_COLUMNS, rows, "Versions", "version")


def skills(value: StatsAnswer) -> Table:
    """Make a row for each skill that was used."""
    return Table(SKILL_COLUMNS, tuple(_skill_row(i) for i in value.items), "Most used", "skill")


def _version_row(item: VersionFigures, now: datetime) -> tuple[Words, ...]:
    return (
        say(str(item.version), "strong"),
        status(item.status),
        moment(item.created_at, now, short=True),
        *_figure_cells(item.total, item.recent),
    )


def _skill_row(item: SkillFigures) -> tuple[Words, ...]:
    return (
        say(item.slug, "strong"),
        only_piped(item.published_version),
        say(item.author),
        *_figure_cells(item.total, item.recent),
    )


def _figure_cells(total: Totals, recent: Activity) -> tuple[Words, ...]:
    per_rating = hundredths(total.hours_per_rating)
    return (
        average(total.average_rating, total.rating_count),
        only_piped(total.rating_count),
        number(total.uses),
        number(recent.uses),
        number(recent.users),
        number(recent.installs),
        number(total.hours_saved),
        say(per_rating),
        only_piped(recent.rating_count),
        only_piped(recent.raters),
        only_piped(hundredths(recent.average_rating)),
        only_piped(recent.hours_saved),
        only_piped(hundredths(recent.hours_per_rating)),
    )


def periods(parts: Iterable[Period]) -> Table:
    """Make a row of a pipe for each part of the period."""
    rows = tuple(tuple(only_piped(cell) for cell in _period_cells(part)) for part in parts)
    return Table(PERIOD_COLUMNS, rows, key="period", place="pipe")


def _period_cells(period: Period) -> tuple[object, ...]:
    recent = period.recent
    return (
        timestamp(period.begins_at),
        timestamp(period.ends_at),
        recent.uses,
        recent.users,
        recent.installs,
        recent.rating_count,
        recent.raters,
        hundredths(recent.average_rating),
        recent.hours_saved,
    )


def quiet(items: Iterable[QuietSkill], now: datetime, title: str, key: str) -> Table:
    """Make a row for each skill of which nobody is heard."""
    rows = tuple(
        (
            say(item.slug, "strong") + only_shown(f"@{item.version}", "muted"),
            only_piped(item.version),
            number(item.total_uses),
            moment(item.created_at, now, short=True),
            say(item.author),
        )
        for item in items
    )
    return Table(QUIET_COLUMNS, rows, title, key)

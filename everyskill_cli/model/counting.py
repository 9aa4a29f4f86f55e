"""Answers of ``stats`` and ``usage import``: what was counted, of what, since when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime

    from everyskill_cli.model.answers import VersionChange
    from everyskill_cli.model.words import Finding, VersionStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Everything that ever counted, from the counters that the database keeps.

    Attributes:
        average_rating: × 100, half up; None while unrated.
        hours_saved: sum of all estimates, hours.
        hours_per_rating: hours × 100, half up, over all ratings: one that names no hours saved
            none; None while unrated.

    """

    uses: int
    rating_count: int
    average_rating: int | None
    stars_1: int
    stars_2: int
    stars_3: int
    stars_4: int
    stars_5: int
    hours_saved: int
    hours_per_rating: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What happened in a period, counted from the rows of uses and ratings.

    Attributes:
        uses: all of them, installs too.
        users: different people among those whose user is known.
        installs: uses through ``everyskill install`` and ``update``.
        rating_count: ratings that were given or last changed in the period.
        raters: the different people who gave them.
        average_rating: of these ratings, × 100, half up; None where there is none.
        hours_saved: sum of their estimates, hours.
        hours_per_rating: hours × 100, half up; None where there is no rating.

    """

    uses: int
    users: int
    installs: int
    rating_count: int
    raters: int
    average_rating: int | None
    hours_saved: int
    hours_per_rating: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """One of the equal parts of the whole period; its end is not in it."""

    begins_at: datetime
    ends_at: datetime
    recent: Activity


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionFigures:
    """What one version brought, ever and in the period."""

    version: int
    status: VersionStatus
    created_at: datetime
    total: Totals
    recent: Activity


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillFigures:
    """What one skill brought, ever and in the period; ``author`` is an email address."""

    slug: str
    author: str
    published_version: int | None
    total: Totals
    recent: Activity


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietSkill:
    """A skill of which nobody is heard: ``version`` is its published one, of ``created_at``."""

    slug: str
    author: str
    version: int
    created_at: datetime
    total_uses: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsAnswer:
    """What ``stats`` says of a registry, or of the skills of one author.

    Attributes:
        author: email address; None for the whole registry.
        skills: how many there are.
        unused_skills: how many of them nobody ever used.
        items: the most used in the period, most used first.
        changes: of these skills, and of those with most ratings in the period, the newest rated
            version against the rated one before it.
        unused: published skills that nobody used in the period, least used first.
        unrated: published skills whose published version nobody rated, most used first.

    """

    author: str | None
    since: datetime
    until: datetime
    skills: int
    unused_skills: int
    total: Totals
    recent: Activity
    periods: tuple[Period, ...]
    items: tuple[SkillFigures, ...]
    changes: tuple[VersionChange, ...]
    unused: tuple[QuietSkill, ...]
    unrated: tuple[QuietSkill, ...]
    warnings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillStatsAnswer:
    """What ``stats SLUG`` says of one skill.

    Attributes:
        author: email address of the one who published first.
        unrated_version: the published version, where nobody rated it yet.
        unversioned_uses: of the period, of no version that is known: from when none was published.
        versions: the newest, newest first.
        changes: each rated version of these against the rated one before it, newest first.

    """

    slug: str
    author: str
    since: datetime
    until: datetime
    published_version: int | None
    unrated_version: int | None
    unversioned_uses: int
    total: Totals
    recent: Activity
    periods: tuple[Period, ...]
    versions: tuple[VersionFigures, ...]
    changes: tuple[VersionChange, ...]
    warnings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedUses:
    """What was recorded of one skill: new uses, and those that stood there already."""

    slug: str
    recorded: int
    known: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownSkill:
    """A name that is no skill of the registry, and how often it was used."""

    name: str
    uses: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadLine:
    """A line that could not be read, or holds a use that could not.

    Attributes:
        line: 1-based.
        message: one sentence.

    """

    line: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageImportAnswer:
    """What ``usage import`` did.

    Attributes:
        status: ``would-import`` under --dry-run; ``unchanged`` where nothing was new.
        lines: how many lines were read.
        found: how many uses of skills they hold.
        recorded: how many of these are new; under --dry-run, would be.
        known: how many stood there already.
        redacted: uses whose skill the log does not name.
        bundled: uses of skills that came with the agent or with a plugin.
        foreign: uses by others than the user of a login that may only write as its own.
        unknown_uses: uses of names that are no skill of the registry.
        unread: how many lines could not be read.
        results: by slug.
        unknown: the names, the most used first, a thousand at most.
        failures: the first thousand lines that could not be read.

    """

    status: Literal["imported", "unchanged", "would-import"]
    lines: int
    found: int
    recorded: int
    known: int
    redacted: int
    bundled: int
    foreign: int
    unknown_uses: int
    unread: int
    results: tuple[ImportedUses, ...]
    unknown: tuple[UnknownSkill, ...]
    failures: tuple[UnreadLine, ...]
    warnings: tuple[Finding, ...]

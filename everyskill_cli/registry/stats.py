"""Figures of a registry, of an author's skills, or of one skill: ever, and in a period."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from everyskill_cli.chain import timestamp
from everyskill_cli.database.queries import counting, quiet, records, users, versions, windows
from everyskill_cli.database.queries.counting import Sums
from everyskill_cli.database.queries.windows import Counts, Opinions, Scope, Uses, Window
from everyskill_cli.errors import NotFound, UsageError
from everyskill_cli.model import (
    Activity,
    Finding,
    Period,
    Reference,
    Skill,
    SkillFigures,
    SkillStatsAnswer,
    StatsAnswer,
    Totals,
    VersionChange,
    VersionFigures,
    VersionSummary,
)
from everyskill_cli.registry import Registry, trend
from everyskill_cli.registry.lookup import Found, find_skill
from everyskill_cli.registry.memory import meet
from everyskill_cli.registry.periods import cut

if TYPE_CHECKING:
    from everyskill_cli.database.engine import Transaction

ROWS_MAX: Final = 100_000  # uses, and ratings, that are counted of a period, the newest
COMPARED: Final = 1_000  # newest versions of a skill, among which changes are looked for
ONE_MOMENT: Final = "REPEATABLE READ"  # figures that are added up must be of one moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to count.

    Attributes:
        skill: one skill, without a version; None for many.
        author: email address: only the skills that this user published first.
        since: how long back, or from when.
        limit: rows of each list.
        rows_max: uses, and ratings, that are counted of the period.
        named_max: skills of an author that are looked for one by one; an index finds their rows.
    """

    skill: Reference | None = None
    author: str | None = None
    since: timedelta | datetime = timedelta(days=90)
    limit: int = 10
    rows_max: int = ROWS_MAX
    named_max: int = 1_000


def stats(registry: Registry, wanted: Wanted) -> StatsAnswer | SkillStatsAnswer:
    """Count what was used, by whom, how it is rated and what it saves.

    Raises:
        NotFound: no such skill, or nothing that this author published.
        UsageError: a version was named, or the period begins in the future.
    """
    with registry.database.reading(level=ONE_MOMENT) as tx:
        if wanted.skill is None:
            return _of_many(tx, wanted)
        return _of_skill(registry, tx, wanted, wanted.skill)


def _of_skill(
    registry: Registry, tx: Transaction, wanted: Wanted, reference: Reference
) -> SkillStatsAnswer:
    if reference.version is not None:
        raise UsageError(
            f"stats is about all versions of {reference.slug}; it takes no @{reference.version}.",
            f"Give the skill alone: everyskill stats {reference.slug}",
        )
    found = find_skill(tx, reference.slug)
    meet(registry, tx, found)
    window = _window(tx, wanted, Scope(skill_ids=(found.skill.id,)))
    listed = versions.summaries(tx, found.skill.id, found.pointers, limit=wanted.limit)
    counts = windows.counts(tx, window, "all", "period", "version")
    recent, warnings = _recent(window, counts)
    return SkillStatsAnswer(
        slug=found.skill.slug,
        author=found.author,
        since=window.since,
        until=window.until,
        published_version=found.published_version,
        unrated_version=_unrated(tx, found),
        unversioned_uses=counts.uses["version"].get(None, Uses()).uses,
        total=_totals(_sums(found.skill, found.skill.total_uses)),
        recent=recent,
        periods=_periods(window, counts),
        versions=_by_version(tx, found, listed, counts),
        changes=_changes_of(tx, found.skill, listed),
        warnings=(*registry.notices, *warnings),
    )


def _by_version(
    tx: Transaction, found: Found, listed: list[VersionSummary], counts: Counts
) -> tuple[VersionFigures, ...]:
    uses, opinions = counts.uses["version"], counts.opinions["version"]
    ids = counting.version_ids(tx, found.skill.id, [item.version for item in listed])
    return tuple(
        VersionFigures(
            version=item.version,
            status=item.status,
            created_at=item.created_at,
            total=_totals(_sums(item, item.uses)),
            recent=_activity(uses, opinions, ids.get(item.version)),
        )
        for item in listed
    )


def _changes_of(
    tx: Transaction, skill: Skill, listed: list[VersionSummary]
) -> tuple[VersionChange, ...]:
    """Compare listed versions with the rated one before each, which may not be listed."""
    rated = counting.histograms(tx, [skill.id], COMPARED).get(skill.id, [])
    numbers = {item.version for item in listed}
    return tuple(each for each in trend.changes(skill.slug, rated) if each.version in numbers)


def _unrated(tx: Transaction, found: Found) -> int | None:
    number = found.published_version
    if number is None:
        return None
    newest = versions.summaries(tx, found.skill.id, found.pointers, limit=1, below=number + 1)
    is_unrated = any(each.version == number and each.rating_count == 0 for each in newest)
    return number if is_unrated else None


def _of_many(tx: Transaction, wanted: Wanted) -> StatsAnswer:
    scope = Scope() if wanted.author is None else _of_author(tx, wanted.author, wanted.named_max)
    window = _window(tx, wanted, scope)
    sums = counting.sums(tx, scope)
    counts = windows.counts(tx, window, "all", "period", "skill", limit=wanted.limit)
    used, rated = counts.uses["skill"], counts.opinions["skill"]
    listed = counting.listed(tx, {*used, *rated})
    recent, warnings = _recent(window, counts)
    return StatsAnswer(
        author=wanted.author,
        since=window.since,
        until=window.until,
        skills=sums.skills,
        unused_skills=sums.unused,
        total=_totals(sums),
        recent=recent,
        periods=_periods(window, counts),
        items=_most_used(tx, window, used, listed),
        changes=_newest_changes(tx, dict.fromkeys([*used, *rated]), listed),
        unused=tuple(quiet.unused(tx, window, wanted.limit)),
        unrated=tuple(quiet.unrated(tx, scope, wanted.limit)),
        warnings=warnings,
    )


def _of_author(tx: Transaction, email: str, named_max: int) -> Scope:
    user_id = users.id_of(tx, email)
    skill_ids = counting.begun_by(tx, user_id, named_max + 1) if user_id else []
    if not skill_ids:
        raise NotFound(
            f"{email} has begun no skill in this registry.", "See who has: everyskill list"
        )
    if len(skill_ids) > named_max:
        return Scope(author_id=user_id)
    return Scope(skill_ids=tuple(skill_ids))


def _most_used(
    tx: Transaction,
    window: Window,
    uses: Mapping[str, Uses],
    listed: Mapping[str, counting.Listed],
) -> tuple[SkillFigures, ...]:
    """Give the skills with most uses in the window, most first."""
    own = window._replace(scope=Scope(skill_ids=tuple(uses)))
    opinions = windows.opinions(tx, own, ["skill"])["skill"] if uses else {}
    return tuple(
        SkillFigures(
            slug=listed[skill_id].slug,
            author=listed[skill_id].author,
            published_version=listed[skill_id].published_version,
            total=_totals(listed[skill_id].sums),
            recent=_activity(uses, opinions, skill_id),
        )
        for skill_id in uses
        if skill_id in listed
    )


def _newest_changes(
    tx: Transaction, skill_ids: Iterable[str], listed: Mapping[str, counting.Listed]
) -> tuple[VersionChange, ...]:
    """Compare the newest rated version of some skills with the rated one before it."""
    found = counting.histograms(tx, listed, COMPARED)
    return tuple(
        change
        for skill_id in skill_ids
        if skill_id in found
        for change in trend.changes(listed[skill_id].slug, found[skill_id])[:1]
    )


# The period and its parts.


def _window(tx: Transaction, wanted: Wanted, scope: Scope) -> Window:
    until = records.now(tx)
    edges = cut(wanted.since, until)
    return Window(scope, edges[0], until, edges, wanted.rows_max)


def _periods(window: Window, counts: Counts) -> tuple[Period, ...]:
    uses, opinions = counts.uses["period"], counts.opinions["period"]
    ends = (*window.edges[1:], window.until)
    return tuple(
        Period(begins_at=begin, ends_at=end, recent=_activity(uses, opinions, number))
        for number, (begin, end) in enumerate(zip(window.edges, ends, strict=True))
    )


def _recent(window: Window, counts: Counts) -> tuple[Activity, tuple[Finding, ...]]:
    """Sum the whole window up, and say where it may have more rows than are counted."""
    uses, opinions = counts.uses["all"], counts.opinions["all"]
    recent = _activity(uses, opinions, 0)
    found = []
    if recent.uses >= window.rows_max:
        found.append(_cut_off(window, "uses", uses[0].oldest))
    if recent.rating_count >= window.rows_max:
        found.append(_cut_off(window, "ratings", opinions[0].oldest))
    return recent, tuple(found)


def _cut_off(window: Window, what: str, oldest: datetime | None) -> Finding:
    back = f", back to {timestamp(oldest)}" if oldest else ""
    return Finding(
        "rows-limit",
        f"No more than the newest {window.rows_max:,} {what} of the period are counted{back}.",
    )


# Figures.


def _activity(uses: Mapping[Any, Uses], opinions: Mapping[Any, Opinions], key: Any) -> Activity:
    used, said = uses.get(key, Uses()), opinions.get(key, Opinions())
    return Activity(
        uses=used.uses,
        users=used.users,
        installs=used.installs,
        rating_count=said.ratings,
        raters=said.raters,
        average_rating=trend.per_rating(said.stars, said.ratings),
        hours_saved=said.hours,
        hours_per_rating=trend.per_rating(said.hours, said.ratings),
    )


def _sums(counted: Any, uses: int) -> Sums:
    """Give the counters of a skill or a version."""
    return Sums(1, int(uses == 0), uses, counted.hours_saved, trend.histogram(counted))


def _totals(sums: Sums) -> Totals:
    one, two, three, four, five = sums.stars
    count = sum(sums.stars)
    return Totals(
        uses=sums.uses,
        rating_count=count,
        average_rating=trend.per_rating(trend.stars_given(sums.stars), count),
        stars_1=one,
        stars_2=two,
        stars_3=three,
        stars_4=four,
        stars_5=five,
        hours_saved=sums.hours,
        hours_per_rating=trend.per_rating(sums.hours, count),
    )

"""`stats`: figures against a recount, what got better or worse, what nobody speaks of."""

from __future__ import annotations

import csv
import io
import random
import re
import statistics
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event as listening
from sqlalchemy import text

from everyskill_cli.cli import render
from everyskill_cli.cli.render.spreadsheet import cell
from everyskill_cli.database.queries import counting, records, usage
from everyskill_cli.errors import IntegrityFailure, NotFound, UsageError
from everyskill_cli.model import Activity, Reference, SkillVersion, UsageEvent
from everyskill_cli.registry import Registry, trend
from everyskill_cli.registry.periods import cut
from everyskill_cli.registry.show import show
from everyskill_cli.registry.stats import Wanted, stats
from tests.audit import audit_records
from tests.commands import Commands
from tests.figures import Count
from tests.registries import make_registry, write_skill
from tests.rows import add_rating, add_version, ensure_user
from tests.samples import Narrow
from tests.tampering import unchecked

DEMO = Reference("demo")
DAY = timedelta(days=1)


@pytest.fixture
def registry(database_url, tmp_path) -> Iterator[Registry]:
    """`demo` with two versions, `other` with one, `quiet` with one, `sketch` as a draft."""
    opened = make_registry(database_url, tmp_path)
    for slug in ("demo", "demo", "other", "quiet"):
        with opened.database.writing() as tx:
            add_version(tx, slug)
    with opened.database.writing() as tx:
        add_version(tx, "sketch", "draft")
    yield opened
    audit_records(opened.database)
    opened.close()


def version(registry: Registry, number: int, slug: str = "demo") -> SkillVersion:
    return show(registry, Reference(slug, number)).version


def rate(registry: Registry, of: SkillVersion, *stars: int, hours: int | None = None) -> None:
    """Rate as so many people: one rating a transaction."""
    for number, given_stars in enumerate(stars):
        with registry.database.writing() as tx:
            add_rating(tx, of, given_stars, f"rater{number}@example.org", hours)


def use(registry: Registry, of: SkillVersion | None, slug: str = "demo", **more: object) -> None:
    """Record a use: some days ago, by somebody, through something."""
    days = float(str(more.get("days", 0)))
    email = more.get("email")
    skill_id = show(registry, Reference(slug)).skill.id
    with registry.database.writing() as tx:
        event = UsageEvent(
            id=str(uuid.uuid4()),
            skill_id=skill_id,
            skill_version_id=of.id if of else None,
            user_id=ensure_user(tx, str(email)) if email else None,
            tool_name=str(more.get("tool", "cli")),
            external_id=None,
            metadata={},
            created_at=records.now(tx) - days * DAY,
        )
        assert usage.add_new(tx, [event]) == {event.id}


def figures(recent: Activity) -> tuple[int, int, int]:
    return recent.uses, recent.users, recent.installs


# Which is better, and by how much.


def test_of_two_versions_rated_by_twenty_people_each_it_is_told_which_is_better(registry, capsys):
    one, two = version(registry, 1), version(registry, 2)
    chosen = random.Random(7)
    old = [chosen.choice((2, 3, 3, 4)) for _ in range(20)]
    new = [chosen.choice((3, 4, 4, 5)) for _ in range(20)]
    rate(registry, one, *old)
    rate(registry, two, *new)
    [change] = stats(registry, Wanted(skill=DEMO)).changes
    expected = 100 * (statistics.mean(new) - statistics.mean(old))
    assert (change.version, change.previous_version) == (2, 1)
    assert abs(change.difference - expected) <= 0.5
    assert (change.verdict, change.rating_count, change.previous_rating_count) == ("better", 20, 20)
    assert 0 < change.low < change.difference < change.high
    assert show(registry, DEMO).change == change
    env = {
        "EVERYSKILL_DATABASE_URL": registry.settings.database_url,
        "EVERYSKILL_STORE_URL": registry.settings.store_url,
        "FORCE_COLOR": "1",
        "NO_COLOR": "1",
        "COLUMNS": "110",
    }
    by = f"{change.difference / 100:.2f}"
    for words in (("stats", "demo"), ("show", "demo")):
        shown = re.sub("\x1b\\[[0-9;]*m", "", Commands(capsys)(*words, env=env).stdout)
        said = f"version 2 is rated {by} better than version 1 (95 %: "
        assert said in shown
        assert "; 20 and 20 raters)" in shown
    shown = Commands(capsys)("stats", env=env).stdout
    assert "demo@2 is rated" in re.sub("\x1b\\[[0-9;]*m", "", shown)


def test_what_may_be_chance_is_said_to_be_and_a_fall_is_one(registry):
    one, two = version(registry, 1), version(registry, 2)
    rate(registry, one, 5)
    rate(registry, two, 4)
    [change] = stats(registry, Wanted(skill=DEMO)).changes
    assert (change.difference, change.verdict, change.low, change.high) == (
        -100,
        "unclear",
        -400,
        400,
    )
    rate(registry, one, *[5] * 12)
    rate(registry, two, *[3] * 12)
    [change] = stats(registry, Wanted(skill=DEMO)).changes
    assert (change.difference, change.verdict) == (-200, "worse")
    assert change.low < -200 < change.high < 0


def test_a_version_is_compared_with_one_that_is_not_listed(registry):
    """And behind any number of versions that nobody rated, for the registry as well."""
    rate(registry, version(registry, 1), 2, 2)
    rate(registry, version(registry, 2), 4, 4)
    [change] = stats(registry, Wanted(skill=DEMO, limit=1)).changes
    assert (change.version, change.previous_version) == (2, 1)
    for _ in range(21):
        with registry.database.writing() as tx:
            add_version(tx, "demo")
    assert stats(registry, Wanted(skill=DEMO, limit=1)).changes == ()
    assert stats(registry, Wanted(skill=DEMO, limit=50)).changes == (change,)
    assert stats(registry, Wanted()).changes == (change,)


def test_show_compares_what_people_get(registry):
    rate(registry, version(registry, 1), 1, 2)
    assert show(registry, DEMO).change is None
    rate(registry, version(registry, 2), 4, 5)
    with registry.database.writing() as tx:
        add_version(tx, kind="draft")
    rate(registry, version(registry, 3), 3)
    assert [
        (c.version, c.previous_version) for c in stats(registry, Wanted(skill=DEMO)).changes
    ] == [
        (3, 2),
        (2, 1),
    ]
    change = show(registry, DEMO).change
    assert change is not None
    assert (change.version, change.previous_version, change.difference) == (2, 1, 300)


histograms = st.lists(st.integers(0, 60), min_size=5, max_size=5).filter(any)


@settings(max_examples=60)
@given(histograms, histograms)
def test_the_interval_is_the_one_that_is_documented(new, old):
    one, two = (counting.RatedVersion(n, *stars) for n, stars in ((1, old), (2, new)))
    change = trend.change("demo", two, one)
    back = trend.change("demo", one, two)

    def mean(stars):
        return sum(n * c for n, c in enumerate(stars, 1)) / sum(stars)

    def spread(stars):
        more = [stars[0] + 1, *stars[1:4], stars[4] + 1]
        values = [n for n, c in enumerate(more, 1) for _ in range(c)]
        return statistics.variance(values) / sum(stars)

    margin = 196 * sqrt(spread(new) + spread(old))
    difference = 100 * (mean(new) - mean(old))
    assert abs(change.difference - difference) <= 0.5 + 1e-9
    assert abs(change.high - min(400, difference + margin)) <= 1.5 + 1e-6
    assert abs(change.low - max(-400, difference - margin)) <= 1.5 + 1e-6
    assert change.low <= change.difference <= change.high
    assert abs(change.difference + back.difference) <= 1  # half up, in both directions
    opposite = {"better": "worse", "worse": "better", "unclear": "unclear"}
    if min(abs(change.low), abs(change.high)) > 1:
        assert back.verdict == opposite[change.verdict]


# Figures of one skill.


def test_the_figures_of_a_skill_are_those_of_its_rows(registry):
    one, two = version(registry, 1), version(registry, 2)
    for days, of, who, tool in (
        (200, None, "ann@example.org", "cli"),
        (100, one, "ann@example.org", "install"),
        (40, one, "ann@example.org", "claude-code"),
        (8, one, "bob@example.org", "install"),
        (8, None, None, "ci"),
        (2, two, "bob@example.org", "cli"),
        (1, two, None, "mcp"),
    ):
        use(registry, of, days=days, email=who, tool=tool)
    rate(registry, one, 2, 4, hours=3)
    rate(registry, two, 5, 5, 4)
    answer = stats(registry, Wanted(skill=DEMO))
    assert (answer.total.uses, answer.total.rating_count, answer.total.average_rating) == (
        7,
        5,
        400,
    )
    assert (answer.total.hours_saved, answer.total.hours_per_rating) == (6, 120)
    assert figures(answer.recent) == (5, 2, 1)
    assert (answer.recent.rating_count, answer.recent.raters) == (5, 3)
    assert (answer.unversioned_uses, answer.unrated_version) == (1, None)
    newest, oldest = answer.versions
    assert (newest.version, newest.total.uses, figures(newest.recent)) == (2, 2, (2, 1, 0))
    assert (oldest.version, oldest.total.uses, figures(oldest.recent)) == (1, 3, (2, 2, 1))
    assert (oldest.total.average_rating, oldest.total.hours_per_rating) == (300, 300)
    assert (newest.recent.average_rating, newest.recent.hours_per_rating) == (467, 0)
    everything = stats(registry, Wanted(skill=DEMO, since=datetime(2020, 1, 1, tzinfo=UTC)))
    assert figures(everything.recent) == (7, 2, 2)
    assert everything.unversioned_uses == 2


@pytest.mark.parametrize(
    ("since", "parts"),
    [(timedelta(hours=6), 6), (90 * DAY, 13), (400 * DAY, 15)],
)
def test_the_parts_of_a_period_are_the_period(since, parts, registry):
    chosen = random.Random(parts)
    of = version(registry, 2)
    for number in range(12):
        back = chosen.random() * 1.3 * (since / DAY)
        use(registry, of, days=back, email=f"{number % 4}@example.org")
    rate(registry, of, 3, 5, hours=2)
    answer = stats(registry, Wanted(skill=DEMO, since=since))
    assert len(answer.periods) == parts
    assert (answer.periods[0].begins_at, answer.periods[-1].ends_at) == (answer.since, answer.until)
    assert answer.until - answer.since == since
    for before, after in zip(answer.periods, answer.periods[1:], strict=False):
        assert before.begins_at < before.ends_at == after.begins_at
    for name in ("uses", "installs", "rating_count", "hours_saved"):
        summed = sum(getattr(period.recent, name) for period in answer.periods)
        assert summed == getattr(answer.recent, name), name
    with registry.database.reading() as tx:
        rows = tx.execute(text("SELECT created_at FROM usage_events"))
        times = [str(row[0]) for row in rows]
    assert answer.recent.uses < len(times)  # some are older than the period
    assert answer.periods[-1].recent.rating_count == 2


def test_of_very_many_rows_the_newest_are_counted_and_it_is_said(registry):
    of = version(registry, 2)
    for days in (5, 4, 3, 2, 1):
        use(registry, of, days=days, email=f"{days}@example.org")
    rate(registry, of, 1, 5, 5)
    answer = stats(registry, Wanted(skill=DEMO, rows_max=3))
    assert (figures(answer.recent), answer.total.uses) == ((3, 3, 0), 5)
    assert figures(answer.versions[0].recent) == (3, 3, 0)
    uses, ratings = answer.warnings
    assert (uses.rule, ratings.rule) == ("rows-limit", "rows-limit")
    day = answer.until - 3 * DAY
    assert "the newest 3 uses" in uses.message
    assert f"back to {day:%Y-%m-%dT%H:}" in uses.message or "back to" in uses.message
    assert stats(registry, Wanted(skill=DEMO, rows_max=6)).warnings == ()


@pytest.mark.parametrize("weeks", [1, 1999, 9999])
def test_a_period_of_any_length_has_31_parts_at_most_and_none_is_empty(registry, weeks):
    until = stats(registry, Wanted(skill=DEMO)).until
    edges = cut(weeks * 7 * DAY, until)
    parts = [end - begin for begin, end in pairwise((*edges, until))]
    assert len(parts) <= 31
    assert min(parts) > timedelta(hours=1)
    assert edges[0] == until - weeks * 7 * DAY


def test_bars_of_many_years_are_told_in_days(registry, capsys):
    use(registry, version(registry, 2))
    env = {
        "EVERYSKILL_DATABASE_URL": registry.settings.database_url,
        "EVERYSKILL_STORE_URL": registry.settings.store_url,
        "FORCE_COLOR": "1",
        "NO_COLOR": "1",
    }
    assert "a bar for 2,2" in Commands(capsys)("stats", "demo", "--since", "9999w", env=env).stdout
    assert "a bar a week" in Commands(capsys)("stats", "demo", env=env).stdout


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_counters_that_nobody_can_add_up_are_damaged(database_url, tmp_path):
    registry = make_registry(database_url, tmp_path)
    for slug in ("one", "two"):
        with registry.database.writing() as tx:
            add_version(tx, slug)
    with unchecked(tmp_path / "registry.db") as connection:
        connection.execute(f"UPDATE skills SET total_uses = {2**63 - 1}")
    with pytest.raises(IntegrityFailure, match="counters"):
        stats(registry, Wanted())
    registry.close()


# The registry and an author.


def test_the_registry_says_what_is_used_and_what_nobody_speaks_of(registry):
    demo, other = version(registry, 2), version(registry, 1, "other")
    for number in range(3):
        use(registry, demo, days=number, email=f"{number}@example.org")
    use(registry, other, "other", days=300, email="ann@example.org")
    use(registry, other, "other", days=1, tool="install", email="ann@example.org")
    rate(registry, version(registry, 1), 5, hours=4)
    rate(registry, other, 1, 2)
    answer = stats(registry, Wanted())
    assert (answer.skills, answer.unused_skills, answer.total.uses) == (4, 2, 5)
    assert (answer.total.rating_count, answer.total.average_rating) == (3, 267)
    assert (answer.total.hours_saved, answer.total.hours_per_rating) == (4, 133)
    assert figures(answer.recent) == (4, 4, 1)
    assert [(item.slug, *figures(item.recent)) for item in answer.items] == [
        ("demo", 3, 3, 0),
        ("other", 1, 1, 1),
    ]
    assert [item.total.uses for item in answer.items] == [3, 2]
    assert [(item.slug, item.version) for item in answer.unused] == [("quiet", 1)]
    assert [(item.slug, item.version) for item in answer.unrated] == [("demo", 2), ("quiet", 1)]
    old = stats(registry, Wanted(since=timedelta(hours=12)))
    assert [item.slug for item in old.unused] == ["quiet", "other"]
    assert stats(registry, Wanted(limit=1)).items == answer.items[:1]
    assert len(stats(registry, Wanted(limit=1)).unrated) == 1


def test_an_author_is_who_published_first(registry):
    for slug in ("bobs", "demo"):
        with registry.database.writing() as tx:
            add_version(tx, slug, email="bob@example.org")
    use(registry, version(registry, 1, "bobs"), "bobs", email="ann@example.org")
    use(registry, version(registry, 3), email="ann@example.org")
    answer = stats(registry, Wanted(author="bob@example.org"))
    assert (answer.author, answer.skills, answer.total.uses) == ("bob@example.org", 1, 1)
    assert [item.slug for item in answer.items] == ["bobs"]
    assert figures(answer.recent) == (1, 1, 0)
    assert [item.slug for item in answer.unrated] == ["bobs"]
    assert stats(registry, Wanted(author="ann@example.org")).skills == 4
    rate(registry, version(registry, 1), 5)
    for nobody in ("rater0@example.org", "nobody@example.org"):
        with pytest.raises(NotFound, match="has begun no skill"):
            stats(registry, Wanted(author=nobody))


# Where there is nothing, and what cannot be asked for.


def test_nothing_is_counted_where_nothing_is(registry, capsys):
    answer = stats(registry, Wanted(skill=Reference("quiet")))
    assert figures(answer.recent) == (0, 0, 0)
    assert (answer.total.average_rating, answer.total.hours_per_rating) == (None, None)
    assert (answer.unrated_version, answer.changes) == (1, ())
    assert stats(registry, Wanted(skill=Reference("sketch"))).unrated_version is None
    with pytest.raises(NotFound, match="no skill nobody"):
        stats(registry, Wanted(skill=Reference("nobody")))
    with pytest.raises(UsageError, match="takes no @2"):
        stats(registry, Wanted(skill=Reference("demo", 2)))
    with pytest.raises(UsageError, match="in the future"):
        stats(registry, Wanted(since=datetime(2999, 1, 1, tzinfo=UTC)))


def test_a_registry_that_is_not_there_has_no_skills(capsys, home):
    cli = Commands(capsys)
    done = cli("stats", "--json")
    assert (done.code, done.stderr) == (0, "")
    assert (done.json["skills"], done.json["items"], len(done.json["periods"])) == (0, [], 13)
    assert "everyskill publish PATH" in cli("stats").stderr
    assert not list(home.rglob("*.db"))


# The command.


def test_the_command(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("EVERYSKILL_USER", "=ann@example.org")
    cli = Commands(capsys)
    cli("publish", write_skill(tmp_path))
    cli("use", "demo")
    cli("rate", "demo", "4", "--hours-saved", "3")
    one = cli("stats", "demo", "--since", "8w", "--json").json
    assert (one["total"]["uses"], one["recent"]["users"]) == (1, 1)
    for words in (("stats",), ("stats", "demo")):
        table = cli(*words, "--csv").stdout
        assert table.count("\r\n") == table.count("\n") == 2
        [row] = csv.DictReader(io.StringIO(table, newline=""))
        assert (row["average_rating"], row["uses"], row["hours_per_rating"]) == (
            "4.00",
            "1",
            "3.00",
        )
        assert row.get("author", "'=ann@example.org") == "'=ann@example.org"
    plain = cli("stats", "demo").stdout.splitlines()
    assert {"uses: 1", "recent_uses: 1", "hours_per_rating: 3.00"} <= set(plain)
    for bad in (
        ("--csv", "--json"),
        ("--since", "0d"),
        ("--since", "2026-13-01"),
        ("--since", "9" * 30 + "d"),
        ("--since", "soon"),
        ("demo", "--author", "ann@example.org"),
        ("demo@1",),
    ):
        assert cli("stats", *bad).code == 2, bad
    assert cli("stats", "--since", "2020-01-01").code == 0


@pytest.mark.parametrize(
    ("given_text", "kept"),
    [
        ("=1+1", "'=1+1"),
        ("+1 a", "'+1 a"),
        ("@x", "'@x"),
        ("-cmd", "'-cmd"),
        ("-1.25", "-1.25"),
        ("4.00", "4.00"),
        ("", ""),
        ("a=b", "a=b"),
        ("x;=1+1@b.c", "x;'=1+1@b.c"),
        ("\uff1d1+1", "'\uff1d1+1"),
    ],
)
def test_a_spreadsheet_runs_no_cell(given_text, kept):
    assert cell(given_text) == kept


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_terminal_without_unicode_gets_bars_too(registry):
    use(registry, version(registry, 2))
    out = Narrow("ascii", terminal=True)
    render.answer(stats(registry, Wanted(skill=DEMO)), as_json=False, stdout=out)
    assert "_" * 12 + "#" in out.text()


# How much is read.


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_figures_of_a_skill_read_its_own_rows_by_an_index(registry, count: Count):
    """Every statement's plan: no table that grows with the registry is read from end to end."""
    use(registry, version(registry, 2))
    rate(registry, version(registry, 2), 4)
    said: list[tuple[str, tuple]] = []
    engine = registry.database.engine

    def listen(connection, cursor, statement, parameters, context, many):
        said.append((statement, parameters))

    listening.listen(engine, "before_cursor_execute", listen)
    stats(registry, Wanted(skill=DEMO))
    show(registry, DEMO)
    listening.remove(engine, "before_cursor_execute", listen)
    plans = []
    with registry.database.reading() as tx:
        for statement, parameters in said:
            if statement.startswith(("SELECT", "WITH")):
                rows = tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                plans += [row[3] for row in rows]
    scans = [plan for plan in plans if plan.startswith("SCAN")]
    assert [
        plan
        for plan in scans
        if not re.match(r"SCAN (anon_\d+|counted|CONSTANT ROW|registry)", plan)
    ] == []
    assert any("ix_usage_events_skill" in plan for plan in plans)
    assert any("ix_ratings_newest" in plan for plan in plans)
    count("plans of stats", statements=len(said))


def test_an_author_of_very_many_skills_is_counted_all_the_same(registry):
    use(registry, version(registry, 2), email="bob@example.org")
    few = stats(registry, Wanted(author="ann@example.org"))
    many = stats(registry, Wanted(author="ann@example.org", since=few.since, named_max=3))
    assert (many.total, many.recent, many.items) == (few.total, few.recent, few.items)
    assert (many.unused, many.unrated, many.skills) == (few.unused, few.unrated, 4)

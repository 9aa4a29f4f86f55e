"""P8 to P11: what a million skills change, on SQLite and PostgreSQL.

python -m benchmarks.scale [--rounds 9] [--scale 0.01]

A million skills take a quarter of an hour and 18 GB on SQLite; `--scale` makes it less.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import Any

from sqlalchemy import select, text

from benchmarks.bulk import BROAD, HOT, RARE, SCRIPT, TYPED
from benchmarks.lab import DATABASES, Lab, script
from benchmarks.made import Made, make, timed
from benchmarks.measuring import Goal, Metric, Result, RunFailed, run
from benchmarks.plans import plans
from everyskill_cli.chain import timestamp
from everyskill_cli.database.queries.search import Bounds
from everyskill_cli.database.queries.skills import SORTS
from everyskill_cli.database.tables import skills
from everyskill_cli.model import Filters, Opinion, Reference, Sort
from everyskill_cli.registry import Registry
from everyskill_cli.registry.pages import list_skills
from everyskill_cli.registry.rate import rate
from everyskill_cli.registry.search import search
from everyskill_cli.registry.show import show
from everyskill_cli.registry.stats import Wanted, stats

SKILLS = {"SQLite": 1_000_000, "PostgreSQL": 500_000}  # what 20 minutes make of each, on two cores
LESS = 100  # times fewer skills has the registry beside it
ROUNDS = 7
CALLS = 20  # of each side in a round; a side's cost is their median
SLOW = ("sorting all", "everything")  # are called once
PAGE = 20
RATERS, TURNS = 8, 10
EVERYTHING = Filters()
WALL: list[Metric] = ["wall"]
ABOUT = (
    "In one process with the registry open, so that a start hides nothing. A cost is the median of"
    f" {CALLS} calls, and one call where everything is read; wall, because PostgreSQL works in"
    " processes of its own."
)


def measure(lab: Lab) -> list[Result]:
    """Make two registries in each database, and ask both the same."""
    results = {
        "P8": Result(
            "P8", "`show` among very many skills", f"{ABOUT} Every skill was shown before."
        ),
        "P9": Result("P9", "the deepest page of `list`", f"{ABOUT} Pages of {PAGE}."),
        "P10": Result(
            "P10",
            "`search` among very many skills",
            f"{ABOUT} Peer of the broadest word: all that have it are looked up and sorted by the"
            " same order, as `search` does where few have a word. The other rows say what other"
            f" questions cost beside `show`. Pages of {PAGE}.",
        ),
        "P11": Result("P11", "rating what many have rated", f"{ABOUT} The stars change each time."),
        "P15": Result(
            "P15",
            "`stats` of very many skills",
            f"{ABOUT} The sums of everything are those of all skills; of uses and of ratings the"
            " newest 100,000 of 90 days are counted.",
        ),
    }
    inputs = []
    for database in DATABASES:
        with (
            closing(make(lab, database, lab.scaled(SKILLS[database] // LESS))) as small,
            closing(make(lab, database, lab.scaled(SKILLS[database]))) as large,
        ):
            inputs.append(
                f"{database}: {large.sizes}, made in {large.took:.0f} s; beside it"
                f" {small.sizes.skills:,} skills"
            )
            _measure(lab, results, small, large)
    for result in results.values():
        result.inputs = ". ".join(inputs)
    return list(results.values())


def _measure(lab: Lab, results: dict[str, Result], small: Made, large: Made) -> None:
    """Run every side of every workload on one database, round by round."""
    few, many = small.open(), large.open()
    name = large.database
    sides = {
        "P8": _shows(name, few, many),
        "P9": _pages(name, many),
        "P10": _searches(name, many),
        "P11": _ratings(name, large),
        "P15": _figures(name, few, many),
    }
    for number in range(lab.rounds(ROUNDS) + 1):
        for key, calls in sides.items():
            for side, call in calls.items():
                cost = timed([call] * (1 if any(slow in side for slow in SLOW) else CALLS))
                if number:  # the first round warms the caches
                    results[key].add(side, cost)
    _compare(results, name)
    _plans(results, many, sides, name)
    _rate_at_once(lab, large)
    results["P11"].checked = (
        f"{RATERS} processes at once rated the hot skill {TURNS} times each: every rating is there,"
        " and the sums are what the rows add up to"
    )


def _compare(results: dict[str, Result], name: str) -> None:
    shows, pages, searches = results["P8"], results["P9"], results["P10"]
    shows.compare(f"{name}: random", f"{name}: random of {LESS} × fewer", Goal(wall=2.5), WALL)
    shows.compare(f"{name}: hot", f"{name}: random", Goal(wall=1.5), WALL)
    for sort in SORTS:
        pages.compare(f"{name}: {sort}, last", f"{name}: {sort}, first", Goal(wall=5), WALL)
    searches.compare(f"{name}: `{BROAD}`", f"{name}: sorting all", Goal(wall=0.02), WALL)
    searches.costs[f"{name}: `show`"] = shows.costs[f"{name}: random"]
    for side in list(searches.costs):
        if side.startswith(name) and side not in (f"{name}: sorting all", f"{name}: `show`"):
            searches.compare(side, f"{name}: `show`", metrics=WALL)
    metric: Metric = "cpu" if name == "SQLite" else "wall"
    goal = Goal(cpu=1.3, wall=1.3)
    results["P11"].compare(f"{name}: hot", f"{name}: random", goal, [metric])
    for what in ("everything", "the hot skill"):
        peer = f"{name}: {what}, {LESS} × fewer skills"
        results["P15"].compare(f"{name}: {what}", peer, metrics=WALL)


def _sample(registry: Registry, amount: int = 50) -> list[str]:
    """Choose skills from all over, by where they stand in the alphabet of their ids."""
    chance = random.Random(5)
    statement = select(skills.c.slug).order_by(skills.c.id).limit(1)
    with registry.database.reading() as tx:
        ids = [f"{chance.randrange(16**8):08x}" for _ in range(amount)]
        found = [tx.scalar(statement.where(skills.c.id > each)) for each in ids]
    return [slug for slug in found if slug is not None]


def _in_turn(calls: list[Callable[[], object]]) -> Callable[[], object]:
    """Make one call of many: each time the next."""
    state = {"at": 0}

    def call() -> object:
        state["at"] = (state["at"] + 1) % len(calls)
        return calls[state["at"]]()

    return call


def _shows(name: str, few: Registry, many: Registry) -> dict[str, Callable[[], object]]:
    return {
        f"{name}: random": _in_turn([partial(show, many, Reference(s)) for s in _sample(many)]),
        f"{name}: random of {LESS} × fewer": _in_turn(
            [partial(show, few, Reference(slug)) for slug in _sample(few)]
        ),
        f"{name}: hot": partial(show, many, Reference(HOT)),
    }


def _pages(name: str, many: Registry) -> dict[str, Callable[[], object]]:
    calls: dict[str, Callable[[], object]] = {}
    for sort in SORTS:
        first = partial(list_skills, many, sort, PAGE, None)
        last = partial(list_skills, many, sort, PAGE, _before_the_end(many, sort))
        found = last()
        if len(found.items) != PAGE or found.next is not None:
            raise RunFailed(f"The last page by {sort} holds {len(found.items)} skills.")
        calls[f"{name}: {sort}, first"] = first
        calls[f"{name}: {sort}, last"] = last
    return calls


def _before_the_end(registry: Registry, sort: Sort) -> str:
    """Give the `next` of the page before the last one."""
    key, slug = SORTS[sort], skills.c.slug
    order = [slug.desc()] if sort == "name" else [key, slug]
    with registry.database.reading() as tx:
        row = tx.execute(select(key, slug).order_by(*order).offset(PAGE).limit(1)).one()
    return f"{timestamp(row[0]) if sort in ('updated', 'created') else row[0]}/{row[1]}"


def _searches(name: str, many: Registry) -> dict[str, Callable[[], object]]:
    everything = Bounds(few=10**9)

    def ask(words: str, hits: int | None, wanted: Filters = EVERYTHING, **options: Any) -> Any:
        page = search(many, words, wanted, PAGE, None, **options)
        if hits is not None and len(page.items) != hits:
            raise RunFailed(f"{words} finds {len(page.items)} skills, not {hits}.")
        return page

    if ask(BROAD, PAGE) != ask(BROAD, PAGE, bounds=everything):
        raise RunFailed("Sorting all finds others than reading the best first.")
    typo = ask(TYPED.replace("fish", "fihs"), 0)
    if TYPED not in typo.suggestions:
        raise RunFailed(f"A mistyped {TYPED} is taken for {typo.suggestions}.")
    return {
        f"{name}: `{BROAD}`": partial(ask, BROAD, PAGE),
        f"{name}: sorting all": partial(ask, BROAD, PAGE, bounds=everything),
        f"{name}: half of it, `{BROAD[:3]}`": partial(ask, BROAD[:3], PAGE),
        f"{name}: `{BROAD}`, one of 1,000 by tag": partial(
            ask, BROAD, None, Filters(tags=("rare-7",))
        ),
        f"{name}: `{BROAD}`, 4 stars or more": partial(ask, BROAD, None, Filters(min_rating=400)),
        f"{name}: the rarest, `{RARE}`": partial(ask, RARE, 1),
        f"{name}: `{SCRIPT}`": partial(ask, SCRIPT, 1),
        f"{name}: a name with a typo": partial(ask, TYPED.replace("fish", "fihs"), 0),
        f"{name}: `{BROAD} {RARE}`": partial(ask, f"{BROAD} {RARE}", 1),
        f"{name}: nothing": partial(ask, f"{BROAD} qqqq", 0),
    }


def _ratings(name: str, large: Made) -> dict[str, Callable[[], object]]:
    registry = large.open("write", "user-1@example.org")
    state = {"turn": 0}

    def change(slug: str) -> object:
        state["turn"] += 1
        return rate(registry, Reference(slug), Opinion(stars=1 + state["turn"] % 5))

    sample = _sample(registry)
    return {
        f"{name}: hot": partial(change, HOT),
        f"{name}: random": _in_turn([partial(change, slug) for slug in sample]),
    }


def _figures(name: str, few: Registry, many: Registry) -> dict[str, Callable[[], object]]:
    hot = Wanted(skill=Reference(HOT))
    return {
        f"{name}: everything": partial(stats, many, Wanted()),
        f"{name}: everything, {LESS} × fewer skills": partial(stats, few, Wanted()),
        f"{name}: the hot skill": partial(stats, many, hot),
        f"{name}: the hot skill, {LESS} × fewer skills": partial(stats, few, hot),
    }


def _rate_at_once(lab: Lab, large: Made) -> None:
    """Let eight processes rate the hot skill at once, and demand that nothing is lost."""

    def work(number: int) -> None:
        user = {"EVERYSKILL_USER": f"rater-{number}@example.org"}
        for turn in range(TURNS):
            words = ["rate", HOT, str(1 + (number + turn) % 5)]
            run([lab.program, *words], large.variables | user)

    with ThreadPoolExecutor(RATERS) as pool:
        list(pool.map(work, range(RATERS)))
    counted = ", ".join(f"count(CASE rating WHEN {stars} THEN 1 END)" for stars in range(1, 6))
    summed = ", ".join(f"stars_{stars}" for stars in range(1, 6))
    own = f"(SELECT id FROM skills WHERE slug = '{HOT}')"
    new = "SELECT id FROM users WHERE email LIKE 'rater-%'"
    with large.open().database.reading() as tx:
        rows = tx.execute(text(f"SELECT {counted} FROM ratings WHERE skill_id = {own}")).one()
        sums = tx.execute(text(f"SELECT {summed} FROM skills WHERE id = {own}")).one()
        raters = tx.scalar(
            text(f"SELECT count(*) FROM ratings WHERE skill_id = {own} AND user_id IN ({new})")
        )
    if tuple(rows) != tuple(sums) or raters != RATERS:
        raise RunFailed(f"{raters} of {RATERS} ratings; sums {tuple(sums)} of rows {tuple(rows)}.")


def _plans(
    results: dict[str, Result],
    many: Registry,
    sides: dict[str, dict[str, Callable[[], object]]],
    name: str,
) -> None:
    for key, side in (
        ("P8", "hot"),
        ("P9", "rating, last"),
        ("P10", f"`{BROAD}`"),
        ("P10", f"the rarest, `{RARE}`"),
        ("P10", "a name with a typo"),
        ("P15", "everything"),
    ):
        side = f"{name}: {side}"
        results[key].plans += plans(many, side, sides[key][side]) + "\n"


if __name__ == "__main__":
    script(measure, __doc__)

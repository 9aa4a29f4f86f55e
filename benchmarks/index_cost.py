"""P14: what the words and indexes of `search` and `stats` cost whoever publishes and rates.

python -m benchmarks.index_cost [--rounds 5] [--scale 0.1]
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sqlalchemy import text

from benchmarks.bulk import HOT
from benchmarks.corpus import edit, make_tree
from benchmarks.lab import DATABASES, Lab, script
from benchmarks.made import Made, make, timed
from benchmarks.measuring import Cost, Metric, Result, run
from everyskill_cli.model import Opinion, Reference
from everyskill_cli.registry.rate import rate

SKILLS = 50_000
ROUNDS = 5
TREE = 200  # skills that are published at once
RATES = 50
WALL: list[Metric] = ["wall"]
TEXT = (
    f"Two registries of one size; in the peer's, triggers and indexes that nothing but `search` and"
    f" `stats` reads are dropped. `publish` is the whole command for {TREE} skills, all changed,"
    f" with a folder as store; `rate` the median of {RATES} in a process that has started."
)


def measure(lab: Lab) -> list[Result]:
    """Publish and rate in registries with and without them, in turn."""
    result = Result("P14", "what search costs a writer", TEXT)
    skills = lab.scaled(SKILLS)
    for database in DATABASES:
        with (
            closing(make(lab, database, skills)) as whole,
            closing(make(lab, database, skills)) as bare,
        ):
            _drop(bare)
            result.inputs = f"{whole.sizes}"
            _measure(lab, result, {f"{database}: {{}}": whole, f"{database}: {{}}, without": bare})
        for what in ("`publish`", "`rate`"):
            result.compare(f"{database}: {what}", f"{database}: {what}, without", metrics=WALL)
    return [result]


def _measure(lab: Lab, result: Result, sides: dict[str, Made]) -> None:
    trees = {side: lab.new_folder() / "skills" for side in sides}
    for side, made in sides.items():
        make_tree(trees[side], TREE, TREE)
        _publish(lab, made, trees[side])
    rates = {side: _rates(made) for side, made in sides.items()}
    for number in range(lab.rounds(ROUNDS)):
        for side, made in sides.items():
            edit(trees[side], TREE, number)
            result.add(side.format("`publish`"), _publish(lab, made, trees[side]))
            result.add(side.format("`rate`"), timed([rates[side]] * RATES))


def _publish(lab: Lab, made: Made, tree: Path) -> Cost:
    return run([lab.program, "publish", str(tree)], made.variables)[0]


def _rates(made: Made) -> Callable[[], object]:
    registry = made.open("write", "user-1@example.org")
    stars = iter(range(10**9))
    return lambda: rate(registry, Reference(HOT), Opinion(stars=1 + next(stars) % 5))


def _drop(made: Made) -> None:
    """Take away what only search and stats read."""
    statements = [f"DROP INDEX {name}" for name in INDEXES]
    on_table = "" if made.database == "SQLite" else " ON skills"
    statements += [f"DROP TRIGGER {name}{on_table}" for name in TRIGGERS[made.database]]
    with made.open("write").database.writing() as tx:
        for statement in statements:
            tx.execute(text(statement))


INDEXES = (
    "ix_skills_place",
    "ix_skills_figures",
    "ix_usage_events_newest",
    "ix_ratings_newest_of_all",
)
TRIGGERS = {
    "SQLite": ["skills_search_insert", "skills_search_update", "skills_search_delete"],
    "PostgreSQL": ["skills_search_insert", "skills_search_update"],
}


if __name__ == "__main__":
    script(measure, __doc__)

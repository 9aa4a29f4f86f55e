"""Many processes at once on one registry: numbers without gaps, averages without losses."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from everyskill_cli.database import open_database
from everyskill_cli.database.engine import Database
from everyskill_cli.database.queries import skills
from everyskill_cli.database.schema import upgrade
from tests.audit import audit_records
from tests.rows import add_version

PUBLISHER = """
import sys
from everyskill_cli.database import open_database
from tests.rows import add_version
url, count, name = sys.argv[1], int(sys.argv[2]), sys.argv[3]
with open_database(url, "write") as database:
    for _ in range(count):
        with database.writing() as tx:
            version = add_version(tx, email=f"{name}@example.org")
        print(version.version, flush=True)
"""

RATER = """
import random, sys
from everyskill_cli.database import open_database
from everyskill_cli.database.queries import skills, versions
from tests.rows import add_rating
url, count, name = sys.argv[1], int(sys.argv[2]), sys.argv[3]
chance = random.Random(name)
with open_database(url, "write") as database:
    for number in range(count):
        with database.writing() as tx:
            skill = skills.find(tx, "demo")[0]
            version = versions.find(tx, skill.id, chance.choice([1, 2]))
            who = f"{name}-{chance.randrange(6)}@example.org"
            add_rating(tx, version, chance.randint(1, 5), who, hours=chance.choice([None, 0, 7]))
"""


def start(script, *words):
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent,
    )


def finish(processes):
    """Wait for all; give what each printed."""
    outputs = [process.communicate(timeout=120) for process in processes]
    assert [(p.returncode, e) for p, (_, e) in zip(processes, outputs, strict=True)] == [
        (0, "")
    ] * len(processes)
    return [output for output, _ in outputs]


@pytest.fixture
def url(database_url):
    with Database(database_url) as database:
        upgrade(database)
    return database_url


def test_eight_publishers_of_one_skill_give_1_to_200(url):
    outputs = finish([start(PUBLISHER, url, 25, f"p{n}") for n in range(8)])
    numbers = [int(line) for output in outputs for line in output.split()]
    assert sorted(numbers) == list(range(1, 201))
    for output in outputs:  # nobody's numbers go back
        mine = [int(line) for line in output.split()]
        assert mine == sorted(mine)
    with open_database(url) as database:
        audit_records(database)


def test_raters_lose_nothing(url):
    with open_database(url, "write") as database:
        with database.writing() as tx:
            add_version(tx)
            add_version(tx)
        finish([start(RATER, url, 25, f"r{n}") for n in range(6)])
        audit_records(database)
        with database.reading() as tx:
            count = tx.scalar(text("SELECT count(*) FROM ratings"))
            skill = skills.find(tx, "demo")[0]
    total = skill.stars_1 + skill.stars_2 + skill.stars_3 + skill.stars_4 + skill.stars_5
    assert total == count > 20


@pytest.mark.long
def test_publishers_and_raters_at_once_never_wait_for_each_other_for_ever(url):
    with open_database(url, "write") as database:
        with database.writing() as tx:
            add_version(tx)
            add_version(tx)
        workers = [start(PUBLISHER, url, 15, f"p{n}") for n in range(3)]
        workers += [start(RATER, url, 15, f"r{n}") for n in range(3)]
        finish(workers)
        audit_records(database)
        with database.reading() as tx:
            assert skills.find(tx, "demo")[0].latest_version == 2 + 45


@pytest.mark.long
def test_publishers_killed_at_random_leave_a_whole_chain(url):
    chance = random.Random(7)
    acknowledged = 0
    for round_ in range(6):
        process = start(PUBLISHER, url, 1000, f"k{round_}")
        assert process.stdout is not None
        acknowledged += len([process.stdout.readline() for _ in range(3)])
        time.sleep(chance.random() * 0.1)
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate()
        acknowledged += len(rest.splitlines())
    with open_database(url, "write") as database:
        audit_records(database)
        with database.reading() as tx:
            latest = skills.find(tx, "demo")[0].latest_version
        # A commit whose answer was never printed may stand: at most one for each that was killed.
        assert acknowledged <= latest <= acknowledged + 6
        with database.writing() as tx:
            assert add_version(tx).version == latest + 1

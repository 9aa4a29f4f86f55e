"""P12: `show` against a PostgreSQL that is 20 ms away, in round trips.

python -m benchmarks.far_database [--rounds 9]
"""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from benchmarks.delay import DelayProxy
from benchmarks.lab import ROOT, Lab, script
from benchmarks.measuring import Cost, Goal, Result, run

ROUNDS = 9
ROUND_TRIP = 0.020  # seconds
TRIP, ONCE = "a round trip", "psycopg, `SELECT 1`"
DRIVER = "import sys, psycopg; psycopg.connect(sys.argv[1]).execute('SELECT 1').fetchone()"
TRIPS = 10
AGAIN = f"""
import sys, time, psycopg
with psycopg.connect(sys.argv[1], autocommit=True) as connection:
    connection.execute("SELECT 1")
    began = time.perf_counter()
    for _ in range({TRIPS}):
        connection.execute("SELECT 1")
    print((time.perf_counter() - began) / {TRIPS})
"""
TEXT = (
    "The same command through a relay that adds 10 ms each way, and through one that adds none; the"
    " difference, in units of the difference that one question makes on an open connection, which"
    " is measured in each round as well (a relay is late by a millisecond or two, each time). With"
    " everything: connecting, the schema's revision, the skill with its version, its versions, its"
    " comments. Beside it what the driver takes to connect and to ask once."
)


def measure(lab: Lab) -> list[Result]:
    """Run `show` and the driver alone, near and far."""
    inputs = "one skill of the examples"
    result = Result("P12", "`show` against a PostgreSQL 20 ms away", TEXT, inputs)
    url = lab.postgres.create_database()
    own = {"EVERYSKILL_STORE_URL": f"file://{lab.new_folder()}", "EVERYSKILL_USER": "a@example.org"}
    environment = lab.environment(own | {"EVERYSKILL_DATABASE_URL": url})
    run([lab.program, "upgrade"], environment)
    run([lab.program, "publish", str(ROOT / "examples" / "code-review")], environment)
    server = urlsplit(url)
    with (
        DelayProxy(str(server.hostname), int(server.port or 5432), 0.0) as near,
        DelayProxy(str(server.hostname), int(server.port or 5432), ROUND_TRIP) as far,
    ):
        for number in range(lab.rounds(ROUNDS) + 1):
            costs = {}
            for proxy in (near, far):
                there = urlunsplit(server._replace(netloc=f"postgres@127.0.0.1:{proxy.port}"))
                show = [lab.program, "show", "code-review"]
                costs["`show`", proxy], _ = run(
                    show, environment | {"EVERYSKILL_DATABASE_URL": there}
                )
                asked = [lab.python, "-c", DRIVER, there]
                costs[ONCE, proxy], _ = run(asked, environment)
                _, took = run([lab.python, "-c", AGAIN, there], environment)
                costs[TRIP, proxy] = Cost(0, float(took))
            if number:  # the first round warms the caches
                for side in ("`show`", ONCE, TRIP):
                    wall = costs[side, far].wall - costs[side, near].wall
                    result.add(side, Cost(0, wall))
    result.compare("`show`", TRIP, Goal(wall=8), ["wall"])
    result.compare(ONCE, TRIP, metrics=["wall"])
    return [result]


if __name__ == "__main__":
    script(measure, __doc__)

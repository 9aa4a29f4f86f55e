"""The benchmarks still run: their inputs, their relay, their sums, and each script's options."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import text

from benchmarks.bulk import Sizes, fill
from benchmarks.corpus import edit, files_of, make_tree
from benchmarks.delay import DelayProxy
from benchmarks.measuring import Cost, Goal, Result, RunFailed, run
from everyskill_cli.database.engine import Database
from everyskill_cli.database.guards import differences
from everyskill_cli.database.schema import upgrade
from everyskill_cli.skill import read_skill

ROOT = Path(__file__).parent.parent
SCRIPTS = sorted(
    path.stem
    for path in (ROOT / "benchmarks").glob("*.py")
    if '__name__ == "__main__"' in path.read_text()
)


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_says_its_options(script):
    asked = [sys.executable, "-m", f"benchmarks.{script}", "--help"]
    said = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    assert "usage:" in said.stdout


def test_the_corpus_is_the_same_every_time(tmp_path):
    for name in ("a", "b"):
        make_tree(tmp_path / name, 9, 25)
    make_tree(tmp_path / "c", 9, 25, seed=8)
    first = files_of(tmp_path / "a")
    assert first == files_of(tmp_path / "b")
    assert first.keys() == files_of(tmp_path / "c").keys()
    assert first != files_of(tmp_path / "c")
    assert len(first) == 25


def test_the_corpus_is_skills_without_findings(tmp_path):
    make_tree(tmp_path, 5, 17)
    skills = [read_skill(path.parent) for path in sorted(tmp_path.rglob("SKILL.md"))]
    assert [skill.slug for skill in skills] == [f"skill-{number:04}" for number in range(5)]
    assert not any(skill.warnings for skill in skills)
    assert sum(len(skill.files) for skill in skills) == 17


def test_an_edit_changes_what_it_says(tmp_path):
    make_tree(tmp_path, 9, 25)
    before = files_of(tmp_path)
    edited = edit(tmp_path, 4, seed=1)
    after = files_of(tmp_path)
    changed = [path for path in before if before[path] != after[path]]
    assert sorted(path.split("/")[1] for path in changed) == edited
    assert len(edited) == 4


@pytest.fixture
def echo():
    """A server that sends back what it gets, and ends when its client does."""

    def answer(connection):
        with connection:
            while data := connection.recv(65536):
                connection.sendall(data)

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=answer, args=(connection,)))
            threads[-1].start()

    threads = [threading.Thread(target=serve)]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threads[0].start()
        yield listener.getsockname()
        listener.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()


def test_the_relay_delays_each_way_and_changes_nothing(echo):
    data = os.urandom(3_000_000)
    with DelayProxy(*echo, round_trip=0.1) as proxy, connect(proxy) as client:
        waited = []
        for _ in range(3):
            started = time.monotonic()
            client.sendall(b"x")
            assert client.recv(1) == b"x"
            waited.append(time.monotonic() - started)
        assert waited[0] >= 0.2  # with the handshake
        assert min(waited) >= 0.1
        sender = threading.Thread(target=send, args=(client, data))
        sender.start()
        assert receive(client) == data
        sender.join()


def test_the_relay_carries_connections_at_once(echo):
    with DelayProxy(*echo, round_trip=0.2) as proxy:
        started = time.monotonic()
        clients = [connect(proxy) for _ in range(20)]
        for number, client in enumerate(clients):
            send(client, b"%d" % number)
        assert [receive(client) for client in clients] == [b"%d" % n for n in range(20)]
        assert time.monotonic() - started < 20 * 0.2
        for client in clients:
            client.close()


def test_the_relay_ends_with_connections_open(echo):
    with DelayProxy(*echo, round_trip=0.01) as proxy:
        client = connect(proxy)
        client.sendall(b"x")
        assert client.recv(1) == b"x"
    with client, pytest.raises(OSError):
        assert client.recv(1) == b""
        client.sendall(b"x")
        connect(proxy)


def test_the_relay_hangs_up_where_there_is_no_server():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = closed.getsockname()
    with (
        DelayProxy(*address, round_trip=0.01) as proxy,
        connect(proxy) as client,
        suppress(ConnectionResetError),
    ):
        assert client.recv(1) == b""


def test_a_run_is_measured_with_its_children(tmp_path):
    burn = "import time\nwhile time.process_time() < 0.2: pass"
    cost, said = run([sys.executable, "-c", burn], dict(os.environ))
    assert cost.cpu >= 0.2
    assert said == b""
    command = f"'{sys.executable}' -c '{burn}'; echo done"
    cost, said = run(["/bin/sh", "-c", command], dict(os.environ), tmp_path)
    assert cost.cpu >= 0.2
    assert said == b"done\n"


def test_a_run_that_fails_gives_no_number():
    with pytest.raises(RunFailed, match="7"):
        run(["/bin/sh", "-c", "echo why >&2; exit 7"], {})


def test_a_ratio_is_the_median_of_the_rounds_own():
    result = Result("P0", "nothing", "Both do nothing.", "none")
    for ours, theirs in ((1.0, 2.0), (6.0, 2.0), (2.0, 10.0)):
        result.add("a", Cost(ours, ours))
        result.add("b", Cost(theirs, theirs))
    result.compare("a", "absent", Goal(cpu=0.1))
    assert not result.lines
    result.compare("a", "b", Goal(cpu=0.5, wall=0.4))
    assert [line.split("|")[6:10] for line in result.lines] == [
        [" **0.50** ", " 0.20 – 3.00 ", " ≤ 0.5 ", " reached "],
        [" **0.50** ", " 0.20 – 3.00 ", " ≤ 0.4 ", " **not reached** "],
    ]
    assert result.missed
    assert "3 rounds" in result.markdown()


def connect(proxy):
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=10)


def send(client, data):
    client.sendall(data)
    client.shutdown(socket.SHUT_WR)


def receive(client):
    received = bytearray()
    while data := client.recv(65536):
        received += data
    return bytes(received)


def test_a_registry_that_is_made_up_is_what_everyskill_would_have_written(database_url):
    """Its counters, its words, and the guards that were off while it was made."""
    with Database(database_url) as database:
        upgrade(database)
    sizes = Sizes(60)
    fill(database_url, sizes)
    with Database(database_url) as database, database.writing() as tx:
        assert differences(tx) == []
        assert tx.execute(text(UNLIKE_ITS_ROWS)).all() == []
        words = WORDS[database.dialect]
        before = tx.execute(text(words)).all()
        assert len(before) == sizes.skills
        tx.execute(text(ANEW[database.dialect]))
    with Database(database_url) as database, database.writing() as tx:
        assert tx.execute(text(words)).all() == before


UNLIKE_ITS_ROWS = """
SELECT s.slug FROM skills AS s LEFT JOIN
    (SELECT skill_id, count(*) AS n, sum(rating) AS stars, sum(hours_saved_estimate) AS hours
    FROM ratings GROUP BY skill_id) AS r ON r.skill_id = s.id
WHERE stars_1 + stars_2 + stars_3 + stars_4 + stars_5 <> coalesce(n, 0)
    OR stars_1 + 2 * stars_2 + 3 * stars_3 + 4 * stars_4 + 5 * stars_5 <> coalesce(stars, 0)
    OR hours_saved <> coalesce(hours, 0)
    OR total_uses <> (SELECT count(*) FROM usage_events WHERE skill_id = s.id)
    OR latest_version <> (SELECT count(*) FROM version_events WHERE skill_id = s.id)
"""
WORDS = {
    "sqlite": "SELECT rowid, words FROM skill_words ORDER BY rowid",
    "postgresql": "SELECT skill_id, words::text FROM skill_search ORDER BY skill_id",
}
ANEW = {
    "sqlite": "UPDATE skill_search SET is_stale = 1",
    "postgresql": "UPDATE skill_search SET words = everyskill_document(s) FROM skills AS s"
    " WHERE s.id = skill_id",
}

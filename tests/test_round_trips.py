"""How often a command waits for PostgreSQL: each time is as long as the way there and back."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from tests.commands import Commands
from tests.registries import write_skill


class Ear:
    """Passes connections on to a server, and counts how often the client spoke and then waited."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.questions: list[bytes] = []
        self._is_waiting = False
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server)
                for source, target in ((client, server), (server, client)):
                    ways = (source, target, source is client)
                    threading.Thread(target=self._carry, args=ways, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, is_client: bool) -> None:
        with source, suppress(OSError):
            while data := source.recv(65_536):
                if is_client and not self._is_waiting:
                    self.questions.append(data)
                self._is_waiting = is_client
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@contextmanager
def heard(url: str) -> Iterator[tuple[Ear, str]]:
    parts = urlsplit(url)
    ear = Ear(str(parts.hostname), int(parts.port or 5432))
    host = parts.netloc.rpartition(":")[0].rpartition("@")[0]
    yield ear, urlunsplit(parts._replace(netloc=f"{host}@127.0.0.1:{ear.port}"))
    ear.close()


@pytest.mark.parametrize(
    ("words", "most"),
    [
        (("show", "demo"), 6),  # TLS? who? which schema? the skill, its versions, the comments
        (("list",), 4),
        (("search", "demo"), 8),
        (("rate", "demo", "5"), 15),
    ],
    ids=lambda value: str(value[0]) if isinstance(value, tuple) else "",
)
def test_how_often_a_command_waits(
    words: tuple[str, ...],
    most: int,
    postgres_url: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    cli = Commands(capsys)
    env = {
        "EVERYSKILL_DATABASE_URL": postgres_url,
        "EVERYSKILL_STORE_URL": f"file://{tmp_path}/store",
        "EVERYSKILL_USER": "ann@example.org",
    }
    assert cli("upgrade", env=env).code == 0
    assert cli("publish", write_skill(tmp_path), env=env).code == 0
    with heard(postgres_url) as (ear, url):
        assert cli(*words, env={**env, "EVERYSKILL_DATABASE_URL": url}).code == 0
    questions = [each for each in ear.questions if not each.startswith(b"X")]  # a farewell
    assert 3 < len(questions) <= most, questions

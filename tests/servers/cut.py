"""A loopback proxy in front of PostgreSQL that cuts connections at the statement a test names."""

from __future__ import annotations

import select
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from enum import Enum
from typing import Self
from urllib.parse import urlsplit, urlunsplit

RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, for 0 seconds
ENCRYPTION_REQUESTS = (80877103, 80877104)  # SSLRequest, GSSENCRequest
STATEMENTS = b"QP"  # Query and Parse: the messages that bring SQL
READY = b"Z"  # ReadyForQuery: the server's answer is complete
CHUNK = 65536


class Cut(Enum):
    """Where a connection is cut."""

    BEFORE = "before"  # the server never hears of the statement; the connection is reset
    AFTER = "after"  # the server has done it; its answer is lost


@dataclass
class _Rule:
    """Cut at the statement that begins with this text, after so many that do were let pass."""

    cut: Cut
    text: str
    passing: int
    then: Callable[[], None]


class CutProxy:
    """Forwards every connection to a PostgreSQL server, unless a cut was ordered.

    Args:
        url: a database on the server, with host and port.

    Attributes:
        url: the same database through the proxy.
        statements: the SQL that came in since the start or the last `forget`, in order.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self.statements: list[str] = []
        self._server = (parts.hostname, parts.port or 5432)
        self._rules: list[_Rule] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        login, at, _ = parts.netloc.rpartition("@")
        place = f"{login}{at}127.0.0.1:{self._listener.getsockname()[1]}"
        self.url = urlunsplit(parts._replace(netloc=place))
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def order(
        self,
        cut: Cut,
        text: str = "",
        *,
        passing: int = 0,
        then: Callable[[], None] = lambda: None,
    ) -> None:
        """Cut once.

        Args:
            cut: before the statement or after it.
            text: with which the statement begins; the empty one for every one.
            passing: how many of them are let pass before.
            then: what is called before the connection ends.
        """
        with self._lock:
            self._rules.append(_Rule(cut, text, passing, then))

    @property
    def pending(self) -> int:
        """How many cuts were ordered and have not happened yet."""
        return len(self._rules)

    def forget(self) -> None:
        """Forget the statements that came in and the cuts that are pending."""
        with self._lock:
            self.statements.clear()
            self._rules.clear()

    def close(self) -> None:
        """Cut every connection and end; harmless when repeated."""
        self._closing.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _accept(self) -> None:
        while not self._closing.is_set():
            if select.select([self._listener], [], [], 0.05)[0]:
                client, _ = self._listener.accept()
                thread = threading.Thread(target=self._serve, args=(client,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, client: socket.socket) -> None:
        with ExitStack() as stack, suppress(OSError):  # whoever hangs up has ended it
            stack.enter_context(client)
            server = stack.enter_context(socket.create_connection(self._server))
            for side in (client, server):  # every message at once, as libpq sends them
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _begin(client, server)
            line = _Line(client, server, self._met)
            while not self._closing.is_set() and line.forward():
                pass

    def _met(self, statement: str) -> _Rule | None:
        """Note a statement and say which cut it meets."""
        with self._lock:
            self.statements.append(statement)
            for rule in self._rules:
                if statement.startswith(rule.text):
                    rule.passing -= 1
                    if rule.passing < 0:
                        self._rules.remove(rule)
                        return rule
        return None


class _Line:
    """One connection between a client and the server, message by message."""

    def __init__(
        self, client: socket.socket, server: socket.socket, met: Callable[[str], _Rule | None]
    ) -> None:
        self._client = client
        self._server = server
        self._met = met
        self._asked = _Messages()
        self._answered = _Messages()
        self._lost: _Rule | None = None  # the cut at the end of the answer that is under way

    def forward(self) -> bool:
        """Forward what is there; whether there may be more."""
        ready, _, _ = select.select([self._client, self._server], [], [], 0.05)
        return all(self._forward(side) for side in ready)

    def _forward(self, side: socket.socket) -> bool:
        data = side.recv(CHUNK)
        if not data:
            return False
        if side is self._client:
            return all(self._ask(*message) for message in self._asked.of(data))
        ended = READY in [kind for kind, _ in self._answered.of(data)]
        if self._lost is None:
            self._client.sendall(data)
        elif ended:
            self._lost.then()
            return False
        return True

    def _ask(self, kind: bytes, message: bytes) -> bool:
        rule = self._met(_statement(kind, message)) if kind in STATEMENTS else None
        if rule is not None and rule.cut is Cut.BEFORE:
            rule.then()
            self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            return False
        self._lost = rule or self._lost
        self._server.sendall(message)
        return True


class _Messages:
    """Puts messages together again: one byte of kind, four of length, the rest."""

    def __init__(self) -> None:
        self._buffer = b""

    def of(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Take what came in; give the messages that are complete now, with their kinds."""
        self._buffer += data
        while len(self._buffer) >= 5:
            end = 1 + int.from_bytes(self._buffer[1:5], "big")
            if len(self._buffer) < end:
                return
            message, self._buffer = self._buffer[:end], self._buffer[end:]
            yield message[:1], message


def _begin(client: socket.socket, server: socket.socket) -> None:
    """Refuse encryption, and hand over the one message that has no kind: the client's first."""
    while True:
        head = _exactly(client, 8)
        length, code = struct.unpack("!ii", head)
        if code not in ENCRYPTION_REQUESTS:
            server.sendall(head + _exactly(client, length - 8))
            return
        client.sendall(b"N")


def _exactly(side: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = side.recv(size - len(data))
        if not more:
            raise ConnectionError("the connection ended in the midst of a message")
        data += more
    return data


def _statement(kind: bytes, message: bytes) -> str:
    parts = message[5:].split(b"\0")
    return parts[0 if kind == b"Q" else 1].decode()

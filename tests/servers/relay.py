"""A loopback HTTP server that hands every request to a function and can break its promises."""

from __future__ import annotations

import http.client
import socket
import struct
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, for 0 seconds
HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding"})
UPSTREAM_SECONDS = 60


@dataclass(frozen=True)
class Answer:
    """An HTTP answer with its whole body; its length is not among the headers, except for HEAD."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes = b""


class Exchange(BaseHTTPRequestHandler):
    """A request with its body, and every way to end it; one object per connection.

    Attributes:
        command: the HTTP method.
        path: the path and query as they were sent.
        headers: as they were sent.
        body: the whole body; it must have had a Content-Length.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Relay
    body: bytes

    def do_GET(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.server.handle(self)

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815 - names of the base class

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - its name there
        """Say nothing."""

    def forwarded(self, upstream: str, body: bytes) -> Answer:
        """Ask another server the same with that body, and give its whole answer.

        Every header goes along unchanged, Host too: the client has signed them. Only the wish to
        be told to go on (Expect) does not, for the body is here already.
        """
        connection = http.client.HTTPConnection(upstream, timeout=UPSTREAM_SECONDS)
        try:
            connection.putrequest(
                self.command, self.path, skip_host=True, skip_accept_encoding=True
            )
            for name, value in self.headers.items():
                if name.lower() != "expect":
                    connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            dropped = HOP_BY_HOP | ({"content-length"} if self.command != "HEAD" else set())
            headers = [pair for pair in answer.getheaders() if pair[0].lower() not in dropped]
            return Answer(answer.status, headers, answer.read())
        finally:
            connection.close()

    def send(self, answer: Answer, announced: int | None = None) -> None:
        """Answer the client.

        Args:
            answer: a HEAD request gets its headers alone.
            announced: the Content-Length to promise when it is not the body's.
        """
        length = len(answer.body) if announced is None else announced
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        if self.command != "HEAD" and answer.status != 204:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
        if length != len(answer.body):
            self.hang_up()

    def hang_up(self) -> None:
        """Close the connection; the client sees its end."""
        self.close_connection = True

    def reset(self) -> None:
        """Close the connection; the client sees a reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self.close_connection = True


class Relay(ThreadingHTTPServer):
    """The server: a free port of 127.0.0.1, a thread per connection.

    Args:
        handle: ends each exchange; called in the connection's thread.

    Attributes:
        endpoint: its address, for clients.
        closing: set when the server ends; whoever waits in `handle` waits on it.
    """

    daemon_threads = False  # closing waits for them: nothing goes on after the test
    request_queue_size = 128

    def __init__(self, handle: Callable[[Exchange], None]) -> None:
        self.handle = handle
        self.closing = threading.Event()
        self._connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), Exchange)
        self.endpoint = f"http://127.0.0.1:{self.server_address[1]}"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        """Cut every connection and end; harmless when repeated."""
        if self.closing.is_set():
            return
        self.closing.set()
        self.shutdown()
        for connection in list(self._connections):
            with suppress(OSError):  # its client was faster
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()
        self._thread.join()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close at once; the base class says goodbye first, which would undo a reset."""
        self._connections.discard(request)
        self.close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up, or a server that is down, is an everyday matter here."""
        if not isinstance(sys.exception(), OSError | http.client.HTTPException):
            super().handle_error(request, client_address)

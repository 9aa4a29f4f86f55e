"""A loopback relay that stands for a distant server: bytes arrive later, and as many as before.

python benchmarks/delay.py --to 127.0.0.1:8333 [--round-trip 40]
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import threading
from contextlib import suppress
from typing import Self

BACKLOG = 1024  # connections that may wait to be accepted
CHUNK = 262_144  # bytes


class DelayProxy:
    """Passes TCP connections on to a server, each byte half a round trip later, both ways.

    Throughput is not limited: what comes in while other bytes are on their way waits for its own
    time alone. A handshake costs a round trip as well; it cannot be delayed on loopback, so the
    client's first bytes wait that much longer.

    Args:
        host: of the server.
        port: of the server.
        round_trip: in seconds.

    Attributes:
        port: of the proxy, on 127.0.0.1.
    """

    def __init__(self, host: str, port: int, round_trip: float) -> None:
        self._server = (host, port)
        self._round_trip = round_trip
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
        self.port: int = self._listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._closing = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="delay")
        self._thread.start()

    def close(self) -> None:
        """Cut every connection and end; harmless when repeated."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._closing.set)
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:  # cancels what is left
            runner.run(self._serve())

    async def _serve(self) -> None:
        lines: set[asyncio.Task[None]] = set()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            line = asyncio.create_task(self._line(reader, writer))
            lines.add(line)
            line.add_done_callback(lines.discard)

        server = await asyncio.start_server(accept, sock=self._listener)
        await self._closing.wait()
        server.close()
        for line in lines:
            line.cancel()
        await asyncio.gather(*lines, return_exceptions=True)

    async def _line(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until both sides have ended or one has broken off."""
        delay = self._round_trip / 2
        ends = [writer]
        try:
            from_server, to_server = await asyncio.open_connection(*self._server)
            ends.append(to_server)
            async with asyncio.TaskGroup() as ways:
                ways.create_task(_carry(reader, to_server, delay, self._round_trip))
                ways.create_task(_carry(from_server, writer, delay))
        except* (OSError, asyncio.CancelledError):  # somebody hung up, or the proxy ends
            for end in ends:
                end.transport.abort()
        for end in ends:
            end.close()


async def _carry(
    source: asyncio.StreamReader, target: asyncio.StreamWriter, delay: float, first: float = 0.0
) -> None:
    """Carry what one side sends, in order, and at last its end.

    Args:
        source: the side that sends.
        target: the side that gets it.
        delay: of each byte, in seconds.
        first: what the first byte waits in addition, in seconds.
    """
    now = asyncio.get_running_loop().time
    opened = now() + first
    on_the_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def receive() -> None:
        data = b"-"
        while data:
            data = await source.read(CHUNK)
            on_the_way.put_nowait((max(now(), opened) + delay, data))

    async with asyncio.TaskGroup() as both:
        both.create_task(receive())
        while True:
            due, data = await on_the_way.get()
            await asyncio.sleep(due - now())
            if not data:
                break
            target.write(data)
            await target.drain()
        if target.can_write_eof():
            target.write_eof()


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--to", required=True, metavar="HOST:PORT", help="the server")
    parser.add_argument("--round-trip", type=float, default=40, metavar="MS", help="default: 40")
    arguments = parser.parse_args()
    host, _, port = arguments.to.rpartition(":")
    with DelayProxy(host, int(port), arguments.round_trip / 1000) as proxy:
        print(f"127.0.0.1:{proxy.port}", flush=True)
        with suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()

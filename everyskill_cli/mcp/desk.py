"""Where requests are done: a registry of its own for each, in a thread of its own.

A registry is opened for every request and closed after it, as a command does it. So a connection
that died, a database that was upgraded, and one that was swapped meanwhile are all noticed as by a
command, and no two requests share a transaction.

A request that its client cancels is not waited for. Where it has begun it goes on, because nothing
stops a thread, and holds its thread until it is done; where it waits for one it is never begun. So
however many are cancelled, there are no more threads and connections than these.
"""

from __future__ import annotations

import asyncio
import os
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from everyskill_cli.errors import EveryskillError, Unavailable
from everyskill_cli.mcp import Pen
from everyskill_cli.model import Access
from everyskill_cli.registry import Registry, open_registry
from everyskill_cli.settings import Settings

AT_ONCE: Final = 8  # requests that are done at the same time; others wait
Result = TypeVar("Result")


class Desk:
    """Does requests.

    Attributes:
        pen: how answers are written.
    """

    def __init__(self, settings: Settings, pen: Pen) -> None:
        self.pen = pen
        self._settings = settings
        self._threads = ThreadPoolExecutor(AT_ONCE, "everyskill-request")

    async def do(self, work: Callable[[Registry], Result], access: Access = "read") -> Result:
        """Do one request.

        Raises:
            EveryskillError: whatever went wrong, in our own words.
        """
        doing = asyncio.get_running_loop().run_in_executor(self._threads, self._do, work, access)
        try:
            return await doing
        except Exception as error:
            raise self._translated(error) from error

    def _do(self, work: Callable[[Registry], Result], access: Access) -> Result:
        with open_registry(self._settings, access) as registry:
            try:
                return work(registry)
            except EveryskillError as error:
                noticed = [finding.message for finding in registry.notices]
                error.hint = " ".join(filter(None, (error.hint, *noticed)))
                raise

    def _translated(self, error: Exception) -> EveryskillError:
        """Say any error in our own words; one without words is a bug."""
        if isinstance(error, EveryskillError):
            return error
        if os.environ.get("EVERYSKILL_DEBUG") == "1":
            self.pen.note("".join(traceback.format_exception(error)))
        if isinstance(error, OSError):
            what = f" {error.filename}" if error.filename else ""
            return Unavailable(
                f"The system refused{what}: {error.strerror or error}.",
                "Look at that file, then try again.",
            )
        return EveryskillError(
            f"This is a bug in everyskill: {type(error).__name__}: {error}",
            "Start it with EVERYSKILL_DEBUG=1 and report what it prints.",
        )

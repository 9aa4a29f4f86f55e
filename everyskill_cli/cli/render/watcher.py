"""How far a command over many skills is, on a terminal's stderr; and Ctrl-C that ends it well.

With one skill Ctrl-C ends the program as ever. With many the first one lets what is under way be
finished, so that the answer says what was done; a second one ends the program at once.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Final, TextIO

from everyskill_cli.registry.watch import Watch

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

STOPPING: Final = b"Stopping when what is under way is finished; Ctrl-C again ends at once.\n"
PATIENCE: Final = 0.5  # seconds after which somebody wants to know how far it is


class Watcher(Watch):
    """Somebody at a terminal, or a log that wants no progress."""

    def __init__(self, stderr: TextIO) -> None:
        self._stderr = stderr
        self._total = 0
        self._since = time.monotonic()
        self._wanted = stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._stage = ""

    def read(self, done: int, total: int) -> None:
        """Show how many skills were read."""
        self._total = total
        if self._is_due(total):
            self._show("Reading", done, total, f"{done:,} of {total:,} skills")

    def store(self, done: int, total: int, sent: int, size: int) -> None:
        """Show how many skills and bytes were stored."""
        if not self._is_due(total):
            return
        from everyskill_cli.cli.render.words import size as say_size

        amount = f"{say_size(sent).shown} of {say_size(size).shown}"
        self._show("Publishing", done, total, f"{done:,} of {total:,} skills, {amount}")

    def install(self, done: int, total: int) -> None:
        """Show how many skills lie ready."""
        self._total = total
        if self._is_due(total):
            self._show("Installing", done, total, f"{done:,} of {total:,} skills")

    def verify(self, done: int, total: int, what: str) -> None:
        """Show how many skills or objects were looked at."""
        self._total = total
        if self._is_due(total):
            self._show("Verifying", done, total, f"{done:,} of {total:,} {what}")

    def look(self, done: int, total: int) -> None:
        """Show how many objects were looked at; nothing is half done, so Ctrl-C ends at once."""
        if self._is_due(total):
            self._show("Looking", done, total, f"{done:,} of about {total:,} objects")

    def collect(self, done: int, total: int) -> None:
        """Show how many objects were deleted; Ctrl-C is heard between two of them."""
        self._total = max(total, 2)
        if self._is_due(total):
            self._show("Deleting", done, total, f"{done:,} of {total:,} objects")

    def interrupt(self, number: int, frame: FrameType | None) -> None:
        """Hear Ctrl-C."""
        if self._total <= 1 or self.stopped:
            signal.default_int_handler(number, frame)
        self.stopped = True
        if self._progress is None:  # else the bar says so
            with suppress(OSError, ValueError):  # not by the stream: it may be amid a write itself
                os.write(self._stderr.fileno(), STOPPING)

    def close(self) -> None:
        """Take the bar away: the answer says it all."""
        if self._progress is not None:
            self._progress.stop()

    def _is_due(self, total: int) -> bool:
        return self._wanted and total > 1 and time.monotonic() - self._since > PATIENCE

    def _show(self, stage: str, done: int, total: int, text: str) -> None:
        if self._progress is None:
            self._progress = _bar(self._stderr)
            self._task = self._progress.add_task(stage, total=total, amount=text)
            self._progress.start()
        assert self._task is not None  # noqa: S101 - it was added with the bar
        stopping = "Stopping" if self.stopped else stage
        self._progress.update(
            self._task, completed=done, total=total, description=stopping, amount=text
        )


def _bar(stderr: TextIO) -> Progress:
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from everyskill_cli.cli.render.screen import console_for

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[amount]}"),
        TimeRemainingColumn(),
        console=console_for(stderr),
        transient=True,
    )


@contextmanager
def watching(stderr: TextIO) -> Iterator[Watcher]:
    """Watch over a command: give what it tells its progress to."""
    watcher = Watcher(stderr)
    before = signal.getsignal(signal.SIGINT)
    listens = threading.current_thread() is threading.main_thread() and before not in (
        signal.SIG_IGN,
        None,
    )
    if listens:
        signal.signal(signal.SIGINT, watcher.interrupt)
    try:
        yield watcher
    finally:
        if listens:
            signal.signal(signal.SIGINT, before)
        watcher.close()

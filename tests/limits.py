"""One command in a process that may use so much memory and time, and no more."""

from __future__ import annotations

import json
import os
import resource
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from everyskill_cli.cli.main import main

MEMORY_MAX = 150 * 2**20  # bytes beyond what stands before the command
SECONDS_MAX = 2  # of CPU
HANGS_SECONDS = 60
LINUX = sys.platform.startswith("linux")


@dataclass(frozen=True)
class Limited:
    """How a command ended: exit code, texts, seconds of CPU, and bytes of memory beyond its start.

    The code is negative for a signal: out of time, or hanging.
    """

    code: int
    stdout: str = ""
    stderr: str = ""
    seconds: float = 0.0
    memory: int = 0


def limited(*words: str | Path) -> Limited:
    """Run a command in a fork of this process, which has loaded everything already.

    Memory that it asks for beyond its limit is refused, so a command that wants it is a bug (1).
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            with open(writing, "w") as answer:  # noqa: PTH123 - a descriptor
                json.dump(_measured([str(word) for word in words]), answer)
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading) as answer:  # noqa: PTH123 - a descriptor
        told = answer.read()
    _, status = os.waitpid(child, 0)
    return Limited(*json.loads(told)) if told else Limited(-(os.WTERMSIG(status) or 255))


def _measured(words: list[str]) -> tuple[int, str, str, float, int]:
    import signal

    signal.alarm(HANGS_SECONDS)  # whose default ends the process
    before = resource.getrusage(resource.RUSAGE_SELF)
    if LINUX:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        ceiling = pages * resource.getpagesize() + MEMORY_MAX
        resource.setrlimit(resource.RLIMIT_AS, (ceiling, ceiling))
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(words)
    after = resource.getrusage(resource.RUSAGE_SELF)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    memory = (after.ru_maxrss - before.ru_maxrss) * (1024 if LINUX else 1)
    return code, out.getvalue(), err.getvalue(), seconds, memory

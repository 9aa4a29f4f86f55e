"""The cost of a run, and the ratios between runs that were made in turn."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

HEADER = (
    "| ours | peer | metric | ours | peer | ratio | least – most | goal | |\n"
    "| --- | --- | --- | ---: | ---: | ---: | --- | --- | --- |"
)


Metric = Literal["cpu", "wall"]


@dataclass(frozen=True)
class Cost:
    """What a run cost, in seconds: user + system of its whole tree of processes, and the clock."""

    cpu: float
    wall: float


class RunFailed(Exception):
    """A measured program failed, or its work is not what it should be: nothing to compare."""


def run(
    command: Sequence[str | Path], environment: Mapping[str, str], folder: Path | None = None
) -> tuple[Cost, bytes]:
    """Run a program that must succeed.

    Returns:
        Its cost, and what it wrote on standard output.

    Raises:
        RunFailed: it ended with another code than 0; with the end of what it said.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
        )
        _, status, usage = os.wait4(process.pid, 0)  # with the children that it waited for
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if process.returncode:
            said = (output.read()[-1000:] + errors.read()[-2000:]).decode(errors="replace")
            raise RunFailed(f"{command[0]} ended with {process.returncode}:\n{said}")
        return Cost(usage.ru_utime + usage.ru_stime, wall), output.read()


@dataclass(frozen=True)
class Goal:
    """How much of a peer's cost ours may be."""

    cpu: float | None = None
    wall: float | None = None


@dataclass
class Result:
    """One workload: what ran, and what every side cost, round by round.

    Attributes:
        name: as ``P6``.
        title: the workload.
        text: what each side does, in Markdown.
        inputs: sizes and counts.
        checked: how it is known that the sides did the same work.
        costs: by side; the lists are of one length, for the sides ran in turn.
        lines: the table, without its header.
        missed: whether a goal is not reached.
        profile: what holds it back then.
        plans: how a database finds what is asked for.
    """

    name: str
    title: str
    text: str
    inputs: str = ""
    checked: str = ""
    costs: dict[str, list[Cost]] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    missed: bool = False
    profile: str = ""
    plans: str = ""

    def add(self, side: str, cost: Cost) -> None:
        """Note what a side cost in this round."""
        self.costs.setdefault(side, []).append(cost)

    def compare(
        self,
        ours: str,
        peer: str,
        goal: Goal | None = None,
        metrics: Sequence[Metric] = ("cpu", "wall"),
    ) -> None:
        """Add the ratios of two sides to the table; nothing where one of them did not run.

        Each is the median of the rounds' own ratios.
        """
        if ours not in self.costs or peer not in self.costs:
            return
        goal = goal or Goal()
        limits: tuple[tuple[Metric, float | None], ...] = (("cpu", goal.cpu), ("wall", goal.wall))
        for metric, limit in limits:
            if metric not in metrics:
                continue
            mine = [getattr(cost, metric) for cost in self.costs[ours]]
            theirs = [getattr(cost, metric) for cost in self.costs[peer]]
            ratios = [a / b for a, b in zip(mine, theirs, strict=True)]
            ratio = statistics.median(ratios)
            cells = [ours, peer, metric.replace("cpu", "CPU")]
            cells += [_seconds(statistics.median(mine)), _seconds(statistics.median(theirs))]
            cells += [f"**{ratio:.2f}**", f"{min(ratios):.2f} – {max(ratios):.2f}"]
            cells += ["" if limit is None else f"≤ {limit:g}", _verdict(ratio, limit)]
            self.missed = self.missed or (limit is not None and ratio > limit)
            self.lines.append("| " + " | ".join(cells) + " |")

    def markdown(self, circumstances: str = "") -> str:
        """Give the section of a report; with when and on what it was measured."""
        rounds = len(next(iter(self.costs.values()), []))
        times = f"{rounds} rounds, every side once in each" if rounds != 1 else "One round"
        notes = [f"- Inputs: {self.inputs}. {times}, in turn."]
        if self.checked:
            notes.append(f"- Checked: {self.checked}.")
        if circumstances:
            notes.append(f"- Measured: {circumstances}.")
        head = f"## {self.name}: {self.title}\n\n{self.text}\n\n" + "\n".join(notes)
        table = "\n".join([head, "", HEADER, *self.lines]) + "\n"
        return "\n".join(filter(None, [table, self.plans, self.profile]))


def _seconds(value: float) -> str:
    if value >= 1:
        return f"{value:.2f} s"
    return f"{value * 1000:.0f} ms" if value >= 0.01 else f"{value * 1000:.2f} ms"


def _verdict(ratio: float, limit: float | None) -> str:
    if limit is None:
        return ""
    return "reached" if ratio <= limit else "**not reached**"

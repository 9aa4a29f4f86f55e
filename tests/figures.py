"""What the long suites did, in numbers: each test adds its own, the end of the run prints the sums.

A suite that ran nothing prints nothing, so a figure in docs/guarantees.md can be checked against
any run. The numbers travel with the tests' reports, so they add up over all workers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import TypeAlias

import pytest

PREFIX = "figure:"
Count: TypeAlias = Callable[..., None]


@pytest.fixture
def count(record_property: Callable[[str, object], None]) -> Count:
    """Add to a suite's figures: `count("kills", kills=3, registries=1)`.

    Names of numbers are plural nouns, `_` for a space, in the order in which they are printed.
    """

    def add(suite: str, **numbers: int) -> None:
        record_property(PREFIX + suite, numbers)

    return add


def lines(reports: Iterable[pytest.TestReport]) -> list[str]:
    """Sum what the tests reported: one line a suite, with how many tests counted."""
    sums: dict[str, Counter[str]] = {}
    tests: Counter[str] = Counter()
    for report in reports:
        found = [(n[len(PREFIX) :], v) for n, v in report.user_properties if n.startswith(PREFIX)]
        tests.update({suite for suite, _ in found})
        for suite, numbers in found:
            sums.setdefault(suite, Counter()).update(numbers)
    return [
        f"{suite}: "
        + ", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in sums[suite].items())
        + f" in {tests[suite]:,} tests"
        for suite in sorted(sums)
    ]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the sums above the closing line."""
    reports = [
        report
        for kind in ("passed", "failed")
        for report in terminalreporter.stats.get(kind, ())
        if report.when == "call"
    ]
    found = lines(reports)
    if found:
        terminalreporter.section("figures")
        for line in found:
            terminalreporter.line(line)

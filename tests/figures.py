"""What the long suites did, in numbers: each test adds its own, the end of the run prints the sums.

A suite that ran nothing prints nothing, so a figure in docs/guarantees.md can be checked against
any run. The numbers travel with the tests' reports, so they add up over all workers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
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


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that writes the sums into a document."""
    parser.addoption(
        "--figures", metavar="FILE", help="write the figures of this run into docs/guarantees.md"
    )


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
) -> None:
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
    if config.getoption("figures") and exitstatus == pytest.ExitCode.OK:
        form = "normal" if "not long" in config.getoption("markexpr") else "long"
        write(Path(config.getoption("figures")), form, found)


def write(document: Path, form: str, found: list[str]) -> None:
    """Write the sums of a run that passed into the block of its form."""
    begin, end = f"<!-- figures of the {form} form -->\n", "<!-- end of the figures -->"
    before, _, rest = document.read_text(encoding="utf-8").partition(begin)
    _, _, after = rest.partition(end)
    block = "\n".join(["", "```text", *found, "```", "", ""])
    document.write_text(before + begin + block + end + after, encoding="utf-8")

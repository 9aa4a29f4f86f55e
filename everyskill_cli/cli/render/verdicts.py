"""Which version is rated better, by how much, and how sure that is: for ``show`` and ``stats``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from everyskill_cli.cli.render.blocks import Column, Table
from everyskill_cli.cli.render.words import Words, only_piped, only_shown

if TYPE_CHECKING:
    from everyskill_cli.cli.render.words import Role
    from everyskill_cli.model import VersionChange

CHANGE_COLUMNS: Final = tuple(
    Column(name)
    for name in (
        "slug",
        "version",
        "previous_version",
        "difference",
        "low",
        "high",
        "verdict",
        "rating_count",
        "previous_rating_count",
    )
)
_ROLES: Final[dict[str, Role]] = {"better": "good", "worse": "bad", "unclear": "muted"}


def hundredths(value: int | None) -> str:
    """Write a number that is kept × 100; nothing where there is none."""
    return "" if value is None else f"{value / 100:.2f}"


def change_table(changes: Iterable[VersionChange]) -> Table:
    """Make the rows of a pipe."""
    rows = tuple(tuple(only_piped(cell) for cell in _cells(change)) for change in changes)
    return Table(CHANGE_COLUMNS, rows, key="change", place="pipe")


def _cells(change: VersionChange) -> tuple[object, ...]:
    return (
        change.slug,
        change.version,
        change.previous_version,
        hundredths(change.difference),
        hundredths(change.low),
        hundredths(change.high),
        change.verdict,
        change.rating_count,
        change.previous_rating_count,
    )


def sentence(change: VersionChange, *, whose: str = "") -> Words:
    """Say it for people, as ``version 2 is rated 0.85 better than version 1``.

    Args:
        change: the two versions.
        whose: their skill, where it is not plain.
    """
    what = f"{whose}@{change.version}" if whose else f"version {change.version}"
    before = f"@{change.previous_version}" if whose else f"version {change.previous_version}"
    said = only_shown(f"{what} is rated ", "") + only_shown(_how(change), _ROLES[change.verdict])
    chance = "" if change.verdict != "unclear" else ", which may be chance"
    raters = f"{change.rating_count:,} and {change.previous_rating_count:,} raters"
    return (
        said
        + only_shown(f" {before}{chance}")
        + only_shown(f" (95 %: {_interval(change)}; {raters})", "muted")
    )


def _how(change: VersionChange) -> str:
    if change.difference == 0:
        return "as good as"
    word = "better" if change.difference > 0 else "worse"
    return f"{hundredths(abs(change.difference))} {word} than"


def _interval(change: VersionChange) -> str:
    """Give the interval in the direction of the sentence: how much worse, if it is worse."""
    low, high = change.low, change.high
    if change.difference < 0:
        low, high = -high, -low
    return f"{hundredths(low)} to {hundredths(high)}"

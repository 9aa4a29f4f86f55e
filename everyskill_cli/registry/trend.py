"""Whether a version is rated better than another, by how much, and how sure that is.

Whole numbers throughout: stars × 100. The interval is that of a difference of two means,
``difference ± 1.96 · √(variance / n + previous variance / previous n)``. Each variance is taken as
if one more person had given one star and one more five: a handful of equal ratings would else look
certain (two people who agree have no variance at all). In trials with made-up opinions, from 1 and
1 raters to 100 and 100, it held the true difference 94 times of 100 or more, without that down to
0 times; only two against two of people who give one star or five got 91.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import isqrt
from typing import TYPE_CHECKING, Final, Literal, Protocol

from everyskill_cli.model import VersionChange

if TYPE_CHECKING:
    from everyskill_cli.model import VersionSummary

_MOST: Final = 400  # stars × 100: no two averages differ more
_Z: Final = 196  # × 100: 95 of 100 of a normal distribution are within so many deviations


class Rated(Protocol):
    """A version with its histogram."""

    @property
    def version(self) -> int:
        """Its number."""

    @property
    def stars_1(self) -> int:
        """How many gave one star."""

    @property
    def stars_2(self) -> int:
        """How many gave two."""

    @property
    def stars_3(self) -> int:
        """How many gave three."""

    @property
    def stars_4(self) -> int:
        """How many gave four."""

    @property
    def stars_5(self) -> int:
        """How many gave five."""


def changes(slug: str, versions: Iterable[Rated]) -> list[VersionChange]:
    """Compare each rated version with the rated one before it.

    Args:
        slug: the skill.
        versions: newest first.
    """
    rated = [version for version in versions if _is_rated(histogram(version))]
    return [change(slug, version, previous) for version, previous in pairwise(rated)]


def headline(
    slug: str, versions: Sequence[VersionSummary], published: int | None
) -> VersionChange | None:
    """Compare the version that people get, else the newest that is rated; None without two."""
    found = changes(slug, versions)
    current = (change for change in found if change.version == published)
    return next(current, found[0] if found else None)


def change(slug: str, version: Rated, previous: Rated) -> VersionChange:
    """Compare two rated versions of a skill."""
    new, old = histogram(version), histogram(previous)
    count, old_count = sum(new), sum(old)
    difference = _rounded(
        100 * (stars_given(new) * old_count - stars_given(old) * count), count * old_count
    )
    margin = _margin(new, old)
    low, high = max(difference - margin, -_MOST), min(difference + margin, _MOST)
    return VersionChange(
        slug=slug,
        version=version.version,
        previous_version=previous.version,
        difference=difference,
        low=low,
        high=high,
        verdict=_verdict(low, high),
        rating_count=count,
        previous_rating_count=old_count,
    )


def histogram(version: Rated) -> tuple[int, int, int, int, int]:
    """Give how many gave one star, two, … five."""
    return (version.stars_1, version.stars_2, version.stars_3, version.stars_4, version.stars_5)


def _is_rated(histogram: Sequence[int]) -> bool:
    """Tell whether somebody rated; counts below 0, which somebody wrote by hand, say nothing."""
    return min(histogram) >= 0 and sum(histogram) > 0


def per_rating(amount: int, count: int) -> int | None:
    """Give an amount for each of so many ratings, × 100, half up; None of none."""
    return _rounded(100 * amount, count) if count else None


def stars_given(histogram: Sequence[int]) -> int:
    """Add up the stars of a histogram."""
    return sum(given * count for given, count in enumerate(histogram, 1))


def _rounded(amount: int, count: int) -> int:
    return (2 * amount + count) // (2 * count)


def _margin(new: Sequence[int], old: Sequence[int]) -> int:
    """Give half the width of the interval, rounded up."""
    (top, bottom), (old_top, old_bottom) = _spread(new), _spread(old)
    amount = _Z * _Z * (top * old_bottom + old_top * bottom)
    below = bottom * old_bottom
    root = isqrt(amount // below)
    return root if root * root * below == amount else root + 1


def _spread(histogram: Sequence[int]) -> tuple[int, int]:
    """Give variance / n as a fraction, with one star and five stars more in the variance."""
    count = sum(histogram)
    more = [histogram[0] + 1, *histogram[1:4], histogram[4] + 1]
    all_of_them = count + 2
    squares = sum(given * given * each for given, each in enumerate(more, 1))
    top = all_of_them * squares - stars_given(more) ** 2
    return top, all_of_them * (all_of_them - 1) * count


def _verdict(low: int, high: int) -> Literal["better", "worse", "unclear"]:
    if low > 0:
        return "better"
    return "worse" if high < 0 else "unclear"

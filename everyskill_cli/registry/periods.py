"""When a period begins, and the parts that it is cut into."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import ceil
from typing import Final

from everyskill_cli.chain import timestamp
from everyskill_cli.errors import UsageError

PARTS_MAX: Final = 31
STEPS: Final = tuple(timedelta(hours=hours) for hours in (1, 24, 7 * 24, 28 * 24, 364 * 24))


def cut(since: timedelta | datetime, until: datetime) -> tuple[datetime, ...]:
    """Cut a period into hours, days, weeks … that end now; the first may be shorter.

    Args:
        since: how long back, or from when.
        until: its end.

    Returns:
        Where the parts begin, in order; the first is the period's own beginning.

    Raises:
        UsageError: it would begin in the future.
    """
    begin = until - since if isinstance(since, timedelta) else since
    if begin >= until:
        raise UsageError(
            f"The period would begin in the future, at {timestamp(begin)}.",
            "Give how long back, or an earlier day: --since 90d",
        )
    whole = until - begin
    step = next((step for step in STEPS if whole <= PARTS_MAX * step), whole / PARTS_MAX)
    count = min(ceil(whole / step), PARTS_MAX)  # a part of a length that is cut off is one too many
    return (begin, *(until - number * step for number in range(count - 1, 0, -1)))

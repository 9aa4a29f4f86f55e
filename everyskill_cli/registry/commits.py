"""What to do where COMMIT was sent and its answer was lost: look before saying anything."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Final

from everyskill_cli.database.queries import usage
from everyskill_cli.errors import Unavailable

if TYPE_CHECKING:
    from everyskill_cli.database.faults import CommitUnknown
    from everyskill_cli.registry import Registry

LOOK_AGAIN_SECONDS: Final = 0.5


def require_committed(stands: Callable[[], bool], error: CommitUnknown) -> None:
    """Find out whether a transaction was committed.

    Args:
        stands: looks on a new connection for what the transaction would have left.
        error: what the lost answer was heard of by.

    Raises:
        Unavailable: nothing of it stands there, or nobody answers.
    """
    try:
        there = stands()
    except Unavailable:
        time.sleep(LOOK_AGAIN_SECONDS)
        there = stands()
    if not there:
        raise Unavailable(
            f"{error.message.rstrip('.')}, and nothing new stands there yet.",
            "Run the same command again: it has one effect, however often it is run.",
        ) from error


def require_recorded(registry: Registry, uses: Collection[str], error: CommitUnknown) -> None:
    """Find out the same of a transaction that recorded uses.

    Args:
        registry: that was written to.
        uses: the ids of those that were new; one of them tells for all.
        error: what the lost answer was heard of by.

    Raises:
        Unavailable: they do not stand there, or nobody answers.
    """

    def stands() -> bool:
        with registry.database.reading() as tx:
            return usage.exists(tx, next(iter(uses)))

    if uses:
        require_committed(stands, error)

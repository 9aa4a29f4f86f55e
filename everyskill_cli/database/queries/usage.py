"""Uses of skills: append-only, counters follow by trigger."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from everyskill_cli.database.queries import records
from everyskill_cli.database.tables import usage_events
from everyskill_cli.model import UsageEvent


def add_all(connection: Connection, events: Iterable[UsageEvent]) -> None:
    """Insert uses, sorted by slug: each locks its skill's counters until the end."""
    records.add(connection, usage_events, events)

"""Records that no command reads whole: the registry itself, users, states, uses, tombstones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from everyskill_cli.model.words import JsonObject


@dataclass(frozen=True, slots=True)
class RegistryRecord:
    """The registry's one row: who it is (in the chain, the lock file and the store's marker)."""

    id: str
    format_version: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class User:
    """A person or a CI job that published or rated; made on first use."""

    id: str
    email: str
    name: str | None
    db_login: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class VersionState:
    """What changes about a version: its counters, and whether it is yanked or purged."""

    skill_version_id: str
    skill_id: str
    stars_1: int
    stars_2: int
    stars_3: int
    stars_4: int
    stars_5: int
    hours_saved: int
    average_rating: int | None
    uses: int
    yanked_at: datetime | None
    yank_reason: str | None
    successor: int | None
    purged_at: datetime | None


@dataclass(frozen=True, slots=True)
class UsageEvent:
    """One use of a skill, by whom and through which tool where that is known."""

    id: str
    skill_id: str
    skill_version_id: str | None
    user_id: str | None
    tool_name: str
    external_id: str | None
    metadata: JsonObject
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Tombstone:
    """The permit and the trace of a skill that was deleted whole; its slug is never free again."""

    slug: str
    skill_id: str
    last_version: int
    head_hash: str
    reason: str
    actor_id: str
    created_at: datetime

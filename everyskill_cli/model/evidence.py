"""What stands in the tables, as ``verify`` reads it: nothing is believed, and nothing refused.

Times are the texts that are hashed (``YYYY-MM-DDTHH:MM:SS.mmmZ``). A value may be of any type
where somebody wrote past the rules of the database; whoever looks at it compares and never counts
on it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from everyskill_cli.model.words import JsonObject


class Tally(NamedTuple):
    """What was counted: ratings of 1 to 5 stars, hours, uses."""

    stars: tuple[int, ...]
    hours_saved: int
    uses: int


NOTHING = Tally((0, 0, 0, 0, 0), 0, 0)


class StoredSkill(NamedTuple):
    """A row of ``skills`` without its text."""

    id: str
    slug: str
    name: str
    description: str
    author_id: str
    latest_version: int
    published_version_id: str | None
    draft_version_id: str | None
    average_rating: int | None
    counted: Tally


class StoredVersion(NamedTuple):
    """A row of ``skill_versions``.

    Attributes:
        details: the fields that ``details_hash`` covers; None where they are no JSON any more.
    """

    skill_id: str
    version: int
    id: str
    content_url: str
    content_hash: str
    size_bytes: int
    details: JsonObject | None
    details_hash: str
    created_by: str
    created_at: str


class StoredEvent(NamedTuple):
    """A row of ``version_events``."""

    skill_id: str
    seq: int
    id: str
    kind: str
    version: int
    published_version: int | None
    draft_version: int | None
    reason: str | None
    successor: int | None
    actor_id: str
    created_at: str
    prev_hash: str
    entry_hash: str


class StoredState(NamedTuple):
    """A row of ``version_state``."""

    skill_id: str
    skill_version_id: str
    average_rating: int | None
    counted: Tally
    yanked_at: str | None
    yank_reason: str | None
    successor: int | None
    purged_at: str | None


class StoredObject(NamedTuple):
    """What a version says of its object, and what search keeps of its text.

    Attributes:
        files: the manifest; None where it was not asked for.
        content: the search copy of the skill; only of a published version, and if asked for.
        is_purged: the bytes were removed for good.
        is_published: the version is what people get.
    """

    content_url: str
    content_hash: str
    content_type: str
    size_bytes: int
    slug: str
    version: int
    files: Any
    content: str | None
    is_purged: bool
    is_published: bool


class StoredTombstone(NamedTuple):
    """A row of ``tombstones``."""

    slug: str
    skill_id: str
    last_version: int
    head_hash: str
    reason: str
    actor_id: str
    created_at: str


class Entry(NamedTuple):
    """One link of a skill's chain by its place: what a checkpoint and a client remember.

    The first is 1; 0 stands for the skill's tombstone, with ``tombstone_hash``.
    """

    seq: int
    entry_hash: str

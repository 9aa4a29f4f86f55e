"""Records: one for every table, with the fields of its columns, in the table's order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from everyskill_cli.model.words import EventKind, FileEntry, JsonObject


@dataclass(frozen=True, slots=True)
class Skill:
    """A skill: its pointers to versions and its counters, both kept by the database.

    The table's ``content`` (a copy for search, up to 256 KiB) and ``head_version`` (a key) are
    not part of it: no command needs them in an answer.

    Attributes:
        average_rating: the average of all ratings × 100, half up; None while unrated.
        hours_saved: the sum of all estimates, hours.

    """

    id: str
    slug: str
    name: str
    description: str
    category: str | None
    tags: tuple[str, ...]
    author_id: str
    latest_version: int
    published_version_id: str | None
    draft_version_id: str | None
    total_uses: int
    stars_1: int
    stars_2: int
    stars_3: int
    stars_4: int
    stars_5: int
    hours_saved: int
    average_rating: int | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class SkillVersion:
    """One immutable version: which bytes, what they said of themselves, who published them.

    Attributes:
        content_url: object key relative to the store's root.
        content_hash: SHA-256 of the object.
        metadata: ``frontmatter`` as found, ``declared_version``, ``source``.
        details_hash: SHA-256 of the descriptive fields (docs/format.md).
        created_by: the user's id.

    """

    id: str
    skill_id: str
    version: int
    content_url: str
    content_hash: str
    content_type: str
    size_bytes: int
    name: str
    description: str
    files: tuple[FileEntry, ...]
    metadata: JsonObject
    message: str | None
    details_hash: str
    created_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class VersionEvent:
    """One link of a skill's chain: what happened to which version, and the pointers after it."""

    id: str
    skill_id: str
    seq: int
    kind: EventKind
    version: int
    published_version: int | None
    draft_version: int | None
    reason: str | None
    successor: int | None
    actor_id: str
    created_at: datetime
    prev_hash: str
    entry_hash: str


@dataclass(frozen=True, slots=True)
class Rating:
    """One person's rating of one version: 1–5 stars, a comment, hours saved (0–1,000)."""

    id: str
    skill_id: str
    skill_version_id: str
    user_id: str
    rating: int
    comment: str | None
    hours_saved_estimate: int | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Condemned:
    """The mark of garbage collection on an object: no version may refer to it while it stands.

    Attributes:
        since: when it was set; who takes it off names this, so that a newer mark stays.
        deleted_at: when the object was deleted; from then on a publisher who stored it anew may
            take the mark off, in the transaction that adds the version.
    """

    content_url: str
    since: datetime
    deleted_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSkill:
    """What a client says of a skill that is not there yet; the database derives the rest.

    Attributes:
        content: the copy of a published text for search; None for a draft.
    """

    id: str
    slug: str
    name: str
    description: str
    category: str | None
    tags: tuple[str, ...]
    author_id: str
    content: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A skill as a publisher needs to see it: its pointers and its latest version.

    Attributes:
        latest_version: 1 or more; a skill without a version has no head.
        version_id, name, description, content_hash: of the latest version.
        yank_reason, yanked_at, purged_at: of the latest version.

    """

    skill_id: str
    slug: str
    category: str | None
    tags: tuple[str, ...]
    latest_version: int
    published_version: int | None
    draft_version: int | None
    version_id: str
    name: str
    description: str
    content_hash: str
    created_at: datetime
    yanked_at: datetime | None
    yank_reason: str | None
    purged_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A version as an installer needs to see it: its row, the event of its birth, its state.

    The birth's hash covers the row's digests and the whole history before it, so whoever has that
    hash can tell whether the rest of this is what was published.
    """

    slug: str
    version: SkillVersion
    birth: VersionEvent
    yanked_at: datetime | None
    yank_reason: str | None
    successor: int | None
    purged_at: datetime | None

"""Answers of commands that read: ``show`` and the lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime

    from everyskill_cli.model.records import Skill, SkillVersion
    from everyskill_cli.model.words import EventKind, FileEntry, Finding, VersionStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class EventEntry:
    """One event in the story of a version: what, who, when, why, and the pointers after it.

    Attributes:
        seq: 1, 2, 3 … of the skill.
        successor: of a yank: the version to use instead.
        actor: email address of the one who did it.

    """

    seq: int
    kind: EventKind
    version: int
    published_version: int | None
    draft_version: int | None
    reason: str | None
    successor: int | None
    actor: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionSummary:
    """One version in a list: what, who, when, why, and how people found it.

    Attributes:
        status: where it stands today; ``superseded`` is neither published, draft, yanked
            nor purged.
        author: email address of the one who published it.
        rating_count: how many people rated this version.
        average_rating: × 100, half up; None while unrated.
        stars_1, stars_2, stars_3, stars_4, stars_5: how many gave so many stars.
        events: what happened to it, newest first; only ``versions`` reads them.

    """

    version: int
    status: VersionStatus
    content_hash: str
    content_type: str
    size_bytes: int
    declared_version: str | None
    message: str | None
    author: str
    created_at: datetime
    rating_count: int
    average_rating: int | None
    hours_saved: int
    uses: int
    yanked_at: datetime | None
    yank_reason: str | None
    successor: int | None
    purged_at: datetime | None
    purge_reason: str | None
    stars_1: int
    stars_2: int
    stars_3: int
    stars_4: int
    stars_5: int
    events: tuple[EventEntry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingEntry:
    """One rating in a list, with the version it is about and who gave it (email address)."""

    id: str
    version: int
    user: str
    rating: int
    comment: str | None
    hours_saved_estimate: int | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillSummary:
    """One skill in a list; ``author`` is an email address, ``average_rating`` × 100."""

    slug: str
    name: str
    description: str
    category: str | None
    tags: tuple[str, ...]
    author: str
    latest_version: int
    published_version: int | None
    draft_version: int | None
    rating_count: int
    average_rating: int | None
    hours_saved: int
    total_uses: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionChange:
    """How the ratings of a version differ from those of the rated version before it.

    Attributes:
        difference: of the averages, stars × 100; above 0 where ``version`` is rated higher.
        low, high: a 95 % interval of that difference, stars × 100.
        verdict: ``better`` or ``worse`` where the whole interval is on that side of 0, else
            ``unclear``: it may be chance.
        rating_count, previous_rating_count: how many people rated each.

    """

    slug: str
    version: int
    previous_version: int
    difference: int
    low: int
    high: int
    verdict: Literal["better", "worse", "unclear"]
    rating_count: int
    previous_rating_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowAnswer:
    """Everything ``show`` puts on its one screen.

    Attributes:
        author: email address of the one who published first.
        version: the version that was asked for, whole; without a number the published one, else
            the draft, else the latest.
        summary: the same version's standing.
        location: where that version's object is, for people: a URL or a path.
        text: what its SKILL.md or file says, verified; only where it was asked for.
        versions: the newest ten, newest first.
        comments: the newest five ratings with a comment, newest first.
        change: whether its ratings got better with the published version, else with the newest
            one that is rated; None where there is nothing to compare among the newest ten.
        warnings: what a person should know, such as a history that is not the one seen before.

    """

    skill: Skill
    author: str
    published_version: int | None
    draft_version: int | None
    version: SkillVersion
    summary: VersionSummary
    location: str
    text: str | None
    versions: tuple[VersionSummary, ...]
    comments: tuple[RatingEntry, ...]
    change: VersionChange | None = None
    warnings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillPage:
    """A page of ``list``; ``next`` goes into ``--after`` and is None on the last page."""

    items: tuple[SkillSummary, ...]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionPage:
    """A page of ``versions``, newest first."""

    items: tuple[VersionSummary, ...]
    next: str | None
    warnings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingPage:
    """A page of ``ratings``, newest first."""

    items: tuple[RatingEntry, ...]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetAnswer:
    """A file of a version, or a part of it; every byte was compared with its digest before.

    Attributes:
        status: where the version stands today.
        content_hash: of the version's object.
        files: the first that the version holds; empty where a file was asked for by its path.
        file_count: how many it holds.
        file: the one whose content this is, with the digest of the whole file.
        text: the content where the whole file is UTF-8; else None.
        base64: the content where it is not.
        offset: where in the file this begins, bytes.
        next: where the rest begins; None where this ends with the file.

    """

    slug: str
    version: int
    status: VersionStatus
    content_hash: str
    name: str
    description: str
    files: tuple[FileEntry, ...]
    file_count: int
    file: FileEntry
    text: str | None
    base64: str | None
    offset: int
    next: int | None
    warnings: tuple[Finding, ...]

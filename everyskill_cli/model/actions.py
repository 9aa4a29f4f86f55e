"""Answers of commands that do something, such as ``publish``, ``rate``, ``promote`` and ``use``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime

    from everyskill_cli.model.records import Rating
    from everyskill_cli.model.words import (
        CheckStatus,
        FileChange,
        FileEntry,
        Finding,
        Problem,
        PublishStatus,
        RateStatus,
        ReleaseStatus,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishResult:
    """What became of one skill that was to be published.

    Of one that could not be read whole, everything but its path, its status and its problem is
    None or empty.

    Attributes:
        path: as it was given, or where it was found below a path that was given.
        version: the version that holds these bytes; None where there is none yet (a dry run
            gives the number it would get).
        location: where the object is, for people: a URL or a path.
        updated: which fields of the skill were changed beside the bytes (``tags``, ``category``).
        omitted: paths that were left out of the bundle by default or by ``.everyskillignore``.
        changes: how the files of a new version differ from the version before it; empty for a
            first version.
        published_version: the number that the skill's published pointer names afterwards.
        draft_version: the number that its draft pointer names afterwards.
        error: why it is ``refused`` or ``failed``; None for every other status.

    """

    path: str
    slug: str | None = None
    status: PublishStatus
    version: int | None = None
    name: str | None = None
    description: str | None = None
    content_type: str | None = None
    content_hash: str | None = None
    content_url: str | None = None
    location: str | None = None
    size_bytes: int | None = None
    files: tuple[FileEntry, ...] = ()
    omitted: tuple[str, ...] = ()
    changes: tuple[FileChange, ...] = ()
    updated: tuple[str, ...] = ()
    published_version: int | None = None
    draft_version: int | None = None
    created_at: datetime | None = None
    error: Problem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishAnswer:
    """What ``publish`` did: one result for each skill, and what people should know."""

    status: PublishStatus
    results: tuple[PublishResult, ...]
    warnings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What ``check`` found of one skill.

    Of one that could not be read whole, everything but its path, its status and its problem is
    None or empty.

    Attributes:
        path: as it was given, or where it was found below a path that was given.
        slug: the one that ``publish`` would use.
        error: why it is ``refused`` or ``failed``; None where it is ``ok``.
        others: what else was found that refuses it.

    """

    path: str
    slug: str | None = None
    status: CheckStatus
    name: str | None = None
    description: str | None = None
    content_type: str | None = None
    content_hash: str | None = None
    size_bytes: int | None = None
    files: tuple[FileEntry, ...] = ()
    omitted: tuple[str, ...] = ()
    error: Problem | None = None
    others: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckAnswer:
    """What ``check`` found: one result for each skill, and what people should know."""

    status: CheckStatus
    results: tuple[CheckResult, ...]
    warnings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RateResult:
    """One rating as it stands now, and what it made of the averages (× 100)."""

    slug: str
    version: int
    rating: Rating | None
    average_rating: int | None
    rating_count: int
    version_average_rating: int | None
    version_rating_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RateAnswer:
    """What ``rate`` did."""

    status: RateStatus
    results: tuple[RateResult, ...]
    warnings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseResult:
    """Where a skill's pointers stand after one of its versions was moved, withdrawn or taken back.

    Attributes:
        version: the one that it is about.
        published_version: the number that the skill's published pointer names afterwards.
        draft_version: the number that its draft pointer names afterwards.
        previous_version: the number that the published pointer named before.
        successor: of a yank: the version to use instead.
        created_at: of the event that made it so; None where it stood already and nobody looked.

    """

    slug: str
    version: int
    published_version: int | None
    draft_version: int | None
    previous_version: int | None
    reason: str | None
    successor: int | None
    created_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseAnswer:
    """What ``promote``, ``rollback``, ``yank`` or ``unyank`` did."""

    status: ReleaseStatus
    results: tuple[ReleaseResult, ...]
    warnings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UseResult:
    """One use as it stands, and the counts with it.

    Attributes:
        version: None of a use that another program recorded without one.
        uses: of this version.
        total_uses: of the skill.

    """

    slug: str
    version: int | None
    tool_name: str
    external_id: str | None
    uses: int
    total_uses: int
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UseAnswer:
    """What ``use`` did; ``unchanged`` where every use stood there already."""

    status: Literal["recorded", "unchanged"]
    results: tuple[UseResult, ...]
    warnings: tuple[Finding, ...]

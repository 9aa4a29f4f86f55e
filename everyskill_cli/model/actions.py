"""Answers of commands that change something: ``publish`` and ``rate``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from everyskill_cli.model.records import Rating
    from everyskill_cli.model.words import (
        FileEntry,
        Finding,
        PublishStatus,
        RateStatus,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishResult:
    """What became of one path that was to be published.

    Attributes:
        path: as it was given.
        version: the version that holds these bytes; None where there is none yet (a dry run
            gives the number it would get).
        location: where the object is, for people: a URL or a path.
        updated: which fields of the skill were changed beside the bytes (``tags``, ``category``).
        omitted: paths that were left out of the bundle by default or by ``.everyskillignore``.
        published_version: the number that the skill's published pointer names afterwards.
        draft_version: the number that its draft pointer names afterwards.

    """

    path: str
    slug: str
    status: PublishStatus
    version: int | None
    name: str
    description: str
    content_type: str
    content_hash: str
    content_url: str
    location: str
    size_bytes: int
    files: tuple[FileEntry, ...]
    omitted: tuple[str, ...]
    updated: tuple[str, ...]
    published_version: int | None
    draft_version: int | None
    created_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishAnswer:
    """What ``publish`` did: one result for each path, and what people should know."""

    status: PublishStatus
    results: tuple[PublishResult, ...]
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

"""Answers about what is installed: ``install``, ``update``, ``uninstall``, ``list --installed``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from everyskill_cli.model.words import (
        FileChange,
        Finding,
        InstalledState,
        InstallStatus,
        Scope,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallResult:
    """What became of one skill in one folder.

    Attributes:
        version: the version that is there afterwards, or was there before it was removed.
        previous_version: the version that was there before; None where there was none, or
            something else.
        pinned: whether updates leave it at this number.
        path: the skill's folder, absolute.
        agents: who finds it there, by the names of ``--agent``.
        changes: how the files differ from what was there before; empty for a first one.
        kept: where something that nobody published was moved to, from that folder.

    """

    slug: str
    version: int
    previous_version: int | None
    status: InstallStatus
    pinned: bool
    scope: Scope
    path: str
    agents: tuple[str, ...]
    content_hash: str
    changes: tuple[FileChange, ...]
    kept: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallAnswer:
    """What ``install``, ``update`` or ``uninstall`` did: one result for each skill and folder."""

    status: InstallStatus
    results: tuple[InstallResult, ...]
    warnings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledSkill:
    """One skill in one folder that a lock file names, as it stands there now.

    Attributes:
        version: as the lock has it.
        state: the first of ``deleted`` (the whole skill), ``unknown`` (nobody can look),
            ``missing``, ``other-version`` (the files are another published version's),
            ``edited``, ``purged``, ``yanked``, ``outdated`` that is so, else ``clean``; what the
            registry alone knows is left out where it cannot be asked.
        pinned: whether updates leave it at this number.
        path: the skill's folder, absolute.
        agents: who finds it there, by the names of ``--agent``.
        published_version: what a registry that could be asked publishes now.
        changes: how the files differ from the version's, where its manifest is known.
        purged_at, purged_by, purge_reason: of the version, or of the whole skill; by whom is an
            email address.
        hint: the command that goes on without what was purged or deleted; else None.

    """

    slug: str
    version: int
    state: InstalledState
    pinned: bool
    scope: Scope
    path: str
    agents: tuple[str, ...]
    content_hash: str
    published_version: int | None
    yank_reason: str | None
    successor: int | None
    changes: tuple[FileChange, ...]
    yanked_at: datetime | None
    purged_at: datetime | None
    purged_by: str | None
    purge_reason: str | None
    hint: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutdatedPage:
    """What is installed and not the published version, or withdrawn, or gone; ``next`` is None."""

    items: tuple[InstalledSkill, ...]
    next: str | None
    warnings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledPage:
    """What is installed, by scope, slug and folder; there is one page, so ``next`` is None."""

    items: tuple[InstalledSkill, ...]
    next: str | None
    warnings: tuple[Finding, ...]

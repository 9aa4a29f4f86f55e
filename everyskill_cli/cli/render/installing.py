"""What ``install``, ``update``, ``uninstall``, ``outdated`` and ``list --installed`` say."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from everyskill_cli.chain import timestamp
from everyskill_cli.cli.render.blocks import Block, Column, Commands, Headline, Table
from everyskill_cli.cli.render.words import (
    Words,
    command,
    flowing,
    joined,
    named,
    only_piped,
    only_shown,
    quoted,
    rate_line,
    role_of,
    say,
    status,
)

if TYPE_CHECKING:
    from datetime import datetime

    from everyskill_cli.model import (
        FileChange,
        InstallAnswer,
        InstalledPage,
        InstalledSkill,
        InstallResult,
        OutdatedPage,
    )

SHOWN: Final = 30  # rows of what stayed as it is; a pipe gets all of them
NAMED: Final = 3  # files that a row names
QUIET: Final = ("unchanged", "pinned")

INSTALL_COLUMNS: Final = (
    Column("status"),
    Column("slug", fit="folded"),
    Column("version", place="pipe"),
    Column("previous_version", place="pipe"),
    Column("path"),
    Column("content_hash", place="pipe"),
    Column("changes", fit="folded", from_width=60),
    Column("kept", place="pipe"),
    Column("pinned", place="pipe"),
)
INSTALLED_COLUMNS: Final = (
    Column("state", "state"),
    Column("slug", "skill", fit="folded"),
    Column("version", place="pipe"),
    Column("published_version", "published", right=True, from_width=60),
    Column("scope", place="pipe"),
    Column("path", "folder"),
    Column("agents", "agents", fit="cut", from_width=100),
    Column("changes", "what", fit="folded"),
    Column("yank_reason", place="pipe"),
    Column("successor", place="pipe"),
    Column("pinned", place="pipe"),
    Column("purged_at", place="pipe"),
    Column("purged_by", place="pipe"),
    Column("purge_reason", place="pipe"),
    Column("hint", place="pipe"),
)


def installed(value: InstallAnswer, _now: datetime) -> list[Block]:
    """Say what became of each skill in each folder; many that stay are counted."""
    shown = value.results
    if len(shown) > SHOWN:
        shown = tuple(result for result in shown if result.status not in QUIET)[:SHOWN]
    rows = tuple(_install_row(result) for result in shown)
    piped = tuple(_install_row(result) for result in value.results)
    return [
        Table(INSTALL_COLUMNS, rows, place="screen"),
        Table(INSTALL_COLUMNS, piped, place="pipe"),
        Headline(_counts(value.results)),
        Commands(_next(value)),
    ]


def _install_row(result: InstallResult) -> tuple[Words, ...]:
    return (
        status(result.status),
        say(result.slug, "strong") + only_shown(f"@{result.version}", "strong") + _from(result),
        only_piped(result.version),
        only_piped(result.previous_version),
        say(_short(result.path), plain=result.path),
        only_piped(result.content_hash),
        say(_changed(result.changes), "muted"),
        only_piped(result.kept),
        only_piped("true" if result.pinned else "false"),
    )


def _from(result: InstallResult) -> Words:
    before = result.previous_version
    is_news = result.pinned and result.status != "pinned"
    pinned = " pinned" if is_news else ""
    came = f" from {before}" if before not in (None, result.version) else ""
    return only_shown(pinned + came, "muted")


def _changed(changes: Sequence[FileChange]) -> str:
    """Name a few files, or count many."""
    if len(changes) <= NAMED:
        return ", ".join(f"{change.path} {change.change}" for change in changes)
    counts = Counter(change.change for change in changes)
    return ", ".join(f"{count:,} {kind}" for kind, count in sorted(counts.items()))


def _counts(results: Sequence[InstallResult]) -> Words:
    """Count what became of them, where there are more than a few."""
    words = Words((), "")
    for name, count in Counter(result.status for result in results).most_common():
        gap = only_shown(", " if words.shown else "")
        words += gap + only_shown(f"{count:,} {name}", role_of(name))
    few = 0 < len(results) <= NAMED
    return Words((), "") if few else words + only_shown("" if results else "Nothing to do.")


def _next(value: InstallAnswer) -> tuple[tuple[Words, str], ...]:
    slugs = {quoted(result.slug) for result in value.results}
    if value.status == "installed" and len(slugs) == 1:
        return ((command(rate_line(slugs.pop())), "once it has helped you"),)
    return ()


def listed(value: InstalledPage | OutdatedPage, _now: datetime) -> list[Block]:
    """List what is installed, how it stands, and what to type where a version is gone."""
    ways = {item.hint: item for item in value.items if item.hint}
    return [
        Table(INSTALLED_COLUMNS, tuple(_installed_row(item) for item in value.items)),
        Commands(tuple((command(hint), _going_on(item)) for hint, item in ways.items())),
    ]


def _going_on(item: InstalledSkill) -> str:
    return "take it away" if item.published_version is None else "take what is published"


def _installed_row(item: InstalledSkill) -> tuple[Words, ...]:
    pinned = only_shown(" pinned" if item.pinned else "", "muted")
    return (
        status(item.state),
        say(item.slug, "strong") + only_shown(f"@{item.version}", "strong") + pinned,
        only_piped(item.version),
        say(str(item.published_version or "")),
        only_piped(item.scope),
        say(_short(item.path), plain=item.path),
        say(", ".join(item.agents), "muted"),
        joined([say(_changed(item.changes)), _withdrawn(item), _purged(item)], "; "),
        only_piped(item.yank_reason),
        only_piped(item.successor),
        only_piped("true" if item.pinned else "false"),
        only_piped(None if item.purged_at is None else timestamp(item.purged_at)),
        only_piped(item.purged_by),
        only_piped(item.purge_reason),
        only_piped(item.hint),
    )


def _withdrawn(item: InstalledSkill) -> Words:
    if item.yanked_at is None or item.purged_at is not None:
        return Words((), "")
    use = f" (use {named(item.slug, item.successor)})" if item.successor else ""
    sign = "" if item.state == "yanked" else "yanked: "
    return Words(flowing(f"{sign}{item.yank_reason or 'withdrawn'}{use}", "bad").spans, "")


def _purged(item: InstalledSkill) -> Words:
    """Say when, by whom and why the version was purged, or the skill deleted."""
    if item.purged_at is None:
        return Words((), "")
    word = "deleted" if item.state == "deleted" else "purged"
    by = f" by {item.purged_by}" if item.purged_by else ""
    why = f": {item.purge_reason}" if item.purge_reason else ""
    day = timestamp(item.purged_at)[:10]
    return Words(flowing(f"{word} on {day}{by}{why}", "bad").spans, "")


def _short(path: str) -> str:
    """Write a path as it would be typed here: from the working folder, or from the home folder."""
    here, home = str(Path.cwd()), os.path.realpath(Path.home())
    for folder, sign in ((here, ""), (home, "~/")):
        if path.startswith(f"{folder}/"):
            return sign + path.removeprefix(f"{folder}/")
    return path

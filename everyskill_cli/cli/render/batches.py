"""What ``publish`` says of many skills: what changed, what went wrong, and how many stayed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from everyskill_cli.cli.render.blocks import Block, Column, Headline, Table
from everyskill_cli.cli.render.words import (
    Words,
    counted,
    named,
    only_piped,
    only_shown,
    role_of,
    say,
    size,
    status,
)

if TYPE_CHECKING:
    from everyskill_cli.model import Finding, PublishAnswer, PublishResult

WARNINGS_SHOWN: Final = 20
SHOWN: Final = 30  # rows of what went well; a pipe gets all of them
BAD: Final = ("failed", "refused")
QUIET: Final = ("unchanged", "skipped", *BAD)

PIPE_COLUMNS: Final = tuple(
    Column(name)
    for name in (
        "status",
        "slug",
        "version",
        "content_hash",
        "path",
        "rule",
        "message",
        "updated",
    )
)
_CHANGED: Final = (
    Column("status"),
    Column("slug", fit="folded"),
    Column("changes"),
    Column("size_bytes", right=True, from_width=60),
    Column("path", fit="cut", from_width=100),
)
_FAILED: Final = (Column("status"), Column("path", fit="folded"), Column("message", fit="folded"))


def published(value: PublishAnswer) -> list[Block]:
    """Show what changed and what went wrong; in a pipe a row for each skill."""
    changed = [result for result in value.results if result.status not in QUIET]
    failed = [result for result in value.results if result.status in BAD]
    rows = tuple(_piped(result) for result in value.results)
    return [
        Table(_CHANGED, tuple(map(_changed, changed[:SHOWN])), place="screen"),
        Table(_FAILED, tuple(map(_failed, failed)), title="Not published", place="screen"),
        Headline(_counts(value, len(changed))),
        Table(PIPE_COLUMNS, rows, place="pipe"),
    ]


def notes(value: PublishAnswer) -> list[tuple[str, str]]:
    """Give the warnings, each with where it was found.

    Those about files of skills that stay as they are would come again with every push: they are
    counted.
    """
    quiet = {result.path for result in value.results if result.status == "unchanged"}
    told = [
        finding for finding in value.warnings if finding.path is None or finding.source not in quiet
    ]
    notes = [("warning", _located(finding)) for finding in told[:WARNINGS_SHOWN]]
    quiet_ones, rest = len(value.warnings) - len(told), len(told) - WARNINGS_SHOWN
    if rest > 0:
        notes.append(("more", f"{counted(rest, 'other warning').shown}, all in --json"))
    if quiet_ones:
        what = counted(quiet_ones, "warning").shown
        notes.append(("more", f"{what} about unchanged skills, which everyskill check names"))
    return notes


def _located(finding: Finding) -> str:
    return f"{finding.source}: {finding.message}" if finding.source else finding.message


def _counts(value: PublishAnswer, changed: int) -> Words:
    counts = Counter(result.status for result in value.results)
    words = Words((), "")
    for name, count in counts.most_common():
        gap = ", " if words.shown else ""
        words += only_shown(gap) + only_shown(f"{count:,} {name}", role_of(name))
    updated = sum(bool(result.updated) for result in value.results)
    if updated:
        words += only_shown(f"; {updated:,} with new tags or category")
    if changed > SHOWN:
        words += only_shown(f" (the list ends after {SHOWN} of {changed:,})", "muted")
    return words


def _changed(result: PublishResult) -> tuple[Words, ...]:
    return (
        status(result.status),
        say(named(str(result.slug), result.version), "strong"),
        only_shown(_difference(result), "muted"),
        size(result.size_bytes or 0),
        say(result.path, "muted"),
    )


def _difference(result: PublishResult) -> str:
    if result.version == 1:
        return "new"
    counts = Counter(change.change for change in result.changes)
    return ", ".join(f"{count:,} {kind}" for kind, count in sorted(counts.items()))


def _failed(result: PublishResult) -> tuple[Words, ...]:
    error = result.error
    said = "" if error is None else f"{error.message} {error.hint}".strip()
    return status(result.status), say(result.path, "strong"), say(said)


def _piped(result: PublishResult) -> tuple[Words, ...]:
    error = result.error
    return tuple(
        only_piped(value)
        for value in (
            result.status,
            result.slug,
            result.version,
            result.content_hash,
            result.path,
            None if error is None else error.rule or error.type,
            None if error is None else error.message,
            ", ".join(result.updated),
        )
    )

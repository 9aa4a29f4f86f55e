"""What a publish has to do, given what the registry holds: one pure rule, asked twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from everyskill_cli.errors import Conflict
from everyskill_cli.model import Finding
from everyskill_cli.registry.epitaph import epitaph

if TYPE_CHECKING:
    from everyskill_cli.model import Head, Tombstone


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishOptions:
    """What the caller asked for.

    Attributes:
        slug: instead of the one that the skill gives.
        draft: move the draft pointer, and leave the published one.
        message: why, for the history.
        tags: replace the skill's tags; None leaves them.
        category: replace the skill's category, empty clears it; None leaves it.
        expect: publish only if this is the latest version; 0 means a new skill. Bytes that are
            already the version behind it are unchanged.
        dry_run: write nothing.
        strict: warnings of the specification refuse.
        allowed_secrets: fingerprints of findings that are known and wanted.
        exclude: patterns for paths that are passed by on the way to skills.
        fail_fast: begin nothing new behind the first skill that cannot be published.
        jobs: connections to the store at once; None leaves it to the store.
    """

    slug: str | None = None
    draft: bool = False
    message: str | None = None
    tags: tuple[str, ...] | None = None
    category: str | None = None
    expect: int | None = None
    dry_run: bool = False
    strict: bool = False
    allowed_secrets: frozenset[str] = frozenset()
    exclude: tuple[str, ...] = ()
    fail_fast: bool = False
    jobs: int | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do.

    Attributes:
        event: the kind of event to append; None where the bytes are there already.
        version: the number that the bytes have afterwards.
        updated: fields of the skill that change beside the bytes.
        warnings: what people should know.
    """

    event: Literal["publish", "draft", "promote"] | None
    version: int
    updated: tuple[str, ...] = ()
    warnings: tuple[Finding, ...] = ()


def decide(slug: str, head: Head | None, content_hash: str, options: PublishOptions) -> Decision:
    """Compare the bytes with the skill's latest version.

    Raises:
        Conflict: the latest version is not the expected one, or its bytes were purged.
    """
    latest = 0 if head is None else head.latest_version
    if options.expect not in (None, latest, _before(head, content_hash)):
        raise Conflict(
            f"{slug} is at version {latest}, not at {options.expect}."
            if latest
            else f"{slug} does not exist yet; version {options.expect} was expected.",
            f"Look at it (everyskill versions {slug}), then publish with --expect {latest}.",
        )
    if head is None:
        return Decision("draft" if options.draft else "publish", 1)
    updated = _updated(head, options)
    if head.content_hash != content_hash:
        return Decision("draft" if options.draft else "publish", latest + 1, updated)
    if head.purged_at is not None:
        raise purged(slug)
    if head.draft_version == latest and not options.draft:
        return Decision("promote", latest, updated)
    return Decision(None, latest, updated, _standing(head))


def _before(head: Head | None, content_hash: str) -> int | None:
    """Give the number before the latest where the latest holds these bytes.

    Who expected that number has what was asked for: a command that was killed behind its commit
    may be run again.
    """
    same = head is not None and head.content_hash == content_hash
    return head.latest_version - 1 if head is not None and same else None


def deleted(tombstone: Tombstone) -> Conflict:
    """Say that a skill was deleted whole, and its slug is never free again."""
    return Conflict(
        epitaph(tombstone),
        "The slug of a deleted skill is never free again. Publish under another one: --slug SLUG",
    )


def purged(slug: str, reason: str | None = None) -> Conflict:
    """Say that these bytes were removed for good, and stay removed."""
    why = f" ({reason.rstrip('.')})" if reason else ""
    return Conflict(
        f"These bytes of {slug} were purged from the registry{why} and are not taken again.",
        "Change the skill: what was purged must not come back.",
    )


def _updated(head: Head, options: PublishOptions) -> tuple[str, ...]:
    changed = []
    if options.tags is not None and options.tags != head.tags:
        changed.append("tags")
    if options.category is not None and (options.category or None) != head.category:
        changed.append("category")
    return tuple(changed)


def _standing(head: Head) -> tuple[Finding, ...]:
    """Warn where the latest version is not the one that people get: a push never undoes that."""
    latest, published = head.latest_version, head.published_version
    if latest in (published, head.draft_version):
        return ()
    now = f"{head.slug}@{published} is published" if published else "nothing is published"
    if head.yanked_at is not None:
        because = f" ({head.yank_reason})" if head.yank_reason else ""
        return (
            Finding(
                "yanked",
                f"Version {latest} holds these bytes and was yanked{because}; {now}."
                f" To take it back: everyskill unyank {head.slug}@{latest}",
            ),
        )
    return (
        Finding(
            "rolled-back",
            f"Version {latest} holds these bytes and is not published; {now}."
            f" To publish it again: everyskill promote {head.slug}@{latest}",
        ),
    )

"""Which version people get: promote, roll back, yank, and take a yank back. One event each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from everyskill_cli.database.queries import history, versions
from everyskill_cli.errors import Conflict, UsageError
from everyskill_cli.model import (
    EventKind,
    Finding,
    Reference,
    ReleaseAnswer,
    SkillVersion,
    VersionEvent,
    VersionSummary,
)
from everyskill_cli.registry import Registry
from everyskill_cli.registry.consent import Consent
from everyskill_cli.registry.lookup import Found, find_version, number_to_use
from everyskill_cli.registry.releasing import choices
from everyskill_cli.registry.releasing.moving import Step, carry_out

if TYPE_CHECKING:
    from everyskill_cli.database.engine import Transaction


def promote(
    registry: Registry,
    reference: Reference,
    *,
    reason: str | None = None,
    expect: int | None = None,
) -> ReleaseAnswer:
    """Make a version the published one; without a number the draft.

    Raises:
        NotFound: no such skill or version, or no draft.
        Conflict: it is yanked or purged, or the published version is not the expected one.
    """
    decide = partial(_promotion, reference=reference, reason=reason, expect=expect)
    return carry_out(registry, reference.slug, "promoted", decide)


def rollback(
    registry: Registry,
    reference: Reference,
    *,
    to: int | None = None,
    reason: str | None = None,
    expect: int | None = None,
) -> ReleaseAnswer:
    """Go back to the version that was published before; again goes further back.

    Args:
        registry: that the skill is in.
        reference: the skill, without a version.
        to: go back as far as this version.
        reason: why, for the history.
        expect: only if this is the published version; 0 means that none is.

    Raises:
        NotFound: no such skill or version.
        Conflict: there is no such version to go back to, or another one is published.
        UsageError: the reference names a version.
    """
    if reference.version is not None:
        raise UsageError(
            f"rollback takes no @{reference.version}.",
            f"To go back to a version: everyskill rollback {reference.slug} --to N",
        )
    decide = partial(_return, to=to, reason=reason, expect=expect)
    return carry_out(registry, reference.slug, "rolled-back", decide)


def yank(
    registry: Registry,
    reference: Reference,
    *,
    reason: str,
    successor: int | None = None,
    expect: int | None = None,
    consent: Consent | None = None,
) -> ReleaseAnswer:
    """Withdraw a version; nothing of it is deleted.

    Args:
        registry: that the skill is in.
        reference: the skill and which of its versions.
        reason: why, not empty.
        successor: the version to use instead.
        expect: only if this is the published version; 0 means that none is.
        consent: asks whether another version than a named one may become published; None where
            that is agreed to.

    Raises:
        NotFound: no such skill or version.
        Conflict: it is purged, the successor is none, or another version is published.
        UsageError: the reference names no version.
    """
    if reference.version == "published" and expect is None:
        raise UsageError(
            f"{reference} moves with every yank, and would withdraw one version after the other.",
            f"Name the version: {reference.slug}@N, or say which one it is: --expect N",
        )
    _require_version("yank", reference)
    decide = partial(
        _withdrawal, reference=reference, reason=reason, successor=successor, expect=expect
    )
    return carry_out(registry, reference.slug, "yanked", decide, consent)


def unyank(
    registry: Registry,
    reference: Reference,
    *,
    reason: str | None = None,
    expect: int | None = None,
) -> ReleaseAnswer:
    """Take a yank back; what is published stays.

    Raises:
        NotFound: no such skill or version.
        Conflict: it is purged, or the published version is not the expected one.
        UsageError: the reference names no version.
    """
    _require_version("unyank", reference)
    decide = partial(_readmission, reference=reference, reason=reason, expect=expect)
    answer = carry_out(registry, reference.slug, "unyanked", decide)
    if answer.status == "unchanged":
        return answer
    this = Reference(reference.slug, answer.results[0].version)
    note = Finding(
        "not-published",
        f"{this} is not published by that. To publish it: everyskill promote {this}",
    )
    return replace(answer, warnings=(*answer.warnings, note))


def _require_version(verb: str, reference: Reference) -> None:
    """Refuse to guess which version is meant."""
    if reference.version is None:
        raise UsageError(
            f"{verb} takes a version, and {reference.slug} names none.",
            f"Choose one (everyskill versions {reference.slug}) and name it: {reference.slug}@N",
        )


def _promotion(
    tx: Transaction, found: Found, *, reference: Reference, reason: str | None, expect: int | None
) -> Step:
    newest = history.newest(tx, found.skill.id, 2)
    if reference.version in (None, "draft") and found.draft_version is None:
        if not _is_done(newest, "promote", expect):
            raise choices.no_draft(tx, found)
        return _standing(tx, found, newest[0].version, newest)
    number = number_to_use(tx, found, Reference(reference.slug, reference.version or "draft"))
    if number == found.published_version:
        return _standing(tx, found, number, newest)
    version = find_version(tx, found, number)
    choices.require_expected(found, expect)
    choices.require_usable(tx, found, version, versions.summary(tx, version, found.pointers))
    return Step(
        found=found, version=version, kind="promote", moves=True, becomes=version, reason=reason
    )


def _return(
    tx: Transaction, found: Found, *, to: int | None, reason: str | None, expect: int | None
) -> Step:
    newest = history.newest(tx, found.skill.id, 2)
    if to is None and _is_done(newest, "rollback", expect):
        return _standing(tx, found, newest[0].version, newest)
    if to is not None and to == found.published_version:
        return _standing(tx, found, to, newest)
    choices.require_expected(found, expect)
    if found.published_version is None:
        raise Conflict(
            f"{found.skill.slug} has no published version to go back from.",
            f"To publish one: {choices.promotion(tx, found)}",
        )
    current = found.published_version
    if to is not None:
        version: SkillVersion | None = choices.older_version(tx, found, current, to)
    else:
        version = choices.version_before(tx, found, current)
    if version is None:
        raise Conflict(
            f"{found.skill.slug} has no version below {current} that was published and still"
            " stands.",
            f"Choose another (everyskill versions {found.skill.slug}), then:"
            f" everyskill promote {found.skill.slug}@N",
        )
    return Step(
        found=found, version=version, kind="rollback", moves=True, becomes=version, reason=reason
    )


def _withdrawal(
    tx: Transaction,
    found: Found,
    *,
    reference: Reference,
    reason: str,
    successor: int | None,
    expect: int | None,
) -> Step:
    if reference.version == "published" and expect:  # it may have moved on, by this very command
        reference = Reference(reference.slug, expect)
    if reference.version == "draft" and found.draft_version is None:
        newest = history.newest(tx, found.skill.id, 2)
        if len(newest) > 1 and newest[0].kind == "yank" and newest[1].draft_version:  # the same
            reference = Reference(reference.slug, newest[1].draft_version)
    version, state = _named(tx, found, reference)
    if state.yanked_at is not None and (state.yank_reason, state.successor) == (reason, successor):
        return Step(
            found=found,
            version=version,
            kind=None,
            reason=reason,
            successor=successor,
            since=state.yanked_at,
        )
    choices.require_expected(found, expect)
    moves, question = version.version == found.published_version, ""
    instead: SkillVersion | None = None
    if successor is not None:
        instead = choices.successor_of(tx, found, version, successor)
    elif moves:
        instead = choices.version_before(tx, found, version.version)
        question = choices.without(found, version, instead)
    return Step(
        found=found,
        version=version,
        kind="yank",
        moves=moves,
        becomes=instead if moves else None,
        reason=reason,
        successor=successor,
        question=question,
    )


def _readmission(
    tx: Transaction, found: Found, *, reference: Reference, reason: str | None, expect: int | None
) -> Step:
    version, state = _named(tx, found, reference)
    if state.yanked_at is None:
        return Step(found=found, version=version, kind=None)
    choices.require_expected(found, expect)
    return Step(found=found, version=version, kind="unyank", reason=reason)


def _is_done(newest: Sequence[VersionEvent], kind: EventKind, expect: int | None) -> bool:
    """Tell whether the newest event is such a move away from the version that is expected.

    Who expected that one has what was asked for: a command that was killed behind its commit may
    be run again. Who expected none asks for a draft to be promoted, and the last one was.
    """
    if not newest or newest[0].kind != kind:
        return False
    if expect is None:
        return kind == "promote"
    before = newest[1].published_version if len(newest) > 1 else None
    return expect == (before or 0)


def _standing(tx: Transaction, found: Found, number: int, newest: Sequence[VersionEvent]) -> Step:
    """Say that a version is the published one already; and why, where that is the last news."""
    version = find_version(tx, found, number, whole=False)
    if newest and newest[0].version == newest[0].published_version == number:
        event = newest[0]
        return Step(
            found=found, version=version, kind=None, reason=event.reason, since=event.created_at
        )
    return Step(found=found, version=version, kind=None)


def _named(
    tx: Transaction, found: Found, reference: Reference
) -> tuple[SkillVersion, VersionSummary]:
    """Find the version that is to be withdrawn or taken back, and how it stands."""
    version = find_version(tx, found, number_to_use(tx, found, reference), whole=False)
    state = versions.summary(tx, version, found.pointers)
    choices.require_whole(tx, found, version, state)
    return version, state

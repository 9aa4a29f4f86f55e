"""Delete a skill whole, with all its rows, under a tombstone: its slug is never free again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from everyskill_cli.database.faults import CommitUnknown
from everyskill_cli.database.queries import purging, records, skills, versions
from everyskill_cli.errors import Conflict, UsageError
from everyskill_cli.model import DeletionAnswer, Finding, Reference, RemovedObject, Tombstone
from everyskill_cli.registry import Registry
from everyskill_cli.registry.auditing.condemning import require_own_store
from everyskill_cli.registry.auditing.taking import COPIES, FINISH, take_out
from everyskill_cli.registry.commits import require_committed
from everyskill_cli.registry.consent import Consent
from everyskill_cli.registry.lookup import Found, find_skill
from everyskill_cli.registry.signing import require_owner, sign
from everyskill_cli.registry.watch import Watch

if TYPE_CHECKING:
    from everyskill_cli.database.engine import Transaction

NOTHING = purging.Amount(0, 0, 0)


def delete_skill(
    registry: Registry,
    reference: Reference,
    *,
    reason: str,
    consent: Consent | None = None,
    watch: Watch | None = None,
) -> DeletionAnswer:
    """Delete a skill with every row that belongs to it, and the objects that nobody else needs.

    Args:
        registry: that the skill is in.
        reference: the skill, without a version.
        reason: why, not empty; whoever asks for the skill is told.
        consent: told what will go, and asks somebody; None where they agreed to it.
        watch: told how many of the objects are gone; may stop that.

    Raises:
        UsageError: the reference names a version.
        NotFound: there is no such skill, and there never was one.
        Conflict: a version was published since somebody agreed.
        Forbidden: the login is not the registry's owner.
        NotReady: the store is not this registry's.
        Unavailable: a server did not answer; running the command again has one effect.
    """
    slug = reference.slug
    if reference.version is not None:
        raise UsageError(
            f"--everything deletes the skill with all its versions, and {reference} names one.",
            f"All of it: everyskill purge {slug} --everything --reason TEXT"
            f" (one version's bytes: everyskill purge {reference} --reason TEXT)",
        )
    require_owner(registry)
    with registry.database.reading() as tx:
        before = purging.buried(tx, [slug]).get(slug)
        if before is not None:
            return _answer("unchanged", before, NOTHING, (), _leftover_notes())
        found = find_skill(tx, slug)
        amount = purging.amount(tx, found.skill.id)
        notes = _notes(tx, found)
    require_own_store(registry)
    if consent is not None:
        consent(_said(found, amount, notes), f"Delete {slug}?")
    tombstone, gone_rows, keys = _bury(registry, found, reason, is_agreed=consent is None)
    if gone_rows is None:  # another command came first
        return _answer("unchanged", tombstone, NOTHING, (), _leftover_notes())
    gone = take_out(registry, keys, is_purged=False, watch=watch)
    if watch is not None and watch.stopped:
        notes = (*_leftover_notes(), *notes)
    return _answer("deleted", tombstone, gone_rows, gone, (*registry.user_notes(), *notes))


def _bury(
    registry: Registry, agreed: Found, reason: str, *, is_agreed: bool
) -> tuple[Tombstone, purging.Amount | None, list[str]]:
    """Delete the rows; give the tombstone, how many they are, and the objects that nobody has now.

    Where somebody else did it meanwhile, give that tombstone, and no number.
    """
    slug = agreed.skill.slug
    try:
        with registry.database.writing() as tx:
            user_id = sign(registry, tx, "publisher")
            purging.lock_counts(tx)
            skills.lock(tx, [slug])
            done = _delete(tx, agreed, reason, user_id, is_agreed=is_agreed)
    except CommitUnknown as error:
        require_committed(lambda: _stands(registry, slug), error)
    return done


def _delete(
    tx: Transaction, agreed: Found, reason: str, user_id: str, *, is_agreed: bool
) -> tuple[Tombstone, purging.Amount | None, list[str]]:
    """Delete the rows under the locks, unless somebody else did."""
    slug = agreed.skill.slug
    before = purging.buried(tx, [slug]).get(slug)
    if before is not None:
        return before, None, []
    found = find_skill(tx, slug)
    if not is_agreed:
        _require_agreed(found, agreed)
    amount, keys = purging.amount(tx, found.skill.id), purging.alone(tx, found.skill.id)
    tombstone = _tombstone(tx, found, reason, user_id)
    purging.bury(tx, tombstone)
    return tombstone, amount, keys


def _require_agreed(found: Found, agreed: Found) -> None:
    """Refuse to delete a version that nobody was asked about."""
    latest = found.skill.latest_version
    if latest != agreed.skill.latest_version:
        raise Conflict(
            f"Meanwhile {found.skill.slug}@{latest} was published.",
            "Run the same command again to be asked about it, or agree to it with --yes.",
        )


def _tombstone(tx: Transaction, found: Found, reason: str, user_id: str) -> Tombstone:
    skill = found.skill
    return Tombstone(
        slug=skill.slug,
        skill_id=skill.id,
        last_version=skill.latest_version,
        head_hash=versions.tails(tx, [skill.id])[skill.id].entry_hash,
        reason=reason,
        actor_id=user_id,
        created_at=records.now(tx),
    )


def _stands(registry: Registry, slug: str) -> bool:
    with registry.database.reading() as tx:
        return slug in purging.buried(tx, [slug])


def _said(found: Found, amount: purging.Amount, notes: tuple[Finding, ...]) -> list[str]:
    """Say what will go, and what will not."""
    return [
        f"These rows of {found.skill.slug} will be deleted for good, and the objects that no other"
        " skill has:",
        f"  {_counted(amount.versions, 'version')} with everything that happened to them",
        f"  {_counted(amount.ratings, 'rating')} and {_counted(amount.uses, 'use')}",
        "Its slug is never free again; who asks for it is told when and why it was deleted.",
        *(note.message for note in notes),
    ]


def _counted(number: int, word: str) -> str:
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def _notes(tx: Transaction, found: Found) -> tuple[Finding, ...]:
    notes: tuple[Finding, ...] = (Finding("copies-stay", COPIES),)
    if purging.any_purged(tx, found.skill.id):
        message = (
            "With the rows of its purged versions goes what refuses their bytes: another skill may"
            " hold them again."
        )
        notes = (Finding("purged-forgotten", message), *notes)
    return notes


def _leftover_notes() -> tuple[Finding, ...]:
    message = f"Objects of it that may be left, where that command was stopped, go with: {FINISH}"
    return (Finding("objects-left", message),)


def _answer(
    status: Literal["deleted", "unchanged"],
    tombstone: Tombstone,
    amount: purging.Amount,
    gone: Sequence[RemovedObject],
    warnings: tuple[Finding, ...],
) -> DeletionAnswer:
    return DeletionAnswer(
        status=status,
        results=(tombstone,),
        versions=amount.versions,
        ratings=amount.ratings,
        uses=amount.uses,
        objects=tuple(gone),
        warnings=warnings,
    )

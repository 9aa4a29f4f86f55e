"""What ``verify`` answers: what was looked at, and each thing that is not as it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from everyskill_cli.model.words import Finding

DamageKind: TypeAlias = Literal[
    "object-missing",
    "object-changed",
    "version-missing",
    "version-changed",
    "event-missing",
    "event-changed",
    "chain-broken",
    "skill-missing",
    "skill-changed",
    "pointer",
    "state",
    "counter",
    "search-copy",
    "history-gone",
    "history-rewritten",
    "reference",
    "tombstone",
    "mark",
    "guard",
    "registry",
]
VerifyStatus: TypeAlias = Literal["intact", "damaged", "interrupted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """One thing that is not what was published or recorded.

    Attributes:
        kind: stable names, for programs (docs/verify.md says what each means).
        slug: the skill; None where it is about the registry, or an object of several.
        version: of that skill; None where it is about no one version.
        where: the table, or the table and column, the object's key, or the name of a guard.
        message: one sentence.
    """

    kind: DamageKind
    message: str
    where: str
    slug: str | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """How much was looked at.

    Attributes:
        skills, versions, events, ratings, uses: rows whose digests and sums were recomputed.
        objects: that were looked for in the store; ``purged`` ones are not.
        read: of these objects, how many were read and hashed.
        bytes: that were read.
        purged: versions whose bytes were removed for good.
        compared: entries of the checkpoint, and those remembered here, that were looked for.
    """

    skills: int = 0
    versions: int = 0
    events: int = 0
    ratings: int = 0
    uses: int = 0
    objects: int = 0
    read: int = 0
    bytes: int = 0
    purged: int = 0
    compared: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyAnswer:
    """The answer of ``verify``.

    Attributes:
        status: ``interrupted`` where somebody stopped it, and it can be resumed.
        results: each damage, at most 10,000 of them.
        unnamed: how many more there are.
        checkpoint: the file that the heads were written to; None where none was asked for, or
            something was found.
    """

    status: VerifyStatus
    results: tuple[Damage, ...]
    warnings: tuple[Finding, ...]
    looked: Looked
    unnamed: int = 0
    checkpoint: str | None = None

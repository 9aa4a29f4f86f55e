"""The words that records and answers are made of, and the limits of what may be said in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal, TypeAlias

SLUG_PATTERN: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
SLUG_MAX: Final = 64
TEXT_MAX: Final = 2_000  # characters of a message, a reason or a comment
TAGS_MAX: Final = 20
HOURS_MAX: Final = 1_000
EXTERNAL_ID_MAX: Final = 200  # characters
CONTENT_MAX: Final = 256 * 1024  # bytes of a published text that skills.content keeps
BIRTHS: Final = ("publish", "draft")  # kinds of events with which a version begins
STALE_MARK: Final = timedelta(minutes=10)  # docs/format.md: then a mark's collector counts as dead

JsonObject: TypeAlias = dict[str, Any]  # what json.loads gives for an object
PublishStatus: TypeAlias = Literal[
    "published",
    "draft",
    "promoted",
    "unchanged",
    "would-publish",
    "refused",
    "failed",
    "skipped",
]
CheckStatus: TypeAlias = Literal["ok", "refused", "failed"]
RateStatus: TypeAlias = Literal["rated", "replaced", "unchanged", "removed"]
ReleaseStatus: TypeAlias = Literal["promoted", "rolled-back", "yanked", "unyanked", "unchanged"]
EventKind: TypeAlias = Literal["publish", "draft", "promote", "rollback", "yank", "unyank", "purge"]
VersionStatus: TypeAlias = Literal["published", "draft", "superseded", "yanked", "purged"]
Scope: TypeAlias = Literal["project", "user"]
InstallStatus: TypeAlias = Literal[
    "installed",
    "updated",
    "removed",
    "locked",
    "unchanged",
    "pinned",
    "would-install",
    "would-update",
    "would-remove",
]
InstalledState: TypeAlias = Literal[
    "clean",
    "outdated",
    "yanked",
    "purged",
    "deleted",
    "other-version",
    "edited",
    "missing",
    "unknown",
]
Access: TypeAlias = Literal["read", "write", "create"]
Role: TypeAlias = Literal["reader", "rater", "publisher"]  # each may do what those before it may
Sort: TypeAlias = Literal["updated", "created", "name", "rating", "uses"]


def is_slug(text: str) -> bool:
    """Tell whether a text is a slug: 1–64 of a–z and 0–9 in groups joined by one hyphen."""
    return len(text) <= SLUG_MAX and SLUG_PATTERN.fullmatch(text) is not None


def hundredths(stars: str) -> int:
    """Read an average of stars as it is stored, × 100; anything else is a ValueError."""
    if not re.fullmatch(r"[1-4](\.[0-9]{1,2})?|5(\.00?)?", stars):
        raise ValueError(f"{stars!a:.50} is not a number of stars from 1 to 5, such as 4.5")
    return round(float(stars) * 100)


@dataclass(frozen=True, slots=True)
class Reference:
    """``SLUG`` or ``SLUG@VERSION``: a version by number, or by one of three moving names.

    Attributes:
        slug: the skill.
        version: a number from 1, or ``latest``, ``published`` or ``draft``; None where the
            reference names none, which means the published version.

    """

    slug: str
    version: int | Literal["latest", "published", "draft"] | None = None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read ``SLUG[@VERSION]``; anything else is a ValueError with a sentence for people."""
        slug, at, version = text.partition("@")
        if not is_slug(slug):
            raise ValueError(
                f"{slug!r} is not a slug (1-64 of a-z and 0-9, groups joined by one hyphen)"
            )
        if not at:
            return cls(slug)
        match version:
            case "latest" | "published" | "draft":
                return cls(slug, version)
            case _ if re.fullmatch(r"[1-9][0-9]{0,8}", version):
                return cls(slug, int(version))
        raise ValueError(
            f"{version!r} is not a version (a number from 1, latest, published or draft)"
        )

    def __str__(self) -> str:
        return self.slug if self.version is None else f"{self.slug}@{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What a rater says; what is None stays as it was.

    Attributes:
        stars: 1-5; None takes the rating back.
        comment: at most 2,000 characters; empty clears it.
        hours_saved: 0-1,000, whole hours.
    """

    stars: int | None
    comment: str | None = None
    hours_saved: int | None = None


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of a manifest: what the bundle holds under which path.

    Attributes:
        path: relative, ``/``-separated, NFC.
        size: bytes.
        sha256: of the file's bytes, hex.
        executable: whether the owner may execute it.

    """

    path: str
    size: int
    sha256: str
    executable: bool

    def to_json(self) -> JsonObject:
        """Give it as it is hashed and stored; ``dataclasses.asdict`` needs ten times as long."""
        return {
            "path": self.path,
            "size": self.size,
            "sha256": self.sha256,
            "executable": self.executable,
        }


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file that a new version has otherwise than the version before it."""

    path: str
    change: Literal["added", "modified", "removed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a person should know about a skill that does not stop the command.

    Attributes:
        rule: a stable kebab-case name, for programs (docs/bundles.md lists them).
        message: one sentence.
        path: the file it is about, relative to the skill; None where it is about no file.
        line: 1-based; None where it is about no line.
        source: the path of the skill it is about, as in its result; None where it is about none.

    """

    rule: str
    message: str
    path: str | None = None
    line: int | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why one of many paths was refused or failed: what an error says when it ends a command.

    Attributes:
        type: the class of the error, such as ``InvalidSkill``.
        code: the exit code that the error alone would have given.
        rule: which rule the skill breaks; None where it is about no rule.
        path: the file it is about, relative to the skill.
        line: 1-based; None where it is about no line.

    """

    type: str
    code: int
    message: str
    hint: str
    rule: str | None = None
    path: str | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One effective setting and where it came from; a secret's value is never here.

    Attributes:
        value: as it is used; ``set`` for a secret; None where there is none.
        origin: the option, the variable, the file or ``default``.

    """

    name: str
    value: str | None
    origin: str

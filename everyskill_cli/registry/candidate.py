"""What is to be published: a skill that was read and packed, and the rows that it becomes."""

from __future__ import annotations

import uuid
from collections.abc import Container
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal, Self

from everyskill_cli.bundle import Bundle, pack
from everyskill_cli.chain import details_hash
from everyskill_cli.errors import InvalidSkill
from everyskill_cli.model import (
    CONTENT_MAX,
    TEXT_MAX,
    EventKind,
    FileChange,
    FileEntry,
    JsonObject,
    NewSkill,
    SkillVersion,
)
from everyskill_cli.registry.decision import PublishOptions
from everyskill_cli.skill import LocalSkill, read_skill
from everyskill_cli.stores.base import content_key


@dataclass(slots=True)
class Candidate:
    """A packed skill with the ids that its rows will have.

    The ids are made before anything is sent, so that a lost answer can be looked up.

    Attributes:
        local: what was read, without the bytes of its files.
        bundle: without its data once that was dropped.
        size: of the bundle's data, in bytes.
        origin: the repository, commit and path that it comes from, where somebody knows them.
        changes: how its files differ from those of the version before it.
    """

    source: Path
    local: LocalSkill
    bundle: Bundle
    size: int
    options: PublishOptions
    version_id: str
    event_id: str
    origin: JsonObject | None = None
    changes: tuple[FileChange, ...] = ()

    @classmethod
    def read(cls, path: Path, options: PublishOptions) -> Self:
        """Read and pack what lies at a path, or InvalidSkill."""
        local = read_skill(
            path,
            slug=options.slug,
            strict=options.strict,
            allowed_secrets=options.allowed_secrets,
        )
        bundle = pack(local)
        local = replace(local, files=(), text=_beginning(local.text))
        ids = str(uuid.uuid4()), str(uuid.uuid4())
        return cls(path, local, bundle, len(bundle.data), options, *ids)

    def data(self) -> bytes:
        """Give the bytes to store; read again where they were dropped.

        Raises:
            InvalidSkill: they are not what they were, so nobody has checked them.
        """
        if len(self.bundle.data) == self.size:
            return self.bundle.data
        again = self.read(self.source, self.options).bundle
        if again.content_hash != self.bundle.content_hash:
            raise InvalidSkill(
                f"{self.local.source} changed while it was being published.",
                "Wait until nothing writes to it, then run the same command again.",
                rule="changed-while-read",
            )
        return again.data

    def drop(self) -> None:
        """Let the bytes go: they are stored, or there are too many of them to wait in memory."""
        self.bundle = replace(self.bundle, data=b"")

    @property
    def slug(self) -> str:
        """The skill's."""
        return self.local.slug

    @property
    def key(self) -> str:
        """Of the object, relative to the store's root."""
        return content_key(self.bundle.content_hash)

    def reason_of(self, event: EventKind) -> str | None:
        """What the event says: why a draft is promoted, or else which findings were allowed.

        A new version says itself why it was made.
        """
        if event == "promote":
            return self.options.message
        allowed = ", ".join(self.local.allowed_secrets)
        return f"allowed: {allowed}"[:TEXT_MAX] if allowed else None

    def compare_files(self, before: tuple[FileEntry, ...]) -> None:
        """Note how the files differ from those of the version before."""
        old = {entry.path: entry for entry in before}
        new = {entry.path: entry for entry in self.bundle.files}
        self.changes = tuple(
            FileChange(path, "modified" if path in old and path in new else _only_in(path, new))
            for path in sorted(old.keys() | new.keys())
            if old.get(path) != new.get(path)
        )

    def as_skill(self, author_id: str) -> NewSkill:
        """The skill's row, where there is none yet."""
        return NewSkill(
            id=str(uuid.uuid4()),
            slug=self.slug,
            name=self.local.name,
            description=self.local.description,
            category=self.options.category or None,
            tags=self.options.tags or (),
            author_id=author_id,
            content=None if self.options.draft else self.local.text,
        )

    def as_version(
        self, skill_id: str, user_id: str, number: int, created_at: datetime
    ) -> SkillVersion:
        """The version's row, with the number and the time that the database gave."""
        local, bundle, message = self.local, self.bundle, self.options.message
        metadata = local.metadata | ({"source": self.origin} if self.origin else {})
        return SkillVersion(
            id=self.version_id,
            skill_id=skill_id,
            version=number,
            content_url=self.key,
            content_hash=bundle.content_hash,
            content_type=bundle.content_type,
            size_bytes=self.size,
            name=local.name,
            description=local.description,
            files=bundle.files,
            metadata=metadata,
            message=message,
            details_hash=details_hash(
                name=local.name,
                description=local.description,
                content_type=bundle.content_type,
                files=bundle.files,
                metadata=metadata,
                message=message,
            ),
            created_by=user_id,
            created_at=created_at,
        )


def _only_in(path: str, new: Container[str]) -> Literal["added", "removed"]:
    return "added" if path in new else "removed"


def _beginning(text: str | None) -> str | None:
    """Give what search keeps of a text: at most 256 KiB, and never half a character."""
    if text is None or len(text) * 4 <= CONTENT_MAX:
        return text
    return text.encode()[:CONTENT_MAX].decode(errors="ignore")

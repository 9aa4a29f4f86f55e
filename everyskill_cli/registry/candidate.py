"""What is to be published: a skill that was read and packed, and the rows that it becomes."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from everyskill_cli.bundle import Bundle, pack
from everyskill_cli.chain import details_hash
from everyskill_cli.model import CONTENT_MAX, TEXT_MAX, EventKind, NewSkill, SkillVersion
from everyskill_cli.registry.decision import PublishOptions
from everyskill_cli.skill import LocalSkill, read_skill
from everyskill_cli.stores.base import content_key


@dataclass(frozen=True, slots=True)
class Candidate:
    """A packed skill with the ids that its rows will have.

    The ids are made before anything is sent, so that a lost answer can be looked up.
    """

    local: LocalSkill
    bundle: Bundle
    options: PublishOptions
    version_id: str
    event_id: str

    @classmethod
    def read(cls, path: Path, options: PublishOptions) -> Self:
        """Read and pack what lies at a path, or InvalidSkill."""
        local = read_skill(
            path,
            slug=options.slug,
            strict=options.strict,
            allowed_secrets=options.allowed_secrets,
        )
        return cls(local, pack(local), options, str(uuid.uuid4()), str(uuid.uuid4()))

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

    @property
    def search_copy(self) -> str | None:
        """The beginning of the text, at most 256 KiB and never half a character."""
        if self.local.text is None:
            return None
        return self.local.text.encode()[:CONTENT_MAX].decode(errors="ignore")

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
        )

    def as_version(
        self, skill_id: str, user_id: str, number: int, created_at: datetime
    ) -> SkillVersion:
        """The version's row, with the number and the time that the database gave."""
        local, bundle, message = self.local, self.bundle, self.options.message
        return SkillVersion(
            id=self.version_id,
            skill_id=skill_id,
            version=number,
            content_url=self.key,
            content_hash=bundle.content_hash,
            content_type=bundle.content_type,
            size_bytes=len(bundle.data),
            name=local.name,
            description=local.description,
            files=bundle.files,
            metadata=local.metadata,
            message=message,
            details_hash=details_hash(
                name=local.name,
                description=local.description,
                content_type=bundle.content_type,
                files=bundle.files,
                metadata=local.metadata,
                message=message,
            ),
            created_by=user_id,
            created_at=created_at,
        )

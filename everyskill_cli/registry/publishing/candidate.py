"""What is to be published: a skill that was read and packed, and the rows that it becomes."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Self

from everyskill_cli.bundle import Bundle, pack
from everyskill_cli.chain import details_hash
from everyskill_cli.errors import InvalidSkill
from everyskill_cli.model import (
    TEXT_MAX,
    EventKind,
    FileChange,
    FileEntry,
    Head,
    JsonObject,
    NewSkill,
    SkillVersion,
)
from everyskill_cli.registry.excerpt import excerpt
from everyskill_cli.registry.manifests import changed_files
from everyskill_cli.registry.publishing.decision import PublishOptions
from everyskill_cli.skill import FoundSkill, LocalSkill, find_skill, look_into
from everyskill_cli.skill.card import slugify
from everyskill_cli.stores.keys import content_key


@dataclass
class Candidate:
    """A packed skill, and the rows that it becomes.

    Attributes:
        local: what was read, without the bytes of its files.
        bundle: without its data once that was dropped.
        size: of the bundle's data, in bytes.
        origin: the repository, commit and path that it comes from, where somebody knows them.
        changes: how its files differ from those of version ``changed_from``.
        is_settled: its bytes are the latest version's, and nobody has looked into them.
    """

    source: Path
    local: LocalSkill
    bundle: Bundle
    size: int
    options: PublishOptions
    origin: JsonObject | None = None
    changes: tuple[FileChange, ...] = ()
    changed_from: int = 0
    is_settled: bool = False
    _is_dropped: bool = False

    @classmethod
    def read(
        cls, path: Path, options: PublishOptions, known: Mapping[str, Head] | None = None
    ) -> Self:
        """Read and pack what lies at a path, or InvalidSkill.

        Args:
            path: of the skill.
            options: what the caller asked for.
            known: what the registry has under slugs that may be the skill's. A skill whose bytes
                are its latest version's was looked into when that was published, and is not
                taken apart again.
        """
        found = find_skill(path)
        bundle = pack(found)
        head = (known or {}).get(slugify(found.title))
        if head is not None and _is_settled(bundle, head):
            return cls._settled(path, found, bundle, head, options)
        local = look_into(
            found,
            slug=options.slug,
            strict=options.strict,
            allowed_secrets=options.allowed_secrets,
        )
        # The bytes of the files are in the bundle.
        local = replace(local, files=(), text=excerpt(local.text))
        return cls(path, local, bundle, len(bundle.data), options)

    @classmethod
    def _settled(
        cls, path: Path, found: FoundSkill, bundle: Bundle, head: Head, options: PublishOptions
    ) -> Self:
        local = LocalSkill(
            source=found.source,
            slug=head.slug,
            name=head.name,
            description=head.description,
            content_type=found.content_type,
            files=(),
            metadata={},
            omitted=found.omitted,
            warnings=found.warnings,
            allowed_secrets=(),
            text=None,
        )
        small = replace(bundle, data=b"")
        return cls(path, local, small, len(bundle.data), options, is_settled=True, _is_dropped=True)

    @property
    def held(self) -> int:
        """Bytes that its data and its text take in memory."""
        return len(self.bundle.data) + sys.getsizeof(self.local.text)

    def data(self) -> bytes:
        """Give the bytes to store; read again where they were dropped.

        Raises:
            InvalidSkill: they are not what they were, so nobody has checked them.
        """
        if len(self.bundle.data) != self.size:
            self._read_again()
        return self.bundle.data

    def look_into(self) -> None:
        """Read a settled skill whole, because there is something to do with it after all."""
        self._read_again()
        self.drop_data()  # its object is there
        self.is_settled = False

    def text(self) -> str | None:
        """Give what search keeps of the text; read again where it was dropped."""
        if self._is_dropped:
            self._read_again()
            self.drop_data()
        return self.local.text

    def _read_again(self) -> None:
        again = self.read(self.source, self.options)
        if again.bundle.content_hash != self.bundle.content_hash:
            raise InvalidSkill(
                f"{self.local.source} changed while it was being published.",
                "Wait until nothing writes to it, then run the same command again.",
                rule="changed-while-read",
            )
        self.local, self.bundle, self._is_dropped = again.local, again.bundle, False

    def drop_data(self) -> None:
        """Let the bytes go: they are stored."""
        self.bundle = replace(self.bundle, data=b"")

    def drop(self) -> None:
        """Let the bytes and the text go: too many wait in memory, or they are not needed."""
        if not self._is_dropped:
            self.drop_data()
            self.local = replace(self.local, text=None)
            self._is_dropped = True

    @cached_property
    def event_id(self) -> str:
        """Made by the client, so that a lost answer can be looked up; the same at every try."""
        return str(uuid.uuid4())

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

    def compare_files(self, version: int, before: tuple[FileEntry, ...]) -> None:
        """Note how the files differ from those of a version."""
        self.changed_from = version
        self.changes = changed_files(before, self.bundle.files)

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
            content=None if self.options.draft else self.text(),
        )

    def as_version(
        self, skill_id: str, user_id: str, number: int, created_at: datetime
    ) -> SkillVersion:
        """The version's row, with the number and the time that the database gave."""
        local, bundle, message = self.local, self.bundle, self.options.message
        metadata = local.metadata | ({"source": self.origin} if self.origin else {})
        return SkillVersion(
            id=str(uuid.uuid4()),
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


def _is_settled(bundle: Bundle, head: Head) -> bool:
    """Tell whether a skill's bytes are the latest version of the slug that its title makes.

    Its slug is then that one: the same bytes have the same name, which makes this slug, or none.
    """
    same = head.content_hash == bundle.content_hash and head.purged_at is None
    return same and (head.name == head.slug or slugify(head.name) == head.slug)

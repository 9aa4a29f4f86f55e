"""What is compared: two versions, or a version and what lies at a path."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from everyskill_cli.bundle import pack
from everyskill_cli.database.queries import purging, skills, versions
from everyskill_cli.errors import InvalidSkill, NotFound
from everyskill_cli.model import DiffSide, FileEntry, Reference
from everyskill_cli.registry import Registry
from everyskill_cli.registry.comparing.contents import Contents, LocalFiles, StoredFiles
from everyskill_cli.registry.comparing.fields import fields_of
from everyskill_cli.registry.lookup import (
    Found,
    absent,
    find_skill,
    find_version,
    number_to_use,
    purged,
)
from everyskill_cli.skill import describe
from everyskill_cli.skill import find_skill as find_local
from everyskill_cli.skill.card import SLUG_RULES

if TYPE_CHECKING:
    from everyskill_cli.database.engine import Transaction

Target: TypeAlias = Reference | Path


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison.

    Attributes:
        said: what the answer says of it.
        files: its manifest.
        fields: what it says of itself.
        contents: where the bytes of its files come from.
    """

    said: DiffSide
    files: tuple[FileEntry, ...]
    fields: dict[str, str]
    contents: Contents


def local_side(path: Path) -> Side:
    """Read what lies at a path by the rules of a publish; nobody looks for secrets.

    Raises:
        InvalidSkill: a rule is broken.
    """
    found = find_local(path)
    try:
        card, metadata = describe(found)
    except InvalidSkill as error:
        if error.rule in SLUG_RULES:
            error.hint = "Give it a name in its SKILL.md that makes one."
        raise
    bundle = pack(found)
    said = DiffSide(
        slug=card.slug,
        version=None,
        path=_as_typed(found.source),
        name=card.name,
        description=card.description,
        content_type=bundle.content_type,
        content_hash=bundle.content_hash,
        size_bytes=len(bundle.data),
        files=len(bundle.files),
    )
    fields = fields_of(card.name, card.description, metadata)
    return Side(said, bundle.files, fields, LocalFiles({f.path: f.data for f in found.files}))


def _as_typed(source: str) -> str:
    """Give a path as it has to be typed: what looks like a reference begins with ``./``."""
    try:
        Reference.parse(source)
    except ValueError:
        return source
    return f"./{source}"


def find_sides(registry: Registry, before: Target, after: Target | None) -> tuple[Side, Side]:
    """Find what is to be compared; of one thing alone, what came before it is the other.

    Raises:
        InvalidSkill: what lies at a path breaks a rule.
        NotFound: no such skill or version, nothing to compare with, or its bytes were purged.
    """
    local = {each: local_side(each) for each in (before, after) if isinstance(each, Path)}
    with registry.database.reading() as tx:
        shelf = _Shelf(registry, tx)
        if after is not None:
            old, new = (
                local[each] if isinstance(each, Path) else shelf.meant(each)
                for each in (before, after)
            )
            return old, new
        if isinstance(before, Path):
            return shelf.latest(local[before]), local[before]
        return shelf.pair(before)


@dataclass(slots=True)
class _Shelf:
    """The versions of a registry, as sides."""

    registry: Registry
    tx: Transaction
    _known: dict[str, Found] = field(default_factory=dict)

    def meant(self, reference: Reference) -> Side:
        """Give the version that a reference means; without a number the published one."""
        found = self._find(reference)
        return self._side(found, number_to_use(self.tx, found, reference))

    def latest(self, local: Side) -> Side:
        """Give the latest version of the skill that a path would be published as."""
        slug, path = str(local.said.slug), local.said.path
        found = skills.find(self.tx, slug)
        if found is None and purging.buried(self.tx, [slug]):
            raise absent(self.tx, slug)
        if found is None:
            raise NotFound(
                f"There is no skill {slug}, which {path} would be, to compare it with.",
                f"Name the version to compare with: everyskill diff SLUG@N {path}",
            )
        return self._side(Found(*found), found[0].latest_version)

    def pair(self, reference: Reference) -> tuple[Side, Side]:
        """Give a version and the one before it; without a number the published and the draft."""
        found = self._find(reference)
        if reference.version is None:
            old, new = found.pointers
            if old is None or new is None:
                raise _no_pair(found)
            return self._side(found, old), self._side(found, new)
        number = number_to_use(self.tx, found, reference)
        version = self._side(found, number)
        if number == 1:
            raise _no_version_before(found)
        return self._side(found, number - 1), version

    def _find(self, reference: Reference) -> Found:
        slug = reference.slug
        if slug not in self._known:
            try:
                self._known[slug] = find_skill(self.tx, slug)
            except NotFound as error:
                if Path(slug).exists():
                    error.hint = f"What lies in this folder is meant by its path: ./{slug}"
                raise
        return self._known[slug]

    def _side(self, found: Found, number: int) -> Side:
        version = find_version(self.tx, found, number)
        if versions.summary(self.tx, version, found.pointers).purged_at is not None:
            raise purged(self.tx, found.skill.slug, version)
        said = DiffSide(
            slug=found.skill.slug,
            version=number,
            path=None,
            name=version.name,
            description=version.description,
            content_type=version.content_type,
            content_hash=version.content_hash,
            size_bytes=version.size_bytes,
            files=len(version.files),
        )
        fields = fields_of(version.name, version.description, version.metadata)
        return Side(said, version.files, fields, StoredFiles(self.registry, version))


def _no_pair(found: Found) -> NotFound:
    slug, missing = found.skill.slug, "draft" if found.draft_version is None else "published"
    return NotFound(f"{slug} has no {missing} version to compare with.", _other_versions(found))


def _no_version_before(found: Found) -> NotFound:
    return NotFound(
        f"{found.skill.slug}@1 is the first version; there is none before it.",
        _other_versions(found),
    )


def _other_versions(found: Found) -> str:
    """Say what can be compared: the newest two versions, or the only one and a folder."""
    slug, latest = found.skill.slug, found.skill.latest_version
    if latest > 1:
        return f"Name two versions: everyskill diff {slug}@{latest - 1} {slug}@{latest}"
    return f"Compare it with a folder: everyskill diff {slug}@1 PATH"

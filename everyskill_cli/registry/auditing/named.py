"""Which skills and versions somebody named, and which of them are not there."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, NamedTuple

from everyskill_cli.errors import NotFound
from everyskill_cli.model import Reference
from everyskill_cli.registry.lookup import find_skill, find_version, number_to_show

if TYPE_CHECKING:
    from everyskill_cli.database.engine import Transaction


class Named(NamedTuple):
    """What a verification is about; nothing where it is about the whole registry.

    Attributes:
        names: the slugs that were named.
        slugs: of these, those that are there.
        versions: of skills that were named by numbers alone, these.
        missing: why the other skills are not there, by their slugs.
    """

    names: tuple[str, ...] = ()
    slugs: tuple[str, ...] = ()
    versions: frozenset[tuple[str, int]] = frozenset()
    missing: dict[str, NotFound] = {}  # noqa: RUF012 - a default that nobody adds to

    def has(self, slug: str, version: int) -> bool:
        """Tell whether a version is one of those that were named."""
        if not self.names:
            return True
        narrowed = {each for each, _ in self.versions}
        return slug in self.slugs and (slug not in narrowed or (slug, version) in self.versions)

    def require_known(self, known: Collection[str | None]) -> None:
        """Refuse a name of which nobody knows anything.

        Raises:
            NotFound: a skill that was named is not there, and is not known to have been.
        """
        for slug, error in self.missing.items():
            if slug not in known:
                raise error


def find_named(tx: Transaction, references: Iterable[Reference]) -> Named:
    """Find what is named.

    Raises:
        NotFound: a skill that is there has no such version.
    """
    slugs: dict[str, None] = {}
    missing: dict[str, NotFound] = {}
    numbers: set[tuple[str, int]] = set()
    wanted = list(dict.fromkeys(references))
    for reference in wanted:
        try:
            found = find_skill(tx, reference.slug)
        except NotFound as error:
            missing[reference.slug] = error
            continue
        slugs[reference.slug] = None
        if reference.version is not None:
            number = number_to_show(tx, found, reference)
            version = find_version(tx, found, number, whole=False)
            numbers.add((reference.slug, version.version))
    whole = {reference.slug for reference in wanted if reference.version is None}
    return Named(
        names=tuple(dict.fromkeys(reference.slug for reference in wanted)),
        slugs=tuple(slugs),
        versions=frozenset(each for each in numbers if each[0] not in whole),
        missing=missing,
    )

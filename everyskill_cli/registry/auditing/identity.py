"""Who a registry is, by its own row, its store and its chains; and whether it is guarded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from everyskill_cli.database.queries import auditing, standing
from everyskill_cli.errors import IntegrityFailure
from everyskill_cli.model import Damage
from everyskill_cli.registry.auditing.histories import examine
from everyskill_cli.stores import MARKER

if TYPE_CHECKING:
    from everyskill_cli.database.engine import Transaction
    from everyskill_cli.registry import Registry


def identify(registry: Registry) -> tuple[str, list[Damage]]:
    """Give the id that a registry's chains were made with, and what is wrong about it.

    Raises:
        NotReady: the store is another registry's, or nobody's.
    """
    damages: list[Damage] = []
    with registry.database.reading() as tx:
        ids = standing.registry_ids(tx)
        skills, versions = standing.sizes(tx)
    if len(ids) != 1 and (skills or ids):
        message = f"The table registry holds {len(ids)} rows, and not one."
        damages.append(Damage(kind="registry", where="registry", message=message))
    own = ids[0] if ids else ""
    try:
        owner = registry.store.marker()
    except IntegrityFailure as error:
        damages.append(Damage(kind="registry", where=MARKER, message=error.message))
        return own, damages
    if owner is None and versions:
        if next(registry.store.list(), None) is None:
            raise registry.store.unclaimed()
        message = f"The store's marker is missing: there is no {MARKER}."
        damages.append(Damage(kind="registry", where=MARKER, message=message))
    if owner is not None and owner != own and (versions or ids):
        if not _is_of(registry, owner):
            registry.store.claim(own, first=False)  # which says whose it is
        message = f"The id of the registry was changed: its histories and its store say {owner}."
        damages.append(Damage(kind="registry", where="registry.id", message=message))
        own = owner
    return own, damages


def _is_of(registry: Registry, owner: str) -> bool:
    """Tell whether the first chain comes out with this id."""
    with registry.database.reading(at_one_moment=True) as tx:
        first = auditing.skills_after(tx, "", 1)
        return any(skill.newest is not None for skill in examine(tx, owner, first))


def standing_damages(tx: Transaction) -> Iterator[Damage]:
    """Find guards that do not stand as they were made, and rows that no guard would have let in."""
    from everyskill_cli.database.guards import differences

    for difference in differences(tx):
        message = f"The guards of the database are not as they were made: {difference}."
        yield Damage(kind="guard", where=difference.partition(" ")[0], message=message)
    for skill_id, count in standing.orphans(tx).items():
        message = f"The row of a skill is gone, and {count:,} of its versions are left: {skill_id}."
        yield Damage(kind="skill-missing", where=skill_id, message=message)
    for slug in standing.undead(tx):
        message = f"{slug} has a tombstone, and is there."
        yield Damage(kind="tombstone", where="tombstones", slug=slug, message=message)
    for key in standing.marked(tx):
        message = f"{key} is marked for deletion, and a version needs it."
        yield Damage(kind="mark", where=key, message=message)

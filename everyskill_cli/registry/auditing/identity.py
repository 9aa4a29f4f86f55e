"""Who a registry is, by its own row, its store and its chains; and whether it is guarded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from everyskill_cli.database.queries import auditing, standing, versions
from everyskill_cli.database.schema import FORMAT
from everyskill_cli.database.snapshot import snapshot
from everyskill_cli.errors import IntegrityFailure, NotReady
from everyskill_cli.model import Damage
from everyskill_cli.registry.auditing.histories import examine
from everyskill_cli.stores import MARKER

TRIED = 5  # chains by which an id is known

if TYPE_CHECKING:
    from everyskill_cli.database.engine import Transaction
    from everyskill_cli.registry import Registry


def identify(registry: Registry) -> tuple[str, list[Damage]]:
    """Give the id that a registry's chains were made with, and what is wrong about it.

    Raises:
        NotReady: the store is another registry's, or nobody's; or there are no records to it.
    """
    with registry.database.reading() as tx:
        ids = [str(each) for each in standing.registry_ids(tx)]
        formats = standing.formats(tx)
        has_skills, has_versions = standing.any_skill(tx), versions.any_exist(tx)
    damages: list[Damage] = []
    if len(ids) != 1 and (has_skills or ids):
        message = f"The table registry holds {len(ids)} rows, and not one."
        damages.append(Damage(kind="registry", where="registry", message=message))
    for strange in (each for each in formats if each != FORMAT):
        message = f"The registry's row says that its format is {strange}, and it is {FORMAT}."
        damages.append(Damage(kind="registry", where="registry.format_version", message=message))
    own = ids[0] if ids else ""
    owner, wrong = _owner(registry, needed=has_versions)
    damages += wrong
    if not (ids or has_skills):
        raise _without_records(registry, owner)
    if owner is None or owner == own:
        return own, damages
    if not _is_of(registry, owner):
        registry.store.claim(own, first=False)  # which says whose it is
    if ids:
        message = f"The id of the registry was changed: its histories and its store say {owner}."
        damages.append(Damage(kind="registry", where="registry.id", message=message))
    return owner, damages


def _owner(registry: Registry, *, needed: bool) -> tuple[str | None, list[Damage]]:
    """Read the store's marker; what is wrong with it is no reason to look at nothing else."""
    try:
        owner = registry.store.marker()
    except IntegrityFailure as error:
        return None, [Damage(kind="registry", where=MARKER, message=error.message)]
    if owner is not None or not needed:
        return owner, []
    if next(registry.store.list(), None) is None:
        raise registry.store.unclaimed()
    message = f"The store's marker is missing: there is no {MARKER}."
    return None, [Damage(kind="registry", where=MARKER, message=message)]


def _without_records(registry: Registry, owner: str | None) -> NotReady:
    """Say that there is nothing to verify, and whether somebody's bytes are there all the same."""
    if owner is None:
        return NotReady(
            f"There is no registry at {registry.database.where}: nothing was verified.",
            "Check EVERYSKILL_DATABASE_URL; the first publish makes a registry.",
        )
    return NotReady(
        f"The store {registry.store.url} is the registry {owner}'s, and the database"
        f" {registry.database.where} holds none.",
        "Restore the database from a backup, or check EVERYSKILL_DATABASE_URL.",
    )


def _is_of(registry: Registry, owner: str) -> bool:
    """Tell whether anything in the first chains comes out with this id."""
    with snapshot(registry.database) as tx:
        first = auditing.skills_after(tx, "", TRIED)
        return any(skill.comes_out for skill in examine(tx, owner, first))


def standing_damages(tx: Transaction, *, whole: bool) -> Iterator[Damage]:
    """Find guards that do not stand as they were made, and rows that no guard would have let in.

    Args:
        tx: a reading one.
        whole: look for such rows as well, which takes longer the more there are.
    """
    from everyskill_cli.database.guards import differences

    for difference in differences(tx):
        message = f"The guards of the database are not as they were made: {difference}."
        yield Damage(kind="guard", where=difference.partition(" ")[0], message=message)
    if not whole:
        return
    for skill_id, count in standing.orphans(tx).items():
        message = f"The row of a skill is gone, and {count:,} rows about it are left: {skill_id}."
        yield Damage(kind="skill-missing", where=skill_id, message=message)
    for place, count in standing.dangling(tx).items():
        message = f"{count:,} rows have a {place} that names nothing that is there."
        yield Damage(kind="reference", where=place, message=message)
    for slug in standing.undead(tx):
        message = f"{slug} has a tombstone, and is there."
        yield Damage(kind="tombstone", where="tombstones", slug=slug, message=message)
    for key in standing.marked(tx):
        message = f"{key} is marked for deletion, and a version needs it."
        yield Damage(kind="mark", where=key, message=message)

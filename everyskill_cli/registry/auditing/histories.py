"""Reading the records of some skills at one moment, and holding each against its chain."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeVar

from everyskill_cli.database.queries import auditing, matching
from everyskill_cli.model import Damage
from everyskill_cli.model.evidence import (
    NOTHING,
    Entry,
    StoredEvent,
    StoredSkill,
    StoredState,
    StoredVersion,
    Tally,
)
from everyskill_cli.registry.auditing.chains import Walk
from everyskill_cli.registry.auditing.derived import derived_damages, summed
from everyskill_cli.registry.auditing.guesses import Fact

if TYPE_CHECKING:
    from everyskill_cli.database.engine import Transaction

SKILLS: Final = 200  # read at one moment
VERSIONS: Final = 2_000  # of several skills, held in memory at once; of one all, without manifests
ROWS: Final = 200  # a statement: a manifest may have 1,000 files
Row = TypeVar("Row", StoredVersion, StoredEvent)


@dataclass(frozen=True, slots=True)
class Examined:
    """A skill whose records were looked at.

    Attributes:
        newest: the end of its chain; None where something is wrong with that.
        comes_out: whether the digest of any of its events is right.
        counted: its ratings and uses.
    """

    slug: str
    versions: int
    events: int
    damages: tuple[Damage, ...]
    newest: Entry | None
    comes_out: bool
    counted: Tally
    purged: int


def examine(tx: Transaction, registry: str, skills: Sequence[StoredSkill]) -> Iterator[Examined]:
    """Look at the records of some skills.

    Args:
        tx: that sees one moment.
        registry: its id, as the chains have it.
        skills: as they were read at this moment.
    """
    for batch in _batches(skills):
        yield from _examine(tx, registry, batch)


def _batches(skills: Sequence[StoredSkill]) -> Iterator[list[StoredSkill]]:
    batch: list[StoredSkill] = []
    size = 0
    for skill in skills:
        many = skill.latest_version if isinstance(skill.latest_version, int) else 0
        if batch and size + many > VERSIONS:
            yield batch
            batch, size = [], 0
        batch.append(skill)
        size += many
    if batch:
        yield batch


def _examine(tx: Transaction, registry: str, skills: Sequence[StoredSkill]) -> Iterator[Examined]:
    ids = [skill.id for skill in skills if _is_text(skill.id)]
    facts: dict[str, dict[int, Fact]] = defaultdict(dict)
    for version in _all(auditing.versions_after, tx, ids, lambda row: row.version):
        facts[version.skill_id][version.version] = Fact.of(version)
    events: dict[str, list[StoredEvent]] = defaultdict(list)
    for event in _all(auditing.events_after, tx, ids, lambda row: row.seq):
        events[event.skill_id].append(event)
    states: dict[str, dict[str, StoredState]] = defaultdict(dict)
    for state in auditing.states(tx, ids):
        states[state.skill_id][state.skill_version_id] = state
    tallies: dict[str, dict[str | None, Tally]] = defaultdict(dict)
    for (skill_id, version_id), tally in auditing.tallies(tx, ids).items():
        tallies[skill_id][version_id] = tally
    texts = auditing.with_text(tx, ids)
    words = matching.with_words(tx, ids)
    for skill in skills:
        walk = Walk(registry, skill, facts[skill.id], events[skill.id])
        found = _examined(walk, states[skill.id], tallies[skill.id], has_text=skill.id in texts)
        yield (
            found if skill.id in words or found.damages else replace(found, damages=_unfound(skill))
        )


def _unfound(skill: StoredSkill) -> tuple[Damage]:
    """Say that search does not know an intact skill."""
    return (
        Damage(
            kind="search-copy",
            where="skill_search",
            slug=skill.slug,
            message=f"Search has no words of {skill.slug}, so nobody finds it.",
        ),
    )


def _is_text(value: object) -> bool:
    """Tell whether a value is a text, and UTF-8: nothing else can be asked for."""
    is_strange = isinstance(value, str) and any("\ud800" <= each <= "\udfff" for each in value)
    return isinstance(value, str) and not is_strange


def _examined(
    walk: Walk,
    states: dict[str, StoredState],
    tallies: dict[str | None, Tally],
    *,
    has_text: bool,
) -> Examined:
    if not (isinstance(walk.skill.slug, str) and _is_text(walk.skill.id)):
        message = "The slug or the id of a skill is no text."
        damage = Damage(kind="skill-changed", where="skills", message=message)
        return Examined(
            slug="",
            versions=len(walk.facts),
            events=len(walk.events),
            damages=(damage,),
            newest=None,
            comes_out=False,
            counted=NOTHING,
            purged=0,
        )
    try:
        walk.walk()
        walk.damages.extend(derived_damages(walk, states, tallies, has_text=has_text))
    except (TypeError, ValueError, LookupError, AttributeError):
        message = f"The records of {walk.skill.slug} hold values that everyskill never wrote."
        walk.damages.append(
            Damage(kind="skill-changed", where="skills", slug=walk.skill.slug, message=message)
        )
    newest = None
    if walk.events and not walk.damages:
        newest = Entry(walk.events[-1].seq, walk.events[-1].entry_hash)
    return Examined(
        slug=walk.skill.slug,
        versions=len(walk.facts),
        events=len(walk.events),
        damages=tuple(walk.damages),
        newest=newest,
        comes_out=any(map(walk.is_sure, walk.events)),
        counted=summed(tallies.values()),
        purged=sum(state.purged_at is not None for state in states.values()),
    )


def _all(
    read: Callable[[Transaction, Collection[str], tuple[str, int], int], list[Row]],
    tx: Transaction,
    ids: Collection[str],
    number_of: Callable[[Row], int],
) -> Iterator[Row]:
    """Read all rows of some skills, so many at once that memory holds."""
    place = ("", 0)
    while rows := read(tx, ids, place, ROWS):
        yield from rows
        place = (rows[-1].skill_id, number_of(rows[-1]))
        if len(rows) < ROWS:
            return

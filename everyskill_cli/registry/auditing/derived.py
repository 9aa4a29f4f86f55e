"""What the database derives from a chain, from ratings and from uses, derived once more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from everyskill_cli.model import BIRTHS, Damage
from everyskill_cli.model.evidence import NOTHING, StoredEvent, StoredState, Tally
from everyskill_cli.registry.auditing.chains import Walk


def derived_damages(
    walk: Walk,
    states: Mapping[str, StoredState],
    tallies: Mapping[str | None, Tally],
    *,
    has_text: bool,
) -> Iterator[Damage]:
    """Compare what is derived with what it is derived from.

    Args:
        walk: the skill's chain, after it was walked.
        states: by the id of the version.
        tallies: the ratings and uses that there are, by the id of the version or None.
        has_text: whether search keeps a text of the skill.
    """
    if walk.whole and walk.events:
        yield from _rules(walk)
        yield from _pointers(walk, has_text=has_text)
        yield from _names(walk)
        yield from _states(walk, states)
    yield from _counters(walk, states, tallies)


def _rules(walk: Walk) -> Iterator[Damage]:
    """Find pointers in intact events that do not follow from what happened."""
    before: StoredEvent | None = None
    for event in walk.events:
        known = before is None or walk.is_sure(before)
        if known and walk.is_sure(event) and not _follows(event, before):
            yield Damage(
                kind="chain-broken",
                where="version_events",
                slug=walk.skill.slug,
                version=event.version,
                message=f"Event {event.seq} of {walk.skill.slug} ({event.kind} of version"
                f" {event.version}) leaves pointers that do not follow from it.",
            )
        before = event


def _follows(event: StoredEvent, before: StoredEvent | None) -> bool:
    """Hold an event to the table in docs/format.md."""
    number = event.version
    published, draft = event.published_version, event.draft_version
    was = None if before is None else before.published_version
    was_draft = None if before is None else before.draft_version
    left = None if was_draft == number else was_draft
    rules: dict[str, Callable[[], bool]] = {
        "publish": lambda: (published, draft) == (number, None),
        "draft": lambda: (published, draft) == (was, number),
        "promote": lambda: (published, draft) == (number, left),
        "rollback": lambda: (published, draft) == (number, was_draft),
        "unyank": lambda: (published, draft) == (was, was_draft),
    }
    if event.kind in rules:
        return rules[event.kind]()
    return published != number and was in (published, number) and draft == left


def _pointers(walk: Walk, *, has_text: bool) -> Iterator[Damage]:
    if not walk.newest_is_sure:
        return
    skill, newest = walk.skill, walk.events[-1]
    numbers = {fact.row.id: number for number, fact in walk.facts.items()}
    for column, wanted, found in (
        ("published_version_id", newest.published_version, skill.published_version_id),
        ("draft_version_id", newest.draft_version, skill.draft_version_id),
    ):
        if wanted is not None and wanted not in walk.facts:
            continue  # that it is missing was said
        points_to = None if found is None else numbers.get(found, "no version of it")
        if points_to != wanted:
            yield Damage(
                kind="pointer",
                where=f"skills.{column}",
                slug=skill.slug,
                message=f"The {column.partition('_')[0]} version of {skill.slug} is"
                f" {wanted or 'none'} by its history, and its row points to {points_to or 'none'}.",
            )
    if newest.published_version is None and has_text:
        yield Damage(
            kind="search-copy",
            where="skills.content",
            slug=skill.slug,
            message=f"Search keeps a text of {skill.slug}, and no version of it is published.",
        )


def _names(walk: Walk) -> Iterator[Damage]:
    """Compare the skill's own copies with the version that was shown last, and its author."""
    pairs = [(event.published_version, event.draft_version) for event in walk.events]
    shown = next((a or b for a, b in reversed(pairs) if a or b), None)
    fact = walk.facts.get(shown or 0)
    skill = walk.skill
    wanted: dict[str, Any] = {}
    if fact is not None and fact.is_right and fact.row.details is not None:
        wanted = {name: fact.row.details[name] for name in ("name", "description")}
    first = walk.events[0]
    if walk.is_sure(first) and first.kind in BIRTHS:
        wanted["author_id"] = first.actor_id
    for column, value in wanted.items():
        if getattr(skill, column) != value:
            yield Damage(
                kind="skill-changed",
                where=f"skills.{column}",
                slug=skill.slug,
                message=f"The {column.removesuffix('_id')} of {skill.slug} is not what its"
                " versions say.",
            )


def _states(walk: Walk, states: Mapping[str, StoredState]) -> Iterator[Damage]:
    unsure = {event.version for event in walk.events if not walk.is_sure(event)}
    wanted = _replayed(walk.events)
    for number, fact in sorted(walk.facts.items()):
        state = states.get(fact.row.id)
        what = f"{walk.skill.slug}@{number}"
        if state is None:
            message = f"The state of {what} is missing: its counters, and whether it is withdrawn."
            where = "version_state"
        elif number in unsure:
            continue
        else:
            values = wanted.get(number, dict.fromkeys(_COLUMNS))
            wrong = [name for name in _COLUMNS if getattr(state, name) != values[name]]
            if not wrong:
                continue
            message = f"The {' and '.join(wrong)} of {what} is not what its history says."
            where = f"version_state.{wrong[0]}"
        yield Damage(
            kind="state", where=where, slug=walk.skill.slug, version=number, message=message
        )


_COLUMNS = ("yanked_at", "yank_reason", "successor", "purged_at")


def _replayed(events: list[StoredEvent]) -> dict[int, dict[str, Any]]:
    """Derive from the events what stands in ``version_state``."""
    found: dict[int, dict[str, Any]] = {}
    for event in events:
        state = found.setdefault(event.version, dict.fromkeys(_COLUMNS))
        if event.kind == "yank":
            state |= {
                "yanked_at": event.created_at,
                "yank_reason": event.reason,
                "successor": event.successor,
            }
        elif event.kind == "unyank":
            state |= dict.fromkeys(("yanked_at", "yank_reason", "successor"))
        elif event.kind == "purge":
            state["purged_at"] = event.created_at
    return found


def _counters(
    walk: Walk, states: Mapping[str, StoredState], tallies: Mapping[str | None, Tally]
) -> Iterator[Damage]:
    skill = walk.skill
    total = summed(tallies.values())
    yield from _miscounted(skill.slug, None, skill.average_rating, skill.counted, total)
    for number, fact in sorted(walk.facts.items()):
        state, tally = states.get(fact.row.id), tallies.get(fact.row.id, NOTHING)
        if state is not None:
            yield from _miscounted(skill.slug, number, state.average_rating, state.counted, tally)


def _miscounted(
    slug: str, version: int | None, average: int | None, found: Tally, wanted: Tally
) -> Iterator[Damage]:
    """Compare counters with a recount, and the average with the counters it is made from."""
    table, uses = ("skills", "total_uses") if version is None else ("version_state", "uses")
    columns = {
        **{f"stars_{n}": (found.stars[n - 1], wanted.stars[n - 1]) for n in range(1, 6)},
        "hours_saved": (found.hours_saved, wanted.hours_saved),
        uses: (found.uses, wanted.uses),
        "average_rating": (average, _average(found.stars)),
    }
    wrong = {name: pair for name, pair in columns.items() if pair[0] != pair[1]}
    if not wrong:
        return
    what = slug if version is None else f"{slug}@{version}"
    said = "; ".join(f"{name} says {a}, and {b} is right" for name, (a, b) in wrong.items())
    yield Damage(
        kind="counter",
        where=f"{table}.{next(iter(wrong))}",
        slug=slug,
        version=version,
        message=f"The counters of {what} are wrong: {said}.",
    )


def _average(stars: tuple[int, ...]) -> int | None:
    """Compute the average × 100 as the database does: half up, in whole numbers."""
    count = sum(stars)
    total = sum(n * each for n, each in enumerate(stars, 1))
    return (200 * total + count) // (2 * count) if count else None


def summed(tallies: Any) -> Tally:
    """Add tallies up."""
    stars, hours, uses = [0, 0, 0, 0, 0], 0, 0
    for tally in tallies:
        stars = [a + b for a, b in zip(stars, tally.stars, strict=True)]
        hours += tally.hours_saved
        uses += tally.uses
    return Tally(tuple(stars), hours, uses)

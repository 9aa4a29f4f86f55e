"""A skill's chain walked again from its first event: which row was edited, and which is gone.

One edit gives one damage. A digest says that something is not what it was, and not what; so where
one does not come out, the values that a column must have had by the other rows are tried in turn,
and the one with which it comes out tells the column. Whatever is built upon a damaged row is then
compared with the repaired one, or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from everyskill_cli.chain import GENESIS
from everyskill_cli.model import BIRTHS, Damage, DamageKind
from everyskill_cli.model.evidence import StoredEvent, StoredSkill
from everyskill_cli.registry.auditing.guesses import (
    Fact,
    event_guesses,
    hash_of_event,
    version_guesses,
)
from everyskill_cli.skill.card import slugify
from everyskill_cli.stores import content_key

NAMED_MAX: Final = 100  # rows that are missing in one chain and still named one by one
TRIES_MAX: Final = 10_000  # digests that are computed to tell what was edited in one chain


@dataclass(slots=True)
class Walk:
    """What a chain says, after it was walked.

    Attributes:
        facts: the versions by number, under the number that their birth has.
        events: in order, repaired where a guess came out.
        whole: no event is missing, so what follows from all of them can be said.
        newest_is_sure: the newest event is intact or repaired.
    """

    registry: str
    skill: StoredSkill
    facts: dict[int, Fact]
    events: list[StoredEvent]
    damages: list[Damage] = field(default_factory=list)
    whole: bool = True
    newest_is_sure: bool = True
    slug: str = ""  # that the digests were made with
    _unsure: set[str] = field(default_factory=set)  # the ids of damaged events
    _said: set[Damage] = field(default_factory=set)
    _about: dict[Any, list[StoredEvent]] = field(default_factory=dict)  # by version
    _tries: int = 0

    def walk(self) -> None:
        """Walk it."""
        if not self.events:
            self._add("chain-broken", "version_events", f"{self.skill.slug} has no history at all.")
            self.whole = False
            return
        self.slug = self._find_slug()
        self._repair_places()
        for event in self.events:
            self._about.setdefault(event.version, []).append(event)
        self._follow()
        self._compare_births()
        if len(self.events) > 1 and not any(map(self.is_sure, self.events)):
            self._replace_all()

    def _replace_all(self) -> None:
        """Say one thing where not one digest comes out: what they all cover was edited."""
        self.damages.clear()
        self._add(
            "skill-changed",
            "skills.slug",
            f"Not one event of {self.skill.slug} comes out: its slug was changed, or all of them.",
        )

    def _find_slug(self) -> str:
        """Find the slug that the digests were made with, where the skill's was edited."""
        self.slug = own = self.skill.slug
        first = min(self.events, key=lambda event: str(event.seq))
        if self._comes_out(first, {}):
            return own
        names = [fact.row.details["name"] for fact in self.facts.values() if fact.row.details]
        for self.slug in dict.fromkeys(slugify(name) for name in names if isinstance(name, str)):
            if self._comes_out(first, {}):
                self._add(
                    "skill-changed",
                    "skills.slug",
                    f"The slug of {own} was changed: its history was recorded as {self.slug}.",
                )
                return self.slug
        return own

    def is_sure(self, event: StoredEvent) -> bool:
        """Tell whether an event is intact or repaired."""
        return event.id not in self._unsure

    def _add(self, kind: DamageKind, where: str, message: str, version: int | None = None) -> None:
        number = version if isinstance(version, int) else None  # where a text stands in its place
        damage = Damage(
            kind=kind, where=where, message=message, slug=self.skill.slug, version=number
        )
        if damage not in self._said:
            self._said.add(damage)
            self.damages.append(damage)

    def _repair_places(self) -> None:
        """Put events back whose place was edited; name those that are gone."""
        count = len(self.events)
        free = sorted(set(range(1, count + 1)) - {event.seq for event in self.events})
        for index, event in enumerate(self.events):
            if 1 <= event.seq <= count or not free or self._comes_out(event, {}):
                continue
            place = next((seq for seq in free if self._comes_out(event, {"seq": seq})), None)
            if place is not None:
                free.remove(place)
                self._say_event(event._replace(seq=place), "seq")
                self.events[index] = event._replace(seq=place)
        self.events.sort(key=lambda event: event.seq)
        self.whole = [event.seq for event in self.events] == list(range(1, count + 1))
        for seq in islice(self._gaps(), NAMED_MAX):
            message = f"Event {seq} of {self.skill.slug} is missing."
            self._add("event-missing", "version_events", message)

    def _gaps(self) -> Iterator[int]:
        """Yield the places that no event has."""
        before = 0
        for event in self.events:
            yield from range(before + 1, event.seq)
            before = max(before, event.seq)

    def _follow(self) -> None:
        expected, before = {GENESIS}, 0
        for index, event in enumerate(self.events):
            follows = event.seq == before + 1
            after = self.events[index + 1].prev_hash if index + 1 < len(self.events) else None
            repaired, computed = self._check(event, expected if follows else set(), after)
            self.events[index] = repaired
            if follows and repaired.prev_hash not in expected:
                self._add(
                    "chain-broken",
                    "version_events.prev_hash",
                    f"Event {event.seq} of {self.skill.slug} does not follow the one before it.",
                    event.version,
                )
            expected, before = {repaired.entry_hash, computed}, event.seq
            if not self.is_sure(repaired) and after is not None:
                expected.add(after)  # one damage is enough for both
        self.newest_is_sure = self.is_sure(self.events[-1])

    def _check(
        self, event: StoredEvent, expected: set[str], after: str | None
    ) -> tuple[StoredEvent, str]:
        """Recompute an event's hash; give it repaired, and the hash that it has by its row."""
        fact = self.facts.get(event.version)
        computed = "" if fact is None else self._hash(event, fact, {})
        if computed == event.entry_hash:
            return event, computed
        if fact is not None and computed == after:
            self._say_event(event, "entry_hash")
            return event._replace(entry_hash=computed), computed
        for column, values in event_guesses(fact, self.facts, expected):
            if self._comes_out(event, values):
                self._say_event(event, column)
                return event._replace(**values), event.entry_hash
        if fact is None:  # that it is missing is said as such
            self._unsure.add(event.id)
            return event, computed
        return event, self._blame(event, fact, computed)

    def _blame(self, event: StoredEvent, fact: Fact, computed: str) -> str:
        """Say which column of a version makes a hash wrong; give the hash to go on with."""
        for column, values in version_guesses(fact):
            if self._comes_out(event, values):
                self._say_version(fact, column)
                return event.entry_hash
        self._unsure.add(event.id)
        self._say_unknown(event)
        return computed

    def _comes_out(self, event: StoredEvent, values: dict[str, Any]) -> bool:
        """Tell whether an event's hash is right with some values instead of the stored ones.

        Of a chain that is damaged all over, not everything is tried.
        """
        self._tries += 1
        if self._tries > TRIES_MAX:
            return False
        number = values.get("version", event.version)
        fact = self.facts.get(number)
        return fact is not None and self._hash(event, fact, values) == event.entry_hash

    def _hash(self, event: StoredEvent, fact: Fact, values: dict[str, Any]) -> str:
        return hash_of_event(self.registry, self.slug, event, fact, values)

    def _say_event(self, event: StoredEvent, column: str) -> None:
        self._add(
            "event-changed",
            f"version_events.{column}",
            f"Event {event.seq} of {self.skill.slug} ({event.kind} of version {event.version})"
            f" was changed: its {column} is not what was recorded.",
            event.version,
        )

    def _say_version(self, fact: Fact, column: str) -> None:
        fact.repaired.add(column)
        self._add(
            "version-changed",
            f"skill_versions.{column}",
            f"The row of {self.skill.slug}@{fact.number} was changed: its {column} is not what was"
            " published.",
            fact.number,
        )

    def _say_unknown(self, event: StoredEvent) -> None:
        """Say as much as can be said: an event alone, or a version with all its events."""
        about = self._about.get(event.version, [])
        if any(each.id != event.id and self._comes_out(each, {}) for each in about):
            self._add(
                "event-changed",
                "version_events",
                f"Event {event.seq} of {self.skill.slug} ({event.kind} of version {event.version})"
                " was changed: its digest does not come out.",
                event.version,
            )
            return
        self._add(
            "version-changed",
            "skill_versions",
            f"{self.skill.slug}@{event.version} was changed: the row, or the event of its birth,"
            " is not what was recorded, for the digest over both does not come out.",
            event.version,
        )

    def _compare_births(self) -> None:
        """Compare every version with the event of its birth, and name those that have none."""
        births = {event.version: event for event in self.events if event.kind in BIRTHS}
        self._renumber(births)
        for number in sorted(births.keys() - self.facts.keys()):
            self._add(
                "version-missing",
                "skill_versions",
                f"{self.skill.slug}@{number} is missing: it was published, and its row is gone.",
                number,
            )
        for number, fact in sorted(self.facts.items()):
            if number in births:
                self._compare_birth(fact, births[number])
            elif self.whole and all(map(self.is_sure, self.events)):
                self._add(
                    "version-changed",
                    "skill_versions",
                    f"{self.skill.slug}@{number} has no event of its birth.",
                    number,
                )
        latest = max(births, default=0)
        if self.whole and self.skill.latest_version != latest:
            self._add(
                "skill-changed",
                "skills.latest_version",
                f"The latest version of {self.skill.slug} is {latest}, and its row says"
                f" {self.skill.latest_version}.",
            )

    def _renumber(self, births: dict[int, StoredEvent]) -> None:
        """Give versions back the number that they were born with, where it was edited."""
        renumbered: set[int] = set()
        for number in sorted(births.keys() - self.facts.keys()):
            for other in sorted(self.facts.keys() - births.keys(), key=str):
                fact = self.facts[other]
                self._tries += 1
                if self._tries > TRIES_MAX:
                    break
                if self._hash(births[number], fact, {}) == births[number].entry_hash:
                    self.facts[number] = fact = self.facts.pop(other)._replace(number=number)
                    self._say_version(fact, "version")
                    renumbered.add(number)
                    break
        mended = [e for e in self.events if e.version in renumbered and self._comes_out(e, {})]
        self._unsure -= {event.id for event in mended}
        self.newest_is_sure = self.is_sure(self.events[-1])

    def _compare_birth(self, fact: Fact, birth: StoredEvent) -> None:
        if not self.is_sure(birth):
            return
        if fact.row.created_by != birth.actor_id:
            self._say_version(fact, "created_by")
        if fact.row.created_at != birth.created_at:
            self._say_version(fact, "created_at")
        if fact.row.content_url != content_key(str(fact.row.content_hash)):
            self._say_version(fact, "content_url")
        for column in fact.wrong_details() if "details_hash" not in fact.repaired else ():
            self._say_version(fact, column)

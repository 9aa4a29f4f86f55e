"""Record uses that another program has logged: each once, however often its log is read."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, BinaryIO, Final, Literal

from everyskill_cli.database.faults import CommitUnknown
from everyskill_cli.database.queries import records, usage, users
from everyskill_cli.errors import PartialFailure
from everyskill_cli.model import (
    Finding,
    ImportedUses,
    UnknownSkill,
    UnreadLine,
    UsageEvent,
    UsageImportAnswer,
    is_slug,
)
from everyskill_cli.registry import Registry
from everyskill_cli.registry.commits import require_recorded
from everyskill_cli.registry.signing import claimed, sign_or_not
from everyskill_cli.registry.telemetry import REDACTED, Activation, Line, read

if TYPE_CHECKING:
    from everyskill_cli.database.engine import Transaction

TOOL: Final = "claude-code"
BATCH: Final = 200  # uses a transaction: short ones keep nobody waiting
TOLD: Final = 1_000  # names, and lines, of an answer
NAMES_MAX: Final = 10_000  # unknown ones that are counted one by one
NAME_MAX: Final = 200  # characters of one that are told
CHANGES_MAX: Final = 100_000  # of published versions, and skills, that are kept between batches
SEEN_MAX: Final = 1_000_000  # ids that a dry run remembers, as it writes none


def import_usage(
    registry: Registry, stream: BinaryIO, *, dry_run: bool = False
) -> UsageImportAnswer:
    """Record the uses in a log, in small transactions; what stands there already stays.

    Where it is a pipe and nothing comes for a moment, what has come is recorded. Stopped in
    between, what was committed stands, and the same command again does the rest.

    Raises:
        Forbidden: the login may not record, or is bound to nobody.
        Unavailable: the database did not answer.
    """
    run = _Import(registry, dry_run)
    for batch in _batches(run.looked_at(read(stream))):
        run.take(batch)
    return run.answer()


def incomplete(answer: UsageImportAnswer) -> PartialFailure | None:
    """Give the error that ends a command which could not read every line."""
    if not answer.unread:
        return None
    return PartialFailure(
        f"{answer.unread:,} of {answer.lines:,} lines could not be read, whole or in part.",
        "The answer names them; everything else was imported, and counts once if it is read again.",
    )


def _batches(activations: Iterable[Activation | None]) -> Iterator[list[Activation]]:
    """Collect what one transaction records; None ends a batch that has begun."""
    batch: list[Activation] = []
    for activation in activations:
        if activation is not None:
            batch.append(activation)
        if len(batch) == BATCH or (batch and activation is None):
            yield batch
            batch = []
    if batch:
        yield batch


@dataclass(slots=True)
class _Import:
    """One import: what was found and what became of it so far."""

    registry: Registry
    dry_run: bool
    lines: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    recorded: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    failures: list[UnreadLine] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    targets: dict[str, usage.Target] = field(default_factory=dict)
    login: str | None = None

    def looked_at(self, lines: Iterable[Line | None]) -> Iterator[Activation | None]:
        """Count what is read, and give the uses that may be of a skill of the registry."""
        for line in lines:
            if line is None:
                yield None
                continue
            self.lines = line.number
            if line.problem is not None:
                self.counts["unread"] += 1
                if len(self.failures) < TOLD:
                    self.failures.append(UnreadLine(line=line.number, message=line.problem))
            yield from self._candidates(line.activations)

    def _candidates(self, activations: Iterable[Activation]) -> Iterator[Activation]:
        for activation in activations:
            self.counts["found"] += 1
            if activation.is_foreign:
                self.counts["bundled"] += 1
            elif activation.name == REDACTED:
                self.counts["redacted"] += 1
            elif not is_slug(activation.name):
                self._count_unknown(activation.name)
            else:
                yield activation

    def _count_unknown(self, name: str) -> None:
        self.counts["unknown_uses"] += 1
        name = name[:NAME_MAX]
        if name in self.unknown or len(self.unknown) < NAMES_MAX:
            self.unknown[name] += 1

    def take(self, batch: list[Activation]) -> None:
        """Record a batch in one transaction."""
        rows: list[tuple[str, UsageEvent]] = []
        new: set[str] = set()
        try:
            with self._transaction() as tx:
                rows = self._rows(tx, batch)
                new = self._written(tx, [row for _, row in rows])
        except CommitUnknown as error:
            require_recorded(self.registry, new, error)
        for slug, row in rows:
            (self.recorded if row.id in new else self.known)[slug] += 1

    def _transaction(self) -> AbstractContextManager[Transaction]:
        database = self.registry.database
        return database.reading() if self.dry_run else database.writing()

    def _written(self, tx: Transaction, rows: list[UsageEvent]) -> set[str]:
        if not self.dry_run:
            return usage.add_new(tx, rows)
        ids = {row.external_id for row in rows if row.external_id is not None}
        if len(self.seen) < SEEN_MAX:
            self.seen |= ids
        return {row.id for row in rows}

    def _rows(self, tx: Transaction, batch: list[Activation]) -> list[tuple[str, UsageEvent]]:
        """Make the rows that are not there yet, in the order in which everybody writes them.

        Two that record the same log wait for each other's skills and ids: so both have one order.
        Users are made before. It is signed only where there is something to write: whoever may
        not write may look.

        Raises:
            Forbidden: the login is bound to nobody.
        """
        targets = self._targets(tx, batch)
        new = self._new(tx, [each for each in batch if each.name in targets])
        me = users.signed(tx, claimed(self.registry))
        self.login = me.login
        mine = [each for each in new if _may_record(me, each)]
        self.counts["foreign"] += len(new) - len(mine)
        if not mine:
            return []
        if me.login is not None or (any(each.is_own for each in mine) and not self.dry_run):
            me = me._replace(user_id=sign_or_not(self.registry, tx, "rater"))
        people = {} if self.dry_run else _people(tx, me, mine)
        now = records.now(tx)
        return [
            (each.name, _row(each, targets[each.name], me, people, now))
            for each in sorted(mine, key=lambda each: (each.name, each.external_id or ""))
        ]

    def _targets(self, tx: Transaction, batch: list[Activation]) -> dict[str, usage.Target]:
        """Find the skills of a batch, and count the names of none; only what is new is read."""
        if sum(1 + len(each.published) for each in self.targets.values()) > CHANGES_MAX:
            self.targets = {}
        found = usage.targets(tx, {activation.name for activation in batch}, self.targets)
        self.targets |= found
        for activation in batch:
            if activation.name not in found:
                self._count_unknown(activation.name)
        return found

    def _new(self, tx: Transaction, activations: list[Activation]) -> list[Activation]:
        """Leave out what stands there already, or came before in this batch."""
        ids = {each.external_id for each in activations if each.external_id is not None}
        before = usage.known(tx, ids) | (self.seen & ids)
        new = []
        for each in activations:
            if each.external_id in before:
                self.known[each.name] += 1
                continue
            if each.external_id is not None:
                before.add(each.external_id)
            new.append(each)
        return new

    def answer(self) -> UsageImportAnswer:
        """Say what was done."""
        recorded = self.recorded.total()
        status: Literal["imported", "unchanged", "would-import"] = "unchanged"
        if recorded:
            status = "would-import" if self.dry_run else "imported"
        return UsageImportAnswer(
            status=status,
            lines=self.lines,
            found=self.counts["found"],
            recorded=recorded,
            known=self.known.total(),
            redacted=self.counts["redacted"],
            bundled=self.counts["bundled"],
            foreign=self.counts["foreign"],
            unknown_uses=self.counts["unknown_uses"],
            unread=self.counts["unread"],
            results=tuple(
                ImportedUses(slug=slug, recorded=self.recorded[slug], known=self.known[slug])
                for slug in sorted(self.recorded.keys() | self.known.keys())
            ),
            unknown=tuple(
                UnknownSkill(name=name, uses=uses)
                for name, uses in sorted(self.unknown.items(), key=lambda each: (-each[1], each[0]))
            )[:TOLD],
            failures=tuple(self.failures),
            warnings=tuple(self._warnings()),
        )

    def _warnings(self) -> Iterator[Finding]:
        yield from self.registry.user_notes() if self.registry.email else ()
        if self.counts["redacted"]:
            yield Finding(
                "redacted-skills",
                f"Uses that do not name their skill: {self.counts['redacted']:,}; set"
                " OTEL_LOG_TOOL_DETAILS=1 where Claude Code runs.",
            )
        if self.counts["foreign"]:
            yield Finding(
                "foreign-uses",
                f"Uses by others: {self.counts['foreign']:,}; {self.login} records its own"
                " user's only, so let the registry's owner import them.",
            )
        if self.login is not None and self.recorded:
            yield Finding(
                "import-time",
                f"The login {self.login} records at the database's time: what was imported counts"
                " as of now.",
            )


def _may_record(me: users.Signature, activation: Activation) -> bool:
    """Tell whether this is for whoever runs it to record: a login writes as its own user only."""
    return me.login is None or activation.email in (None, me.email)


def _people(tx: Transaction, me: users.Signature, activations: list[Activation]) -> dict[str, str]:
    """Give the ids of those whom a log names; made on first use, in one order for everybody."""
    if me.login is not None:
        return {}
    emails = {each.email for each in activations if each.email is not None and not each.is_own}
    found = users.ids(tx, emails) if emails else {}
    return found | {email: users.add(tx, email) for email in sorted(emails - found.keys())}


def _row(
    activation: Activation,
    target: usage.Target,
    me: users.Signature,
    people: dict[str, str],
    now: datetime,
) -> UsageEvent:
    """Make the row of one use: of the version that was published when it happened.

    A login's uses are its user's, and of the database's time; on SQLite, and for the owner, the
    log is believed, but for times that have not come yet.
    """
    at = min(activation.at or now, now)
    is_mine = activation.is_own or me.login is not None
    return UsageEvent(
        id=str(uuid.uuid4()),
        skill_id=target.skill_id,
        skill_version_id=target.version_at(at),
        user_id=me.user_id if is_mine else people.get(activation.email or ""),
        tool_name=TOOL,
        external_id=activation.external_id,
        metadata={},
        created_at=at if me.login is None else now,
    )

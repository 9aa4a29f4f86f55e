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
from everyskill_cli.registry.commits import require_committed
from everyskill_cli.registry.signing import claimed, sign_or_not
from everyskill_cli.registry.telemetry import REDACTED, Activation, Line, read

if TYPE_CHECKING:
    from everyskill_cli.database.engine import Transaction

TOOL: Final = "claude-code"
BATCH: Final = 200  # uses a transaction: short ones keep nobody waiting
TOLD: Final = 1_000  # names, and lines, of an answer
NAMES_MAX: Final = 10_000  # unknown ones that are counted one by one
NAME_MAX: Final = 200  # characters of one that are told
SEEN_MAX: Final = 1_000_000  # ids that a dry run remembers, as it writes none


def import_usage(
    registry: Registry, stream: BinaryIO, *, dry_run: bool = False
) -> UsageImportAnswer:
    """Record the uses in a log, in small transactions; what stands there already stays.

    Stopped in between, what was committed stands, and the same command again does the rest.

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


def _batches(activations: Iterable[Activation]) -> Iterator[list[Activation]]:
    batch: list[Activation] = []
    for activation in activations:
        batch.append(activation)
        if len(batch) == BATCH:
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
    login: str | None = None

    def looked_at(self, lines: Iterable[Line]) -> Iterator[Activation]:
        """Count what is read, and give the uses that may be of a skill of the registry."""
        for line in lines:
            self.lines = line.number
            if line.problem is not None:
                self.counts["unread"] += 1
                if len(self.failures) < TOLD:
                    self.failures.append(UnreadLine(line=line.number, message=line.problem))
            for activation in line.activations:
                self.counts["found"] += 1
                if activation.is_foreign:
                    self.counts["bundled"] += 1
                elif activation.name == REDACTED:
                    self.counts["redacted"] += 1
                elif not is_slug(activation.name):
                    self._is_unknown(activation.name)
                else:
                    yield activation

    def _is_unknown(self, name: str) -> None:
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
            require_committed(lambda: self._stand(new), error)
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

    def _stand(self, new: set[str]) -> bool:
        """Look whether the transaction was committed; one of its rows tells for all of them."""
        if not new:
            return True
        with self.registry.database.reading() as tx:
            return usage.exists(tx, next(iter(new)))

    def _rows(self, tx: Transaction, batch: list[Activation]) -> list[tuple[str, UsageEvent]]:
        """Make the rows that are not there yet, sorted by slug; users are made before them."""
        targets = usage.targets(tx, {activation.name for activation in batch})
        wanted = self._new(tx, [each for each in batch if self._has(targets, each)])
        me = self._signature(tx, wanted)
        mine = [each for each in wanted if not self._is_others(me, each)]
        people = {} if self.dry_run else _people(tx, me, mine)
        now = records.now(tx)
        return [
            (each.name, _row(each, targets[each.name], me, people, now))
            for each in sorted(mine, key=lambda each: each.name)
        ]

    def _has(self, targets: dict[str, usage.Target], activation: Activation) -> bool:
        if activation.name in targets:
            return True
        self._is_unknown(activation.name)
        return False

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

    def _signature(self, tx: Transaction, activations: list[Activation]) -> users.Signature:
        """Find out whom the database takes this for; a claim is only needed for what is one's own.

        Raises:
            Forbidden: the login is bound to nobody.
        """
        me = users.signed(tx, claimed(self.registry))
        is_asked = any(each.is_own for each in activations) and not self.dry_run
        if me.login is not None or is_asked:
            me = me._replace(user_id=sign_or_not(self.registry, tx, "rater"))
        self.login = me.login
        return me

    def _is_others(self, me: users.Signature, activation: Activation) -> bool:
        """Tell whether a login may not record this: it writes as its own user only."""
        if me.login is None or activation.email in (None, me.email):
            return False
        self.counts["foreign"] += 1
        return True

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


def _people(tx: Transaction, me: users.Signature, activations: list[Activation]) -> dict[str, str]:
    """Give the ids of those whom a log names; made on first use, in one order for everybody."""
    if me.login is not None:
        return {}
    emails = {each.email for each in activations if each.email is not None and not each.is_own}
    return {email: users.ensure(tx, email, "rater") for email in sorted(emails)}


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

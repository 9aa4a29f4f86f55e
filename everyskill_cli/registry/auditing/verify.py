"""Verify: is every version that was ever published there, and is it what was published.

In this order: who the registry is and whether its guards stand; what this machine and a checkpoint
remember of it; every row against its chain, and whatever is derived against what it is derived
from; every object against its rows. One edit gives one damage. Nothing is changed, and nothing is
stopped by what is found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from everyskill_cli.chain import timestamp
from everyskill_cli.database.queries import auditing, entries, objects, records, standing
from everyskill_cli.errors import NotFound, Unavailable, UsageError
from everyskill_cli.heads import Heads
from everyskill_cli.model import Finding, Looked, Reference, VerifyAnswer
from everyskill_cli.model.evidence import Entry
from everyskill_cli.registry import Registry
from everyskill_cli.registry.auditing.checkpoints import read_checkpoint, write_checkpoint
from everyskill_cli.registry.auditing.histories import SKILLS, examine
from everyskill_cli.registry.auditing.identity import identify, standing_damages
from everyskill_cli.registry.auditing.notes import Notes, NotesFile
from everyskill_cli.registry.auditing.remembered import PAGE, gone
from everyskill_cli.registry.auditing.stored import Objects, untrusted
from everyskill_cli.registry.lookup import find_skill, find_version, number_to_show
from everyskill_cli.registry.watch import Watch

if TYPE_CHECKING:
    from everyskill_cli.database.engine import Transaction

OBJECTS: Final = 200  # looked at between two statements: their search copies take up to 50 MB


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyOptions:
    """What somebody wants to know.

    Attributes:
        share: of the objects whose bytes are read, from 0 to 1; of the others presence and size.
        jobs: connections to the store at once; None for what suits it.
        checkpoint: a file to write the newest entry of every chain to, if all is well.
        against: a checkpoint from before.
        resume: go on where the last one was interrupted.
        forget: what this machine remembers, first.
    """

    share: float = 1.0
    jobs: int | None = None
    checkpoint: Path | None = None
    against: Path | None = None
    resume: bool = False
    forget: bool = False


def verify(
    registry: Registry,
    references: Sequence[Reference],
    options: VerifyOptions,
    watch: Watch | None = None,
) -> VerifyAnswer:
    """Verify a registry, or some skills and versions of it.

    Raises:
        NotFound: there is no such skill or version, and nobody remembers one.
        NotReady: the store, or the checkpoint, is another registry's.
        Unavailable: a server did not answer; --resume goes on from there.
        UsageError: some options do not fit together.
    """
    if references and (options.checkpoint or options.resume):
        raise UsageError(
            "--checkpoint and --resume are about the whole registry.",
            "Leave out the names of skills, or that option.",
        )
    run = _Run(registry, options, watch or Watch())
    run.begin(references)
    try:
        run.carry_out()
    except Unavailable as error:
        if run.keep():
            error.hint = "What was done is kept. When it answers: everyskill verify --resume"
        raise
    return run.answer()


@dataclass(slots=True)
class _Run:
    """One verification: what it is about, and what came of it so far."""

    registry: Registry
    options: VerifyOptions
    watch: Watch
    slugs: tuple[str, ...] = ()
    versions: frozenset[tuple[str, int]] = frozenset()  # of a skill that was named with @N
    own: str = ""  # the registry's id
    notes: Notes = field(default_factory=lambda: Notes(1.0))
    warnings: list[Finding] = field(default_factory=list)
    checkpoint: str | None = None

    def begin(self, references: Sequence[Reference]) -> None:
        """Find out who the registry is, and what is wanted of it."""
        self.notes = Notes(self.options.share)
        self.own, damages = identify(self.registry)
        if self.options.resume:
            self._resume()
        for damage in damages:
            self.notes.add(damage)
        if self.options.forget:
            self._heads.forget(self.own, {reference.slug for reference in references})
        if references:
            self._name(references)

    def _resume(self) -> None:
        found = self._file.read()
        if found is None:
            message = "Nothing was interrupted here, so this begins at the beginning."
            self.warnings.append(Finding("nothing-to-resume", message))
        else:
            self.notes = found

    def _name(self, references: Sequence[Reference]) -> None:
        """Find the skills and versions that are named; who is remembered need not be there."""
        slugs, numbers = [], set()
        with self.registry.database.reading() as tx:
            for reference in dict.fromkeys(references):
                try:
                    found = find_skill(tx, reference.slug)
                except NotFound:
                    if not self._is_missed(tx, reference.slug):
                        raise
                    continue
                slugs.append(reference.slug)
                if reference.version is not None:
                    number = number_to_show(found, reference)
                    version = find_version(tx, found, number, whole=False)
                    numbers.add((reference.slug, version.version))
        self.slugs = tuple(dict.fromkeys(slugs))
        whole = {reference.slug for reference in references if reference.version is None}
        self.versions = frozenset(each for each in numbers if each[0] not in whole)

    def _is_missed(self, tx: Transaction, slug: str) -> bool:
        """Note that a skill is gone, if this machine remembers it."""
        before = len(self.notes.damages)
        self._compare(tx, self._heads.known(self.own, [slug]), "this machine")
        return len(self.notes.damages) > before

    @property
    def _heads(self) -> Heads:
        return Heads(self.registry.settings.home)

    @property
    def _file(self) -> NotesFile:
        return NotesFile(self.registry.settings.home, self.own)

    def keep(self) -> bool:
        """Keep the notes for ``--resume``; those about some skills are not worth it."""
        if self.slugs or not self.own:
            return False
        self._file.save(self.notes, now=True)
        return True

    def carry_out(self) -> None:
        """Look at everything that is wanted; a stage that was done before is not done again."""
        with self.registry.database.reading() as tx:
            skills, versions = standing.sizes(tx)
            for damage in standing_damages(tx) if self.own else ():  # else there is none yet
                self.notes.add(damage)
        self._remember_with(self.options.against)
        if self.notes.stage == "records":
            self._look_at_records(len(self.slugs) or skills)
            if not self.watch.stopped:
                self.notes.stage, self.notes.place = "objects", ""
        if not self.watch.stopped:
            self._look_at_objects(versions)
        if self.watch.stopped:
            self.keep()
            return
        self._file.drop()
        if self.options.checkpoint is not None:
            self._write_checkpoint(self.options.checkpoint)

    def _remember_with(self, against: Path | None) -> None:
        """Compare with what is remembered: by this machine, and in a checkpoint."""
        with self.registry.database.reading() as tx:
            if self.slugs:
                self._compare(tx, self._heads.known(self.own, self.slugs), "this machine")
            else:
                for page in self._heads.pages(self.own, PAGE):
                    self._compare(tx, page, "this machine")
            if against is not None:
                said = (
                    (slug, entry)
                    for slug, entry in read_checkpoint(against, self.own)
                    if not self.slugs or slug in self.slugs
                )
                while page := dict(islice(said, PAGE)):
                    self._compare(tx, page, f"the checkpoint {against.name}")

    def _compare(self, tx: Transaction, page: dict[str, Entry], who: str) -> None:
        self.notes.count(compared=len(page))
        for damage in gone(tx, page, who):
            self.notes.add(damage)

    def _look_at_records(self, total: int) -> None:
        lost = {d.slug for d in self.notes.damages if d.kind.startswith("history-")}
        while not self.watch.stopped:
            seen: dict[str, Entry] = {}
            with self.registry.database.reading(at_one_moment=True) as tx:
                page = auditing.skills_after(tx, self.notes.place, SKILLS, self.slugs)
                for skill in examine(tx, self.own, page):
                    for damage in skill.damages:
                        self.notes.add(damage)
                    if skill.newest is not None and skill.slug not in lost:
                        seen[skill.slug] = skill.newest
                    self.notes.count(
                        skills=1,
                        versions=skill.versions,
                        events=skill.events,
                        ratings=sum(skill.counted.stars),
                        uses=skill.counted.uses,
                        purged=skill.purged,
                    )
            if not page:
                return
            self._heads.note(self.own, seen)
            self._go_on(page[-1].slug, "skills", total)

    def _look_at_objects(self, total: int) -> None:
        doubted = untrusted(self.notes.damages)
        look = Objects(
            self.registry,
            share=self.notes.share,
            jobs=self.options.jobs or self.registry.store.jobs,
            doubted=doubted,
            wanted=self.versions,
            lists=not self.slugs,
        )
        while not self.watch.stopped:
            with self.registry.database.reading() as tx:
                keys = objects.keys_after(tx, self.notes.place, OBJECTS, self.slugs)
            if not keys:
                return
            for found in list(look.look(keys)):  # a page counts whole, or not at all
                for damage in found.damages:
                    self.notes.add(damage)
                self.notes.count(objects=not found.is_purged)
                if found.read is not None:
                    self.notes.count(read=1, bytes=found.read)
                if found.left:
                    self.warnings.append(_left(found.key))
            self._go_on(keys[-1], "objects", total)

    def _go_on(self, place: str, what: str, total: int) -> None:
        self.notes.place = place
        done = self.notes.counts.get(what, 0)
        self.watch.verify(done, max(total, done), what)
        if not self.slugs:
            self._file.save(self.notes)

    def _write_checkpoint(self, path: Path) -> None:
        if self.notes.damages:
            message = f"No checkpoint was written to {path}: it would vouch for what is damaged."
            self.warnings.append(Finding("no-checkpoint", message))
            return
        with self.registry.database.reading() as tx:
            now = timestamp(records.now(tx))
        write_checkpoint(path, self.own, now, self._all_heads())
        self.checkpoint = str(path)

    def _all_heads(self) -> Iterator[tuple[str, int, Entry]]:
        place = ""
        while True:
            with self.registry.database.reading() as tx:
                page = entries.heads_after(tx, place, PAGE)
            if not page:
                return
            yield from page
            place = page[-1][0]

    def answer(self) -> VerifyAnswer:
        """Say what came of it."""
        notes = self.notes
        answer = VerifyAnswer(
            status="damaged" if notes.damages else "intact",
            results=tuple(notes.damages),
            warnings=tuple(self.warnings),
            looked=Looked(**notes.counts),
            unnamed=notes.unnamed,
            checkpoint=self.checkpoint,
        )
        return replace(answer, status="interrupted") if self.watch.stopped else answer


def _left(key: str) -> Finding:
    message = f"The bytes of {key} were purged, and are in the store again or still."
    return Finding("purged-object-left", f"{message} To remove them: everyskill gc --delete")

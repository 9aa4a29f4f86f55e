"""Verify: is every version that was ever published there, and is it what was published.

Who the registry is and whether its guards stand; what this machine and a checkpoint remember of it;
every row against its chain, and what is derived against what it is derived from; every object
against its rows. Nothing is changed, and nothing is stopped by what is found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Final

from everyskill_cli.chain import timestamp
from everyskill_cli.database.queries import auditing, objects, records, standing
from everyskill_cli.database.snapshot import snapshot
from everyskill_cli.errors import Unavailable, UsageError
from everyskill_cli.model import Damage, Finding, Looked, Reference, VerifyAnswer, VerifyStatus
from everyskill_cli.model.evidence import Entry
from everyskill_cli.registry import Registry
from everyskill_cli.registry.auditing.again import looked_at_again, noted_before
from everyskill_cli.registry.auditing.checkpoints import require_place, write_checkpoint
from everyskill_cli.registry.auditing.histories import SKILLS, Examined, examine
from everyskill_cli.registry.auditing.identity import identify, standing_damages
from everyskill_cli.registry.auditing.named import Named, find_named
from everyskill_cli.registry.auditing.notes import Notes, NotesFile
from everyskill_cli.registry.auditing.remembered import all_heads, all_tombstones, compare
from everyskill_cli.registry.auditing.stored import Objects, left, untrusted
from everyskill_cli.registry.memory import another, remember
from everyskill_cli.registry.watch import Watch

OBJECTS: Final = 50  # read between two statements: with the search copies of their skills
LISTED: Final = 1000  # looked for between two statements, where none is read


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
        message = "--checkpoint and --resume are about the whole registry."
        raise UsageError(message, "Leave out the names of skills, or that option.")
    if options.resume and options.checkpoint:
        message = "--resume and --checkpoint exclude each other: it would vouch for an older look."
        raise UsageError(message, "Begin anew: everyskill verify --checkpoint FILE")
    if options.checkpoint is not None:
        require_place(options.checkpoint)
    run = _Run(registry, options, watch or Watch(), references)
    run.begin()
    run.remember()
    try:
        run.look()
    except Unavailable as error:
        if run.keep():
            error.hint = "What was done is kept. When it answers: everyskill verify --resume"
        raise
    run.finish()
    return run.answer()


@dataclass(slots=True)
class _Run:
    """One verification: what it is about, and what came of it so far.

    Attributes:
        references: what was named; nothing for the whole registry.
        named: the same, looked up.
        own: the registry's id.
        doubts: damages that the interrupted verification noted: they may be repaired.
    """

    registry: Registry
    options: VerifyOptions
    watch: Watch
    references: Sequence[Reference]
    named: Named = field(default_factory=Named)
    own: str = ""
    notes: Notes = field(default_factory=lambda: Notes(1.0))
    file: NotesFile = field(init=False)
    doubts: tuple[Damage, ...] = ()
    checkpoint: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it is about the whole registry."""
        return not self.references

    def begin(self) -> None:
        """Find out who the registry is, whether its guards stand, and what is wanted of it."""
        self.notes = Notes(self.options.share)
        self.own, damages = identify(self.registry)
        self.file = NotesFile(self.registry.settings.home, self.own)
        self.file.tidy()
        if self.options.forget:
            slugs = {reference.slug for reference in self.references}
            self.registry.heads.forget(self.own, slugs)
        if self.options.resume:
            self._resume()
        elif self.is_whole:
            self.file.drop()
        for damage in (*damages, another(self.registry, self.own)):
            if damage is not None:
                self.notes.add(damage)
        with snapshot(self.registry.database) as tx:
            for damage in standing_damages(tx, whole=self.is_whole) if self.own else ():
                self.notes.add(damage)
            self.named = find_named(tx, self.references)

    def _resume(self) -> None:
        found = self.file.read()
        if found is None:
            message = "Nothing was interrupted here, so this begins at the beginning."
            self._warn(Finding("nothing-to-resume", message))
        else:
            self.notes = found
            self.doubts = noted_before(found, self.options.against)

    def _warn(self, finding: Finding) -> None:
        self.notes.warnings[finding] = None

    def remember(self) -> None:
        """Compare with what is remembered: by this machine, and in a checkpoint.

        Raises:
            NotFound: a skill that was named is not there, and nobody remembers it.
        """
        against = self.options.against
        for count, found in compare(self.registry, self.own, self.named.names, against):
            self.notes.count(compared=count)
            for each in found:
                if isinstance(each, Damage):
                    self.notes.add(each)
                else:
                    self._warn(each)
        self.named.require_known({damage.slug for damage in self.notes.damages})

    def look(self) -> None:
        """Look at what is wanted; a stage that was done before is not done again."""
        skills = versions = len(self.named.slugs)
        if self.is_whole:
            with self.registry.database.reading() as tx:
                skills, versions = standing.sizes(tx)
        elif not self.named.slugs:
            return
        self._look_again()
        if self.notes.stage == "records" and not self.watch.stopped:
            self._look_at_records(skills)
            if not self.watch.stopped:
                self.notes.stage, self.notes.place = "objects", ""
        if not self.watch.stopped:
            self._look_at_objects(versions)

    def _look_again(self) -> None:
        """Look at what was noted before; where that is interrupted, it stays noted."""
        found = looked_at_again(self.registry, self.own, self.doubts, self.notes, self.options.jobs)
        mended = set(self.doubts)
        seen: list[Damage] = []
        for damages in found:
            if self.watch.stopped:
                return
            seen += damages
        now = (damage for damage in self.notes.damages if damage not in mended)
        self.notes.damages = dict.fromkeys(chain(now, seen))

    def _look_at_records(self, total: int) -> None:
        lost = {d.slug for d in self.notes.damages if d.kind.startswith(("history-", "tombstone"))}
        while not self.watch.stopped:
            seen: dict[str, Entry] = {}
            with snapshot(self.registry.database) as tx:
                page = auditing.skills_after(tx, self.notes.place, SKILLS, self.named.slugs)
                for skill in examine(tx, self.own, page):
                    self._note(skill)
                    if skill.newest is not None and skill.slug not in lost:
                        seen[skill.slug] = skill.newest
            if not page:
                break
            remember(self.registry, self.own, seen, strictly=True)
            self._go_on(page[-1].slug, "skills", total)
        buried = all_tombstones(self.registry) if self.is_whole else iter(())
        intact = ((slug, entry) for slug, _, entry in buried if slug not in lost)
        while seen := dict(islice(intact, SKILLS)):
            remember(self.registry, self.own, seen, strictly=True)

    def _note(self, skill: Examined) -> None:
        for damage in skill.damages:
            self.notes.add(damage)
        self.notes.count(
            skills=1,
            versions=skill.versions,
            events=skill.events,
            ratings=sum(skill.counted.stars),
            uses=skill.counted.uses,
            purged=skill.purged,
        )

    def _look_at_objects(self, total: int) -> None:
        look = Objects(
            self.registry,
            share=self.notes.share,
            jobs=self.options.jobs or self.registry.store.jobs,
            doubted=untrusted(self.notes.damages),
            named=self.named,
        )
        size = OBJECTS if self.notes.share else LISTED
        while not self.watch.stopped:
            with snapshot(self.registry.database) as tx:
                keys = objects.keys_after(tx, self.notes.place, size, self.named.slugs)
            if not keys:
                return
            for found in list(look.look(keys)):  # a page counts whole, or not at all
                for damage in found.damages:
                    self.notes.add(damage)
                self.notes.count(objects=not found.is_purged)
                if found.read is not None:
                    self.notes.count(read=1, bytes=found.read)
                if found.left:
                    self._warn(left(found.key))
            self._go_on(keys[-1], "objects", total)

    def _go_on(self, place: str, what: str, total: int) -> None:
        self.notes.place = place
        done = self.notes.counts.get(what, 0)
        self.watch.verify(done, max(total, done), what)
        if self.is_whole:
            self.file.save(self.notes)

    def keep(self) -> bool:
        """Keep the notes for ``--resume``; those about some skills are not worth it."""
        if self.is_whole and self.own:
            self.file.save(self.notes, now=True)
        return self.is_whole

    def finish(self) -> None:
        """Keep what was interrupted; else write the checkpoint, and then let the notes go."""
        if self.watch.stopped:
            if self.keep():
                message = "What was done is kept. To go on: everyskill verify --resume"
                self._warn(Finding("interrupted", message))
            return
        if self.options.checkpoint is not None:
            self._write_checkpoint(self.options.checkpoint)
        if self.is_whole:
            self.file.drop()

    def _write_checkpoint(self, path: Path) -> None:
        if self.notes.damages:
            message = f"No checkpoint was written to {path}: it would vouch for what is damaged."
            self._warn(Finding("no-checkpoint", message))
            return
        with self.registry.database.reading() as tx:
            now = timestamp(records.now(tx))
        heads = chain(all_heads(self.registry), all_tombstones(self.registry))
        write_checkpoint(path, self.own, now, heads)
        self.checkpoint = str(path)

    def answer(self) -> VerifyAnswer:
        """Say what came of it."""
        notes = self.notes
        status: VerifyStatus = "damaged" if notes.damages else "intact"
        return VerifyAnswer(
            status="interrupted" if self.watch.stopped else status,
            results=tuple(notes.damages),
            warnings=(*notes.warnings, *self.registry.notices),
            looked=Looked(**notes.counts),
            unnamed=notes.unnamed,
            checkpoint=self.checkpoint,
        )

"""Installing chosen versions into folders: all of them are made ready, and then each is swapped in.

Whatever can go wrong goes wrong before the first swap: local edits, bytes that are not what was
published, a folder that cannot be written. Then nothing was changed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from everyskill_cli.database.queries import pins as pin_queries
from everyskill_cli.errors import Conflict
from everyskill_cli.installs.leftovers import recover
from everyskill_cli.installs.swap import Workshops, look_at
from everyskill_cli.model import (
    FileChange,
    Finding,
    InstallResult,
    InstallStatus,
)
from everyskill_cli.registry import Registry
from everyskill_cli.registry.fetching import fetch_all
from everyskill_cli.registry.installing.steps import InstallOptions, Step, edits_of
from everyskill_cli.registry.installing.wanted import Choice, Wanted
from everyskill_cli.registry.watch import Watch
from everyskill_cli.skill.paths import as_text

if TYPE_CHECKING:
    from everyskill_cli.installs.cache import Cache
    from everyskill_cli.installs.places import Place

NAMED_MAX: Final = 5  # files that one refusal names
# Of many results the answer has the status that a person should know of first.
RANKING: Final[tuple[InstallStatus, ...]] = (
    "installed",
    "updated",
    "removed",
    "locked",
    "would-install",
    "would-update",
    "would-remove",
    "pinned",
    "unchanged",
)


@dataclass(slots=True)
class Installation:
    """One command that installs.

    Attributes:
        targets: the folders of each skill, by slug.
        warnings: what a person should know.
    """

    registry: Registry
    place: Place
    choice: Choice
    targets: Mapping[str, Sequence[str]]
    options: InstallOptions
    cache: Cache
    watch: Watch
    steps: list[Step] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)

    def run(self) -> list[InstallResult]:
        """Carry it out.

        Raises:
            Conflict: a folder holds what nobody published, and nobody said ``force``.
            IntegrityFailure, InvalidSkill, Unavailable, Forbidden: see ``fetch_all`` and ``Work``.
        """
        self._look()
        self._refuse_edits()
        if not self.options.dry_run:
            self._carry_out()
        return [self._result(step) for step in self.steps]

    def _look(self) -> None:
        """See what stands in each folder, after what an interrupted command left was settled."""
        places: dict[Path, tuple[Wanted, Path]] = {}
        for wanted in self.choice.wanted:
            for target in self.targets[wanted.pin.slug]:
                path = self.place.path_of(target)
                real = Path(os.path.realpath(path.parent), path.name)
                places.setdefault(real, (wanted, path))
        if not self.options.dry_run:
            self.warnings += settle(real.parent for real in places)
        self.steps = [Step(wanted, path, look_at(path)) for wanted, path in places.values()]
        for step in self.steps:
            step.found = _known(step)
        self._find_others()

    def _find_others(self) -> None:
        """Find out whether what stands in a folder is any other version of its skill."""
        unknown = [s for s in self.steps if s.is_edited and s.seen.content_hash is not None]
        if not unknown or self.choice.registry_id is None:
            return
        with self.registry.database.reading() as tx:
            numbers = pin_queries.numbers(
                tx, {(step.pin.slug, str(step.seen.content_hash)) for step in unknown}
            )
        for step in unknown:
            step.found = numbers.get((step.pin.slug, str(step.seen.content_hash)))

    def _refuse_edits(self) -> None:
        edited = [step for step in self.steps if step.is_edited]
        if not edited or self.options.force:
            return
        first, *others = (self._edits(step) for step in edited)
        also = f" Also: {' '.join(others[:NAMED_MAX])}" if others else ""
        raise Conflict(
            first,
            f"Nothing was changed.{self._comparison(edited[0])} To replace the folder,"
            f" and keep a copy beside it: --force.{also}",
        )

    def _comparison(self, step: Step) -> str:
        before = step.wanted.before or step.pin
        if before.purged_at is not None:  # there is nothing to compare with
            return ""
        path = as_text(os.path.relpath(step.path))
        side = path if "/" in path else f"./{path}"
        return f" See them: everyskill diff {before.slug}@{before.version.version} {side}."

    def _edits(self, step: Step) -> str:
        locked, before = step.wanted.locked, step.wanted.before or step.pin
        files = named(edits_of(step.seen, before.version.files))
        is_ours = locked is not None and self.place.target_of(step.path) in locked.targets
        if step.seen.kind == "other":
            return f"{step.path} is a link or a file, and none of everyskill's."
        if is_ours:
            return f"{step.path} has local edits: {files}."
        return (
            f"{step.path} was not installed by everyskill; it differs from"
            f" {step.pin.slug}@{before.version.version} in {files}."
        )

    def _carry_out(self) -> None:
        """Make everything ready, and then swap it in; where something fails before, undo all."""
        shops = Workshops()
        is_ready = False
        try:
            self._stage(shops)
            is_ready = True
            for step in self.steps:
                if step.work is not None:
                    step.kept = step.work.put(step.seen)
                if step.kept is not None:
                    self.warnings.append(kept_copy(step.path, step.kept))
        finally:
            self.warnings += [kept_copy(*found) for found in shops.close(undo=not is_ready)]

    def _stage(self, shops: Workshops) -> None:
        todo: dict[str, list[Step]] = {}
        for step in self.steps:
            if not self._is_done(step):
                todo.setdefault(step.pin.slug, []).append(step)
        pins = [steps[0].pin for steps in todo.values()]
        files_of = fetch_all(self.registry, pins, self.cache)
        for done, (pin, files) in enumerate(files_of):
            self.watch.install(done, len(pins))
            if self.watch.stopped:
                raise KeyboardInterrupt
            for step in todo[pin.slug]:
                step.work = shops.begin(step.path, step.journal)
                step.work.stage(files)

    def _result(self, step: Step) -> InstallResult:
        version = step.pin.version
        return InstallResult(
            slug=step.pin.slug,
            version=version.version,
            previous_version=step.found,
            status=self._status(step),
            pinned=step.wanted.pinned,
            scope=self.place.scope,
            path=str(step.path),
            agents=self.place.readers(step.path),
            content_hash=version.content_hash,
            changes=step.changes,
            kept=None if step.kept is None else str(step.kept),
        )

    def _status(self, step: Step) -> InstallStatus:
        if self._is_done(step):
            return "unchanged"
        if self.options.dry_run:
            return "would-update" if step.seen.is_something else "would-install"
        return "updated" if step.seen.is_something else "installed"

    def _is_done(self, step: Step) -> bool:
        """Tell whether it is there already.

        A frozen install takes nothing for it but the very files: what Python left beside them in
        a checkout is code that nobody published.
        """
        is_alone = not (self.options.frozen and step.seen.has_residue)
        return step.seen.content_hash == step.pin.version.content_hash and is_alone


def foremost(results: Iterable[InstallResult]) -> InstallStatus:
    """Give the status of an answer with these results."""
    return min((result.status for result in results), key=RANKING.index, default="unchanged")


def named(changes: Sequence[FileChange]) -> str:
    """Name a few files in a sentence, and count the rest."""
    files = [change.path for change in changes]
    more = f" and {len(files) - NAMED_MAX:,} more" if len(files) > NAMED_MAX else ""
    return ", ".join(files[:NAMED_MAX]) + more


def _known(step: Step) -> int | None:
    """Give the version that stands in a folder, as far as that is known without asking."""
    digest, locked = step.seen.content_hash, step.wanted.locked
    if digest is None:
        return None
    if digest == step.pin.version.content_hash:
        return step.pin.version.version
    return locked.version if locked is not None and digest == locked.content_hash else None


def kept_copy(target: Path, kept: Path) -> Finding:
    """Say where somebody's own work is now."""
    return Finding("kept", f"What stood in {target} is kept in {kept}.")


def settle(folders: Iterable[Path]) -> list[Finding]:
    """Finish or undo what interrupted commands left in some folders; say what is kept of it."""
    return [kept_copy(*found) for folder in sorted(set(folders)) for found in recover(folder)]

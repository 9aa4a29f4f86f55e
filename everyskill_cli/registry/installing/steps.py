"""What an install is asked to do, and one skill in one folder on its way through it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from everyskill_cli.installs.folder import Seen
from everyskill_cli.installs.leftovers import Journal
from everyskill_cli.installs.swap import Work
from everyskill_cli.model import FileChange, FileEntry, Pin, Scope
from everyskill_cli.registry.installing.wanted import Wanted
from everyskill_cli.registry.manifests import changed_files


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallOptions:
    """What the caller asked for.

    Attributes:
        agents: names of agents into whose folders it goes.
        scope: whose folders: a project's, or the user's.
        to: another folder that it goes into.
        frozen: exactly what the lock says, and nothing is written but that.
        force: replace what nobody published, and keep a copy of it.
        dry_run: change nothing.
    """

    agents: tuple[str, ...] = ()
    scope: Scope = "project"
    to: Path | None = None
    frozen: bool = False
    force: bool = False
    dry_run: bool = False


def edits_of(seen: Seen, published: tuple[FileEntry, ...]) -> tuple[FileChange, ...]:
    """Say how what stands in a folder differs from a version, as far as somebody looked."""
    changes = changed_files(published, seen.files)
    known = (change for change in changes if not (seen.is_cut and change.change == "removed"))
    return (*known, *(FileChange(path, "added") for path in seen.strange))


@dataclass(slots=True)
class Step:
    """One skill in one folder.

    Attributes:
        seen: what stood there.
        found: the version that stood there; None where it was none.
        kept: where somebody's own work was moved to.
    """

    wanted: Wanted
    path: Path
    seen: Seen
    found: int | None = None
    work: Work | None = None
    kept: Path | None = None

    @property
    def pin(self) -> Pin:
        """The version that goes there."""
        return self.wanted.pin

    @property
    def is_edited(self) -> bool:
        """Whether something stands there that nobody published."""
        return self.seen.is_something and self.found is None

    @property
    def journal(self) -> Journal:
        """Which bytes can be had again: the version's, and what stands there if it is one."""
        published = self.pin.version
        files = [*published.files, *(self.seen.files if self.found is not None else ())]
        return Journal(
            published.content_hash,
            self.seen.content_hash if self.found is not None else None,
            tuple(dict.fromkeys(entry.sha256 for entry in files)),
        )

    @property
    def changes(self) -> tuple[FileChange, ...]:
        """How the new files differ from what stood there."""
        if not self.seen.is_something:
            return ()
        return changed_files(self.seen.files, self.pin.version.files)

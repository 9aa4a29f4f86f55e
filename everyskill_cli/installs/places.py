"""A place that skills are installed in: one project, or everything that a user does.

Each place has one lock file. Below it targets are named by texts that mean the same on every
machine: in a project from its root, for a user from the home folder where that is possible.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from everyskill_cli.errors import Conflict, NotReady, UsageError
from everyskill_cli.installs.agents import SHARED, Agent, folder_of, named, present, readers
from everyskill_cli.model import Scope
from everyskill_cli.settings import Settings, folders_of_checkout

LOCK_FILE: Final = "everyskill.lock"


@dataclass(frozen=True, slots=True)
class Place:
    """Where skills are installed, and where that is written down.

    Attributes:
        root: the project's root, or the home folder; without links.
        lock: the lock file, which may not be there.
    """

    scope: Scope
    root: Path
    lock: Path

    def at(self, target: str) -> Path:
        """Give the path that a target of the lock stands for, wherever links on it lead."""
        return self.root / (target.removeprefix("~/") if self.scope == "user" else target)

    def path_of(self, target: str) -> Path:
        """Give the folder that a target of the lock names.

        Raises:
            Conflict: links on the way lead out of the project.
        """
        path = self.at(target)
        if self.scope == "project":
            self._require_inside(path)
        return path

    def target_of(self, path: Path) -> str:
        """Give the text for a folder that the lock will name; UsageError for one outside."""
        if path.is_relative_to(self.root):
            inside = path.relative_to(self.root).as_posix()
            return inside if self.scope == "project" else f"~/{inside}"
        if self.scope == "user":
            return str(path)
        raise UsageError(
            f"{path.parent} is outside of the project {self.root}, whose lock cannot name it.",
            "Add --scope user: that lock is this machine's own.",
        )

    def folders(self, agents: tuple[str, ...], to: Path | None) -> list[Path]:
        """Give the folders that were asked for, without links on the way to the root."""
        found = [self._folder_of(agent) for agent in named(agents)]
        if to is not None:
            found.append(Path(os.path.realpath(to)))
        return found

    def detected(self) -> tuple[list[Path], bool]:
        """Give the folders of the agents that are used here, and whether there was a sign of any.

        Where there is none it is the folder that most agents share.
        """
        agents = present(self.scope, self.root, home())
        return [self._folder_of(a) for a in agents or named([SHARED])], bool(agents)

    def readers(self, path: Path) -> tuple[str, ...]:
        """Name the agents that find a skill which lies there."""
        return readers(path.parent, self.scope, self.root)

    def _folder_of(self, agent: Agent) -> Path:
        return folder_of(agent, self.scope, self.root)

    def _require_inside(self, path: Path) -> None:
        parent = Path(os.path.realpath(path.parent))
        if not parent.is_relative_to(self.root):
            raise Conflict(
                f"{path.parent} leads out of the project {self.root}, to {parent}.",
                "Replace the link on the way by a folder, or install with --to and --scope user.",
            )


def open_place(scope: Scope, settings: Settings) -> Place:
    """Find the place: the project around the working folder, or the user's.

    A project is the nearest folder with a lock file up to the root of the git checkout, else that
    root; outside of a checkout it is the working folder.
    """
    if scope == "user":
        return Place(scope, home(), settings.home / LOCK_FILE)
    return project_of()


def project_of(folder: Path | None = None) -> Place:
    """Find the project around a folder; around the working folder where none is given."""
    inside = folders_of_checkout(folder)
    found = next((folder for folder in inside if (folder / LOCK_FILE).exists()), inside[-1])
    root = Path(os.path.realpath(found))
    return Place("project", root, root / LOCK_FILE)


def home() -> Path:
    """Give the user's home folder, without links; NotReady where nobody knows it."""
    try:
        found = Path(os.path.realpath(Path.home()))
    except RuntimeError as error:
        raise NotReady("Nobody knows your home folder.", "Set HOME.") from error
    if os.environ.get("HOME") == "" or not found.is_dir():
        raise NotReady(f"Your home folder {found} is no folder.", "Set HOME to one.")
    return found

"""What git says of one checkout: its commit, its origin, and which files differ.

A checkout may be a stranger's, and git runs programs that its configuration names (hooks, file
watchers, filters, remote helpers). None of them runs here: the questions are read-only, need no
network, and each such setting is overridden.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from everyskill_cli.provenance.ci import COMMIT

SECONDS: Final = 5.0  # for a question that git answers at once
STATUS_SECONDS: Final = 15.0  # for the one that looks at every file
_PATHS_MAX: Final = 20  # to name each; of more the folder that they share
_FILTERS_MAX: Final = 20

# What would lead git to another repository than the one it is asked about, or change what a
# path means (git rev-parse --local-env-vars, and git's page on pathspecs).
_MISLEADING: Final = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_DIR",
        "GIT_GLOB_PATHSPECS",
        "GIT_ICASE_PATHSPECS",
        "GIT_INDEX_FILE",
        "GIT_NAMESPACE",
        "GIT_NOGLOB_PATHSPECS",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_SHALLOW_FILE",
        "GIT_WORK_TREE",
    }
)
_QUIET: Final = {
    "GIT_ALLOW_PROTOCOL": "none",  # a partial clone fetches what it lacks, by any helper
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
}
_OVERRIDES: Final = ("core.fsmonitor=false", "core.hooksPath=/dev/null")
_WANTED: Final = r"^(remote\.origin\.url|filter\..*|lfs\.extension\..*)$"
_OWN_SCOPES: Final = frozenset({"system", "global", "command"})  # not the checkout's
_KNOWN_FILTERS: Final = frozenset(
    {"", "true", "false", "git-lfs clean -- %f", "git-lfs smudge -- %f", "git-lfs filter-process"}
)


@dataclass(frozen=True, slots=True)
class Configuration:
    """What one checkout is configured to be.

    Attributes:
        origin: the URL of the remote of that name, as it is written there, secrets included.
        distrusted: names of filters that the checkout itself brings.
    """

    origin: str | None
    distrusted: frozenset[str]


@dataclass(frozen=True, slots=True)
class Changes:
    """Which paths differ from the commit; all relative to the checkout's root, '' is the root.

    Attributes:
        above: what changed, with every folder that it is in.
        foreign: files and whole folders that are not in the commit.
    """

    above: set[str] = field(default_factory=set)
    foreign: set[str] = field(default_factory=set)

    def touch(self, path: str) -> bool:
        """Tell whether something at or below a path differs, or the path is not in the commit."""
        path = _composed(path)
        return path in self.above or any(place in self.foreign for place in _upwards(path))


class Git:
    """The user's own git, asked about one folder; what it cannot say is None."""

    def __init__(self, folder: str, environ: Mapping[str, str]) -> None:
        self._folder = folder
        self._environ = {k: v for k, v in environ.items() if k not in _MISLEADING} | _QUIET

    def head(self) -> tuple[str, str] | None:
        """Give the commit, and the root of the checkout that the folder is in."""
        answer = self._ask("rev-parse", "HEAD", "--show-toplevel")
        commit, _, root = (answer or "").removesuffix("\n").partition("\n")
        return (commit, root) if COMMIT.fullmatch(commit) and root else None

    def configuration(self) -> Configuration | None:
        """Give the origin as configured: ``insteadOf`` of a user or a CI could put a token in."""
        answer = self._ask("config", "--show-scope", "-z", "--get-regexp", _WANTED, may_be=1)
        if answer is None:
            return None
        origin, distrusted = None, set()
        words = answer.split("\0")
        for scope, entry in zip(words[::2], words[1::2], strict=False):
            key, _, value = entry.partition("\n")
            if key == "remote.origin.url":
                origin = value
            elif scope in _OWN_SCOPES:
                continue
            elif key.startswith("lfs."):  # a program that git-lfs would run
                distrusted.add("lfs")
            elif value not in _KNOWN_FILTERS:
                distrusted.add(key.removeprefix("filter.").rpartition(".")[0])
        return Configuration(origin, frozenset(distrusted))

    def changes(self, paths: Sequence[str], distrusted: Iterable[str]) -> Changes | None:
        """Give what differs at some paths; the folder must be the checkout's root.

        Of what ``.gitignore`` leaves out a path itself and the folders above it are found, and
        nothing below it; of a submodule below a path which commit it is at, and no file.

        Args:
            paths: relative to the root, '' for the root.
            distrusted: filters that may not run; a file that needs one counts as changed.
        """
        names = list(distrusted)
        if len(names) > _FILTERS_MAX or not all(re.fullmatch(r"[\w.-]+", name) for name in names):
            return None
        options = [
            f"filter.{name}.{setting}"
            for name in names
            for setting in ("clean=", "process=", "required=false")
        ]
        answer = self._ask(
            "status",
            "--porcelain",
            "-z",
            "--untracked-files=normal",
            "--ignored=matching",
            "--ignore-submodules=dirty",
            "--no-renames",
            "--",
            *_limits(paths),
            options=options,
            seconds=STATUS_SECONDS,
        )
        return None if answer is None else _read(answer)

    def _ask(
        self,
        *words: str,
        options: Iterable[str] = (),
        may_be: int = 0,
        seconds: float | None = None,
    ) -> str | None:
        import subprocess  # only a publish that makes a version asks

        settings = [word for option in (*_OVERRIDES, *options) for word in ("-c", option)]
        try:
            done = subprocess.run(  # noqa: S603 - fixed words, and paths behind "--"
                ["git", "--no-pager", *settings, *words],  # noqa: S607 - the git from their PATH
                cwd=self._folder,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=SECONDS if seconds is None else seconds,
                check=False,
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return os.fsdecode(done.stdout) if done.returncode in (0, may_be) else None


def _limits(paths: Sequence[str]) -> list[str]:
    if len(paths) <= _PATHS_MAX:
        return [path or "." for path in paths]
    return [os.path.commonpath(paths) or "."]


def _read(answer: str) -> Changes:
    found = Changes()
    for entry in answer.split("\0"):
        kind, path = entry[:2], _composed(entry[3:].rstrip("/"))
        if not entry:
            continue
        if kind in ("??", "!!"):
            found.foreign.add(path)
        if kind != "!!":
            for place in _upwards(path):
                if place in found.above:
                    break
                found.above.add(place)
    return found


def _upwards(path: str) -> Iterable[str]:
    """Give a path, the folders above it, and the root."""
    while path:
        yield path
        path = path.rpartition("/")[0]
    yield ""


def _composed(path: str) -> str:
    """Write a name in one way: macOS and git may differ in how they compose letters."""
    return path if path.isascii() else unicodedata.normalize("NFC", path)

"""Where skills come from: the repository, the commit and the path that a version was made of.

git itself is asked first, because a checkout knows best what it is; another repository may be
checked out inside a CI job's workspace. The job's variables answer where git cannot. Nothing here
is an error: what is not known is left out, and a secret in a remote's URL is never kept.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from everyskill_cli.model import JsonObject
from everyskill_cli.provenance.ci import Run, head_on_disk, run_of
from everyskill_cli.provenance.git import Git
from everyskill_cli.provenance.remote import address

__all__ = ["provenance"]

_PATH_MAX: Final = 1_000  # characters of a path that is kept
_UNFIT: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def provenance(
    paths: Sequence[Path], environment: Mapping[str, str] | None = None
) -> list[JsonObject | None]:
    """Find out where some skills come from.

    Of each the answer is None where nothing is known, else an object with

    - ``commit``: 40 or 64 hex digits. Of a CI job for a pull request, whose checkout is a merge
      that is thrown away, the head of the request.
    - ``repository``: a URL without user, password, query, and ``.git`` at the end; missing where
      the repository has no remote ``origin`` on a server.
    - ``path``: from the root of the repository, ``/`` between names, ``.`` for the root; missing
      where the name is longer than 1,000 characters, or holds control characters or bytes that
      are no text.
    - ``modified``: true where git says that files at or below the path are changed, staged or not
      in the commit; false where it says that none is; missing where it did not compare.

    It takes three runs of git for each repository, however many skills are in it.

    Args:
        paths: files or folders, in any order; links are followed.
        environment: the variables; this process's where it is None.
    """
    environ = os.environ if environment is None else environment
    run = run_of(environ)
    roots = _Roots(environ, run)
    groups: dict[str | None, dict[int, str]] = {}
    for number, path in enumerate(paths):
        found = roots.of(path)
        if found is not None:
            root, place = found
            groups.setdefault(root, {})[number] = place
    answers: list[JsonObject | None] = [None] * len(paths)
    for root, places in groups.items():
        known = None if root is None else _by_git(root, list(places.values()), environ, run)
        if known is None:
            known = _by_run(root, list(places.values()), run)
        for number, answer in zip(places, known, strict=True):
            answers[number] = answer
    return answers


class _Roots:
    """Which checkout a path is in; each folder is looked at once."""

    def __init__(self, environ: Mapping[str, str], run: Run | None) -> None:
        ceilings = environ.get("GIT_CEILING_DIRECTORIES", "").split(os.pathsep)
        self._ceilings = {os.path.realpath(folder) for folder in ceilings if folder}
        # A job's workspace is no part of what the runner itself may be checked out in.
        self._last = run.workspace if run else None
        self._real: dict[str, str] = {}
        self._known: dict[str, str | None] = {}

    def of(self, path: Path) -> tuple[str | None, str] | None:
        """Give the checkout's root, if any, and the path without links; None: no such path."""
        try:
            place = self._place(path)
            mode = os.lstat(place).st_mode
            if stat.S_ISLNK(mode):
                place = os.path.realpath(place)
                mode = os.stat(place).st_mode  # noqa: PTH116 - 2,000 of them
        except (OSError, ValueError):
            return None
        return self._above(place if stat.S_ISDIR(mode) else _parent(place)), place

    def _place(self, path: Path) -> str:
        """Give a path whose folders are no links."""
        whole = path.absolute()
        if ".." in whole.parts or not whole.name:
            return os.path.realpath(whole)
        folder = str(whole.parent)
        if folder not in self._real:
            self._real[folder] = os.path.realpath(folder)
        return os.path.join(self._real[folder], whole.name)  # noqa: PTH118 - 2,000 of them

    def _above(self, folder: str) -> str | None:
        passed = []
        while folder not in self._known:
            passed.append(folder)
            parent = _parent(folder)
            if os.path.lexists(os.path.join(folder, ".git")):  # noqa: PTH118 - as above
                self._known[folder] = folder
            elif folder in (parent, self._last) or parent in self._ceilings:
                self._known[folder] = None
            else:
                folder = parent
        root = self._known[folder]
        self._known.update(dict.fromkeys(passed, root))
        return root


def _parent(path: str) -> str:
    return os.path.dirname(path)  # noqa: PTH120 - 2,000 of them


def _by_git(
    root: str, places: list[str], environ: Mapping[str, str], run: Run | None
) -> list[JsonObject | None] | None:
    """Ask git; None where it gives no answer."""
    head = Git(root, environ).head()
    if head is None:
        return None
    commit, root = head[0], os.path.realpath(head[1])
    git = Git(root, environ)
    configuration = git.configuration()
    repository = address(configuration.origin or "") if configuration else None
    is_merge = run is not None and run.checked_out == commit != run.commit
    if run is not None and run.checked_out == commit:
        repository, kept = repository or run.repository, run.commit
    else:
        kept = commit
    inside = [_below(root, place) for place in places]
    asked = [path for path in inside if path is not None]
    changes = git.changes(asked, configuration.distrusted) if configuration and asked else None
    answers: list[JsonObject | None] = []
    for path in inside:
        modified = None if changes is None or path is None else changes.touch(path)
        if is_merge and not modified:
            modified = None  # nobody compared with the head of the request
        answers.append(_source(repository, kept, path, modified))
    return answers


def _by_run(root: str | None, places: list[str], run: Run | None) -> list[JsonObject | None]:
    """Ask the job's variables; they say nothing of what is checked out beside its repository."""
    if run is None or (root is not None and head_on_disk(root) != run.checked_out):
        return [None] * len(places)
    top = run.workspace if root is None else root
    inside = [
        _below(top, place) if _below(run.workspace, place) is not None else None for place in places
    ]
    return [_source(run.repository, run.commit, path, None) for path in inside]


def _source(
    repository: str | None, commit: str | None, path: str | None, modified: bool | None
) -> JsonObject | None:
    if commit is None or path is None:
        return None
    is_fit = len(path) <= _PATH_MAX and not _UNFIT.search(path)
    fields = {
        "repository": repository,
        "commit": commit,
        "path": (path or ".") if is_fit else None,
        "modified": modified,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _below(root: str, path: str) -> str | None:
    """Give a path from a folder; '' for the folder itself, None for what is not in it."""
    if path == root:
        return ""
    start = root.rstrip(os.sep) + os.sep
    return path[len(start) :].replace(os.sep, "/") if path.startswith(start) else None

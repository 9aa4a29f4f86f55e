"""What a CI job says of the checkout that it was given: GitHub Actions and GitLab CI.

GitHub's variables are also those of Gitea and Forgejo.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from everyskill_cli.provenance.remote import address

COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_MERGE_OF_A_PULL_REQUEST: Final = re.compile(r"refs/pull/[0-9]+/merge")
_EVENT_MAX: Final = 4 * 1024 * 1024  # bytes; GitHub's webhooks end at 25 MiB, these are far smaller
_HEAD_MAX: Final = 1024  # bytes of a reference in a file


@dataclass(frozen=True, slots=True)
class Run:
    """One job.

    Attributes:
        workspace: the real path of the folder that the repository is checked out in, or below.
        repository: its address.
        checked_out: the commit that the job was started for.
        commit: the one to keep. The same, but for a pull request or a merge request
            ``checked_out`` may be a merge that is made for the job and thrown away; then it is
            the head of the request, or None where that is not known.
    """

    workspace: str
    repository: str | None
    checked_out: str
    commit: str | None


def run_of(environ: Mapping[str, str]) -> Run | None:
    """Read the job's variables; None outside of a job, and where they make no sense."""
    if environ.get("GITHUB_REPOSITORY"):
        server = environ.get("GITHUB_SERVER_URL") or "https://github.com"
        repository = f"{server}/{environ['GITHUB_REPOSITORY']}"
        workspace, checked_out = environ.get("GITHUB_WORKSPACE"), environ.get("GITHUB_SHA", "")
        is_merge = _MERGE_OF_A_PULL_REQUEST.fullmatch(environ.get("GITHUB_REF", "")) is not None
        head = _head_of_event(environ.get("GITHUB_EVENT_PATH")) if is_merge else None
    else:
        repository = environ.get("CI_PROJECT_URL", "")
        workspace, checked_out = environ.get("CI_PROJECT_DIR"), environ.get("CI_COMMIT_SHA", "")
        # Set in pipelines of merged results alone (GitLab's predefined variables).
        head = environ.get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA") or None
        is_merge = head is not None
    if not workspace or "\0" in workspace or not COMMIT.fullmatch(checked_out):
        return None
    commit = head if is_merge else checked_out
    if commit is not None and not COMMIT.fullmatch(commit):
        commit = None
    return Run(os.path.realpath(workspace), address(repository), checked_out, commit)


def _head_of_event(path: str | None) -> str | None:
    """Read which commit the pull request proposes, from the event that started the job."""
    if not path:
        return None
    try:
        with Path(path).open("rb") as file:
            event = json.loads(file.read(_EVENT_MAX))
        head = event["pull_request"]["head"]["sha"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return head if isinstance(head, str) else None


def head_on_disk(root: str) -> str | None:
    """Read which commit a checkout is at, where git cannot be asked.

    A commit by its number, or a branch with a file of its own: what CI leaves behind.
    """
    folder = Path(root) / ".git"
    try:
        text = _beginning(folder / "HEAD")
        branch = re.fullmatch(r"ref: (refs/heads/[\w./-]+)", text)
        if branch and ".." not in branch[1]:
            text = _beginning(folder / branch[1])
    except (OSError, ValueError):
        return None
    return text if COMMIT.fullmatch(text) else None


def _beginning(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_HEAD_MAX).decode("ascii").strip()

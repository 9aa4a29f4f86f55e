"""Remarks: everything that ``check`` says about skills, one by one, with the file it is about."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from everyskill_cli.cli.render.words import counted

if TYPE_CHECKING:
    from everyskill_cli.model import CheckAnswer, Problem


# What refuses a path before it is known what kind of skill it is.
_OF_THE_SKILL: Final = ("unsupported-type", "symlink", "special-file", "unreadable-file")


class Remark(NamedTuple):
    """One thing that is wrong with a skill, or that a person should know about it.

    Attributes:
        status: the skill's, or ``warning``.
        rule: the rule; of a skill that could not be read, the kind of error.
        skill: the path of the skill as in its result; None where it is about none.
        path: the file, relative to the skill; None where it is about no file.
        line: 1-based; None where it is about no line.

    """

    status: Literal["refused", "failed", "warning"]
    rule: str
    message: str
    hint: str
    skill: str | None
    path: str | None
    line: int | None

    @property
    def file(self) -> str | None:
        """The file's path from the working folder; the skill's where it is about no file."""
        if self.skill is None or self.path is None or self._is_the_skill_itself():
            return self.skill
        return os.path.normpath(f"{self.skill}/{self.path}")

    def _is_the_skill_itself(self) -> bool:
        """Tell whether the file is the skill: a skill of one file, or one that cannot be entered.

        A folder may hold a file of its own name, but hardly one with an ending in it.
        """
        skill = self.skill or ""
        if self.path == skill and "/" in skill:
            return True
        name = os.path.basename(skill)  # noqa: PTH119 - Path would change its text
        return self.path == name and ("." in name or self.rule in _OF_THE_SKILL)


def remarks_of(value: CheckAnswer) -> list[Remark]:
    """Give what refuses, in the order of the skills, and then the warnings."""
    bad: list[Remark] = []
    for result in value.results:
        if result.status != "ok" and result.error is not None:
            for problem in (result.error, *result.others):
                bad.append(_of_problem(result.status, result.path, problem))
    return bad + [
        Remark("warning", found.rule, found.message, "", found.source, found.path, found.line)
        for found in value.warnings
    ]


def _of_problem(status: Literal["refused", "failed"], skill: str, problem: Problem) -> Remark:
    return Remark(
        status,
        problem.rule or problem.type,
        problem.message,
        problem.hint,
        skill,
        problem.path,
        problem.line,
    )


def total(value: CheckAnswer) -> str:
    """Count the skills up in one line: ``2,000 skills: 1,960 ok, 40 refused, 12 warnings``."""
    found = [result.status for result in value.results]
    parts = [f"{found.count('ok'):,} ok"]
    parts += [f"{found.count(word):,} {word}" for word in ("refused", "failed") if word in found]
    if value.warnings:
        parts.append(counted(len(value.warnings), "warning").shown)
    return f"{counted(len(found), 'skill').shown}: {', '.join(parts)}"


def from_root(file: str) -> str:
    """Give a file's path from the root of the repository; absolute where it is not below it.

    GitHub names files so, wherever in the repository the command ran.
    """
    here = Path.cwd()
    absolute = os.path.join(here, file)  # noqa: PTH118 - Path would change its text
    relative = os.path.relpath(absolute, _root(here))
    return os.path.normpath(absolute) if relative.split("/")[0] == ".." else relative


def _root(here: Path) -> Path:
    for folder in (here, *here.parents):
        if (folder / ".git").exists():
            return folder
    workspace = Path(os.environ.get("GITHUB_WORKSPACE") or here)  # a checkout without git
    return workspace if here.is_relative_to(workspace) else here

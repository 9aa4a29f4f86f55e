"""The two sides that ``everyskill diff`` compares, and how much of their difference is wanted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from everyskill_cli.cli.options import complete_slug
from everyskill_cli.model import Reference


def target(text: str) -> Reference | Path:
    """Read a reference or a path: what can be a reference is one, and ``./name`` is a path."""
    try:
        return Reference.parse(text)
    except ValueError as error:
        path = Path(text)
        try:
            path.lstat()
        except (FileNotFoundError, NotADirectoryError, ValueError) as absent:
            if "/" in text or text in (".", ".."):
                raise typer.BadParameter(f"{text!r} does not exist.") from absent
            raise typer.BadParameter(f"{error}, and no path that exists.") from absent
        except OSError:  # reading it says better what is wrong
            pass
        return path


OldSide = Annotated[
    Any,  # a Reference or a Path; see Skill
    typer.Argument(
        metavar="A",
        parser=target,
        autocompletion=complete_slug,
        help="The old side: SLUG[@VERSION], or a path (a folder named like a skill: ./name).",
        show_default=False,
    ),
]
NewSide = Annotated[
    Any,
    typer.Argument(
        metavar="B",
        parser=target,
        autocompletion=complete_slug,
        help="The new side. Without it: SLUG is its published version and its draft, SLUG@N"
        " the version before it and N, a path the latest version of its skill and the path.",
        show_default=False,
    ),
]


def depth(*, stat: bool, name_only: bool) -> Literal["names", "stat", "patch"]:
    """Read how much of a difference is wanted."""
    if stat and name_only:
        raise typer.BadParameter("--stat and --name-only exclude each other.")
    if name_only:
        return "names"
    return "stat" if stat else "patch"

"""Options and arguments that commands share, each once: flag, help, and what it may be."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from everyskill_cli.cli import values
from everyskill_cli.model import (
    Access,
)

if TYPE_CHECKING:
    from everyskill_cli.registry import Registry
    from everyskill_cli.settings import Settings


def settings(context: typer.Context) -> Settings:
    """Load the settings for one command, with the options that stood before it."""
    from everyskill_cli.settings import load

    return load(context.obj)


@contextmanager
def registry(context: typer.Context, access: Access = "read") -> Iterator[Registry]:
    """Open the registry for one command; where that fails, the hint says what was noticed."""
    from everyskill_cli.errors import EveryskillError
    from everyskill_cli.registry import open_registry

    with open_registry(settings(context), access) as opened:
        try:
            yield opened
        except EveryskillError as error:
            noticed = [finding.message for finding in opened.notices]
            error.hint = " ".join(filter(None, (error.hint, *noticed)))
            raise


def existing(paths: list[Path]) -> list[Path]:
    """Read the paths of what is there, if only a link that leads nowhere."""
    for path in paths:
        try:
            path.lstat()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise typer.BadParameter(f"{path} does not exist.") from error
        except OSError:  # reading it says better what is wrong
            pass
    return paths


def require_writable(path: Path | None) -> None:
    """Find out at once whether a file can be written to at last; it is made where there is none.

    Commands call it once all of their words were understood: a parser would make the file of a
    command line that means nothing, and where the shell asks how it could go on.
    """
    if path is None:
        return
    try:
        path.open("a").close()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise typer.BadParameter(f"{path} cannot be written: {why}.") from error


def opened(name: str) -> BinaryIO:
    """Open a file to read from, or stdin, without a buffer; what cannot be read is said at once.

    Commands call it, as ``require_writable``: a named pipe opens only when somebody writes to it.
    """
    try:
        if name == "-":
            return open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)
        return Path(name).open("rb", buffering=0)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise typer.BadParameter(f"{name} cannot be read: {why}.") from error


def complete_slug(context: typer.Context, incomplete: str) -> list[str]:
    """Offer slugs to the shell; a registry that cannot be read offers none."""
    from everyskill_cli.errors import EveryskillError
    from everyskill_cli.registry.pages import slugs_from

    try:
        with registry(context) as opened:
            return slugs_from(opened, incomplete)
    except EveryskillError:
        return []


AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document (docs/json.md).")]
Paths = Annotated[
    list[Path],
    typer.Argument(
        metavar="PATH...",
        readable=False,  # reading it says better what is wrong
        callback=existing,
        help="Skills, and folders with skills anywhere below them.",
        show_default=False,
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PATTERN",
        help="Pass by what matches, below PATH or as typed (as in .gitignore); repeat for more.",
    ),
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Refuse what the specification only warns about.")
]
AllowSecret = Annotated[
    list[str] | None,
    typer.Option(metavar="ID", help="Let this finding pass: the ID that a refusal names."),
]
Summary = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Add a report in Markdown to the end of this file."),
]
Limit = Annotated[
    int,
    typer.Option(
        "-n",
        "--limit",
        parser=values.whole_number(1, 1000),
        metavar="N",
        help="Rows at most, 1 to 1000.",
    ),
]
After = Annotated[
    str | None,
    typer.Option(
        "--after",
        parser=values.prose,
        metavar="PLACE",
        help="Go on behind this place: 'next' of a page.",
    ),
]
Tags = Annotated[
    list[str] | None,
    typer.Option(
        "--tag", parser=values.slug, metavar="TAG", help="With this tag; repeat for more."
    ),
]
Category = Annotated[
    str | None,
    typer.Option("--category", parser=values.slug, metavar="NAME", help="In this category."),
]
Author = Annotated[
    str | None,
    typer.Option(
        "--author", parser=values.email, metavar="EMAIL", help="First published by this person."
    ),
]
MinRating = Annotated[
    Any,  # an int; see Skill
    typer.Option(
        "--min-rating",
        parser=values.rating,
        metavar="STARS",
        help="Rated so or better, such as 4.5.",
    ),
]
Skill = Annotated[
    Any,  # a Reference: typer takes a parsed type as it is declared by its parser
    typer.Argument(
        metavar="SLUG[@VERSION]",
        parser=values.reference,
        autocompletion=complete_slug,
        help="A skill, or a version of it: a number, latest, published or draft.",
        show_default=False,
    ),
]
Why = Annotated[
    str | None,
    typer.Option(
        "-m", "--message", parser=values.prose, metavar="TEXT", help="Why, for the history."
    ),
]
ExpectPublished = Annotated[
    int | None,
    typer.Option(
        "--expect",
        parser=values.whole_number(0, 999_999_999),
        metavar="N",
        help="Only if N is its published version; 0: none is.",
    ),
]

SkillAlone = Annotated[
    Any,  # a Reference; a version in it is refused by those who take none
    typer.Argument(
        metavar="SLUG",
        parser=values.reference,
        autocompletion=complete_slug,
        help="A skill.",
        show_default=False,
    ),
]
SkillVersion = Annotated[
    Any,  # a Reference
    typer.Argument(
        metavar="SLUG@VERSION",
        parser=values.reference,
        autocompletion=complete_slug,
        help="A version of a skill: a number, latest or draft.",
        show_default=False,
    ),
]

Jobs = Annotated[
    int | None,
    typer.Option(
        "-j",
        "--jobs",
        parser=values.whole_number(1, 64),
        metavar="N",
        help="Connections to the store at once, 1 to 64.",
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would happen, and write nothing.")
]

"""Options that mean something only together, or not beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from everyskill_cli.model import TAGS_MAX, Opinion

if TYPE_CHECKING:
    from everyskill_cli.cli.render import Asked, Form
    from everyskill_cli.model import Filters


def require_absent(context: typer.Context, flag: str, *names: str) -> None:
    """Refuse options that mean nothing beside another one."""
    for name in names:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            option = name.replace("_", "-")
            raise typer.BadParameter(f"{flag} and --{option} exclude each other.")


def tags(given: list[str] | None) -> tuple[str, ...] | None:
    """Read repeated tags as the sorted set that they are; None where none were given."""
    if not given:
        return None
    wanted = tuple(sorted({tag for tag in given if tag}))
    if len(wanted) > TAGS_MAX:
        raise typer.BadParameter(f"{len(wanted)} tags were given; {TAGS_MAX} are allowed.")
    return wanted


def filters(
    tag: list[str] | None, category: str | None, author: str | None, min_rating: int | None
) -> Filters:
    """Read what skills must have to be listed or found."""
    from everyskill_cli.model import Filters  # other commands have no use for its module

    return Filters(tags=tags(tag) or (), category=category, author=author, min_rating=min_rating)


def asked(after: str | None, wanted: Filters | None = None) -> Asked:
    """Say what a page is of, for whoever reads an empty one."""
    if after is not None:
        return "rest"
    if wanted is None:
        return "all"
    from everyskill_cli.model import Filters  # other commands have no use for its module

    return "all" if wanted == Filters() else "some"


def opinion(
    stars: int | None, comment: str | None, hours_saved: int | None, *, remove: bool
) -> Opinion:
    """Read a rating: stars, or nothing but --remove."""
    if remove and (stars, comment, hours_saved) != (None, None, None):
        raise typer.BadParameter("--remove takes no stars, no comment and no hours.")
    if not remove and stars is None:
        raise typer.BadParameter("STARS is missing: give 1 to 5, or --remove.")
    return Opinion(stars=stars, comment=comment, hours_saved=hours_saved)


def part(*, files: bool, content: bool, output: Path | None) -> Literal["files", "content"] | None:
    """Read which part of a version is wanted instead of the whole screen."""
    if files and content:
        raise typer.BadParameter("--files and --content exclude each other.")
    if output is not None and not content:
        raise typer.BadParameter("--output needs --content.")
    if files:
        return "files"
    return "content" if content else None


def only_form(form: Form, *, as_json: bool) -> Form:
    """Read --format and --json, which is short for one of its words."""
    if as_json and form not in ("text", "json"):
        raise typer.BadParameter(f"--json and --format {form} exclude each other.")
    return "json" if as_json else form


def require_membership(login: str | None, role: str | None, email: str | None) -> None:
    """Refuse half of what makes a login a member."""
    if (login is None) != (role is None):
        raise typer.BadParameter("--login and --role belong together.")
    if role in ("rater", "publisher") and email is None:
        raise typer.BadParameter(f"A {role} writes as somebody: say who with --email.")
    if email is not None and role in (None, "none"):
        raise typer.BadParameter("--email belongs to a login with a role.")


def table_form(*, as_csv: bool, as_json: bool) -> Form:
    """Read --csv and --json, of which one at most can be meant."""
    if as_csv and as_json:
        raise typer.BadParameter("--csv and --json exclude each other.")
    return "csv" if as_csv else "text"


def require_one_scope(skill: object, author: str | None) -> None:
    """Refuse to look at one skill and at an author's at once."""
    if skill is not None and author is not None:
        raise typer.BadParameter("SLUG and --author exclude each other.")

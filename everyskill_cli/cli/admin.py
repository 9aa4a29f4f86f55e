"""``everyskill admin``: what only the owner of a registry does."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from everyskill_cli.cli import combined, options, render

COMMANDS = ("grants",)


def admin() -> None:
    """Set up who may do what (for the owner of a registry on PostgreSQL)."""


def grants(
    context: typer.Context,
    login: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="A login of the server to make a member."),
    ] = None,
    role: Annotated[
        Literal["reader", "rater", "publisher", "none"] | None,
        typer.Option(help="What that login is to be; none takes its role and user away."),
    ] = None,
    email: Annotated[
        str | None,
        typer.Option(metavar="EMAIL", help="Whose login it is: all it writes is theirs."),
    ] = None,
    prefix: Annotated[
        str,
        typer.Option(metavar="WORD", help="What the names of the three groups begin with."),
    ] = "everyskill",
    apply: Annotated[
        bool, typer.Option("--apply", help="Run what would be printed, in one transaction.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Print the SQL that gives readers, raters and publishers their rights.

    It can be run again and again; docs/security.md says who may do what then.

    Example: everyskill admin grants --login ann --role publisher --email ann@example.org
    """
    from everyskill_cli.registry.grants import Wish
    from everyskill_cli.registry.grants import grants as run

    combined.require_membership(login, role, email)
    given: Any = None if role == "none" else role
    wish = Wish(prefix=prefix, login=login, role=given, email=email)
    with options.registry(context) as registry:
        answer = run(registry, wish, apply=apply)
    render.answer(answer, as_json=as_json)

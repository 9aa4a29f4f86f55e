"""Options and arguments of the commands about what is installed, each once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from everyskill_cli.cli.options import complete_slug, settings
from everyskill_cli.cli.values import reference, slug
from everyskill_cli.model import Scope


def complete_installed(context: typer.Context, incomplete: str) -> list[str]:
    """Offer the slugs of the locks to the shell; a lock that cannot be read offers none."""
    from everyskill_cli.errors import EveryskillError
    from everyskill_cli.registry.installing.installed import locked_slugs

    try:
        found = locked_slugs(settings(context))
    except EveryskillError:
        return []
    return [slug for slug in found if slug.startswith(incomplete)]


def agent_name(text: str) -> str:
    """Read the name of an agent."""
    from everyskill_cli.installs.agents import BY_NAME

    if text not in BY_NAME:
        raise typer.BadParameter(f"{text!r} is no agent; there are {', '.join(BY_NAME)}.")
    return text


def complete_agent(incomplete: str) -> list[tuple[str, str]]:
    """Offer the names of agents to the shell."""
    from everyskill_cli.installs.agents import AGENTS

    return [(agent.name, agent.title) for agent in AGENTS if agent.name.startswith(incomplete)]


def folder(text: str) -> Path:
    """Read the name of a folder; a variable that is set to nothing names none."""
    if not text:
        raise typer.BadParameter("--to names no folder.")
    return Path(text)


Skills = Annotated[
    list[Any] | None,  # References; see Skill
    typer.Argument(
        metavar="[SLUG[@VERSION]...]",
        parser=reference,
        autocompletion=complete_slug,
        help="Skills, or versions of them; without any, what the lock names.",
        show_default=False,
    ),
]
Installed = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SLUG...]",
        parser=slug,
        autocompletion=complete_installed,
        help="Installed skills; without any, all of them.",
        show_default=False,
    ),
]
ToRemove = Annotated[
    list[str],
    typer.Argument(
        metavar="SLUG...",
        parser=slug,
        autocompletion=complete_installed,
        help="Installed skills.",
        show_default=False,
    ),
]
Agents = Annotated[
    list[str] | None,
    typer.Option(
        "--agent",
        parser=agent_name,
        autocompletion=complete_agent,
        metavar="NAME",
        help="Whose folder: claude-code, codex, cursor, github-copilot, gemini-cli, windsurf,"
        " opencode, or agents for the .agents/skills that several read; repeat for more.",
    ),
]
InScope = Annotated[
    Scope, typer.Option("--scope", help="This project's folders, or those of your home.")
]
To = Annotated[
    Any,  # a Path
    typer.Option(
        "--to",
        parser=folder,
        metavar="DIR",
        help="Another folder, in which it gets one of its own.",
    ),
]
From = Annotated[
    Any,  # a Path
    typer.Option(
        "--to", parser=folder, metavar="DIR", help="Only from this folder, which --to named."
    ),
]
ForceRemove = Annotated[
    bool,
    typer.Option("--force", help="Take away what nobody published, too; a copy of it is kept."),
]
Force = Annotated[
    bool,
    typer.Option("--force", help="Replace what nobody published; a copy of it is kept."),
]

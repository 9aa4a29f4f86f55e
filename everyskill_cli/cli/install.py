"""``everyskill install``."""

from __future__ import annotations

from typing import Annotated

import typer

from everyskill_cli.cli import options, render, targets


def install(
    context: typer.Context,
    skills: targets.Skills = None,
    agent: targets.Agents = None,
    scope: targets.InScope = "project",
    to: targets.To = None,
    frozen: Annotated[
        bool,
        typer.Option("--frozen", help="Exactly what the lock says, or fail; changes no lock."),
    ] = False,
    force: targets.Force = False,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
) -> None:
    """Install skills into agents' folders, and lock them.

    What is installed was verified before, and replaces nothing that you wrote.

    Without SLUG it installs what everyskill.lock names. SLUG is its published version, and
    SLUG@VERSION pins it there.

    Example: everyskill install code-review --agent claude-code

    everyskill install --frozen
    """
    from everyskill_cli.registry.installing.install import install as run
    from everyskill_cli.registry.installing.steps import InstallOptions

    wanted = InstallOptions(
        agents=tuple(agent or ()), scope=scope, to=to, frozen=frozen, force=force, dry_run=dry_run
    )
    with options.registry(context) as registry, render.progress() as watch:
        answer = run(registry, skills or (), wanted, watch)
    render.answer(answer, as_json=as_json)

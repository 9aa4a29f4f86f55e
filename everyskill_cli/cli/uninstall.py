"""``everyskill uninstall``."""

from __future__ import annotations

import typer

from everyskill_cli.cli import options, render, targets


def uninstall(
    context: typer.Context,
    slugs: targets.ToRemove,
    agent: targets.Agents = None,
    scope: targets.InScope = "project",
    to: targets.From = None,
    force: targets.ForceRemove = False,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
) -> None:
    """Remove skills from their folders, and from everyskill.lock.

    Example: everyskill uninstall code-review
    """
    from everyskill_cli.registry.installing.steps import InstallOptions
    from everyskill_cli.registry.installing.uninstall import uninstall as run

    wanted = InstallOptions(
        agents=tuple(agent or ()), scope=scope, to=to, force=force, dry_run=dry_run
    )
    render.answer(run(options.settings(context), slugs, wanted), as_json=as_json)

"""``everyskill update``."""

from __future__ import annotations

import typer

from everyskill_cli.cli import options, render, targets


def update(
    context: typer.Context,
    slugs: targets.Installed = None,
    scope: targets.InScope = "project",
    force: targets.Force = False,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
) -> None:
    """Bring what is installed to the versions that are published now.

    Without SLUG it updates all that everyskill.lock names, but for what is pinned there.

    Example: everyskill update --dry-run
    """
    from everyskill_cli.registry.installing.steps import InstallOptions
    from everyskill_cli.registry.installing.update import update as run

    wanted = InstallOptions(scope=scope, force=force, dry_run=dry_run)
    with options.registry(context) as registry, render.progress() as watch:
        answer = run(registry, slugs or (), wanted, watch)
    render.answer(answer, as_json=as_json)

"""``everyskill publish``."""

from __future__ import annotations

from typing import Annotated

import typer

from everyskill_cli.cli import combined, options, render, values
from everyskill_cli.model import Access


def publish(
    context: typer.Context,
    paths: options.Paths,
    draft: Annotated[
        bool, typer.Option("--draft", help="Keep the published version; move the draft pointer.")
    ] = False,
    slug: Annotated[
        str | None,
        typer.Option(parser=values.slug, metavar="SLUG", help="Instead of the skill's own name."),
    ] = None,
    message: Annotated[
        str | None,
        typer.Option(
            "-m", "--message", parser=values.prose, metavar="TEXT", help="Why, for the history."
        ),
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(
            parser=values.label,
            metavar="TAG",
            help="The skill's tags become those given; repeat for more, '' for none.",
        ),
    ] = None,
    category: Annotated[
        str | None,
        typer.Option(parser=values.label, metavar="NAME", help="Its category; '' for none."),
    ] = None,
    expect: Annotated[
        int | None,
        typer.Option(
            parser=values.whole_number(0, 999_999_999),
            metavar="N",
            help="Only if N is its latest version; 0: it is new.",
        ),
    ] = None,
    dry_run: options.DryRun = False,
    exclude: options.Exclude = None,
    fail_fast: Annotated[
        bool,
        typer.Option("--fail-fast", help="Publish nothing more once a skill is refused or fails."),
    ] = False,
    jobs: options.Jobs = None,
    strict: options.Strict = False,
    allow_secret: options.AllowSecret = None,
    summary: options.Summary = None,
    as_json: options.AsJson = False,
) -> None:
    """Publish skills as new, immutable versions.

    PATH is a skill (a folder with a SKILL.md, or one text file) or a folder of skills. The same
    bytes again change nothing and are a success. Of many skills a bad one stops no other.

    Example: everyskill publish ./code-review -m "Shorter checklist"

    everyskill publish skills/ --exclude drafts
    """
    from everyskill_cli.registry.publishing.decision import PublishOptions
    from everyskill_cli.registry.publishing.publish import incomplete
    from everyskill_cli.registry.publishing.publish import (
        publish as run,  # the database is slow to import
    )

    wanted = PublishOptions(
        slug=slug,
        draft=draft,
        message=message or None,
        tags=combined.tags(tag),
        category=category,
        expect=expect,
        dry_run=dry_run,
        strict=strict,
        allowed_secrets=frozenset(allow_secret or ()),
        exclude=tuple(exclude or ()),
        fail_fast=fail_fast,
        jobs=jobs,
    )
    options.require_writable(summary)
    access: Access = "read" if dry_run else "create"
    with options.registry(context, access) as registry, render.progress() as watch:
        answer = run(registry, paths, wanted, watch)
    render.answer(answer, as_json=as_json, summary=summary)
    if watch.stopped:
        raise KeyboardInterrupt
    if (error := incomplete(answer)) is not None:
        raise error

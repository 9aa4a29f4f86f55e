"""``everyskill publish``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from everyskill_cli.cli import options, render


def publish(
    context: typer.Context,
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH",
            readable=False,  # reading it says better what is wrong
            callback=options.existing,
            help="A skill: a folder with a SKILL.md, or one text file.",
        ),
    ],
    draft: Annotated[
        bool, typer.Option("--draft", help="Keep the published version; move the draft pointer.")
    ] = False,
    slug: Annotated[
        str | None,
        typer.Option(parser=options.slug, metavar="SLUG", help="Instead of the skill's own name."),
    ] = None,
    message: Annotated[
        str | None,
        typer.Option(
            "-m", "--message", parser=options.prose, metavar="TEXT", help="Why, for the history."
        ),
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(
            parser=options.label,
            metavar="TAG",
            help="The skill's tags become those given; repeat for more, '' for none.",
        ),
    ] = None,
    category: Annotated[
        str | None,
        typer.Option(parser=options.label, metavar="NAME", help="Its category; '' for none."),
    ] = None,
    expect: Annotated[
        int | None,
        typer.Option(
            parser=options.whole_number(0, 999_999_999),
            metavar="N",
            help="Only if N is its latest version; 0: it is new.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would happen, and write nothing.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse what the specification only warns about.")
    ] = False,
    allow_secret: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Let this finding pass: the ID that a refusal names."),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Publish a skill as a new, immutable version.

    The same bytes again change nothing and are a success.

    Example: everyskill publish ./code-review -m "Shorter checklist"
    """
    from everyskill_cli.registry.decision import PublishOptions
    from everyskill_cli.registry.publish import publish as run  # the database is slow to import

    wanted = PublishOptions(
        slug=slug,
        draft=draft,
        message=message or None,
        tags=options.tags(tag),
        category=category,
        expect=expect,
        dry_run=dry_run,
        strict=strict,
        allowed_secrets=frozenset(allow_secret or ()),
    )
    with options.registry(context, "read" if dry_run else "create") as registry:
        answer = run(registry, path, wanted)
    render.answer(answer, as_json=as_json)

"""``everyskill check``."""

from __future__ import annotations

from typing import Annotated

import typer

from everyskill_cli.cli import combined, options, render


def check(
    paths: options.Paths,
    exclude: options.Exclude = None,
    strict: options.Strict = False,
    allow_secret: options.AllowSecret = None,
    form: Annotated[
        render.Form,
        typer.Option("--format", help="For people, programs, annotations, code scanning."),
    ] = "text",
    summary: options.Summary = None,
    as_json: options.AsJson = False,
) -> int:
    """Check skills by the rules of publish, without any registry.

    The exit code is 0 where all are well, and 3 where one is refused.

    Example: everyskill check skills --exclude drafts
    """
    from everyskill_cli.registry.publishing.check import check as run
    from everyskill_cli.registry.publishing.check import exit_code
    from everyskill_cli.registry.publishing.decision import PublishOptions

    wanted = PublishOptions(
        strict=strict,
        allowed_secrets=frozenset(allow_secret or ()),
        exclude=tuple(exclude or ()),
    )
    form = combined.only_form(form, as_json=as_json)
    options.require_writable(summary)
    with render.progress() as watch:
        answer = run(paths, wanted, watch)
    render.answer(answer, as_json=form == "json", form=form, summary=summary)
    return exit_code(answer)

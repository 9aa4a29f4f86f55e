"""``everyskill verify``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from everyskill_cli.cli import combined, options, render, values
from everyskill_cli.errors import IntegrityFailure


def percent(text: str) -> float:
    """Read ``5%`` or ``0.5%`` as a share."""
    found = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,4})?)%?", text)
    if found is None or not 0 < float(found[1]) <= 100:
        raise typer.BadParameter(f"{text!r} is not a share, such as 5%.")
    return float(found[1]) / 100


def verify(
    context: typer.Context,
    skills: Annotated[
        list[Any] | None,  # References
        typer.Argument(
            metavar="[SLUG[@VERSION]]...",
            parser=values.reference,
            autocompletion=options.complete_slug,
            help="Only these; without one the whole registry.",
            show_default=False,
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Of objects only presence and size, unread.")
    ] = False,
    sample: Annotated[
        Any,  # a share
        typer.Option(
            parser=percent, metavar="P%", help="Read this part of the objects, chosen anew."
        ),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="If all is well, write all heads, to keep elsewhere."),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Prove that nothing was lost since that checkpoint."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where the last one was interrupted.")
    ] = False,
    forget: Annotated[
        bool,
        typer.Option("--forget", help="Forget what was seen before, as after restoring a backup."),
    ] = False,
    jobs: options.Jobs = None,
    as_json: options.AsJson = False,
) -> int:
    """Verify that every version is there, and is what was published.

    Every row against its chain of hashes, counters against a recount, every object against its
    rows. Where something is wrong each thing is named, and the exit code is 7. Nothing is changed.

    Example: everyskill verify

    everyskill verify --quick --against heads.txt
    """
    from everyskill_cli.registry.auditing.verify import VerifyOptions
    from everyskill_cli.registry.auditing.verify import verify as run

    if resume:
        combined.require_absent(context, "--resume", "quick", "sample")
    if quick:
        combined.require_absent(context, "--quick", "sample")
    wanted = VerifyOptions(
        share=0.0 if quick else sample or 1.0,
        jobs=jobs,
        checkpoint=checkpoint,
        against=against,
        resume=resume,
        forget=forget,
    )
    with options.registry(context) as registry, render.progress() as watch:
        answer = run(registry, skills or (), wanted, watch)
    render.answer(answer, as_json=as_json)
    if watch.stopped:
        raise KeyboardInterrupt
    return IntegrityFailure.code if answer.status == "damaged" else 0

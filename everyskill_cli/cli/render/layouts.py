"""Which layout an answer has, and what is said about it beside the answer itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from everyskill_cli.cli.render import lists, showing, verbs
from everyskill_cli.cli.render.blocks import Block
from everyskill_cli.cli.render.words import quoted
from everyskill_cli.model import (
    ConfigAnswer,
    DoctorAnswer,
    PublishAnswer,
    RateAnswer,
    RatingPage,
    ShowAnswer,
    SkillPage,
    UpgradeAnswer,
    VersionPage,
)

_LAYOUTS: Final[dict[type, Callable[[Any, datetime], list[Block]]]] = {
    PublishAnswer: verbs.published,
    RateAnswer: verbs.rated,
    ShowAnswer: showing.shown,
    SkillPage: lists.skills,
    VersionPage: lists.versions,
    RatingPage: lists.ratings,
    DoctorAnswer: lists.checks,
    ConfigAnswer: lists.config,
    UpgradeAnswer: verbs.upgraded,
}
_EMPTY: Final = {
    SkillPage: ("No skills here.", "Publish one: everyskill publish PATH"),
    VersionPage: ("No versions here.", ""),
    RatingPage: ("No ratings here.", f"Give one: everyskill rate SLUG 5 {verbs.COMMENT}"),
}


def blocks_of(value: object, now: datetime, part: str | None = None) -> list[Block]:
    """Lay an answer out.

    Args:
        value: one of the answers.
        now: what "3 days ago" counts from.
        part: ``files`` for the manifest of a ShowAnswer alone.

    """
    if part == "files" and isinstance(value, ShowAnswer):
        return lists.files(value, now)
    return _LAYOUTS[type(value)](value, now)


def notes_of(value: object) -> list[tuple[str, str]]:
    """Give what goes to stderr beside an answer, each as a label and a sentence."""
    notes = [("warning", finding.message) for finding in getattr(value, "warnings", ())]
    if not isinstance(value, SkillPage | VersionPage | RatingPage):
        return notes
    if value.next is not None:
        notes.append(("more", f"the same command with --after={quoted(value.next)}"))
    if not value.items:
        message, hint = _EMPTY[type(value)]
        notes += [("", message), ("hint", hint)]
    return notes

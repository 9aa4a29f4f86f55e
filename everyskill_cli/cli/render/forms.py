"""Answers in the forms of other programs: annotations of GitHub Actions, SARIF, CSV."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO

from everyskill_cli.cli.render import streams
from everyskill_cli.model import CheckAnswer, SkillStatsAnswer, StatsAnswer

if TYPE_CHECKING:
    from everyskill_cli.cli.render import Answer, Form


def text_of(value: Answer, form: Form, out: TextIO) -> str:
    """Write an answer in a form that it has; which ones, its command knows."""
    if form == "csv" and isinstance(value, StatsAnswer | SkillStatsAnswer):
        from everyskill_cli.cli.render import spreadsheet

        return spreadsheet.text_of(value, datetime.now(UTC))
    if form == "github" and isinstance(value, CheckAnswer):
        from everyskill_cli.cli.render.annotations import text_of as annotations_of

        return annotations_of(value)
    if form == "sarif" and isinstance(value, CheckAnswer):
        from everyskill_cli.cli.render.documents import document
        from everyskill_cli.cli.render.sarif import log_of

        return document(log_of(value), only_ascii=not streams.is_unicode(out))
    raise TypeError(f"{type(value).__name__} has no form {form}")

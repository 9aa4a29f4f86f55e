"""Rows as CSV (RFC 4180): a header, CRLF, quotes where a cell needs them.

Spreadsheets run a cell that begins with ``=``, ``+``, ``-`` or ``@``, in wide characters too, as a
formula, and such a cell may be a stranger's text: it gets a ``'`` before it, as OWASP advises. So
it does behind a sign at which some spreadsheets would begin another cell. Numbers stay numbers.
"""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Final

from everyskill_cli.cli.render.figures import skills, versions
from everyskill_cli.model import SkillStatsAnswer

if TYPE_CHECKING:
    from datetime import datetime

    from everyskill_cli.model import StatsAnswer

_FORMULA: Final = re.compile(r"(?:(?<=[;|\t])|^)(?=[=+\-@\t\r\uff1d\uff0b\uff0d\uff20])")
_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")


def text_of(value: StatsAnswer | SkillStatsAnswer, now: datetime) -> str:
    """Write the versions of a skill, or the skills of a registry, as CSV."""
    table = versions(value, now) if isinstance(value, SkillStatsAnswer) else skills(value)
    kept = [place for place, column in enumerate(table.columns) if column.place != "screen"]
    made = io.StringIO()
    writer = csv.writer(made, dialect="excel")
    writer.writerow(table.columns[place].name for place in kept)
    writer.writerows([cell(row[place].plain) for place in kept] for row in table.rows)
    return made.getvalue()


def cell(text: str) -> str:
    """Keep a spreadsheet from running a text."""
    return text if _NUMBER.fullmatch(text) else _FORMULA.sub("'", text)

"""Which statements a call sends, and how the database finds what they ask for."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, event

from everyskill_cli.registry import Registry

VALUE = r"'(?:[^']|'')*'(?:::[a-z ]+(?:\[\])?)?"  # as PostgreSQL writes one into a plan


def plans(registry: Registry, title: str, call: Callable[[], object]) -> str:
    """Give the plans of everything that a call asks the database, in Markdown.

    Of each statement the lines that say by which index a table is read; rows and costs are left
    out, because they are guesses.
    """
    sent: list[tuple[str, Any]] = []

    def note(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        sent.append((statement, parameters))

    event.listen(registry.database.engine, "before_cursor_execute", note)
    try:
        call()
    finally:
        event.remove(registry.database.engine, "before_cursor_execute", note)
    explain = "EXPLAIN (COSTS OFF)" if registry.database.dialect == "postgresql" else None
    found: dict[str, None] = {}
    with registry.database.reading() as tx:
        for statement, parameters in sent:
            if re.match(r"(?i)\s*(with|select)\b", statement):
                found |= dict.fromkeys(_lines(tx, explain, statement, parameters))
    lines = "\n".join(found)
    return f"{title}:\n\n```text\n{lines}\n```\n" if found else ""


def _lines(tx: Connection, explain: str | None, statement: str, parameters: Any) -> list[str]:
    asked = f"{explain or 'EXPLAIN QUERY PLAN'} {statement}"
    rows = tx.connection.cursor().execute(asked, parameters).fetchall()
    if explain is None:
        return [row[3] for row in rows if row[3].startswith(("SEARCH", "SCAN", "USE TEMP"))]
    lines = [row[0].strip().removeprefix("->").strip() for row in rows]
    shown = [line for line in lines if re.search(r"\bScan\b|^Sort$|Index Cond|Aggregate", line)]
    return [re.sub(VALUE, "…", line) for line in shown]

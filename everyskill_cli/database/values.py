"""What a column gives back: a value of its kind, or a plain word that it holds another.

PostgreSQL keeps every column to its type. SQLite stores anything in any column, and whoever can
write the file can switch its checks off; so there every text and every number is looked at when it
is read. JSON is looked at on both: what is inside of it no column can promise.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import BigInteger, Dialect, Engine, Integer, Text

from everyskill_cli.database.faults import UnreadableValue

Value = TypeVar("Value")


def check_types(engine: Engine) -> None:
    """Have a SQLite engine check the type of what it reads; before its first statement."""
    own = {Text: _Text, Integer: _Integer, BigInteger: _BigInteger}
    engine.dialect.colspecs = {**engine.dialect.colspecs, **own}


def read_json(stored: Any) -> Any:
    """Read what a JSON column holds; ``json.loads`` alone fails in five ways."""
    if not isinstance(stored, str | bytes):
        raise UnreadableValue(f"{stored!r:.40} is no JSON")
    try:
        return json.loads(stored, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise UnreadableValue(f"{stored[:40]!r} is no JSON") from error


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _only(kind: type[Value], what: str) -> Callable[[Any], Value | None]:
    def check(value: Any) -> Value | None:
        if value is None or value.__class__ is kind:
            return value
        raise UnreadableValue(f"{value!r:.40} is no {what}")

    return check


class _Text(Text):
    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], str | None]:  # noqa: ARG002 - the library's signature
        return _only(str, "text")


class _Integer(Integer):
    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], int | None]:  # noqa: ARG002 - the library's signature
        return _only(int, "whole number")


class _BigInteger(BigInteger):
    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], int | None]:  # noqa: ARG002 - the library's signature
        return _only(int, "whole number")

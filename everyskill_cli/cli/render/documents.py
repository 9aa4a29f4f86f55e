"""Answers and errors as JSON (docs/json.md): the dataclasses' fields, nothing added or renamed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any

from everyskill_cli.chain import timestamp
from everyskill_cli.cli.render.safety import visible_json
from everyskill_cli.errors import EveryskillError, InvalidSkill
from everyskill_cli.model import JsonObject


def to_json(value: object) -> JsonObject:
    """Give an answer as a JSON object.

    Times become ``YYYY-MM-DDTHH:MM:SS.mmmZ``, tuples lists; the object shares nothing mutable
    with the answer.
    """
    if not is_dataclass(value) or isinstance(value, type):
        raise TypeError(f"{type(value).__name__} is no answer")
    return {field.name: _jsonable(getattr(value, field.name)) for field in fields(value)}


def _jsonable(value: object) -> Any:
    if isinstance(value, datetime):
        return timestamp(value)
    if isinstance(value, tuple | list):
        return [_jsonable(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _jsonable(item) for key, item in value.items()}
    if is_dataclass(value):
        return to_json(value)
    return value


def error_to_json(error: EveryskillError) -> JsonObject:
    """Give an error as the object that ``--json`` puts on stderr."""
    said: JsonObject = {
        "type": error.public_type,
        "code": error.code,
        "message": error.message,
        "hint": error.hint,
    }
    if isinstance(error, InvalidSkill):
        said |= {"rule": error.rule, "path": error.path, "line": error.line}
    return {"error": said}


def document(value: JsonObject, *, only_ascii: bool = False) -> str:
    """Write a JSON object as text that is safe on a terminal, with a line break at its end."""
    return visible_json(json.dumps(value, indent=2, ensure_ascii=only_ascii)) + "\n"

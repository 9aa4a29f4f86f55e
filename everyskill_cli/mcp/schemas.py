"""The shapes of answers (docs/json.md) as JSON Schema, made from the dataclasses themselves."""

from __future__ import annotations

import types
from dataclasses import is_dataclass
from datetime import datetime
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from everyskill_cli import model
from everyskill_cli.model import JsonObject

_SIMPLE: dict[object, JsonObject] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    datetime: {"type": "string", "format": "date-time"},
    types.NoneType: {"type": "null"},
}


def schema_of(kind: type) -> JsonObject:
    """Give the schema of an answer; what is made of others refers to them in ``$defs``."""
    shapes: dict[str, JsonObject] = {}
    schema = _shape(kind, shapes)
    shapes.pop(kind.__name__, None)
    return {**schema, "$defs": shapes} if shapes else schema


def _shape(kind: type, shapes: dict[str, JsonObject]) -> JsonObject:
    """Give the schema of a dataclass. Fields may be added, so more than these may be there."""
    names = {name: getattr(model, name) for name in dir(model)}  # some are for type checkers alone
    hints = get_type_hints(kind, localns=names | {"datetime": datetime})
    return {
        "type": "object",
        "properties": {name: _of(hint, shapes) for name, hint in hints.items()},
        "required": list(hints),
    }


def _of(hint: Any, shapes: dict[str, JsonObject]) -> JsonObject:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in (Union, types.UnionType):
        return {"anyOf": [_of(argument, shapes) for argument in arguments]}
    if origin is tuple:
        return {"type": "array", "items": _of(arguments[0], shapes)}
    if origin is dict:
        return {"type": "object"}
    if is_dataclass(hint) and isinstance(hint, type):
        if hint.__name__ not in shapes:
            shapes[hint.__name__] = {}  # so that one that holds itself ends
            shapes[hint.__name__] = _shape(hint, shapes)
        return {"$ref": f"#/$defs/{hint.__name__}"}
    return _SIMPLE[hint]

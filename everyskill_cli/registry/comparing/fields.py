"""How two skills differ in what they say of themselves: name, description, frontmatter."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from everyskill_cli.model import FieldChange, JsonObject

OWN: Final = ("name", "description", "declared_version")  # what the registry shows of every skill


def fields_of(name: str, description: str, metadata: JsonObject) -> dict[str, str]:
    """Give everything that a skill says of itself as texts, by field.

    Its name and description stand once, as the registry shows them; what else the frontmatter
    holds follows by its keys.
    """
    said = {"name": name, "description": description}
    if "declared_version" in metadata:
        said["declared_version"] = str(metadata["declared_version"])
    rest = _flattened(metadata.get("frontmatter") or {})
    return said | {field: value for field, value in rest if field not in OWN}


def changed_fields(before: dict[str, str], after: dict[str, str]) -> tuple[FieldChange, ...]:
    """Say which fields were added, modified or removed: the registry's own, then by name."""
    rest = sorted((before.keys() | after.keys()).difference(OWN))
    return tuple(
        _change(field, before.get(field), after.get(field))
        for field in (*OWN, *rest)
        if before.get(field) != after.get(field)
    )


def _change(field: str, before: str | None, after: str | None) -> FieldChange:
    if before is None:
        return FieldChange(field=field, change="added", before=None, after=after)
    if after is None:
        return FieldChange(field=field, change="removed", before=before, after=None)
    return FieldChange(field=field, change="modified", before=before, after=after)


def _flattened(fields: JsonObject, above: str = "") -> Iterator[tuple[str, str]]:
    """Yield the keys of maps inside one another with dots between them, each with its value."""
    for key, value in fields.items():
        field = above + _key(key)
        if isinstance(value, dict) and value:
            yield from _flattened(value, f"{field}.")
        else:
            yield field, _text(value)


def _key(key: str) -> str:
    """Write a key so that its own dots are told from those between keys."""
    return key if key and "." not in key else _text([key])[1:-1]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

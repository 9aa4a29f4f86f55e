"""The marker at a store's root: the file that names the one registry that the store belongs to."""

from __future__ import annotations

import json
from typing import Final

MARKER: Final = "everyskill.json"
FORMAT: Final = 1
MARKER_MAX: Final = 4096  # bytes


def write_marker(registry_id: str) -> bytes:
    """Give the marker's bytes; frozen format."""
    line = json.dumps({"everyskill": FORMAT, "registry": registry_id}, separators=(",", ":"))
    return line.encode() + b"\n"


def read_marker(data: bytes) -> tuple[int | None, str | None]:
    """Read a marker's format and registry id; None for each that cannot be made out."""
    try:
        marker = json.loads(data)
    except (ValueError, RecursionError):
        return None, None
    if not isinstance(marker, dict) or type(marker.get("everyskill")) is not int:
        return None, None
    registry = marker.get("registry")
    return marker["everyskill"], registry if isinstance(registry, str) and registry else None

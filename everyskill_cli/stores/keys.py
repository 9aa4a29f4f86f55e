"""The names that things have in a store; frozen format for objects."""

from __future__ import annotations

import re
from typing import Final

from everyskill_cli.errors import IntegrityFailure

STAGING: Final = ".staging-"  # then 16 hex digits: what a folder writes aside
PROBE: Final = "everyskill-probe-"  # the same: what doctor tries a store with

CONTENT_KEY: Final = re.compile(r"sha256/([0-9a-f]{2})/(\1[0-9a-f]{62})")
PREFIX: Final = re.compile(r"(?:sha256/(?:[0-9a-f]{0,2}|[0-9a-f]{2}/[0-9a-f]{0,64}))?")
LEFTOVER: Final = re.compile(
    rf"(?:sha256/[0-9a-f]{{2}}/)?{re.escape(STAGING)}[0-9a-f]{{16}}|{PROBE}[0-9a-f]{{16}}(?:-link)?"
)


def content_key(content_hash: str) -> str:
    """Give the key of the object with this SHA-256 (64 lower-case hex digits); frozen format."""
    return f"sha256/{content_hash[:2]}/{content_hash}"


def digest_of(key: str) -> str:
    """Give the SHA-256 that a key is made of; IntegrityFailure for what is none."""
    match = CONTENT_KEY.fullmatch(key)
    if match is None:
        raise IntegrityFailure(f"{key!r} is not the key of an object that everyskill stored.")
    return match[2]

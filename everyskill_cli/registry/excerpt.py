"""What the database keeps of a published text, for search: the same, whoever moves the pointer."""

from __future__ import annotations

from everyskill_cli.model import CONTENT_MAX


def excerpt(text: str | None) -> str | None:
    """Give the beginning of a text: at most 256 KiB, and never half a character.

    Args:
        text: without a byte order mark.
    """
    if text is None or len(text) * 4 <= CONTENT_MAX:
        return text
    return text.encode()[:CONTENT_MAX].decode(errors="ignore")

"""What the protocol can carry: anything else in one answer would end the whole conversation."""

from __future__ import annotations

from typing import Any, Final

from everyskill_cli.errors import IntegrityFailure

DEPTH_MAX: Final = 60  # of lists and maps inside one another; what is published has 20 at most


def sendable(value: Any, depth: int = 0) -> Any:
    """Give a JSON value with every half of a character replaced.

    Rows that everyskill never wrote may hold some, and the SDK cannot write them.

    Raises:
        IntegrityFailure: it nests deeper than anything that is published.
    """
    if depth > DEPTH_MAX:
        raise IntegrityFailure(
            f"The registry holds what everyskill never wrote: more than {DEPTH_MAX} lists and maps"
            " inside one another.",
            "Find out who changed its records: everyskill verify",
        )
    if isinstance(value, str):
        return whole(value)
    if isinstance(value, dict):
        return {whole(key): sendable(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [sendable(item, depth + 1) for item in value]
    return value


def whole(text: str) -> str:
    """Replace every half of a character in a text."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

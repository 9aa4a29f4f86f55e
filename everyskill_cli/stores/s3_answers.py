"""What the client's answers hold: a body, a part to cut out of it, the code of a refusal."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

BEYOND_ITS_END: Final = 416  # the status where an object ends before the bytes that were asked for

_PARTIAL: Final = 206
_PASSED_BY: Final = 1024 * 1024  # bytes read at once of what is in front of a part


def read_whole(response: dict[str, Any], limit: int) -> bytes:
    """Read a body to its end or its limit; a shorter one is an IncompleteReadError."""
    with closing(response["Body"]) as body:
        data: bytes = body.read(limit)
    _check_length(response, len(data), limit)
    return data


def read_part(response: dict[str, Any], start: int, size: int) -> bytes:
    """Read ``size`` bytes from ``start`` on; a body that breaks off is an IncompleteReadError.

    A server that does not know ranges sends the whole object: what is in front is passed by.
    """
    is_part = response.get("ResponseMetadata", {}).get("HTTPStatusCode") == _PARTIAL
    before = 0 if is_part else start
    left = before
    with closing(response["Body"]) as body:
        while left and (passed := body.read(min(left, _PASSED_BY))):
            left -= len(passed)
        data: bytes = body.read(size)
    _check_length(response, before - left + len(data), before + size)
    return data


def code_and_status(error: ClientError) -> tuple[str, int]:
    """Give the error code and the HTTP status of a refusal; of HEAD, the code is the status."""
    response = error.response
    code, meta = response.get("Error", {}).get("Code", ""), response.get("ResponseMetadata", {})
    return str(code), int(meta.get("HTTPStatusCode", 0))


def _check_length(response: dict[str, Any], read: int, limit: int) -> None:
    from botocore.exceptions import IncompleteReadError

    expected = min(response.get("ContentLength", read), limit)
    if read < expected:  # the library checks this only where it reads without a limit
        raise IncompleteReadError(actual_bytes=read, expected_bytes=expected)

"""What can be wrong with an S3 service, by what the caller can do about it.

Settings are checked before the first request, error codes of the API and its dialects after it.
Only codes are repeated to people, never a service's own sentences or a key: those may echo what
was sent. Knows no library; ``s3.py`` knows the client.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from everyskill_cli.errors import (
    EveryskillError,
    Forbidden,
    IntegrityFailure,
    NotReady,
    Unavailable,
)
from everyskill_cli.settings import S3Settings

R2_HOST: Final = ".r2.cloudflarestorage.com"

BAD_TRANSFER: Final = frozenset({"BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch"})
LOST_RACE: Final = frozenset({"ConditionalRequestConflict", "OperationAborted"})

_BAD_KEY: Final = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidToken",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
        "Unauthorized",  # R2
    }
)
_BAD_REGION: Final = frozenset(
    {
        "AuthorizationHeaderMalformed",
        "IllegalLocationConstraintException",
        "PermanentRedirect",
        "TemporaryRedirect",
    }
)
_BUSY: Final = frozenset({"RequestTimeout", "SlowDown", "Throttling", "TooManyRequests"})
_BUSY_STATUS: Final = frozenset({408, 409, 425, 429})
_NOT_IMPLEMENTED: Final = 501  # of all answers from 500 on the one that does not pass with time


def check_settings(settings: S3Settings) -> None:
    """Refuse (NotReady) half a key, a key with a line break, and an endpoint that is no URL."""
    _check_key(settings)
    if settings.endpoint is not None:
        _check_endpoint(settings.endpoint)


def refusal(code: str, status: int, url: str, settings: S3Settings) -> EveryskillError:
    """Turn an answer that refuses a request (error code, HTTP status) into our error."""
    answer = f"{code[:64]}, HTTP {status}"
    if code in _BAD_KEY or status == 401:
        return NotReady(
            f"The store {url} refused the key{_whose(settings)} ({answer}).", check_keys(settings)
        )
    if code == "RequestTimeTooSkewed":
        return NotReady(
            f"The store {url} refused the time of this machine ({answer}).", "Set the clock right."
        )
    if code in ("NoSuchBucket", "InvalidBucketName"):
        return NotReady(
            f"The store {url} has no such bucket ({answer}).",
            "Create the bucket, or check R2_BUCKET_NAME or EVERYSKILL_STORE_URL, and R2_ENDPOINT.",
        )
    if code in BAD_TRANSFER:
        return IntegrityFailure(
            f"The store {url} received other bytes than were sent, {answer}, again and again.",
            "Something between here and the store changes data. Nothing was published.",
        )
    if code in _BUSY or status in _BUSY_STATUS or (status >= 500 and status != _NOT_IMPLEMENTED):
        return Unavailable(
            f"The store {url} is not able to answer now ({answer}).",
            "Run the same command again later; it takes effect once.",
        )
    return _setting(code, status, url, settings)


def _setting(code: str, status: int, url: str, settings: S3Settings) -> EveryskillError:
    answer = f"{code[:64]}, HTTP {status}"
    if code in _BAD_REGION:
        return NotReady(
            f"The store {url} is in another region ({answer}).",
            "Check R2_REGION and R2_ENDPOINT, or AWS_REGION.",
        )
    if status == 403:
        return Forbidden(
            f"The store {url} does not allow this to the key{_whose(settings)} ({answer}).",
            "Ask for a key that may read and write objects of this bucket.",
        )
    return NotReady(
        f"The store {url} answered what an S3 service should not ({answer}).",
        "Check R2_ENDPOINT and the bucket; `everyskill doctor` looks closer.",
    )


def check_keys(settings: S3Settings) -> str:
    """Name the settings that a key comes from."""
    if settings.access_key_id is None and settings.secret_access_key is None:
        return "Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE."
    return "Check R2_ACCESS_KEY_ID and R2_SECRET_ACCESS_KEY."


def _whose(settings: S3Settings) -> str:
    """Say enough of an access key id to tell keys apart, and no more."""
    return f" {settings.access_key_id[:4]}…" if settings.access_key_id else ""


def _check_key(settings: S3Settings) -> None:
    keys = [key for key in (settings.access_key_id, settings.secret_access_key) if key]
    if len(keys) == 1:
        raise NotReady("The store has only half a key.", check_keys(settings))
    if not all(key.isascii() and key.isprintable() and " " not in key for key in keys):
        raise NotReady(
            "The key of the store holds a space, a line break or a character that no key has.",
            check_keys(settings),
        )


def _check_endpoint(endpoint: str) -> None:
    try:
        parts = urlsplit(endpoint)
        usable = parts.scheme in ("http", "https") and parts.hostname and "@" not in endpoint
    except ValueError:
        usable = False
    if not usable:
        raise NotReady(
            "The endpoint of the store is no https:// URL of a host.",
            "Check R2_ENDPOINT: https://<ACCOUNT_ID>.r2.cloudflarestorage.com",
        )
    if (parts.hostname or "").endswith(R2_HOST) and parts.path.strip("/"):
        raise NotReady(
            "The endpoint of the store ends with a path, which R2 would take for the bucket.",
            "Remove what follows the host from R2_ENDPOINT; the bucket is R2_BUCKET_NAME.",
        )

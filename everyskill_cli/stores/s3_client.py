"""boto3's client, set up for every S3 service alike; what each setting spares stands beside it."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

from everyskill_cli.settings import S3Settings
from everyskill_cli.stores.s3_errors import R2_HOST

ATTEMPTS: Final = 4  # of one request, with botocore's pauses between them
CONNECT_TIMEOUT: Final = 5  # seconds
READ_TIMEOUT: Final = 60  # seconds without a byte
CONNECTIONS: Final = 64  # kept open at most: as many as threads that publish at once


def connect(settings: S3Settings) -> Any:
    """Make a client, which costs 200 ms and sends nothing; it is safe in threads."""
    import boto3.session
    import botocore.handlers
    import botocore.session
    from botocore.config import Config

    core = botocore.session.Session()
    # The library's own parser of dates takes 0.15 ms of every answer.
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_moment)
    client = boto3.session.Session(botocore_session=core).client(
        "s3",
        # What is None comes from the standard AWS chain; what is given never asks it.
        endpoint_url=settings.endpoint,
        aws_access_key_id=settings.access_key_id,
        aws_secret_access_key=settings.secret_access_key,
        config=Config(
            region_name=region_of(settings),
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            user_agent="everyskill",  # the library's own is put together twice for every request
            parameter_validation=False,  # every request is made in this file
            # The defaults since 1.36 send aws-chunked trailers, which R2 does not take.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT,
            tcp_keepalive=True,
            max_pool_connections=CONNECTIONS,
        ),
    )
    # `Expect: 100-continue` costs every upload a round trip, and a second where it is not answered.
    client.meta.events.unregister("before-call.s3", botocore.handlers.add_expect_header)
    client.meta.events.register("before-call.s3.HeadBucket", _ask_no_region)
    return client


def _moment(said: str | float) -> datetime:
    """Read a date of S3, as lists and as headers have it; logins by other services give numbers."""
    if not isinstance(said, str):
        return datetime.fromtimestamp(said, UTC)
    try:
        return datetime.fromisoformat(said)
    except ValueError:
        return parsedate_to_datetime(said)


def clock_of(answer: dict[str, Any]) -> datetime | None:
    """Read when the service sent an answer, to the second; None where it does not say."""
    said = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    try:
        return None if said is None else parsedate_to_datetime(said).astimezone(UTC)
    except ValueError:
        return None


def _ask_no_region(**_: object) -> None:
    """Spare the library's question where a bucket is: AWS has said so in the first answer.

    A host that redirects everything redirects that too, and it would ask without end.
    """
    from botocore.exceptions import ClientError

    nothing: Any = {"ResponseMetadata": {"HTTPHeaders": {}}}
    raise ClientError(nothing, "HeadBucket")


def region_of(settings: S3Settings) -> str | None:
    """Give the region to sign for; None leaves it to the standard AWS chain."""
    if settings.region or settings.endpoint is None:
        return settings.region
    return "auto" if (urlsplit(settings.endpoint).hostname or "").endswith(R2_HOST) else "us-east-1"

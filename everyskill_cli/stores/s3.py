"""A bucket of Cloudflare R2, AWS or any other S3 service; the only file that knows boto3.

The client is made at the first use, because that costs 200-300 ms.
"""

from __future__ import annotations

import base64
import hashlib
import re
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

from everyskill_cli.errors import NotReady, Unavailable
from everyskill_cli.model import Check
from everyskill_cli.settings import S3Settings
from everyskill_cli.stores.base import TRIES, ObjectInfo, Store
from everyskill_cli.stores.probe import check_of
from everyskill_cli.stores.s3_errors import (
    BAD_TRANSFER,
    LOST_RACE,
    R2_HOST,
    check_keys,
    check_settings,
    refusal,
)

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

ATTEMPTS: Final = 4  # of one request, with botocore's pauses between them
CONNECT_TIMEOUT: Final = 5  # seconds
READ_TIMEOUT: Final = 60  # seconds without a byte
CONNECTIONS: Final = 64  # kept open at most: as many as threads that publish at once
PAGE: Final = 1000  # objects of one list request, the most that S3 gives

_BUCKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")  # AWS is stricter, others not
_TLS: Final = "Check R2_ENDPOINT; behind a TLS proxy, AWS_CA_BUNDLE names its certificate."


class S3Store(Store):
    """Objects below one prefix of one bucket."""

    def __init__(self, bucket: str, prefix: str, settings: S3Settings) -> None:
        super().__init__("/".join(filter(None, ("s3:/", bucket, prefix))))
        self._bucket = bucket
        self._prefix = prefix and prefix + "/"
        self._settings = settings
        self._connection: Any = None
        self._lock = threading.Lock()

    @classmethod
    def open(cls, rest: str, settings: S3Settings | None) -> Self:
        """Open the store of an ``s3://`` URL, given what follows ``s3://``.

        What can be seen to be wrong (half a key, an endpoint that is no URL) is NotReady. Nothing
        is sent before the first use, so a wrong bucket or key is found only then.
        """
        bucket, _, prefix = rest.partition("/")
        prefix = prefix.strip("/")
        settings = settings or S3Settings()
        if not _BUCKET.fullmatch(bucket) or not prefix.isprintable() or ".." in prefix.split("/"):
            raise NotReady(  # without the URL: what stands there by mistake may be a key
                "The store URL is not s3://bucket or s3://bucket/prefix.",
                "Check EVERYSKILL_STORE_URL or R2_BUCKET_NAME; a key never stands in a URL.",
            )
        check_settings(settings)
        return cls(bucket, prefix, settings)

    def location(self, key: str) -> str:
        """Give the ``s3://`` URL of an object."""
        return f"{self.url}/{key}"

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _put(self, key: str, data: bytes, content_type: str, *, overwrite: bool) -> None:
        from botocore.exceptions import ClientError

        request = self._request(key) | {"Body": data, "ContentType": content_type}
        request["ChecksumSHA256"] = base64.b64encode(hashlib.sha256(data).digest()).decode()
        if not overwrite:
            request["IfNoneMatch"] = "*"
        with self._border():
            for attempt in range(TRIES):
                try:
                    self._client().put_object(**request)
                except ClientError as error:
                    code, status = _answer(error)
                    if status == 412 and not overwrite:
                        return  # already there, perhaps by our own resent request: base.py looks
                    if attempt == TRIES - 1 or code not in BAD_TRANSFER | LOST_RACE:
                        raise
                    time.sleep(0.1 * 2**attempt)
                else:
                    return

    def _get(self, key: str, limit: int) -> bytes | None:
        from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError
        from urllib3.exceptions import HTTPError

        tries = 1
        with self._border():
            while True:  # the library does not see, and so not retry, a body that ends early
                try:
                    response = self._open(key)
                    return None if response is None else _read(response, limit)
                except ClientError as error:
                    if tries == TRIES or _answer(error)[0] != "404":  # half of a NoSuchKey
                        raise
                except (HTTPClientError, IncompleteReadError, HTTPError):
                    if tries == TRIES:
                        raise
                tries += 1

    def _head(self, key: str) -> int | None:
        from botocore.exceptions import ClientError

        with self._border():
            try:
                found: Any = self._client().head_object(**self._request(key))
            except ClientError:
                # An answer to HEAD has no body and so no error code; the answer to GET has one.
                found = self._open(key)
                if found is not None:
                    found["Body"].close()
            return None if found is None else int(found.get("ContentLength", 0))

    def _list(self, prefix: str) -> Iterator[ObjectInfo]:
        request = {"Bucket": self._bucket, "Prefix": self._prefix + prefix, "MaxKeys": PAGE}
        more = True
        while more:
            with self._border():
                page = self._client().list_objects_v2(**request)
                found = [self._info(each) for each in page.get("Contents", ())]
                more = page["IsTruncated"]  # any page of XML would do for a list without objects
                if more:
                    request["ContinuationToken"] = page["NextContinuationToken"]
            yield from found

    def _delete(self, key: str) -> None:
        with self._border():
            self._client().delete_object(**self._request(key))

    def _probe_more(self, key: str) -> Iterator[Check]:
        from botocore.exceptions import ClientError

        wrong = base64.b64encode(hashlib.sha256(b"other bytes").digest()).decode()
        verified = False
        with self._border():
            try:
                self._client().put_object(**self._request(key), Body=b"bytes", ChecksumSHA256=wrong)
            except ClientError as error:
                if _answer(error)[1] != 400:
                    raise
                verified = True
        if verified:
            yield check_of("store-checksums", "ok", "refuses bytes that do not match")
        else:
            yield check_of(
                "store-checksums",
                "warning",
                "does not verify SHA-256 on upload; every object is read back and compared anyway",
                "Use a store that verifies x-amz-checksum-sha256, as R2, AWS and SeaweedFS do.",
            )

    def _info(self, found: dict[str, Any]) -> ObjectInfo:
        key = found["Key"].removeprefix(self._prefix)
        return ObjectInfo(key, found["Size"], found["LastModified"].astimezone(UTC))

    def _request(self, key: str) -> dict[str, Any]:
        return {"Bucket": self._bucket, "Key": self._prefix + key}

    def _open(self, key: str) -> Any:
        """Ask for an object: the library's answer, whose body is still to read, or None."""
        from botocore.exceptions import ClientError

        try:
            return self._client().get_object(**self._request(key))
        except ClientError as error:
            if _answer(error)[0] == "NoSuchKey":
                return None
            raise

    def _client(self) -> Any:
        """Give the one client of this store, made at the first use; it is safe in threads."""
        with self._lock:
            if self._connection is None:
                self._connection = _connect(self._settings)
            return self._connection

    @contextmanager
    def _border(self) -> Iterator[None]:
        """Turn what the client raises into our errors."""
        from botocore import exceptions as foreign
        from urllib3.exceptions import HTTPError

        try:
            yield
        except foreign.ClientError as error:
            raise refusal(*_answer(error), self.url, self._settings) from error
        except foreign.SSLError as error:
            raise NotReady(f"The store {self.url} shows no trusted certificate.", _TLS) from error
        except (
            foreign.ConnectionError,
            foreign.HTTPClientError,
            foreign.IncompleteReadError,
            KeyError,  # a proxy's page in place of an answer
            HTTPError,
        ) as error:
            why = type(error).__name__
            raise Unavailable(
                f"The store {self.url} cannot be reached or broke off its answer ({why}).",
                "Check the network and R2_ENDPOINT, then run the same command again.",
            ) from error
        except (foreign.BotoCoreError, ValueError) as error:
            why = " ".join(str(error).split())[:200]
            raise NotReady(
                f"The store {self.url} cannot be used as it is set up: {why}",
                f"{check_keys(self._settings)} Then R2_ENDPOINT, R2_REGION and the bucket.",
            ) from error


def _connect(settings: S3Settings) -> Any:
    import boto3.session
    import botocore.handlers
    from botocore.config import Config

    client = boto3.session.Session().client(
        "s3",
        # What is None comes from the standard AWS chain; what is given never asks it.
        endpoint_url=settings.endpoint,
        aws_access_key_id=settings.access_key_id,
        aws_secret_access_key=settings.secret_access_key,
        config=Config(
            region_name=_region(settings),
            signature_version="s3v4",
            s3={"addressing_style": "path"},
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


def _ask_no_region(**_: object) -> None:
    """Spare the library's question where a bucket is: AWS has said so in the first answer.

    A host that redirects everything redirects that too, and it would ask without end.
    """
    from botocore.exceptions import ClientError

    nothing: Any = {"ResponseMetadata": {"HTTPHeaders": {}}}
    raise ClientError(nothing, "HeadBucket")


def _region(settings: S3Settings) -> str | None:
    if settings.region or settings.endpoint is None:
        return settings.region
    return "auto" if (urlsplit(settings.endpoint).hostname or "").endswith(R2_HOST) else "us-east-1"


def _read(response: dict[str, Any], limit: int) -> bytes:
    """Read a body to its end or its limit; a shorter one is an IncompleteReadError."""
    from botocore.exceptions import IncompleteReadError

    with closing(response["Body"]) as body:
        data: bytes = body.read(limit)
    expected = min(response.get("ContentLength", len(data)), limit)
    if len(data) < expected:  # the library checks this only where it reads without a limit
        raise IncompleteReadError(actual_bytes=len(data), expected_bytes=expected)
    return data


def _answer(error: ClientError) -> tuple[str, int]:
    """Give the error code and the HTTP status of a refusal; of HEAD, the code is the status."""
    response = error.response
    code, meta = response.get("Error", {}).get("Code", ""), response.get("ResponseMetadata", {})
    return str(code), int(meta.get("HTTPStatusCode", 0))

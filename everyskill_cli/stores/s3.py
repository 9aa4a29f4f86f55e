"""A bucket of Cloudflare R2, AWS or any other S3 service.

The client is made at the first use, because that costs 200-300 ms.
"""

from __future__ import annotations

import base64
import hashlib
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Self

from everyskill_cli.errors import NotReady, Unavailable
from everyskill_cli.settings import S3Settings
from everyskill_cli.stores.base import TRIES, ObjectInfo, Store
from everyskill_cli.stores.keys import PROBE
from everyskill_cli.stores.probe import check_of
from everyskill_cli.stores.s3_answers import BEYOND_ITS_END, code_and_status, read_part, read_whole
from everyskill_cli.stores.s3_client import (
    CONNECT_TIMEOUT,
    CONNECTIONS,
    READ_TIMEOUT,
    clock_of,
    connect,
    region_of,
)
from everyskill_cli.stores.s3_direct import DirectAccess, byte_range
from everyskill_cli.stores.s3_errors import (
    BAD_TRANSFER,
    LOST_RACE,
    check_keys,
    check_settings,
    refusal,
)

if TYPE_CHECKING:
    from everyskill_cli.model import Check

PAGE: Final = 1000  # objects of one list request, the most that S3 gives

_BUCKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")  # AWS is stricter, others not
_TLS: Final = "Check R2_ENDPOINT; behind a TLS proxy, AWS_CA_BUNDLE names its certificate."


class S3Store(Store):
    """Objects below one prefix of one bucket."""

    jobs = CONNECTIONS

    def __init__(self, bucket: str, prefix: str, settings: S3Settings) -> None:
        super().__init__("/".join(filter(None, ("s3:/", bucket, prefix))))
        self._bucket = bucket
        self._prefix = prefix and prefix + "/"
        self._settings = settings
        self._connection: Any = None
        self._short_way: DirectAccess | None = None
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
            for connection in (self._connection, self._short_way):
                if connection is not None:
                    connection.close()
            self._connection = self._short_way = None

    def _put(self, key: str, data: bytes, content_type: str, *, overwrite: bool) -> None:
        digest = hashlib.sha256(data).digest()
        checksum = base64.b64encode(digest).decode()
        headers = {"content-type": content_type, "x-amz-checksum-sha256": checksum}
        headers |= {} if overwrite else {"if-none-match": "*"}
        direct = self._direct()
        if direct is not None:
            status = direct.put(self._prefix + key, data, digest.hex(), headers)
            if status == 200 or (status == 412 and not overwrite):  # 412 says: already there
                return
        self._put_by_client(key, data, content_type, checksum, overwrite=overwrite)

    def _put_by_client(
        self, key: str, data: bytes, content_type: str, checksum: str, *, overwrite: bool
    ) -> None:
        from botocore.exceptions import ClientError

        request = self._request(key) | {"Body": data, "ContentType": content_type}
        request["ChecksumSHA256"] = checksum
        if not overwrite:
            request["IfNoneMatch"] = "*"
        with self._border():
            for attempt in range(TRIES):
                try:
                    self._client().put_object(**request)
                except ClientError as error:
                    code, status = code_and_status(error)
                    if status == 412 and not overwrite:
                        return  # already there, perhaps by our own resent request: base.py looks
                    if attempt == TRIES - 1 or code not in BAD_TRANSFER | LOST_RACE:
                        raise
                    time.sleep(0.1 * 2**attempt)
                else:
                    return

    def _get(self, key: str, limit: int) -> bytes | None:
        direct = self._direct()
        if direct is not None and (data := direct.get(self._prefix + key, limit)) is not None:
            return data
        return self._read_by_client(key, lambda answer: read_whole(answer, limit))

    def _get_part(self, key: str, start: int, size: int) -> bytes | None:
        direct = self._direct()
        if direct is not None:
            data = direct.get_part(self._prefix + key, start, size)
            if data is not None:
                return data
        wanted = {"Range": byte_range(start, size)}
        return self._read_by_client(key, lambda answer: read_part(answer, start, size), **wanted)

    def _read_by_client(
        self, key: str, read: Callable[[Any], bytes], **wanted: str
    ) -> bytes | None:
        from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError
        from urllib3.exceptions import HTTPError

        tries = 1
        with self._border():
            while True:  # the library does not see, and so not retry, a body that ends early
                try:
                    response = self._open(key, **wanted)
                    return None if response is None else read(response)
                except ClientError as error:
                    code, status = code_and_status(error)
                    if status == BEYOND_ITS_END:
                        return b""
                    if tries == TRIES or code != "404":  # half of a NoSuchKey
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

    def _leftovers(self) -> Iterator[ObjectInfo]:
        yield from self._list(PROBE)  # a request writes an object whole or not at all

    def _now(self) -> datetime:
        """Read the service's clock, which it dates objects by, to the second."""
        with self._border():
            request = {"Bucket": self._bucket, "Prefix": self._prefix + PROBE, "MaxKeys": 1}
            answer = self._client().list_objects_v2(**request)
        return clock_of(answer) or super()._now()

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
                if code_and_status(error)[1] != 400:
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

    def _open(self, key: str, **wanted: str) -> Any:
        """Ask for an object: the library's answer, whose body is still to read, or None."""
        from botocore.exceptions import ClientError

        try:
            return self._client().get_object(**self._request(key), **wanted)
        except ClientError as error:
            if code_and_status(error)[0] == "NoSuchKey":
                return None
            raise

    def _client(self) -> Any:
        """Give the one client of this store, made at the first use; it is safe in threads."""
        with self._lock:
            if self._connection is None:
                self._connection = connect(self._settings)
            return self._connection

    def _direct(self) -> DirectAccess | None:
        """Give the short way, where nothing has to be looked up for it."""
        with self._lock:
            if self._short_way is None and DirectAccess.reaches(self._settings):
                self._short_way = DirectAccess(
                    self._settings,
                    self._bucket,
                    region_of(self._settings) or "us-east-1",
                    connections=CONNECTIONS,
                    timeouts=(CONNECT_TIMEOUT, READ_TIMEOUT),
                )
            return self._short_way

    @contextmanager
    def _border(self) -> Iterator[None]:
        """Turn what the client raises into our errors."""
        from botocore import exceptions as foreign
        from botocore.parsers import ResponseParserError
        from urllib3.exceptions import HTTPError

        try:
            yield
        except foreign.ClientError as error:
            raise refusal(*code_and_status(error), self.url, self._settings) from error
        except foreign.SSLError as error:
            raise NotReady(f"The store {self.url} shows no trusted certificate.", _TLS) from error
        except (
            foreign.ConnectionError,
            foreign.HTTPClientError,
            foreign.IncompleteReadError,
            HTTPError,
            ResponseParserError,
            KeyError,  # a proxy's page in place of an answer
            TypeError,  # XML inside of a word: the library takes it for one all the same
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

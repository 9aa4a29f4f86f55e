"""A bucket that speaks S3, whoever serves it, and what that server promises."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from boto3 import Session
    from mypy_boto3_s3.client import S3Client


@dataclass(frozen=True)
class Promises:
    """What a server does about the requests that a store relies on.

    Attributes:
        verifies_checksums: an upload whose SHA-256 is wrong is refused.
        checks_signatures: a request with a wrong key is refused.
        atomic_conditional_writes: of racing uploads with `If-None-Match: *` exactly one wins.
    """

    verifies_checksums: bool = True
    checks_signatures: bool = True
    atomic_conditional_writes: bool = True


class S3Server:
    """A running server with one bucket for the test run; every test has a prefix of its own.

    Args:
        name: which server it is, for messages.
        endpoint: its address, without the bucket.
        bucket: it exists, or `create_bucket` makes it.
    """

    promises = Promises()
    region = "auto"

    def __init__(
        self, name: str, endpoint: str, access_key: str, secret_key: str, bucket: str
    ) -> None:
        self.name = name
        self.endpoint = endpoint
        self.access_key = access_key
        self.secret_key = secret_key
        self.bucket = bucket
        self._run = f"everyskill-test-{uuid.uuid4().hex[:12]}"
        self._tests = 0

    def prefix(self) -> str:
        """A prefix that no other test and no other run uses; without slashes at its ends."""
        self._tests += 1
        return f"{self._run}/{self._tests}"

    def environment(self, prefix: str, *, endpoint: str | None = None) -> dict[str, str]:
        """The variables that make everyskill keep its objects here.

        Args:
            prefix: where in the bucket.
            endpoint: instead of the server's own, as that of a proxy in front of it.
        """
        return {
            "R2_ENDPOINT": endpoint or self.endpoint,
            "R2_ACCESS_KEY_ID": self.access_key,
            "R2_SECRET_ACCESS_KEY": self.secret_key,
            "R2_BUCKET_NAME": self.bucket,
            "EVERYSKILL_STORE_URL": f"s3://{self.bucket}/{prefix}",
        }

    def connect(
        self, *, endpoint: str | None = None, secret_key: str | None = None, attempts: int = 1
    ) -> S3Client:
        """A client that sends what it is told and nothing else.

        Args:
            endpoint: instead of the server's own, as that of a proxy in front of it.
            secret_key: instead of the right one.
            attempts: how often it asks when it gets no answer, or one that says to try again.
        """
        from botocore.config import Config

        return _session().client(
            "s3",
            endpoint_url=endpoint or self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=secret_key or self.secret_key,
            region_name=self.region,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                retries={"mode": "standard", "total_max_attempts": attempts},
                connect_timeout=5,
                read_timeout=30,
            ),
        )

    @cached_property
    def client(self) -> S3Client:
        """A client for looking at the bucket, or spoiling it, behind everyskill's back."""
        return self.connect(attempts=3)  # after a restart the connections it kept are dead

    def keys(self, prefix: str) -> list[str]:
        """Every key of the bucket that starts with this prefix, in order."""
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=prefix
        )
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def close(self) -> None:
        """Remove what this run left in the bucket; the server itself goes on."""
        if self._tests:
            for key in self.keys(f"{self._run}/"):
                self.client.delete_object(Bucket=self.bucket, Key=key)
        self._close_client()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _close_client(self) -> None:
        if "client" in self.__dict__:
            self.client.close()


@cache
def _session() -> Session:
    """A session of the tests' own: boto3's default one belongs to the program under test."""
    import boto3

    return boto3.Session()


def running_bucket(environment: Mapping[str, str]) -> S3Server | None:
    """The bucket that `EVERYSKILL_TEST_S3_ENDPOINT` and its three companions name, if they do."""
    names = ("ENDPOINT", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "BUCKET")
    values = [environment.get(f"EVERYSKILL_TEST_S3_{name}", "") for name in names]
    if not any(values):
        return None
    if not all(values):
        raise ValueError(f"Set all or none of EVERYSKILL_TEST_S3_{', _'.join(names)}.")
    return S3Server("the bucket of EVERYSKILL_TEST_S3_ENDPOINT", *values)


def status_of(call: Callable[..., Any], **arguments: Any) -> int:
    """The HTTP status of a client's call, whether it was answered well or badly."""
    from botocore.exceptions import ClientError

    try:
        answer = call(**arguments)
    except ClientError as error:
        answer = error.response
    status: int = answer["ResponseMetadata"]["HTTPStatusCode"]
    return status

"""The fault proxy does to a request what was ordered, and nothing to the others."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from botocore.exceptions import HTTPClientError

from tests.servers.faults import Fault, FaultProxy
from tests.servers.s3 import S3Server, status_of

BODY = bytes(range(256)) * 16


class Object:
    """An object behind the proxy, and a client that asks once."""

    def __init__(self, server: S3Server, proxy: FaultProxy) -> None:
        self.server = server
        self.there: dict[str, Any] = {"Bucket": server.bucket, "Key": f"{server.prefix()}/ä b+%"}
        self.client = server.connect(endpoint=proxy.endpoint)

    def put(self, **more: str) -> int:
        return status_of(self.client.put_object, **self.there, Body=BODY, **more)

    def get(self) -> bytes:
        return self.client.get_object(**self.there)["Body"].read()

    @property
    def stored(self) -> bytes | None:
        """What the server has, asked without the proxy."""
        if self.there["Key"] not in self.server.keys(self.there["Key"]):
            return None
        return self.server.client.get_object(**self.there)["Body"].read()


@pytest.fixture
def thing(local_s3: S3Server, fault_proxy: FaultProxy) -> Iterator[Object]:
    thing = Object(local_s3, fault_proxy)
    yield thing
    thing.client.close()


def test_without_orders_everything_passes(thing: Object, fault_proxy: FaultProxy) -> None:
    assert thing.put() == 200
    assert thing.get() == thing.stored == BODY
    assert thing.client.head_object(**thing.there)["ContentLength"] == len(BODY)
    assert thing.client.list_objects_v2(Bucket=thing.server.bucket)["KeyCount"] > 0
    assert status_of(thing.client.delete_object, **thing.there) == 204
    assert thing.stored is None
    methods = [request.method for request in fault_proxy.requests]
    assert methods == ["PUT", "GET", "HEAD", "GET", "DELETE"]
    assert fault_proxy.count(key=thing.there["Key"]) == 4
    assert fault_proxy.count("GET") == 2


@pytest.mark.parametrize(
    ("fault", "stored"),
    [(Fault.RESET, None), (Fault.LOST_ANSWER, BODY)],
)
def test_an_upload_without_an_answer(
    fault: Fault, stored: bytes | None, thing: Object, fault_proxy: FaultProxy
) -> None:
    fault_proxy.order(fault)
    with pytest.raises(HTTPClientError):
        thing.put()
    assert thing.stored == stored
    assert thing.put() == 200


@pytest.mark.parametrize(
    ("fault", "status", "stored"),
    [
        (Fault.ERROR_500, 500, None),
        (Fault.DONE_AND_500, 500, BODY),
        (Fault.SLOW_DOWN_503, 503, None),
        (Fault.TOO_MANY_429, 429, None),
        (Fault.FORGOTTEN_UPLOAD, 200, None),
        (Fault.SLOW, 200, BODY),
    ],
)
def test_an_upload_with_a_bad_answer(
    fault: Fault, status: int, stored: bytes | None, thing: Object, fault_proxy: FaultProxy
) -> None:
    fault_proxy.delay = 0.2
    fault_proxy.order(fault)
    begin = time.monotonic()
    assert thing.put() == status
    assert (time.monotonic() - begin >= 0.2) is (fault is Fault.SLOW)
    assert thing.stored == stored


def test_a_flipped_upload_is_stored(thing: Object, fault_proxy: FaultProxy) -> None:
    fault_proxy.order(Fault.FLIPPED_UPLOAD)
    assert thing.put() == 200
    assert thing.stored is not None
    assert [a ^ b for a, b in zip(thing.stored, BODY, strict=True) if a != b] == [1]


def test_a_flipped_upload_with_a_checksum_is_refused(
    thing: Object, fault_proxy: FaultProxy
) -> None:
    if not thing.server.promises.verifies_checksums:
        pytest.skip(f"{thing.server.name} does not promise it")
    fault_proxy.order(Fault.FLIPPED_UPLOAD)
    digest = hashlib.sha256(BODY).digest()
    assert thing.put(ChecksumSHA256=base64.b64encode(digest).decode()) == 400
    assert thing.stored is None


def test_a_download_that_ends_early(thing: Object, fault_proxy: FaultProxy) -> None:
    thing.put()
    fault_proxy.order(Fault.RESET, Fault.LOST_ANSWER, Fault.HALF_BODY, method="GET")
    for _ in range(3):
        with pytest.raises((HTTPClientError, OSError)):
            thing.get()
    assert thing.get() == BODY


def test_a_download_that_is_wrong(thing: Object, fault_proxy: FaultProxy) -> None:
    thing.put()
    fault_proxy.order(Fault.SHORT_BODY, Fault.FLIPPED_DOWNLOAD)
    assert thing.get() == BODY[: len(BODY) // 2]
    flipped = thing.get()
    assert [a ^ b for a, b in zip(flipped, BODY, strict=True) if a != b] == [1]
    assert thing.get() == BODY


def test_a_stale_answer(thing: Object, fault_proxy: FaultProxy) -> None:
    thing.put()
    fault_proxy.order(Fault.STALE, Fault.PASS, Fault.STALE)
    statuses = [status_of(thing.client.head_object, **thing.there) for _ in range(4)]
    assert statuses == [404, 200, 404, 200]


def test_faults_hit_the_requests_that_were_meant(thing: Object, fault_proxy: FaultProxy) -> None:
    fault_proxy.order(Fault.ERROR_500, method="GET", key=thing.there["Key"])
    fault_proxy.order(Fault.ERROR_500, key="no such key")
    assert thing.put() == 200
    assert status_of(thing.client.list_objects_v2, Bucket=thing.server.bucket) == 200
    assert status_of(thing.client.get_object, **thing.there) == 500
    assert fault_proxy.pending == [Fault.ERROR_500]
    assert [request.fault for request in fault_proxy.requests] == [
        Fault.PASS,
        Fault.PASS,
        Fault.ERROR_500,
    ]
    with pytest.raises(ValueError, match="could happen"):
        fault_proxy.order(Fault.HALF_BODY, method="PUT")


def test_the_environment_leads_through_the_proxy(
    fault_environment: Mapping[str, str], fault_proxy: FaultProxy, local_s3: S3Server
) -> None:
    assert fault_environment["R2_ENDPOINT"] == fault_proxy.endpoint
    assert fault_environment["EVERYSKILL_STORE_URL"].startswith(f"s3://{local_s3.bucket}/")

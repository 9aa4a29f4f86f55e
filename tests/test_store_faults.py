"""The S3 store on bad days: faults between it and the server, refusals, wrong settings."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import pytest
from botocore.exceptions import ClientError

from everyskill_cli.errors import (
    EveryskillError,
    Forbidden,
    IntegrityFailure,
    NotFound,
    NotReady,
    Unavailable,
)
from everyskill_cli.settings import S3Settings
from everyskill_cli.stores import MARKER, Store, content_key, open_store, s3, s3_client
from tests.servers.faults import ALL, ODD, Fault, FaultProxy
from tests.servers.s3 import S3Server

DATA = b"# A skill that is longer than one line\n" * 500
KEY = content_key(hashlib.sha256(DATA).hexdigest())
PART = (5_000, 2_000, hashlib.sha256(DATA[5_000:7_000]).hexdigest())
ID = "0e9b6f3a-3f0e-4b55-9d6d-6a4f1b0c7d11"

# What ends well when it happens once.
PASSING = [fault for fault in Fault if fault not in ODD | {Fault.PASS}]

# What a put ends in when it happens to every request of one method.
LASTING_PUT = {
    Fault.SLOW: None,
    Fault.RESET: Unavailable,
    Fault.LOST_ANSWER: Unavailable,
    Fault.FLIPPED_UPLOAD: IntegrityFailure,
    Fault.FORGOTTEN_UPLOAD: IntegrityFailure,
    Fault.ERROR_500: Unavailable,
    Fault.DONE_AND_500: Unavailable,
    Fault.SLOW_DOWN_503: Unavailable,
    Fault.TOO_MANY_429: Unavailable,
}
LASTING_GET = {
    Fault.SLOW: None,
    Fault.RESET: Unavailable,
    Fault.LOST_ANSWER: Unavailable,
    Fault.HALF_BODY: Unavailable,
    Fault.SHORT_BODY: IntegrityFailure,
    Fault.FLIPPED_DOWNLOAD: IntegrityFailure,
    Fault.STALE: IntegrityFailure,
    Fault.ERROR_500: Unavailable,
    Fault.DONE_AND_500: Unavailable,
    Fault.SLOW_DOWN_503: Unavailable,
    Fault.TOO_MANY_429: Unavailable,
}


@dataclass
class Line:
    """A store behind the proxy, and a straight way to what the server really holds."""

    store: Store
    proxy: FaultProxy
    server: S3Server
    prefix: str

    def holds(self, key: str = KEY) -> bytes | None:
        try:
            answer = self.server.client.get_object(
                Bucket=self.server.bucket, Key=f"{self.prefix}/{key}"
            )
        except ClientError:
            return None
        return answer["Body"].read()

    def plant(self, key: str, data: bytes) -> None:
        self.server.client.put_object(
            Bucket=self.server.bucket, Key=f"{self.prefix}/{key}", Body=data
        )

    def methods(self) -> list[str]:
        return [request.method for request in self.proxy.requests]


@pytest.fixture
def line(fault_proxy: FaultProxy, local_s3: S3Server) -> Iterator[Line]:
    fault_proxy.delay = 0.3
    prefix = local_s3.prefix()
    settings = S3Settings(fault_proxy.endpoint, local_s3.access_key, local_s3.secret_key)
    with open_store(f"s3://{local_s3.bucket}/{prefix}", settings) as store:
        yield Line(store, fault_proxy, local_s3, prefix)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the library's pauses between its attempts, which are seconds long."""
    pause = "botocore.retries.standard.ExponentialBackoff.delay_amount"
    monkeypatch.setattr(pause, lambda self, context: 0.001)


# Requests


def test_a_put_is_one_plain_upload_and_one_read_and_nothing_else(line: Line) -> None:
    for _ in range(2):  # of a new object, and of one that is there
        line.proxy.forget()
        line.store.put(KEY, DATA, "application/zip")
        assert line.methods() == ["PUT", "GET"]
        sent = line.proxy.requests[0]
        assert sent.bucket == line.server.bucket
        assert sent.key == f"{line.prefix}/{KEY}"
        assert sent.headers["if-none-match"] == "*"
        digest = base64.b64encode(hashlib.sha256(DATA).digest()).decode()
        assert sent.headers["x-amz-checksum-sha256"] == digest
        assert sent.headers["content-type"] == "application/zip"
        assert sent.headers["content-length"] == str(len(DATA))
        for request in line.proxy.requests:  # what R2 does not take, or what costs a round trip
            assert not {
                "expect",
                "content-encoding",
                "transfer-encoding",
                "x-amz-checksum-mode",
                "x-amz-sdk-checksum-algorithm",
                "x-amz-trailer",
            }.intersection(request.headers)
    assert line.holds() == DATA


def test_a_claim_is_one_read_once_the_store_is_ours(line: Line) -> None:
    line.store.claim(ID)
    assert line.methods() == ["GET", "GET", "PUT", "GET"]  # the client is asked about a 404
    line.proxy.forget()
    line.store.claim(ID)
    assert line.methods() == ["GET"]


def test_a_head_of_what_is_there_reads_no_body(line: Line) -> None:
    line.store.put(KEY, DATA, "text/plain")
    line.proxy.forget()
    assert line.store.head(KEY) == len(DATA)
    assert line.methods() == ["HEAD"]


def test_a_part_is_one_read_of_these_bytes(line: Line) -> None:
    line.plant(KEY, DATA)
    assert line.store.get_part(KEY, *PART) == DATA[5_000:7_000]
    [asked] = line.proxy.requests
    assert (asked.method, asked.headers["range"]) == ("GET", "bytes=5000-6999")
    line.proxy.forget()
    assert line.store.get_part(KEY, 5, 0, hashlib.sha256(b"").hexdigest()) == b""
    assert line.proxy.requests == []


@pytest.mark.parametrize("fault", [Fault.HALF_BODY, Fault.SHORT_BODY], ids=lambda f: f.value)
@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_part_that_comes_short_is_asked_for_again(line: Line, fault: Fault, times: int) -> None:
    line.plant(KEY, DATA)
    line.proxy.order(*[fault] * times)
    assert line.store.get_part(KEY, *PART) == DATA[5_000:7_000]
    assert {request.headers["range"] for request in line.proxy.requests} == {"bytes=5000-6999"}
    assert line.methods() == ["GET"] * (times + 1)


def test_nothing_is_sent_before_the_first_use(line: Line) -> None:
    line.store.location(KEY)
    assert line.store.url.startswith("s3://")
    line.store.close()
    assert line.methods() == []


# One fault


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: fault.value)
def test_one_fault_during_a_put_leaves_the_right_object(line: Line, fault: Fault) -> None:
    for method in sorted(fault.methods & {"PUT", "GET"}):
        line.proxy.order(fault, method=method)
        data = DATA + method.encode()
        key = content_key(hashlib.sha256(data).hexdigest())
        line.store.put(key, data, "text/plain")
        assert line.holds(key) == data
        assert line.proxy.pending == []


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: fault.value)
def test_one_fault_during_a_claim_leaves_the_right_marker(line: Line, fault: Fault) -> None:
    for _ in range(2):  # of a new store, and of one that is ours
        line.proxy.order(fault)
        line.store.claim(ID)
        assert line.holds(MARKER) == b'{"everyskill":1,"registry":"%s"}\n' % ID.encode()
        assert line.proxy.pending == [] or fault.methods == {"PUT"}
        line.proxy.forget()
    with pytest.raises(NotReady):
        line.store.claim("another")


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: fault.value)
def test_one_fault_during_a_read_changes_nothing(line: Line, fault: Fault) -> None:
    line.plant(KEY, DATA)
    line.proxy.order(fault)
    if "GET" in fault.methods:
        assert line.store.get(KEY) == DATA
        assert line.proxy.pending == []
        line.proxy.order(fault)
        assert line.store.get_part(KEY, *PART) == DATA[5_000:7_000]
        assert line.proxy.pending == []
    if "HEAD" in fault.methods:
        line.proxy.forget()
        line.proxy.order(fault)
        assert line.store.head(KEY) == len(DATA)
        assert line.proxy.pending == []


@pytest.mark.parametrize("fault", [f for f in PASSING if f.methods == ALL], ids=lambda f: f.value)
def test_one_fault_during_a_list_or_a_delete_changes_nothing(line: Line, fault: Fault) -> None:
    line.plant(KEY, DATA)
    line.proxy.order(fault)
    assert [found.key for found in line.store.list()] == [KEY]
    line.proxy.order(fault)
    line.store.delete(KEY)
    assert line.proxy.pending == []
    assert line.holds() is None


@pytest.mark.parametrize("fault", [Fault.HALF_BODY, Fault.SHORT_BODY], ids=lambda f: f.value)
def test_half_a_list_is_never_taken_for_a_list(line: Line, fault: Fault) -> None:
    for number in range(5):
        line.plant(content_key(hashlib.sha256(b"%d" % number).hexdigest()), b"")
    line.proxy.order(*[fault] * 10)
    with pytest.raises(Unavailable):
        list(line.store.list())


def test_a_bad_transfer_of_the_read_back_is_no_reason_to_write_again(line: Line) -> None:
    for fault in (Fault.FLIPPED_DOWNLOAD, Fault.SHORT_BODY, Fault.STALE):
        line.proxy.forget()
        line.proxy.order(fault)
        line.store.put(KEY, DATA, "text/plain")
        assert line.methods() == ["PUT", "GET", "GET"]


# Faults that stay


@pytest.mark.parametrize(("fault", "expected"), LASTING_PUT.items(), ids=lambda v: str(v))
def test_a_fault_of_every_upload_is_never_a_success(
    line: Line, fault: Fault, expected: type[EveryskillError] | None
) -> None:
    line.proxy.order(*[fault] * 100, method="PUT")
    if expected is None:
        line.store.put(KEY, DATA, "text/plain")
    else:
        with pytest.raises(expected) as caught:
            line.store.put(KEY, DATA, "text/plain")
        assert caught.value.hint
    assert line.holds() in ((DATA,) if expected is None else (DATA, None))
    assert line.proxy.count("PUT") <= 12
    line.proxy.forget()  # the bad day is over
    line.store.put(KEY, DATA, "text/plain")
    assert line.holds() == DATA


@pytest.mark.parametrize(("fault", "expected"), LASTING_GET.items(), ids=lambda v: str(v))
def test_a_fault_of_every_read_is_never_a_success(
    line: Line, fault: Fault, expected: type[EveryskillError] | None
) -> None:
    line.proxy.order(*[fault] * 100, method="GET")
    if expected is None:
        line.store.put(KEY, DATA, "text/plain")
        assert line.store.get(KEY) == DATA
        assert line.store.get_part(KEY, *PART) == DATA[5_000:7_000]
        return
    with pytest.raises(expected):
        line.store.put(KEY, DATA, "text/plain")
    assert line.holds() == DATA  # stored, but nobody could tell
    for read in (lambda: line.store.get(KEY), lambda: line.store.get_part(KEY, *PART)):
        with pytest.raises(NotFound if fault is Fault.STALE else expected):
            read()


@pytest.mark.parametrize(
    "fault", [fault for fault, error in LASTING_GET.items() if error], ids=lambda f: f.value
)
def test_a_fault_of_every_read_never_gives_the_store_away(line: Line, fault: Fault) -> None:
    line.store.claim(ID)
    line.proxy.order(*[fault] * 100, method="GET")
    for registry in (ID, "another"):
        # One flipped bit in the id of the owner is an id, of somebody else.
        with pytest.raises((Unavailable, IntegrityFailure, NotReady)):
            line.store.claim(registry)
    line.proxy.forget()
    assert line.store.marker() == ID


def test_a_server_that_hangs_is_unavailable_after_the_timeout(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (s3, s3_client):
        monkeypatch.setattr(module, "READ_TIMEOUT", 0.2)
    line.proxy.delay = 1.0
    line.proxy.order(*[Fault.SLOW] * 100)
    with pytest.raises(Unavailable):
        line.store.get(KEY)


def test_nobody_listens(line: Line) -> None:
    line.proxy.close()
    for act in (
        lambda: line.store.put(KEY, DATA, "text/plain"),
        lambda: line.store.get(KEY),
        lambda: line.store.get_part(KEY, *PART),
        lambda: line.store.head(KEY),
        lambda: line.store.delete(KEY),
        lambda: list(line.store.list()),
    ):
        with pytest.raises(Unavailable):
            act()
    (check,) = line.store.probe()
    assert (check.name, check.status) == ("store", "failed")


def test_a_probe_that_fails_half_way_cleans_up(line: Line) -> None:
    line.proxy.order(Fault.PASS, *[Fault.ERROR_500] * 5, method="PUT")
    checks = line.store.probe()
    assert [(check.name, check.status) for check in checks] == [
        ("store", "ok"),
        ("store-write", "ok"),
        ("store-write-once", "failed"),
    ]
    assert line.server.keys(line.prefix) == []


HEAD_AND_LIST = {
    Fault.GARBAGE_500: Unavailable,
    Fault.CONFLICT_409: Unavailable,
    Fault.UNMET_412: NotReady,
    Fault.DENIED_403: Forbidden,
    Fault.REDIRECT_307: NotReady,
    Fault.ERROR_500: Unavailable,
    Fault.SLOW_DOWN_503: Unavailable,
    Fault.RESET: Unavailable,
    Fault.LOST_ANSWER: Unavailable,
}
LIST_ONLY = {
    Fault.RESET_AMID_BODY: Unavailable,
    Fault.LONG_BODY: Unavailable,
    Fault.EMPTY_200: Unavailable,
    Fault.GARBAGE_200: Unavailable,
}


@pytest.mark.parametrize(
    ("fault", "expected"), (HEAD_AND_LIST | LIST_ONLY).items(), ids=lambda v: str(v)
)
def test_a_fault_of_every_look_is_never_an_answer(
    line: Line, fault: Fault, expected: type[EveryskillError]
) -> None:
    line.plant(KEY, DATA)
    line.proxy.order(*[fault] * 100)
    acts = [lambda: list(line.store.list())]
    if fault in HEAD_AND_LIST:
        acts += [lambda: line.store.head(KEY), lambda: line.store.delete(KEY)]
    for act in acts:
        with pytest.raises(expected) as caught:
            act()
        assert caught.value.hint
    line.proxy.forget()
    assert line.store.head(KEY) in (len(DATA), None if fault is Fault.LOST_ANSWER else len(DATA))


# Refusals: a server that gives the answers of one script


@dataclass
class Script:
    """A loopback server that answers every request alike and remembers the requests."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    clients: set[tuple[str, int]] = field(default_factory=set)
    kept: dict[str, bytes] | None = None  # what was put, for a server that takes everything

    def __enter__(self) -> Self:
        script = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                sent = self.rfile.read(int(headers.get("content-length", "0")))
                script.clients.add(self.client_address)
                script.requests.append((self.command, self.path, headers))
                if script.kept is not None:
                    script.take(self.command, self.path, sent)
                self.send_response_only(script.status)
                self.send_header("Content-Length", str(len(script.body)))
                for name, value in script.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(script.body)

            do_HEAD = do_PUT = do_DELETE = do_GET  # noqa: N815 - names of the base class

            def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - its name there
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()
        return self

    def take(self, method: str, path: str, sent: bytes) -> None:
        """Be a server that honours no condition and verifies nothing."""
        assert self.kept is not None
        self.status, self.body = 200, b""
        if method == "PUT":
            self.kept[path] = sent
        elif method == "DELETE":
            self.kept.pop(path, None)
        elif path in self.kept:
            self.body = self.kept[path]
        else:
            self.status, self.body = 404, xml("NoSuchKey")

    def __exit__(self, *error: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
SETTINGS = S3Settings("", "AKIAIOSFODNN7EXAMPLE", SECRET)
HTML = b"<!DOCTYPE html><html><body><p>Sign in to the <b>guest network</body></html>"


def xml(code: str) -> bytes:
    return (
        f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>said {SECRET}</Message></Error>'
    ).encode()


REFUSALS: list[tuple[int, bytes, type[EveryskillError], str]] = [
    (403, xml("InvalidAccessKeyId"), NotReady, "R2_ACCESS_KEY_ID"),
    (403, xml("SignatureDoesNotMatch"), NotReady, "R2_SECRET_ACCESS_KEY"),
    (401, xml("Unauthorized"), NotReady, "R2_ACCESS_KEY_ID"),
    (401, HTML, NotReady, "R2_ACCESS_KEY_ID"),
    (400, xml("ExpiredToken"), NotReady, "R2_ACCESS_KEY_ID"),
    (400, xml("InvalidToken"), NotReady, "R2_ACCESS_KEY_ID"),
    (403, xml("RequestTimeTooSkewed"), NotReady, "clock"),
    (404, xml("NoSuchBucket"), NotReady, "R2_BUCKET_NAME"),
    (400, xml("InvalidBucketName"), NotReady, "R2_BUCKET_NAME"),
    (400, xml("AuthorizationHeaderMalformed"), NotReady, "R2_REGION"),
    (301, xml("PermanentRedirect"), NotReady, "R2_REGION"),
    (403, xml("AccessDenied"), Forbidden, "key"),
    (403, xml("ObjectLockedByBucketPolicy"), Forbidden, "key"),
    (403, HTML, Forbidden, "key"),
    (403, b"", Forbidden, "key"),
    (404, HTML, NotReady, "R2_ENDPOINT"),
    (405, xml("MethodNotAllowed"), NotReady, "R2_ENDPOINT"),
    (400, xml("InvalidArgument"), NotReady, "R2_ENDPOINT"),
    (400, b"\xff\x00 not XML at all", NotReady, "R2_ENDPOINT"),
    (501, xml("NotImplemented"), NotReady, "R2_ENDPOINT"),
    (409, xml("OperationAborted"), Unavailable, "again"),
    (429, HTML, Unavailable, "again"),
    (500, xml("InternalError"), Unavailable, "again"),
    (502, HTML, Unavailable, "again"),
    (503, xml("SlowDown"), Unavailable, "again"),
    (503, b"", Unavailable, "again"),
    (507, xml("XMinioStorageFull"), Unavailable, "again"),
]


@pytest.fixture(scope="module")
def refused() -> Iterator[tuple[Script, Store]]:
    """One server and one client for all refusals: making a client is most of a test's time."""
    with Script() as script:
        settings = replace(SETTINGS, endpoint=script.endpoint)
        with open_store("s3://bucket/prefix", settings) as store:
            yield script, store


@pytest.mark.parametrize(
    ("status", "body", "expected", "hint"),
    REFUSALS,
    ids=[f"{status}-{body[27:55].decode(errors='replace')}" for status, body, _, _ in REFUSALS],
)
def test_a_refusal_has_its_class_and_names_what_to_change(
    refused: tuple[Script, Store],
    status: int,
    body: bytes,
    expected: type[EveryskillError],
    hint: str,
) -> None:
    script, store = refused
    script.status, script.body = status, body
    for act in (
        lambda: store.put(KEY, DATA, "text/plain"),
        lambda: store.get(KEY),
        lambda: store.get_part(KEY, *PART),
        lambda: store.head(KEY),
        lambda: store.delete(KEY),
        lambda: list(store.list()),
        store.marker,
    ):
        with pytest.raises(expected) as caught:
            act()
        told = f"{caught.value.message} {caught.value.hint}"
        assert hint in caught.value.hint
        assert "s3://bucket" in told
        assert SECRET not in told
        assert "AKIAI" not in told
        assert "<" not in told
    failed = store.probe()[-1]
    assert failed.status == "failed"
    assert SECRET not in f"{failed.found} {failed.fix}"


def test_a_server_that_honours_no_condition_works_and_doctor_says_what_is_lost() -> None:
    with Script(kept={}) as script:
        settings = replace(SETTINGS, endpoint=script.endpoint)
        with open_store("s3://bucket", settings) as store:
            store.claim(ID)
            for _ in range(2):
                store.put(KEY, DATA, "text/plain")
                assert store.get(KEY) == DATA
            checks = {check.name: check.status for check in store.probe()}
        assert script.kept is not None
        assert sorted(script.kept) == [f"/bucket/{MARKER}", f"/bucket/{KEY}"]
    assert checks == {
        "store": "ok",
        "store-write": "ok",
        "store-write-once": "warning",
        "store-checksums": "warning",
    }


def test_a_page_in_place_of_every_answer_is_never_a_success() -> None:
    with Script(200, HTML) as script:
        settings = replace(SETTINGS, endpoint=script.endpoint)
        with open_store("s3://bucket", settings) as store:
            for act in (
                lambda: store.put(KEY, DATA, "text/plain"),
                lambda: store.get(KEY),
                lambda: store.get_part(KEY, *PART),
                lambda: store.claim(ID),
            ):
                with pytest.raises((IntegrityFailure, Unavailable)):
                    act()
            with pytest.raises(Unavailable):
                list(store.list())


def test_a_server_that_knows_no_ranges_gives_parts_all_the_same() -> None:
    with Script(200, DATA) as script:
        settings = replace(SETTINGS, endpoint=script.endpoint)
        with open_store("s3://bucket", settings) as store:
            for start, size in ((0, 10), PART[:2], (len(DATA) - 1, 1), (0, len(DATA))):
                part = DATA[start : start + size]
                digest = hashlib.sha256(part).hexdigest()
                assert store.get_part(KEY, start, size, digest) == part
            script.body = DATA[:6_000]
            with pytest.raises(IntegrityFailure):
                store.get_part(KEY, *PART)


def test_one_connection_serves_many_requests() -> None:
    with Script(200, DATA) as script:
        settings = replace(SETTINGS, endpoint=script.endpoint)
        with open_store("s3://bucket", settings) as store:
            for _ in range(5):
                assert store.get(KEY) == DATA
    assert len(script.requests) == 5
    assert len(script.clients) == 1


@pytest.mark.parametrize(
    "page",
    [
        "",
        "<html><body>Sign in</body></html>",
        "<ListBucketResult/>",
        "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        "<ListBucketResult><Contents><Key>k</Key></Contents><IsTruncated>false</IsTruncated>"
        "</ListBucketResult>",
    ],
)
def test_what_is_no_list_is_never_taken_for_an_empty_one(page: str) -> None:
    with Script(200, page.encode()) as script:
        settings = replace(SETTINGS, endpoint=script.endpoint)
        with open_store("s3://bucket", settings) as store, pytest.raises(Unavailable):
            list(store.list())


def test_a_refused_key_is_told_by_its_first_four_characters() -> None:
    with Script(403, xml("InvalidAccessKeyId")) as script:
        settings = replace(SETTINGS, endpoint=script.endpoint)
        with open_store("s3://bucket", settings) as store, pytest.raises(NotReady) as caught:
            store.get(KEY)
    assert "AKIA…" in caught.value.message


def test_a_real_server_refuses_a_wrong_key_and_a_missing_bucket(local_s3: S3Server) -> None:
    right = S3Settings(local_s3.endpoint, local_s3.access_key, local_s3.secret_key)
    wrong: list[tuple[str, S3Settings]] = [("no-such-bucket", right)]
    if local_s3.promises.checks_signatures:
        wrong.append((local_s3.bucket, replace(right, secret_access_key="wrong")))
        wrong.append((local_s3.bucket, replace(right, access_key_id="wrong")))
    for bucket, settings in wrong:
        with open_store(f"s3://{bucket}/x", settings) as store:
            for act in (
                lambda: store.put(KEY, DATA, "text/plain"),
                lambda: store.head(KEY),
                lambda: list(store.list()),
            ):
                with pytest.raises(NotReady):
                    act()


# Settings


@pytest.mark.parametrize(
    ("endpoint", "region", "expected"),
    [
        ("http://0123abcd.r2.cloudflarestorage.com", None, "auto"),
        ("http://0123abcd.eu.r2.cloudflarestorage.com/", None, "auto"),
        ("http://0123abcd.r2.cloudflarestorage.com", "weur", "weur"),
        ("http://minio.example.com:9000", None, "us-east-1"),
        ("http://minio.example.com", "eu-west-3", "eu-west-3"),
        (None, "eu-west-3", "eu-west-3"),
        (None, None, "ap-south-1"),  # the standard AWS chain
    ],
)
def test_the_region_that_requests_are_signed_for(
    monkeypatch: pytest.MonkeyPatch, endpoint: str | None, region: str | None, expected: str
) -> None:
    with Script(404, xml("NoSuchKey")) as script:
        # A proxy sees the whole request for a host that does not exist here.
        monkeypatch.setenv("HTTP_PROXY", script.endpoint)
        monkeypatch.setenv("AWS_REGION", "ap-south-1")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-1")
        if endpoint is None:
            monkeypatch.setenv("AWS_ENDPOINT_URL", "http://chain.example.com")
        settings = replace(SETTINGS, endpoint=endpoint, region=region)
        with open_store("s3://bucket/prefix", settings) as store:
            assert store.marker() is None
    host = endpoint.rstrip("/") if endpoint else "http://chain.example.com"
    [(method, path, headers)] = script.requests
    assert (method, path) == ("GET", f"{host}/bucket/prefix/{MARKER}")
    assert f"/{expected}/s3/aws4_request" in headers["authorization"]


def test_without_settings_the_standard_chain_gives_the_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Script(404, xml("NoSuchKey")) as script:
        monkeypatch.setenv("AWS_ENDPOINT_URL", script.endpoint)
        with open_store("s3://bucket") as store, pytest.raises(NotReady) as caught:
            store.marker()
        assert "AWS_ACCESS_KEY_ID" in caught.value.hint
        assert script.requests == []
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDFROMCHAIN")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
        with open_store("s3://bucket") as store:
            assert store.marker() is None
    [(_, _, headers)] = script.requests
    assert "Credential=AKIDFROMCHAIN/" in headers["authorization"]
    assert headers["x-amz-security-token"] == "token"


@pytest.mark.parametrize(
    "change",
    [
        {"secret_access_key": None},
        {"access_key_id": None},
        {"access_key_id": "AKIA\n"},
        {"secret_access_key": SECRET + " "},
        {"secret_access_key": "geheimnüs" * 4},
        {"endpoint": "0123abcd.r2.cloudflarestorage.com"},
        {"endpoint": "ftp://host"},
        {"endpoint": "https://"},
        {"endpoint": "http://[::1"},
        {"endpoint": f"https://AKIAIOSFODNN7EXAMPLE:{SECRET}@host"},
        {"endpoint": "https://0123abcd.r2.cloudflarestorage.com/my-bucket"},
    ],
)
def test_settings_that_cannot_work_are_not_ready_at_once(change: dict[str, str | None]) -> None:
    settings = replace(SETTINGS, **{"endpoint": "https://host", **change})
    with pytest.raises(NotReady) as caught:
        open_store("s3://bucket", settings)
    told = f"{caught.value.message} {caught.value.hint}"
    assert "R2_" in caught.value.hint
    assert SECRET not in told
    assert "geheim" not in told
    assert "AKIA" not in told


@pytest.mark.parametrize(
    "url",
    [
        "s3://",
        "s3:///prefix",
        "s3://b",
        "s3://a bucket",
        "s3://-bucket",
        f"s3://AKIAIOSFODNN7EXAMPLE:{SECRET}@bucket",
        "s3://bucket/../other",
        "s3://bucket/a/..",
        "s3://bucket/a\nb",
    ],
)
def test_a_url_that_names_no_bucket_is_not_ready_and_not_repeated(url: str) -> None:
    with pytest.raises(NotReady) as caught:
        open_store(url, SETTINGS)
    assert "EVERYSKILL_STORE_URL" in caught.value.hint
    assert SECRET not in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    ("variables", "files"),
    [
        ({"AWS_PROFILE": "absent"}, {}),
        ({}, {".aws/config": "[default\nregion"}),
        ({"AWS_PROFILE": "p"}, {".aws/config": "[profile p]\ncredential_process = false\n"}),
        ({"AWS_ACCESS_KEY_ID": "half"}, {}),
    ],
)
def test_a_broken_chain_of_settings_is_not_ready(
    home: Any, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], files: dict[str, str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    for name, text in files.items():
        (home / name).parent.mkdir(exist_ok=True)
        (home / name).write_text(text)
    with open_store("s3://bucket") as store, pytest.raises(NotReady) as caught:
        store.get(KEY)
    assert "AWS_" in caught.value.hint


# The process


def test_opening_a_bucket_loads_no_client_and_using_it_prints_nothing(line: Line) -> None:
    program = (
        "import sys\n"
        "from everyskill_cli.stores import open_store\n"
        "from everyskill_cli.settings import S3Settings\n"
        "store = open_store(sys.argv[1], S3Settings(*sys.argv[2:5]))\n"
        "store.location('x')\n"
        "loaded = {'boto3', 'botocore', 'urllib3'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
        "store.claim('registry')\n"
        "assert 'boto3' in sys.modules\n"
        "store.close()\n"
    )
    line.proxy.order(Fault.RESET, Fault.SLOW_DOWN_503)
    settings = (line.proxy.endpoint, line.server.access_key, line.server.secret_key)
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", program, line.store.url, *settings],
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")

"""Whatever an S3 service answers: the right bytes, or an error of ours, and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import strategies as st

from everyskill_cli.errors import EveryskillError
from everyskill_cli.settings import S3Settings
from everyskill_cli.stores import Store, content_key, open_store
from tests.fuzzing import fuzz, lengths
from tests.servers.relay import Answer, Exchange, Relay

DATA = b"# A skill\n" * 300
KEY = content_key(hashlib.sha256(DATA).hexdigest())
PART = (100, 1_000, hashlib.sha256(DATA[100:1_100]).hexdigest())
REGISTRY = "0e9b6f3a-3f0e-4b55-9d6d-6a4f1b0c7d11"
CODES = [
    "NoSuchKey", "NoSuchBucket", "AccessDenied", "SlowDown", "InternalError", "BadDigest",
    "PreconditionFailed", "SignatureDoesNotMatch", "PermanentRedirect", "InvalidRange",
    "AuthorizationHeaderMalformed", "RequestTimeTooSkewed", "ConditionalRequestConflict",
    "ExpiredToken", "IncompleteBody", "", "x" * 5000, "\x1b[31m", "\u202e", "404",
]  # fmt: skip


@dataclass(frozen=True)
class Reply:
    """One answer of the service: as HTTP says it, or a connection that ends."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    announced: int | None = None
    ends: str = ""


def element(name: str, inside: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return inside.map(lambda text: f"<{name}>{text}</{name}>")


texts = st.one_of(
    st.sampled_from(["", "true", "false", "1", "-1", "9" * 400, "x", "&#x1b;", "&amp;", "&bad;"]),
    st.sampled_from(["2026-01-02T03:04:05.000Z", "yesterday", "0000-00-00", "1e9"]),
    st.sampled_from([KEY, f"p/{KEY}", "p/../x", "p/sha256/aa", "<a/>", "<![CDATA[x]]>"]),
    st.sampled_from(CODES),
)
contents = st.builds(
    "<Contents>{}{}{}{}</Contents>".format,
    element("Key", texts),
    element("Size", texts),
    element("LastModified", texts),
    st.one_of(st.just(""), element("ETag", texts), element("Owner", texts)),
)
NAMESPACE = ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
lists = st.builds(
    lambda head, inside, more: f"{head}<ListBucketResult{NAMESPACE}>{inside}{more}",
    st.sampled_from(
        ["", '<?xml version="1.0" encoding="UTF-8"?>', "<!DOCTYPE a [<!ENTITY b 'c'>]>"]
    ),
    st.lists(contents, max_size=3).map("".join),
    st.builds(
        "{}{}{}".format,
        st.one_of(st.just(""), element("IsTruncated", texts)),
        st.one_of(st.just(""), element("NextContinuationToken", texts)),
        st.sampled_from(["</ListBucketResult>", "</ListBucketResult>", "", "</x>"]),
    ),
)
refusals = st.builds(
    "<Error>{}{}{}</Error>".format,
    element("Code", st.one_of(st.sampled_from(CODES), texts)),
    element("Message", texts),
    st.one_of(st.just(""), element("Region", texts), element("Endpoint", texts)),
)
LAUGHS = "<!DOCTYPE a [<!ENTITY b 'xxxxxxxxxx'>" + "".join(
    f"<!ENTITY b{n} '{'&b' + str(n - 1) * (n > 1) + ';'}{'&b' + str(n - 1) * (n > 1) + ';'}'>"
    for n in range(1, 20)
)
bodies = st.one_of(
    st.just(DATA),
    st.just(DATA[100:1_100]),
    st.sampled_from([b"", DATA[:-1], DATA + b"x", DATA[::-1], b"<html>", b"\xff" * 50, b"{}"]),
    st.sampled_from([
        b'{"everyskill":1,"registry":"%s"}\n' % REGISTRY.encode(),
        b'{"everyskill":2,"registry":"x"}', b'{"everyskill":1}', b"[" * 3_000,
        b'{"everyskill":1,"registry":"\\ud800"}', b'{"everyskill":1,"registry":5}',
        f"{LAUGHS}]><Error><Code>&b19;</Code></Error>".encode(),
    ]),
    lists.map(str.encode),
    refusals.map(str.encode),
    st.binary(max_size=30),
)  # fmt: skip
values = st.one_of(
    st.sampled_from(["", "0", "1", "-1", "x", "9" * 50, "gzip", "chunked", "bytes 0-9/10", "*"]),
    st.sampled_from(["Thu, 01 Jan 1970 00:00:00 GMT", "never", '"etag"', "application/xml"]),
    st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=10),
)
headers = st.lists(
    st.tuples(
        st.sampled_from([
            "Content-Type", "Content-Encoding", "Content-Range", "ETag", "Last-Modified", "Date",
            "x-amz-request-id", "x-amz-bucket-region", "x-amz-checksum-sha256", "Retry-After",
            "x-amz-missing-meta", "x-amz-object-size", "x-amz-delete-marker", "Expires", "Server",
            "x-amz-meta-a", "Accept-Ranges", "x-amz-mp-parts-count", "Connection", "Set-Cookie",
        ]),
        values,
    ),
    max_size=4,
).map(tuple)  # fmt: skip
STATUSES = [200, 200, 200, 204, 206, 206, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 404]
STATUSES += [405, 409, 412, 413, 416, 418, 429, 451, 499, 500, 501, 502, 503, 504, 599, 600, 999]
replies = st.builds(
    Reply,
    st.sampled_from(STATUSES),
    headers,
    bodies,
    st.one_of(st.none(), st.none(), st.none(), st.sampled_from([0, 1, 10**6, 10**18])),
    st.sampled_from(["", "", "", "", "", "", "", "at once", "reset", "redirect"]),
)


class Liar:
    """A service that gives the answers it was told to, the last one again and again."""

    def __init__(self) -> None:
        self.relay = Relay(self._answer)
        self._replies: list[Reply] = []

    def will_say(self, replies: list[Reply]) -> None:
        """Give these answers from now on."""
        self._replies = list(replies)

    def _answer(self, exchange: Exchange) -> None:
        reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        match reply.ends:
            case "at once":
                exchange.hang_up()
                return
            case "reset":
                exchange.reset()
                return
            case "redirect":
                more: tuple[tuple[str, str], ...] = (("Location", self.relay.endpoint + "/other"),)
            case _:
                more = ()
        answer = Answer(reply.status, [*reply.headers, *more], reply.body)
        exchange.send(answer, announced=reply.announced)
        if reply.status in (204, 304):  # what follows would be taken for the next answer
            exchange.hang_up()


@pytest.fixture
def liar() -> Iterator[Liar]:
    made = Liar()
    yield made
    made.relay.close()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the pauses between two attempts, the library's and ours."""
    pause = "botocore.retries.standard.ExponentialBackoff.delay_amount"
    monkeypatch.setattr(pause, lambda self, context: 0.0)
    monkeypatch.setattr("everyskill_cli.stores.s3.time.sleep", lambda seconds: None)


def put(store: Store) -> None:
    store.put(KEY, DATA, "text/markdown; charset=utf-8")


def get(store: Store) -> None:
    assert store.get(KEY) == DATA


def get_part(store: Store) -> None:
    assert store.get_part(KEY, *PART) == DATA[100:1_100]


def head(store: Store) -> None:
    size = store.head(KEY)
    assert size is None or type(size) is int


def listing(store: Store) -> None:
    for number, info in enumerate(store.list("sha256/")):
        assert content_key(info.key.rpartition("/")[2]) == info.key
        assert type(info.size) is int
        assert info.modified.utcoffset() is not None
        if number > 5_000:  # pages without end
            return


def marker(store: Store) -> None:
    owner = store.marker()
    assert owner is None or isinstance(owner, str)


def claim(store: Store) -> None:
    store.claim(REGISTRY)


def delete(store: Store) -> None:
    store.delete(KEY)


def probe(store: Store) -> None:
    assert all(check.status in ("ok", "warning", "failed") for check in store.probe())


CALLS = (put, get, get_part, head, listing, marker, claim, delete, probe)


@lengths(250, 10_000)
def test_any_answers(liar: Liar, count: Callable[..., None], examples: int) -> None:
    settings = S3Settings(liar.relay.endpoint, "id", "secret")

    with open_store("s3://bucket/p", settings) as store:

        def check(given: tuple[Any, list[Reply]]) -> None:
            call, answers = given
            liar.will_say([*answers, Reply(404, (), b"<Error><Code>NoSuchKey</Code></Error>")])
            try:
                call(store)
            except EveryskillError as error:
                assert error.code in range(3, 10)
                assert error.message

        inputs = st.tuples(st.sampled_from(CALLS), st.lists(replies, min_size=1, max_size=6))
        fuzz(count, "S3 answers", inputs, check, examples)

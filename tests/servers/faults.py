"""A loopback proxy in front of an S3 server that does what networks and servers do on bad days."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Self
from urllib.parse import unquote, urlsplit

from tests.servers.relay import Answer, Exchange, Relay

READS = frozenset({"GET"})
LOOKS = frozenset({"GET", "HEAD"})
WRITES = frozenset({"PUT"})
ALL = frozenset({"GET", "HEAD", "PUT", "POST", "DELETE"})


class Fault(Enum):
    """What happens to one request: its name, and the methods to which it can happen."""

    methods: frozenset[str]

    PASS = "pass", ALL  # nothing: for the requests before the one that is meant
    SLOW = "slow", ALL  # forwarded after `FaultProxy.delay` seconds
    RESET = "reset", ALL  # the connection is reset; the server never hears of it
    LOST_ANSWER = "lost answer", ALL  # the server did it; the connection ends unanswered
    HALF_BODY = "half body", READS  # the connection ends amid the body that was announced
    SHORT_BODY = "short body", READS  # half of the body, announced as if it were all
    FLIPPED_DOWNLOAD = "flipped download", READS  # one bit is wrong on its way to the client
    FLIPPED_UPLOAD = "flipped upload", WRITES  # one bit is wrong on its way to the server
    FORGOTTEN_UPLOAD = "forgotten upload", WRITES  # 200; the server never hears of it
    STALE = "stale", LOOKS  # 404, though the key is there
    ERROR_500 = "error 500", ALL  # the server never hears of it
    DONE_AND_500 = "done and 500", ALL  # the server did it
    SLOW_DOWN_503 = "slow down 503", ALL  # as AWS and SeaweedFS say it
    TOO_MANY_429 = "too many 429", ALL  # as R2 says it of two writes a second to one key
    # Answers that a healthy service never gives to such a request; `ODD` below.
    RESET_AMID_BODY = "reset amid body", READS  # the connection is reset amid the body
    LONG_BODY = "long body", READS  # more than the body, announced as if it were the body
    EMPTY_200 = "empty 200", READS  # 200 and nothing
    GARBAGE_200 = "garbage 200", READS  # 200 and half of an XML document that nobody asked for
    GARBAGE_500 = "garbage 500", ALL  # an error that is no XML
    CONFLICT_409 = "conflict 409", ALL
    UNMET_412 = "unmet 412", ALL  # to a PUT without an overwrite: there is such an object already
    DENIED_403 = "denied 403", ALL
    REDIRECT_307 = "redirect 307", ALL  # to where nobody listens

    def __new__(cls, value: str, methods: frozenset[str]) -> Self:
        fault = object.__new__(cls)
        fault._value_ = value
        fault.methods = methods
        return fault


ODD = frozenset(
    {
        Fault.RESET_AMID_BODY,
        Fault.LONG_BODY,
        Fault.EMPTY_200,
        Fault.GARBAGE_200,
        Fault.GARBAGE_500,
        Fault.CONFLICT_409,
        Fault.UNMET_412,
        Fault.DENIED_403,
        Fault.REDIRECT_307,
    }
)
XML = [("Content-Type", "application/xml")]
NOWHERE = "http://127.0.0.1:9/elsewhere"
GARBAGE = b'<?xml version="1.0"?><ListBucketResult><Contents><Key>\xff\x00</Con'
REFUSALS = {
    Fault.CONFLICT_409: (409, "OperationAborted"),
    Fault.UNMET_412: (412, "PreconditionFailed"),
    Fault.DENIED_403: (403, "AccessDenied"),
    Fault.REDIRECT_307: (307, "TemporaryRedirect"),
    Fault.STALE: (404, "NoSuchKey"),
    Fault.ERROR_500: (500, "InternalError"),
    Fault.SLOW_DOWN_503: (503, "SlowDown"),
    Fault.TOO_MANY_429: (429, "TooManyRequests"),
}


@dataclass(frozen=True)
class Request:
    """One request as it came in.

    Attributes:
        method: the HTTP method.
        bucket: the first part of the path, decoded.
        key: the rest of the path, decoded; empty for requests to the bucket, as a listing.
        query: what follows the question mark, as it was sent.
        headers: with names in lower case.
        fault: what was done to it.
    """

    method: str
    bucket: str
    key: str
    query: str
    headers: Mapping[str, str]
    fault: Fault


@dataclass
class _Rule:
    """Faults for the next requests of these methods whose key holds this text, in order."""

    faults: deque[Fault]
    methods: frozenset[str]
    key: str


class FaultProxy:
    """Forwards every request unchanged, unless a fault was ordered for it, and remembers it.

    Signatures stay valid: the Host header that the client signed, the proxy's, goes along.

    Args:
        endpoint: the server's address, `http://HOST:PORT`.

    Attributes:
        endpoint: the proxy's own address, for the client.
        requests: what came in since the start or the last `forget`, in order.
        delay: how long `Fault.SLOW` takes, in seconds.
    """

    def __init__(self, endpoint: str) -> None:
        self.requests: list[Request] = []
        self.delay = 1.0
        self._upstream = urlsplit(endpoint).netloc
        self._rules: list[_Rule] = []
        self._lock = threading.Lock()
        self._relay = Relay(self._handle)
        self.endpoint = self._relay.endpoint

    def order(self, *faults: Fault, method: str | None = None, key: str = "") -> None:
        """Do this to the next requests, one after the other; later ones pass.

        Args:
            faults: in order; `*[fault] * n` for n requests, `Fault.PASS` to spare one.
            method: only to requests of this method; otherwise to every one to which all of the
                faults can happen.
            key: only to requests whose key holds this text.
        """
        methods = frozenset({method}) if method else ALL
        for fault in faults:
            methods &= fault.methods
        if not methods:
            raise ValueError(f"No request to which this could happen: {faults} {method}.")
        with self._lock:
            self._rules.append(_Rule(deque(faults), methods, key))

    @property
    def pending(self) -> list[Fault]:
        """What was ordered and has not happened yet."""
        with self._lock:
            return [fault for rule in self._rules for fault in rule.faults]

    def count(self, method: str | None = None, key: str = "") -> int:
        """How many requests came in, of this method, with this text in the key."""
        return sum(key in each.key and method in (None, each.method) for each in self.requests)

    def forget(self) -> None:
        """Forget the requests that came in and the faults that are pending."""
        with self._lock:
            self.requests.clear()
            self._rules.clear()

    def close(self) -> None:
        """Cut every connection and end; harmless when repeated."""
        self._relay.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _handle(self, exchange: Exchange) -> None:
        fault = self._admit(exchange)
        if fault is Fault.RESET:
            exchange.reset()
        elif fault in (Fault.FORGOTTEN_UPLOAD, Fault.EMPTY_200):
            exchange.send(Answer(200, []))
        elif fault in (Fault.GARBAGE_200, Fault.GARBAGE_500):
            status = 200 if fault is Fault.GARBAGE_200 else 500
            exchange.send(Answer(status, XML, GARBAGE))
        elif fault in REFUSALS:
            exchange.send(_refusal(fault))
        else:
            if fault is Fault.SLOW:
                self._relay.closing.wait(self.delay)
            flip = fault is Fault.FLIPPED_UPLOAD
            body = _flipped(exchange.body) if flip else exchange.body
            _finish(exchange, fault, exchange.forwarded(self._upstream, body))

    def _admit(self, exchange: Exchange) -> Fault:
        """Remember a request and say what happens to it."""
        parts = urlsplit(exchange.path)
        bucket, _, key = unquote(parts.path).removeprefix("/").partition("/")
        headers = {name.lower(): value for name, value in exchange.headers.items()}
        with self._lock:
            fault = self._next_fault(exchange.command, key)
            self.requests.append(
                Request(exchange.command, bucket, key, parts.query, headers, fault)
            )
        return fault

    def _next_fault(self, method: str, key: str) -> Fault:
        for rule in self._rules:
            if rule.faults and method in rule.methods and rule.key in key:
                return rule.faults.popleft()
        return Fault.PASS


def _finish(exchange: Exchange, fault: Fault, answer: Answer) -> None:
    """Send the server's answer, or what the fault leaves of it."""
    half = replace(answer, body=answer.body[: len(answer.body) // 2])
    if fault is Fault.LOST_ANSWER:
        exchange.hang_up()
    elif fault is Fault.DONE_AND_500:
        exchange.send(_refusal(Fault.ERROR_500))
    elif fault is Fault.HALF_BODY:
        exchange.send(half, announced=len(answer.body))
    elif fault is Fault.RESET_AMID_BODY:
        exchange.send(half, announced=len(answer.body))
        exchange.reset()
    elif fault is Fault.SHORT_BODY:
        exchange.send(half)
    elif fault is Fault.LONG_BODY:
        exchange.send(replace(answer, body=answer.body + b"more"))
    elif fault is Fault.FLIPPED_DOWNLOAD:
        exchange.send(replace(answer, body=_flipped(answer.body)))
    else:
        exchange.send(answer)


def _flipped(body: bytes) -> bytes:
    """The bytes with one bit in their middle turned over."""
    middle = len(body) // 2
    return (
        body[:middle] + bytes(byte ^ 1 for byte in body[middle : middle + 1]) + body[middle + 1 :]
    )


def _refusal(fault: Fault) -> Answer:
    status, code = REFUSALS[fault]
    body = f"<Error><Code>{code}</Code><Message>{fault.value}</Message></Error>".encode()
    where = [("Location", NOWHERE)] if fault is Fault.REDIRECT_307 else []
    return Answer(status, [*XML, *where], body)

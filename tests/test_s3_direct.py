"""The short way to an S3 service: signed as the library does it, and only where all is plain."""

from __future__ import annotations

import hashlib
import ipaddress
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from everyskill_cli.errors import IntegrityFailure, NotReady, Unavailable
from everyskill_cli.settings import S3Settings
from everyskill_cli.stores import Store, content_key, open_store
from everyskill_cli.stores.s3_direct import FAILURES_MAX, DirectAccess
from tests.servers.relay import Answer, Exchange, Relay

DATA = b"# A skill\n" * 1_000
KEY = content_key(hashlib.sha256(DATA).hexdigest())
PART = (7, 50, hashlib.sha256(DATA[7:57]).hexdigest())
SETTINGS = S3Settings("", "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
LIBRARY = "everyskill"  # how the library's client calls itself; the short way says nothing of it


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the library's pauses between its attempts, which are seconds long."""
    pause = "botocore.retries.standard.ExponentialBackoff.delay_amount"
    monkeypatch.setattr(pause, lambda self, context: 0.001)


class Server:
    """A loopback server that answers as a test says, and remembers who asked what."""

    def __init__(self, answer: Callable[[Exchange], None]) -> None:
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.clients: set[tuple[str, int]] = set()
        self._answer = answer
        self.relay = Relay(self._handle)
        self.endpoint = self.relay.endpoint

    def _handle(self, exchange: Exchange) -> None:
        headers = {name.lower(): value for name, value in exchange.headers.items()}
        self.asked.append((exchange.command, exchange.path, headers))
        self.clients.add(exchange.client_address)
        self._answer(exchange)

    def ways(self) -> list[tuple[str, bool]]:
        """The method of each request, and whether it came the short way."""
        return [
            (method, not headers.get("user-agent", "").startswith(LIBRARY))
            for method, _, headers in self.asked
        ]


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[Exchange], None]], Server]]:
    servers: list[Server] = []

    def start(answer: Callable[[Exchange], None]) -> Server:
        servers.append(Server(answer))
        return servers[-1]

    yield start
    for server in servers:
        server.relay.close()


def keeping() -> Callable[[Exchange], None]:
    """Answer as a bucket does."""
    kept: dict[str, bytes] = {}

    def answer(exchange: Exchange) -> None:
        if exchange.command == "PUT":
            kept[exchange.path] = exchange.body
            exchange.send(Answer(200, []))
        elif exchange.path in kept and "Range" in exchange.headers:
            first, last = map(int, exchange.headers["Range"].removeprefix("bytes=").split("-"))
            exchange.send(Answer(206, [], kept[exchange.path][first : last + 1]))
        elif exchange.path in kept:
            exchange.send(Answer(200, [], kept[exchange.path]))
        else:
            exchange.send(Answer(404, [], b"<Error><Code>NoSuchKey</Code></Error>"))

    return answer


def opened(endpoint: str) -> Store:
    return open_store("s3://bucket/prefix", replace(SETTINGS, endpoint=endpoint))


# The signature.


@pytest.mark.parametrize(
    ("endpoint", "prefix"),
    [
        ("", "prefix"),
        ("/", "with space/ä~(x)'!*/+%41&="),
        ("/a/path/of-its-own", "x"),
    ],
)
def test_requests_are_signed_as_the_library_signs_them(
    serve: Any, endpoint: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(keeping())
    settings = replace(SETTINGS, endpoint=server.endpoint + endpoint, region="weur")
    if endpoint.strip("/"):  # refused by open_store, and nevertheless signed right
        direct = DirectAccess(settings, "bucket", "weur", connections=1, timeouts=(5, 5))
        digest = hashlib.sha256(DATA).hexdigest()
        assert direct.put(f"{prefix}/{KEY}", DATA, digest, {"content-type": "text/plain"}) == 200
        assert direct.get(f"{prefix}/{KEY}", 10**6) == DATA
        assert direct.get_part(f"{prefix}/{KEY}", 3, 100) == DATA[3:103]
        direct.close()
    else:
        with open_store(f"s3://bucket/{prefix}", settings) as store:
            store.put(KEY, DATA, "text/plain; charset=utf-8")
            assert store.get_part(KEY, *PART) == DATA[7:57]
    assert [method for method, _ in server.ways()] == ["PUT", "GET", "GET"]
    assert "range" in server.asked[2][2]["authorization"]
    for method, path, headers in server.asked:
        signed = headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
        assert {"host", "x-amz-date", "x-amz-content-sha256"} <= set(signed)
        request = AWSRequest(
            method=method,
            url=server.endpoint + path,
            data=DATA if method == "PUT" else b"",
            headers={name: headers[name] for name in signed if name != "host"},
        )
        moment = datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        signer = S3SigV4Auth(
            Credentials(SETTINGS.access_key_id, SETTINGS.secret_access_key), "s3", "weur"
        )
        request.context["timestamp"] = moment.strftime("%Y%m%dT%H%M%SZ")
        canonical = signer.canonical_request(request)
        text = signer.string_to_sign(request, canonical)
        assert headers["authorization"].endswith(f"Signature={signer.signature(text, request)}")


# What needs judgement is the client's.


def test_a_plain_bucket_is_asked_by_the_short_way_alone(serve: Any) -> None:
    server = serve(keeping())
    with opened(server.endpoint) as store:
        store.put(KEY, DATA, "text/plain")
        assert store.get(KEY) == DATA
    assert server.ways() == [("PUT", True), ("GET", True), ("GET", True)]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("other_host", [True, False])
def test_a_redirect_is_not_followed_with_our_signature(
    serve: Any, status: int, other_host: bool
) -> None:
    elsewhere = serve(keeping())
    location = [("Location", (elsewhere.endpoint if other_host else "") + "/bucket/x")]
    server = serve(lambda exchange: exchange.send(Answer(status, location)))
    with opened(server.endpoint) as store, pytest.raises((NotReady, Unavailable)):
        store.put(KEY, DATA, "text/plain")
    assert server.ways()[:2] == [("PUT", True), ("PUT", False)]
    assert {path for _, path, _ in server.asked} == {f"/bucket/prefix/{KEY}"}
    assert elsewhere.asked == []


def more(exchange: Exchange) -> None:
    exchange.send(Answer(200, [], DATA + b"!"))


def much_more(exchange: Exchange) -> None:
    exchange.send(Answer(200, [], DATA * 6_000))  # 60 MB; an object has 50 MiB


def less(exchange: Exchange) -> None:
    exchange.send(Answer(200, [], DATA[:-1]))


def broken_off(exchange: Exchange) -> None:
    exchange.send(Answer(200, [], DATA[:-1]), announced=len(DATA))


def behind_its_end(exchange: Exchange) -> None:
    """Say that the body is shorter than it is, and send the rest of it."""
    exchange.send(Answer(200, [], DATA), announced=len(DATA) - 1)


def without_length(exchange: Exchange) -> None:
    exchange.send_response_only(200)
    exchange.end_headers()
    exchange.wfile.write(DATA[:-1])
    exchange.hang_up()


def another_kind(exchange: Exchange) -> None:
    exchange.send(Answer(206, [], DATA))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (more, IntegrityFailure),
        (much_more, IntegrityFailure),
        (less, IntegrityFailure),
        (broken_off, Unavailable),
        (behind_its_end, (IntegrityFailure, Unavailable)),
        (without_length, IntegrityFailure),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_body_of_another_size_is_never_the_object(serve: Any, answer: Any, kind: Any) -> None:
    server = serve(answer)
    with opened(server.endpoint) as store, pytest.raises(kind):
        store.get(KEY)
    assert server.ways()[0] == ("GET", True)


@pytest.mark.parametrize("answer", [broken_off, without_length, another_kind])
def test_an_answer_that_is_not_plain_is_asked_for_again(serve: Any, answer: Any) -> None:
    good = keeping()
    answers = [good, answer]

    def one_odd(exchange: Exchange) -> None:
        (answers.pop() if exchange.command == "GET" and len(answers) == 2 else good)(exchange)

    server = serve(one_odd)
    with opened(server.endpoint) as store:
        store.put(KEY, DATA, "text/plain")
    assert server.ways() == [("PUT", True), ("GET", True), ("GET", False)]


def whole(exchange: Exchange) -> None:
    exchange.send(Answer(200, [], DATA))


def part_without_length(exchange: Exchange) -> None:
    exchange.send_response_only(206)
    exchange.end_headers()
    exchange.wfile.write(DATA[7:57])
    exchange.hang_up()


def part_and_more(exchange: Exchange) -> None:
    exchange.send(Answer(206, [], DATA[7:]))


def short_part(exchange: Exchange) -> None:
    exchange.send(Answer(206, [], DATA[7:30]))


def broken_part(exchange: Exchange) -> None:
    exchange.send(Answer(206, [], DATA[7:30]), announced=50)


def another_part(exchange: Exchange) -> None:
    exchange.send(Answer(206, [], DATA[8:58]))


def nothing_there(exchange: Exchange) -> None:
    exchange.send(Answer(416, [], b"<Error><Code>InvalidRange</Code></Error>"))


def test_a_part_comes_the_short_way(serve: Any) -> None:
    server = serve(keeping())
    with opened(server.endpoint) as store:
        store.put(KEY, DATA, "text/plain")
        assert store.get_part(KEY, *PART) == DATA[7:57]
    assert server.ways() == [("PUT", True), ("GET", True), ("GET", True)]
    assert server.asked[2][2]["range"] == "bytes=7-56"


@pytest.mark.parametrize(
    ("answer", "ways"),
    [
        (whole, [True, False]),
        (part_without_length, [True, False]),
        (part_and_more, [True, False]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_part_that_has_to_be_cut_out_is_the_client_s(
    serve: Any, answer: Any, ways: list[bool]
) -> None:
    server = serve(answer)
    with opened(server.endpoint) as store:
        assert store.get_part(KEY, *PART) == DATA[7:57]
    assert [short for _, short in server.ways()] == ways
    assert {headers["range"] for _, _, headers in server.asked} == {"bytes=7-56"}


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (short_part, IntegrityFailure),
        (another_part, IntegrityFailure),
        (nothing_there, IntegrityFailure),
        (less, None),  # the whole object but its end, which is not asked for
        (broken_part, Unavailable),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_other_bytes_are_never_the_part(serve: Any, answer: Any, kind: Any) -> None:
    server = serve(answer)
    with opened(server.endpoint) as store:
        if kind is None:
            assert store.get_part(KEY, *PART) == DATA[7:57]
        else:
            with pytest.raises(kind):
                store.get_part(KEY, *PART)
    assert server.ways()[0] == ("GET", True)
    assert len(server.asked) <= 10


@pytest.mark.parametrize("breaks", [1, FAILURES_MAX])
def test_a_server_that_breaks_off_again_and_again_is_the_client_s_from_then_on(
    serve: Any, breaks: int
) -> None:
    good, broken = keeping(), []

    def resets(exchange: Exchange) -> None:
        short = not exchange.headers.get("User-Agent", "").startswith(LIBRARY)
        if short and len(broken) < breaks:
            broken.append(exchange)
            exchange.reset()
        else:
            good(exchange)

    server = serve(resets)
    with opened(server.endpoint) as store:
        for number in range(FAILURES_MAX + 2):
            data = DATA + b"%d" % number
            store.put(content_key(hashlib.sha256(data).hexdigest()), data, "text/plain")
    assert len(broken) == breaks
    assert {short for _, short in server.ways()[2 * breaks :]} == {breaks < FAILURES_MAX}


def test_without_an_endpoint_or_a_key_it_is_the_client_s(
    serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(keeping())
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "REGION"):
        monkeypatch.setenv(f"AWS_{name}", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
    nobody = S3Settings(server.endpoint, None, None)
    for settings in (None, replace(SETTINGS, endpoint=None), nobody):
        with open_store("s3://bucket", settings) as store:
            store.put(KEY, DATA, "text/plain")
    assert server.ways() == [("PUT", False), ("GET", False)] * 3
    assert not DirectAccess.reaches(S3Settings(None, "id", "secret"))


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy"])
def test_a_proxy_is_used(serve: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = serve(keeping())
    monkeypatch.setenv(name, proxy.endpoint)
    with opened("http://s3.nowhere.example") as store:
        store.put(KEY, DATA, "text/plain")
    assert [path for _, path, _ in proxy.asked] == [
        f"http://s3.nowhere.example/bucket/prefix/{KEY}"
    ] * 2


def test_a_host_without_the_proxy_and_a_proxy_for_others(
    serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, proxy = serve(keeping()), serve(keeping())
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, proxy.endpoint)
        with opened(server.endpoint) as store:
            store.put(KEY, DATA, "text/plain")
    assert (len(server.asked), proxy.asked) == (4, [])


# Connections.


def test_one_connection_serves_many_requests_and_is_closed(serve: Any) -> None:
    server = serve(keeping())
    store = opened(server.endpoint)
    for number in range(5):
        data = DATA + b"%d" % number
        store.put(content_key(hashlib.sha256(data).hexdigest()), data, "text/plain")
    assert (len(server.asked), len(server.clients)) == (10, 1)
    connections = server.relay._connections
    assert len(connections) == 1
    store.close()
    deadline = time.monotonic() + 10
    while connections and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not connections
    store.close()
    store.put(KEY, DATA, "text/plain")  # it may be used again
    assert len(server.clients) == 2
    store.close()


def test_many_threads_use_it_at_once(serve: Any) -> None:
    server = serve(keeping())
    bodies = [DATA + b"%d" % number for number in range(40)]
    with opened(server.endpoint) as store:

        def put(part: list[bytes]) -> None:
            for data in part:
                key = content_key(hashlib.sha256(data).hexdigest())
                store.put(key, data, "text/plain")
                assert store.get(key) == data

        threads = [threading.Thread(target=put, args=(bodies[n::4],)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(server.asked) == 3 * len(bodies)
    assert len(server.clients) <= 4
    assert {short for _, short in server.ways()} == {True}


# TLS.


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for this machine that nobody trusts, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "certificate.pem"
    file.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return file


@pytest.fixture
def secure_endpoint(certificate: Path) -> Iterator[tuple[str, list[str]]]:
    """A server behind that certificate that keeps objects: its address, and who asked."""
    kept: dict[str, bytes] = {}
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            asked.append(self.headers.get("User-Agent", ""))
            if self.command == "PUT":
                kept[self.path] = body
            answer = b"" if self.command == "PUT" else kept[self.path]
            self.send_response_only(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_PUT = do_GET  # noqa: N815 - a name of the base class

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - its name there
            """Say nothing."""

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that hung up at the sight of the certificate is what the test wants."""

    server = Quiet(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"https://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_certificate_that_nobody_trusts_is_refused(
    secure_endpoint: tuple[str, list[str]],
) -> None:
    endpoint, asked = secure_endpoint
    with opened(endpoint) as store, pytest.raises(NotReady, match="certificate") as caught:
        store.put(KEY, DATA, "text/plain")
    assert "AWS_CA_BUNDLE" in caught.value.hint
    assert asked == []


def test_a_certificate_that_the_variable_names_is_trusted(
    secure_endpoint: tuple[str, list[str]], certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint, asked = secure_endpoint
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    with opened(endpoint) as store:
        store.put(KEY, DATA, "text/plain")
    assert [agent.startswith(LIBRARY) for agent in asked] == [False, False]


def test_a_bundle_that_is_not_there_is_not_ready(
    secure_endpoint: tuple[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "nowhere.pem"))
    with opened(secure_endpoint[0]) as store, pytest.raises(NotReady):
        store.put(KEY, DATA, "text/plain")

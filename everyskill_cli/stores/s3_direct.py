"""The short way to an S3 service: objects put and read without the client's machinery.

boto3's client takes 3.4 ms of CPU for a put with read-back and 290 ms to start; urllib3, which it
uses itself, and a signature by hand a third of that. So the two requests that a publish makes for
every skill go this way, and so does the reading of parts; but only as far as they need no
judgement: an answer of 200, of 206 for a part, or "already there". Everything else, be it a
redirect, a refusal, a broken connection, a proxy or a login that must be looked up, is the
client's: it asks again and knows what it means.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit
from urllib.request import getproxies

from everyskill_cli.settings import S3Settings

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

EMPTY: Final = hashlib.sha256(b"").hexdigest()
ANSWER_MAX: Final = 64 * 1024  # bytes read of what is said about an upload
FAILURES_MAX: Final = 3  # in a row, after which every request is the client's at once

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_SOCKET: Final = (  # without NODELAY a body waits up to 40 ms for the answer to its headers
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
)


class DirectAccess:
    """Puts and reads objects of one bucket at an endpoint that was given with its keys.

    It may be used by many threads at once.

    Args:
        settings: of which ``reaches`` is true.
        bucket: whose objects.
        region: to sign for.
        connections: kept open at most.
        timeouts: seconds to connect, and seconds without a byte.
    """

    def __init__(
        self,
        settings: S3Settings,
        bucket: str,
        region: str,
        *,
        connections: int,
        timeouts: tuple[float, float],
    ) -> None:
        import urllib3

        endpoint = urlsplit(str(settings.endpoint))
        self._host = _host(endpoint.scheme, endpoint.netloc)
        self._path = f"{endpoint.path.rstrip('/')}/{bucket}/"
        self._login = (str(settings.access_key_id), str(settings.secret_access_key), region)
        connect, read = timeouts
        self._pools = urllib3.PoolManager(
            maxsize=connections,
            timeout=urllib3.Timeout(connect=connect, read=read),
            ca_certs=os.environ.get("AWS_CA_BUNDLE") or None,
            socket_options=list(_SOCKET),
        )
        self._pool = self._pools.connection_from_host(
            str(endpoint.hostname), endpoint.port, endpoint.scheme
        )
        self._failures = 0  # in a row

    @staticmethod
    def reaches(settings: S3Settings) -> bool:
        """Tell whether nothing stands between: no login to look up, no region's own host, no proxy.

        Hosts that are to be reached without the proxy are the client's too: rules differ.
        """
        if settings.endpoint is None or not (settings.access_key_id and settings.secret_access_key):
            return False
        return urlsplit(settings.endpoint).scheme not in getproxies()

    def put(self, key: str, data: bytes, digest: str, headers: Mapping[str, str]) -> int | None:
        """Put an object: the status of the answer, or None where there was none.

        Args:
            key: below the bucket.
            data: all of it.
            digest: SHA-256 of the data, hex.
            headers: by their lower-case names, plain values.
        """
        answer = self._send("PUT", key, data, digest, headers)
        if answer is None:
            return None
        with suppress(Exception):  # the status is what counts; what it says besides is not read
            answer.read(ANSWER_MAX)
        answer.close()
        return answer.status

    def get(self, key: str, limit: int) -> bytes | None:
        """Read at most ``limit`` bytes of an object; None for every answer but a whole one."""
        return self._read(self._send("GET", key, None, EMPTY, {}), 200, limit)

    def get_part(self, key: str, start: int, size: int) -> bytes | None:
        """Read bytes out of an object; None for every answer but just these."""
        headers = {"range": byte_range(start, size)}
        data = self._read(self._send("GET", key, None, EMPTY, headers), 206, size + 1)
        return data if data is not None and len(data) == size else None

    def _read(self, answer: BaseHTTPResponse | None, status: int, limit: int) -> bytes | None:
        """Read at most ``limit`` bytes of an answer with this status; None for any other."""
        if answer is None:
            return None
        try:
            data = answer.read(limit)
            length = int(answer.headers["Content-Length"])
        except Exception:  # noqa: BLE001 - whatever broke off, the client asks again
            return None
        finally:
            answer.close()  # an answer that was read whole has given its connection back
        is_whole = answer.status == status and len(data) == min(length, limit)
        return data if is_whole else None

    def close(self) -> None:
        """Close the connections."""
        self._pools.clear()

    def _send(
        self,
        method: str,
        key: str,
        data: bytes | None,
        digest: str,
        headers: Mapping[str, str],
    ) -> BaseHTTPResponse | None:
        if self._failures >= FAILURES_MAX:
            return None
        path = quote(self._path + key, safe="/-_.~")
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        signed = {"host": self._host, "x-amz-content-sha256": digest, "x-amz-date": now, **headers}
        signed["authorization"] = authorization(method, path, signed, digest, now, self._login)
        try:
            answer = self._pool.urlopen(
                method,
                path,
                data,
                signed,
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
        except Exception:  # noqa: BLE001 - a certificate, the network: the client says what it is
            self._failures += 1
            return None
        self._failures = 0
        return answer


def byte_range(start: int, size: int) -> str:
    """Write which bytes are wanted, as the header ``Range`` says it; at least one."""
    return f"bytes={start}-{start + size - 1}"


def authorization(
    method: str,
    path: str,
    headers: Mapping[str, str],
    digest: str,
    now: str,
    login: tuple[str, str, str],
) -> str:
    """Sign a request without a query, as AWS Signature Version 4 says it for S3.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html

    Args:
        method: of HTTP.
        path: quoted as it is sent.
        headers: all of them are signed; lower-case names, values without spaces at their ends.
        digest: SHA-256 of the body, hex.
        now: ``YYYYMMDDTHHMMSSZ``, as in ``x-amz-date``.
        login: the id of the access key, its secret, the region.
    """
    key_id, secret, region = login
    names = sorted(headers)
    signed_names = ";".join(names)
    lines = [method, path, "", *(f"{name}:{headers[name]}" for name in names)]
    request = "\n".join([*lines, "", signed_names, digest])
    scope = f"{now[:8]}/{region}/s3/aws4_request"
    text = "\n".join([_ALGORITHM, now, scope, hashlib.sha256(request.encode()).hexdigest()])
    signature = hmac.new(_signing_key(secret, scope), text.encode(), "sha256").hexdigest()
    return (
        f"{_ALGORITHM} Credential={key_id}/{scope}, SignedHeaders={signed_names},"
        f" Signature={signature}"
    )


@lru_cache(maxsize=4)
def _signing_key(secret: str, scope: str) -> bytes:
    """Derive the key of one day, region and service."""
    key = b"AWS4" + secret.encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _host(scheme: str, netloc: str) -> str:
    """Give the host as it is signed and sent: without a login, and without the usual port."""
    host = netloc.rpartition("@")[2].lower()
    usual = ":443" if scheme == "https" else ":80"
    return host.removesuffix(usual)

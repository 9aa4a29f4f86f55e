"""The short way to an S3 service: whole objects put and read without the client's machinery.

botocore's client takes 2.4 ms of CPU for a put with read-back, its own signer and HTTP session
alone half of that, and they start without the client's 220 ms. What they are used for is kept to
what needs no judgement: an answer of 200, or "already there". Everything else, be it a redirect, a
refusal, a broken connection or a login that must be looked up, is the client's: it asks again and
knows what it means.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from everyskill_cli.settings import S3Settings

_SOCKET: Final = (  # without NODELAY a body waits up to 40 ms for the answer to its headers
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
)


class DirectAccess:
    """Puts and reads objects of one bucket at an endpoint that was given with its keys.

    It may be used by many threads at once.
    """

    def __init__(
        self,
        settings: S3Settings,
        bucket: str,
        region: str,
        *,
        connections: int,
        timeouts: tuple[int, int],
    ) -> None:
        from botocore.auth import S3SigV4Auth
        from botocore.credentials import Credentials
        from botocore.httpsession import URLLib3Session
        from botocore.utils import get_environ_proxies

        endpoint = str(settings.endpoint).rstrip("/")
        login = Credentials(str(settings.access_key_id), str(settings.secret_access_key))
        self._url = f"{endpoint}/{bucket}/"
        self._signer = S3SigV4Auth(login, "s3", region)
        options: dict[str, Any] = {  # the types in its stubs are narrower than what it takes
            "verify": os.environ.get("AWS_CA_BUNDLE") or True,
            "proxies": get_environ_proxies(endpoint),
            "timeout": timeouts,
            "max_pool_connections": connections,
            "socket_options": list(_SOCKET),
        }
        self._http = URLLib3Session(**options)
        self._works = True

    @staticmethod
    def reaches(settings: S3Settings) -> bool:
        """Tell whether nothing must be looked up: no login, no region's own endpoint."""
        return None not in (settings.endpoint, settings.access_key_id, settings.secret_access_key)

    def put(self, key: str, data: bytes, headers: Mapping[str, str]) -> int | None:
        """Put an object: the status of the answer, or None where there was none."""
        answer = self._send("PUT", key, data, headers, stream=False)
        return None if answer is None else int(answer.status_code)

    def get(self, key: str, limit: int) -> bytes | None:
        """Read at most ``limit`` bytes of an object; None for every answer but a whole one."""
        answer = self._send("GET", key, b"", {}, stream=True)
        if answer is None:
            return None
        try:
            data: bytes = answer.raw.read(limit)
            length = int(answer.headers["Content-Length"])
        except Exception:  # noqa: BLE001 - whatever broke off, the client asks again
            return None
        finally:
            answer.raw.close()  # an answer that was read whole has given its connection back
        is_whole = answer.status_code == 200 and len(data) == min(length, limit)
        return data if is_whole else None

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _send(
        self, method: str, key: str, data: bytes, headers: Mapping[str, str], *, stream: bool
    ) -> Any:
        from botocore.awsrequest import AWSRequest

        if not self._works:
            return None
        url = self._url + quote(key, safe="/-_.~")
        request = AWSRequest(
            method=method, url=url, data=data, headers=dict(headers), stream_output=stream
        )
        self._signer.add_auth(request)
        try:
            return self._http.send(request.prepare())
        except Exception:  # noqa: BLE001 - a proxy, a certificate, the network: the client says it
            self._works = False  # the next object would most likely fail the same way
            return None

"""A real S3 server: SeaweedFS, one program from the test extras."""

from __future__ import annotations

import http.client
import json
import os
import platform
import secrets
import signal
import sys
import sysconfig
from pathlib import Path

from tests.servers.moto_server import MotoServer
from tests.servers.process import (
    ServerError,
    ServerProcess,
    free_port_pair,
    free_ports,
    persist,
    program,
)
from tests.servers.s3 import S3Server

BUCKET = "everyskill-tests"
PARTS = ("s3", "master", "volume", "filer")
ADMIN_GRPC_DISTANCE = 10_000


class SeaweedFS(S3Server):
    """`weed mini` on 127.0.0.1 in a folder of its own, which a test may kill and start again.

    It keeps every promise: checksums are verified, signatures checked, and of racing conditional
    writes exactly one wins. What it has acknowledged survives `kill`.
    """

    def __init__(self) -> None:
        self._weed = weed()
        if self._weed is None:
            raise ServerError(
                "No S3 server: install the test extras (pip install -e '.[dev]'), or put the "
                "program `weed` on the PATH."
            )
        persist(self._open)

    @property
    def pid(self) -> int:
        """The server's process; 0 when it is stopped."""
        return self._process.pid

    def start(self) -> None:
        """Start the server on its ports, with the objects that it had."""
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self._process.folder),  # it reads settings of its own from there
            "GOMEMLIMIT": "512MiB",  # a limit near what it needs (200 MiB) costs a fifth of a core
        }
        self._process.start(self._command(), self._is_ready, environment)

    def kill(self) -> None:
        """End the server at once (SIGKILL), as a power cut of its machine would."""
        self._process.stop(signal.SIGKILL)

    def close(self) -> None:
        """End the server and remove its folder and the sockets it leaves in /tmp."""
        self._close_client()
        self._process.close()

    def _open(self) -> None:
        # Every port is given, for those that it chooses itself are the same for every run.
        # The admin part is dialled at its port plus 10,000, whatever port it was given for that.
        ports = free_ports(2 * len(PARTS))
        admin, admin_grpc = free_port_pair(ADMIN_GRPC_DISTANCE)
        self._ports = dict(zip(PARTS, ports[::2], strict=True)) | {"admin": admin}
        self._grpc_ports = dict(zip(PARTS, ports[1::2], strict=True)) | {"admin": admin_grpc}
        super().__init__(
            "SeaweedFS",
            endpoint=f"http://127.0.0.1:{self._ports['s3']}",
            access_key=secrets.token_hex(10),
            secret_key=secrets.token_hex(20),
            bucket=BUCKET,
        )
        litter = [f"/tmp/seaweedfs-*-grpc-{port}.sock" for port in self._grpc_ports.values()]
        self._process = ServerProcess("seaweedfs", litter=litter)
        try:
            (self._process.folder / "data").mkdir()
            self._write_login()
            self.start()
            self._create_bucket()
        except BaseException:
            self.close()
            raise

    def _write_login(self) -> None:
        credentials = [{"accessKey": self.access_key, "secretKey": self.secret_key}]
        identity = {"name": "tests", "credentials": credentials, "actions": ["Admin"]}
        path = self._process.folder / "s3.json"
        path.write_text(json.dumps({"identities": [identity]}))

    def _create_bucket(self) -> None:
        from botocore.exceptions import ClientError

        try:
            self.client.create_bucket(Bucket=BUCKET)
        except ClientError as error:  # somebody else's server got our port: it refuses our key
            raise ServerError(f"The S3 server does not know our login: {error}") from error

    def _command(self) -> list[str | Path]:
        assert self._weed is not None
        folder = self._process.folder
        options = {
            "dir": folder / "data",
            "ip": "127.0.0.1",
            "ip.bind": "127.0.0.1",
            "master.telemetry": "false",
            "webdav": "false",
            "admin.ui": "false",
            "volume.max": "1000",
            "volume.preStopSeconds": "0",
            "s3.port.iceberg": "0",
            "s3.port.lance": "0",
            "s3.config": folder / "s3.json",
            "s3.localSocket": folder / "s3.sock",
            "filer.localSocket": folder / "filer.sock",
            "s3.autoCreateBucket": "false",
            "s3.allowDeleteBucketNotEmpty": "false",
        }
        options |= {f"{name}.port": str(port) for name, port in self._ports.items()}
        options |= {f"{name}.port.grpc": str(port) for name, port in self._grpc_ports.items()}
        return [
            self._weed,
            "-logdir",
            folder,
            "mini",
            *(f"-{name}={value}" for name, value in options.items()),
        ]

    def _is_ready(self) -> bool:
        """Whether the S3 part answers, and the master knows a server that keeps the bytes.

        Until then a read of what is there gives 500, for longest after a restart.
        """
        if self._ask("s3", "/healthz") is None:
            return False
        topology = json.loads(self._ask("master", "/dir/status") or "{}").get("Topology", {})
        return bool(topology.get("Max"))

    def _ask(self, part: str, path: str) -> bytes | None:
        connection = http.client.HTTPConnection("127.0.0.1", self._ports[part], timeout=5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.read() if answer.status == 200 else None
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()


def weed() -> Path | None:
    """SeaweedFS's program, as the test extras install it or as it stands on the PATH."""
    return program("weed", Path(sysconfig.get_path("scripts")))


def open_s3() -> S3Server:
    """SeaweedFS, or moto on the one system for which there is no SeaweedFS (macOS on Intel)."""
    if weed() is None and (sys.platform, platform.machine()) == ("darwin", "x86_64"):
        return MotoServer()
    return SeaweedFS()

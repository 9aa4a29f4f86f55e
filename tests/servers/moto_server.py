"""moto as a server: S3 with fewer promises, for the store contract and where SeaweedFS is not."""

from __future__ import annotations

import importlib.util
import os
import socket
import sys

from tests.servers.process import ServerError, ServerProcess, free_ports, persist
from tests.servers.s3 import Promises, S3Server

BUCKET = "everyskill-tests"


class MotoServer(S3Server):
    """moto's own server on 127.0.0.1, in a process of its own; objects are kept in memory."""

    promises = Promises(
        verifies_checksums=False, checks_signatures=False, atomic_conditional_writes=False
    )
    region = "us-east-1"  # moto makes buckets in AWS's regions only

    def __init__(self) -> None:
        if not all(map(importlib.util.find_spec, ("moto", "flask", "flask_cors"))):
            raise ServerError("moto's server needs the test extras: pip install -e '.[dev]'.")
        persist(self._open)

    def close(self) -> None:
        """End the server; its objects are gone with it."""
        self._close_client()
        self._process.close()

    def _open(self) -> None:
        [self._port] = free_ports(1)
        super().__init__("moto", f"http://127.0.0.1:{self._port}", "tests", "tests", BUCKET)
        self._process = ServerProcess("moto")
        try:
            command = [sys.executable, "-P", "-m", "moto.server"]
            command += ["-H", "127.0.0.1", "-p", str(self._port)]
            self._process.start(command, self._is_ready, dict(os.environ))
            self.client.create_bucket(Bucket=BUCKET)
        except BaseException:
            self.close()
            raise

    def _is_ready(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self._port), timeout=5).close()
        except OSError:
            return False
        return True

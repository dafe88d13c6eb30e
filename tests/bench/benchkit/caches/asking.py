"""A client that asks one thing after the other and looks at every answer: who gave it, what it says, how long it took.

`benchkit.load` asks as fast as it can; this one is for questions that must be chosen one by one.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass

import orjson

from benchkit import payload


@dataclass(frozen=True)
class Answer:
    """A whole answer. `cache` is `x-tailrace-cache` up to its first `;`, `ms` from the first byte sent to the last."""

    status: int
    cache: str
    headers: dict[str, str]
    body: bytes
    ms: float

    @property
    def text(self) -> str:
        """The text of its message; "" where there is none."""
        try:
            return str(orjson.loads(self.body)["choices"][0]["message"]["content"])
        except (ValueError, KeyError, IndexError, TypeError):
            return ""


class Asker:
    """One keep-alive connection, blocking."""

    def __init__(self, port: int, key: str) -> None:
        lines = [f"POST {payload.PATH} HTTP/1.1", "Host: 127.0.0.1"]
        lines += [f"{name}: {value}" for name, value in payload.sdk_headers(key).items()]
        self._head = "\r\n".join(lines).encode()
        self._port = port
        self._socket = self._connected()

    def _connected(self) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", self._port), timeout=60)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def ask(self, body: bytes) -> Answer:
        """Send a body, wait for the whole answer. Raises OSError when the connection breaks."""
        raw = b"%b\r\nContent-Length: %d\r\n\r\n%b" % (self._head, len(body), body)
        began = time.perf_counter()
        self._socket.sendall(raw)
        got = b""
        while (end := got.find(b"\r\n\r\n")) < 0:
            got += self._more()
        status, headers = read_head(got[:end])
        rest = got[end + 4 :]
        left = int(headers["content-length"]) - len(rest)
        while left > 0:
            piece = self._more()
            rest += piece
            left -= len(piece)
        ms = (time.perf_counter() - began) * 1000
        return Answer(status, headers.get("x-tailrace-cache", "").partition(";")[0], headers, rest, ms)

    def _more(self) -> bytes:
        piece = self._socket.recv(65536)
        if not piece:
            raise ConnectionResetError("the connection was closed before the answer was whole")
        return piece

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


def read_head(head: bytes) -> tuple[int, dict[str, str]]:
    """Status and headers (names in lower case)."""
    first, *lines = head.decode("latin-1").split("\r\n")
    split = (line.partition(":") for line in lines)
    return int(first.split(" ", 2)[1]), {name.lower(): value.strip() for name, _, value in split}

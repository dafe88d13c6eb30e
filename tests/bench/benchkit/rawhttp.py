"""The server half of HTTP/1.1, as bare as it can be: the ends must never be what is measured."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import uvloop


class RawServer(asyncio.Protocol):
    """Cuts the bytes of one connection into requests and hands each to `on_request`.

    Understands Content-Length and chunked bodies; one request at a time (no pipelining), which is all that proxies do.
    """

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.buffer = b""
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True

    def on_request(self, head: bytes, body: bytes) -> None:
        """One whole request; `head` is in lower case."""
        raise NotImplementedError

    def data_received(self, data: bytes) -> None:
        if self.buffer:
            data = self.buffer + data
            self.buffer = b""
        while data:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                break
            head = data[:end].lower()
            start = end + 4
            at = head.find(b"\r\ncontent-length:")
            if at >= 0:
                stop = head.find(b"\r\n", at + 17)
                until = start + int(head[at + 17 : stop if stop >= 0 else None])
                if len(data) < until:
                    break
                body = data[start:until]
                data = data[until:]
            elif b"\r\ntransfer-encoding: chunked" in head:
                parsed = dechunk(data, start)
                if parsed is None:
                    break
                body, until = parsed
                data = data[until:]
            else:
                body = b""
                data = data[start:]
            if b"\r\nexpect: 100-continue" in head:
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.on_request(head, body)
        self.buffer = data


def dechunk(data: bytes, start: int) -> tuple[bytes, int] | None:
    """The chunked body that begins at `start` and where it ends; None while it is incomplete."""
    pieces: list[bytes] = []
    while True:
        eol = data.find(b"\r\n", start)
        if eol < 0:
            return None
        size = int(data[start:eol].partition(b";")[0], 16)
        start = eol + 2 + size + 2
        if len(data) < start:
            return None
        if not size:
            return b"".join(pieces), start
        pieces.append(data[eol + 2 : eol + 2 + size])


def plain(status: bytes, body: bytes, content_type: bytes = b"application/json") -> bytes:
    """A small answer."""
    return b"HTTP/1.1 %b\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n%b" % (status, content_type, len(body), body)


def serve(protocol: type[RawServer], port: int, cpu: int | None) -> None:
    """Serve until SIGTERM or until the parent is gone; prints `ready` when it listens."""
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})
    parent = os.getppid()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, stop.set)
        server = await loop.create_server(protocol, "127.0.0.1", port, backlog=4096)
        print("ready", flush=True)
        while not stop.is_set() and os.getppid() == parent:
            try:
                await asyncio.wait_for(stop.wait(), 2)
            except TimeoutError:
                continue
        server.close()

    uvloop.run(main())
    sys.exit(0)

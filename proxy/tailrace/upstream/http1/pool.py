"""Connections to one origin, kept for the next request."""

import asyncio
from collections.abc import AsyncIterable
from typing import Any

from multidict import CIMultiDict

from tailrace.upstream.http1.connection import Connection, Disconnected, Response
from tailrace.upstream.http1.dial import CannotConnect, Origin, dial, proxy_authorization

_SHORT_S = 0.5
"""A provider that closes an idle connection sooner than this closes after each answer."""
_DISTRUST_S = 30.0


class ConnectionPool:
    """Keep-alive connections to one origin. The one used last is used first, so that idle ones can go.

    `most` bounds the connections open at once (0: no bound); a request over it waits, within its connect timeout.
    """

    def __init__(self, origin: Origin, *, keep_alive_s: float, most: int = 0) -> None:
        self.origin = origin
        self._keep_alive_s = keep_alive_s
        self._places = asyncio.Semaphore(most) if most else None
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False
        self._distrusted_until = 0.0
        default = 443 if origin.scheme == "https" else 80
        host = f"[{origin.host}]" if ":" in origin.host else origin.host
        self._host = host if origin.port == default else f"{host}:{origin.port}"
        # A forward proxy for plain http is asked for the whole URL (RFC 9112, 3.2.2).
        self._absolute = f"http://{self._host}" if origin.proxy and origin.scheme == "http" else ""
        self._extra = proxy_authorization(origin.proxy) if self._absolute else ""

    async def send(
        self,
        method: str,
        target: str,
        headers: "CIMultiDict[str]",
        body: bytes | AsyncIterable[bytes] | None,
        connect_s: float,
        *,
        fresh: bool = False,
    ) -> Response:
        """Send a request; returns with the answer's head. `fresh` asks for a connection that nobody used before.

        A streamed body is sent with the `content-length` in `headers`, else chunked. Raises `CannotConnect`,
        `Disconnected`, `Truncated`, `BadHttp`; cancelling it closes the connection it was using.
        """
        connection = await self._obtain(connect_s, fresh)
        streamed = body is not None and not isinstance(body, bytes)
        chunked = streamed and "content-length" not in headers
        return await connection.request(
            self._head(method, target, headers, body, chunked=chunked),
            body,
            chunked=chunked,
            head_only=method == "HEAD",
        )

    def _head(self, method: str, target: str, headers: "CIMultiDict[str]", body: Any, *, chunked: bool) -> bytes:
        lines = [f"{method} {self._absolute}{target} HTTP/1.1\r\nhost: {self._host}\r\n{self._extra}"]
        lines += [f"{name}: {value}\r\n" for name, value in headers.items()]
        if chunked:
            lines.append("transfer-encoding: chunked\r\n\r\n")
        elif isinstance(body, bytes):
            lines.append(f"content-length: {len(body)}\r\n\r\n")
        elif body is None and method not in ("GET", "HEAD", "DELETE", "OPTIONS"):
            lines.append("content-length: 0\r\n\r\n")
        else:
            lines.append("\r\n")
        return "".join(lines).encode("utf-8", "surrogateescape")

    def _take(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable:
                return connection
            self._open.discard(connection)
            connection.abort()
        return None

    async def _obtain(self, connect_s: float, fresh: bool) -> Connection:
        if self._places is None:
            return (None if fresh else self._take()) or await self._dial(connect_s)
        loop = asyncio.get_running_loop()
        until = loop.time() + connect_s
        try:
            async with asyncio.timeout(connect_s):
                await self._places.acquire()
        except TimeoutError:
            raise CannotConnect("no_place") from None
        try:
            if fresh and self._idle:
                # It takes the place of an idle one.
                self._idle[0].abort()
            return (None if fresh else self._take()) or await self._dial(max(0.001, until - loop.time()))
        except BaseException:
            self._places.release()
            raise

    async def _dial(self, connect_s: float) -> Connection:
        if self._closed:
            raise Disconnected("the pool is closed")
        connection = await dial(self.origin, self._make, connect_s)
        self._open.add(connection)
        return connection

    def _make(self) -> Connection:
        return Connection(self._put_back, self._forget)

    def _put_back(self, connection: Connection) -> None:
        """A busy connection is free again; its place goes to whoever waits."""
        if self._closed or asyncio.get_running_loop().time() < self._distrusted_until:
            connection.abort()
            return
        self._idle.append(connection)
        if self._places is not None:
            self._places.release()
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().call_later(self._keep_alive_s, self._sweep)

    def _forget(self, connection: Connection) -> None:
        if connection in self._idle:
            self._idle.remove(connection)
            now = asyncio.get_running_loop().time()
            if now - connection.released_at < _SHORT_S:
                # The provider says "keep-alive" and closes all the same: every pooled connection is a race that a POST
                # can lose. For a while each request gets a connection of its own.
                self._distrusted_until = now + _DISTRUST_S
                for other in list(self._idle):
                    other.abort()
        elif connection in self._open and self._places is not None:
            self._places.release()
        self._open.discard(connection)

    def _sweep(self) -> None:
        """Close what was idle for too long: a provider that closes first may do so while a request is on its way."""
        self._sweeper = None
        oldest = asyncio.get_running_loop().time() - self._keep_alive_s
        for connection in [c for c in self._idle if c.released_at <= oldest]:
            connection.abort()
        if self._idle and not self._closed:
            self._sweeper = asyncio.get_running_loop().call_later(self._keep_alive_s / 2, self._sweep)

    async def aclose(self) -> None:
        """Close every connection, busy ones too."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in list(self._open):
            connection.abort()
        # The transports close in the loop's next turn.
        await asyncio.sleep(0)

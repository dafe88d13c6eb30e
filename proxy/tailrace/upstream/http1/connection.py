"""One connection to a provider: one request at a time, its answer's body read under back-pressure."""

import asyncio
import select
from collections.abc import AsyncIterable, Callable
from typing import Final, cast

import httptools
from multidict import CIMultiDict

_HIGH_BYTES: Final = 131_072
"""Unread body bytes above which the provider is made to wait (TCP back-pressure)."""

_HEAD_BYTES: Final = 262_144
"""Most an answer's head may take."""

# Linux has POLLRDHUP; elsewhere a half-closed connection is found by the retry instead.
_HUNG_UP: Final = getattr(select, "POLLRDHUP", 0) | getattr(select, "POLLHUP", 0) | getattr(select, "POLLERR", 0)


class Disconnected(Exception):
    """The connection ended before the first byte of an answer."""


class Truncated(Exception):
    """The connection ended, or broke, in the middle of an answer."""


class BadHttp(Exception):
    """What came is not an HTTP/1.1 answer."""


class Response:
    """An answer whose head is there. Read `readany` to its end, or `close`."""

    __slots__ = ("_connection", "_served_by", "headers", "status")

    def __init__(self, status: int, headers: "CIMultiDict[str]", connection: "Connection") -> None:
        self.status = status
        self.headers = headers
        self._connection: Connection | None = connection
        self._served_by = connection

    @property
    def content_type(self) -> str:
        """The media type without its parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def at_end(self) -> bool:
        """Whether the whole body was read; the connection then serves others."""
        return self._connection is None

    @property
    def ready(self) -> bool:
        """Whether `readany` has something to tell without waiting."""
        return self._connection is None or self._connection.is_ready

    async def readany(self) -> bytes:
        """What has come since the last call, at least one byte; empty at the end of the body.

        Raises `Truncated` when the body breaks off, after all bytes that came before.
        """
        connection = self._connection
        if connection is None:
            return b""
        data = await connection.read_body()
        if not data or connection.drained:
            # Let go with the last bytes: the next request need not wait for a reader that knows it is done.
            self._connection = None
            connection.finish()
        return data

    def close(self) -> None:
        """Abandon what is left of the answer, and the connection with it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()

    def spoil(self) -> None:
        """Close the connection although the answer came to its end: there was something wrong with it.

        Only in the same turn of the loop in which `readany` gave the last bytes: later it may serve somebody else.
        """
        self._connection = None
        self._served_by.abort()


class Connection(asyncio.Protocol):
    """The protocol. `release` is called when an answer was read to its end and the connection can take another."""

    def __init__(self, release: "Callable[[Connection], None]", gone: "Callable[[Connection], None]") -> None:
        self._loop = asyncio.get_running_loop()
        self._release = release
        self._gone = gone
        self._transport: asyncio.Transport | None = None
        self._poll: select.poll | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._write_paused = False
        self._uploading: asyncio.Task[None] | None = None
        self.released_at = 0.0
        self._aborted = False
        self._reset()

    def _reset(self) -> None:
        self._headers: list[tuple[str, str]] = []
        self._status = 0
        self._head_bytes = 0
        self._head_done = False
        self._body_less = False
        self._chunks: list[bytes] = []
        self._buffered = 0
        self._read_paused = False
        self._complete = False
        self._keep = False
        self._error: Exception | None = None
        self._begun = False
        self._unasked = False

    # Called by the loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        # uvloop's transports are no subclass of asyncio.Transport.
        self._transport = cast(asyncio.Transport, transport)
        sock = transport.get_extra_info("socket")
        if sock is not None and hasattr(select, "poll"):
            # On TLS unread bytes may be a session ticket; on plain TCP nothing may come before we ask.
            tls = transport.get_extra_info("ssl_object") is not None
            self._poll = select.poll()
            self._poll.register(sock.fileno(), _HUNG_UP if tls else _HUNG_UP | select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """Bytes of an answer came; bytes nobody asked for end the connection."""
        if self._parser is None or self._complete:
            self.abort()
            return
        self._begun = True
        if not self._head_done:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(BadHttp("the provider switched protocols"))
        except httptools.HttpParserError as error:
            # What was good of the same bytes has already been taken by on_body.
            self._fail(Truncated("broken framing") if self._head_done else BadHttp(type(error).__name__))
        if not self._head_done and self._head_bytes > _HEAD_BYTES:
            self._fail(BadHttp("the answer's head is too large"))
        if self._buffered > _HIGH_BYTES and not self._read_paused and self._transport is not None:
            self._read_paused = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """The provider will send no more; what that means is decided in `connection_lost`."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is over: the end of a close-delimited answer, or a cut."""
        self._transport = None
        # Our own closing is no sign of what the provider does.
        if self._aborted:
            self.released_at = 0.0
        self._gone(self)
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        if self._parser is None or self._complete:
            return
        if self._head_done and self._is_close_delimited() and error is None and not self._aborted:
            self._complete = True
            self._wake()
        elif self._begun:
            self._fail(Truncated("the connection was cut"))
        else:
            self._fail(Disconnected("the connection was closed before an answer"))

    def pause_writing(self) -> None:
        """The provider takes no more for now."""
        self._write_paused = True

    def resume_writing(self) -> None:
        """It takes more again."""
        self._write_paused = False
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    # Called by the parser.

    def on_message_begin(self) -> None:
        """An answer begins; behind one that is complete it is one that nobody asked for."""
        if self._complete:
            self._unasked = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header, or one trailer, which is dropped."""
        if not self._head_done:
            self._headers.append((name.decode("latin-1"), value.decode("utf-8", "surrogateescape")))

    def on_headers_complete(self) -> None:
        """The head is there; an interim one (100, 103) only announces the real one."""
        if self._parser is None or self._unasked:
            return
        self._status = self._parser.get_status_code()
        if 100 <= self._status < 200:
            self._headers = []
            return
        self._head_done = True
        if self._body_less:
            # The parser does not know that this answers a HEAD and would wait for the announced body.
            self._complete = True
        self._wake()

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        if not self._body_less and not self._unasked:
            self._chunks.append(body)
            self._buffered += len(body)
            if self._waiter is not None:
                self._wake()

    def on_message_complete(self) -> None:
        """The answer is whole."""
        if self._head_done and not self._complete:
            self._complete = True
            self._keep = self._parser is not None and self._parser.should_keep_alive()
            self._wake()

    # Called by the pool and by `Response`.

    @property
    def is_usable(self) -> bool:
        """Whether another request may be sent: nothing was closed, by us or (as far as the kernel knows) by them."""
        if self._transport is None or self._transport.is_closing():
            return False
        # A FIN that the loop has not got round to yet: without this look (under 1 us) it would swallow a POST.
        return self._poll is None or not self._poll.poll(0)

    @property
    def is_ready(self) -> bool:
        """Whether there is a piece of the body, its end or an error to be told."""
        return bool(self._chunks) or self._complete or self._error is not None

    @property
    def drained(self) -> bool:
        """Whether the answer is complete and all of it was read."""
        return self._complete and not self._chunks

    async def request(
        self, head: bytes, body: bytes | AsyncIterable[bytes] | None, *, chunked: bool, head_only: bool
    ) -> Response:
        """Send a request and wait for its answer's head.

        Raises `Disconnected`, `Truncated` or `BadHttp`; when cancelled the connection is given up.
        """
        transport = self._transport
        if transport is None:
            raise Disconnected("the connection is closed")
        self._reset()
        self._body_less = head_only
        self._parser = httptools.HttpResponseParser(self)
        try:
            if body is None or isinstance(body, bytes):
                transport.write(head + body if body else head)
            else:
                transport.write(head)
                self._uploading = self._loop.create_task(self._upload(body, chunked=chunked))
            while not self._head_done:
                if self._error is not None:
                    raise self._error
                await self._wait()
        except BaseException:
            self.abort()
            raise
        headers: CIMultiDict[str] = CIMultiDict(self._headers)
        return Response(self._status, headers, self)

    async def _upload(self, body: AsyncIterable[bytes], *, chunked: bool) -> None:
        try:
            async for piece in body:
                transport = self._transport
                if transport is None or transport.is_closing():
                    return
                if not piece:
                    continue
                transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                if self._write_paused:
                    self._writable = self._loop.create_future()
                    await self._writable
            if chunked and self._transport is not None:
                self._transport.write(b"0\r\n\r\n")
        except Exception as error:  # noqa: BLE001 - the client's side of the body failed: told to whoever waits for the answer
            self._fail(error)
            self.abort()

    async def read_body(self) -> bytes:
        """What has come of the body; empty at its end."""
        while not self._chunks:
            if self._error is not None:
                raise self._error
            if self._complete:
                return b""
            await self._wait()
        chunks = self._chunks
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        self._chunks = []
        self._buffered = 0
        if self._read_paused and self._transport is not None:
            self._read_paused = False
            self._transport.resume_reading()
        return data

    def finish(self) -> None:
        """The answer was read to its end: back to the pool, or closed if it cannot be used again."""
        parser, self._parser = self._parser, None
        uploading, self._uploading = self._uploading, None
        sent_all = uploading is None or uploading.done()
        if parser is not None and self._keep and not self._unasked and sent_all and self._transport is not None:
            self.released_at = self._loop.time()
            self._release(self)
        else:
            if uploading is not None:
                uploading.cancel()
            self.abort()

    def abort(self) -> None:
        """Close at once, whatever is on its way."""
        self._aborted = True
        if self._uploading is not None and self._uploading is not asyncio.current_task():
            self._uploading.cancel()
        self._uploading = None
        if self._transport is not None:
            self._transport.abort()
        if self._error is None and not self._complete:
            self._fail(Truncated("the connection was given up"))

    def _is_close_delimited(self) -> bool:
        names = {name.lower(): value.lower() for name, value in self._headers}
        return "content-length" not in names and "chunked" not in names.get("transfer-encoding", "")

    def _fail(self, error: Exception) -> None:
        if self._error is None:
            self._error = error
        self._keep = False
        self._wake()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

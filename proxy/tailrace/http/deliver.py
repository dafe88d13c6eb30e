"""From a `Reply` to bytes on the client's connection: back-pressure, stalled clients, answers that break off."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Coroutine
from typing import Any, cast

from aiohttp import web

from tailrace.errors import ClientLeft, TailraceError, UpstreamError
from tailrace.exchange import Exchange, Reply
from tailrace.http.respond import reply_headers
from tailrace.streams import EventSource, Stream
from tailrace.upstream.sources import ProviderBytes
from tailrace.wire import jsonio, sse

_FREE_BYTES = 65536
"""A write up to this size into an empty buffer never waits for the client, so it needs no timer."""


class Broken(Exception):
    """The answer broke off after its first byte, and the client was told as well as its protocol allows."""

    def __init__(self, error_type: str) -> None:
        super().__init__(error_type)
        self.error_type = error_type


class Deliverer:
    """Writes replies. `stopping` is set when the proxy can wait no longer for streams in flight."""

    def __init__(self, write_stall_s: float) -> None:
        self._write_stall_s = write_stall_s
        self.stopping = False

    async def deliver(
        self, request: web.BaseRequest, exchange: Exchange, reply: Reply, *, last: bool
    ) -> web.StreamResponse:
        """Write the reply; returns when the client's kernel has its last byte.

        Raises `ClientLeft` when the client stopped reading, `Broken` when the answer broke off on its way. `last`
        closes the connection afterwards.
        """
        headers = reply_headers(reply.headers, exchange.trail, events=reply.is_events)
        response: web.StreamResponse
        if reply.stream is None:
            headers.popall("content-length", None)
            response = web.Response(status=reply.status, headers=headers, body=reply.body)
        else:
            response = web.StreamResponse(status=reply.status, headers=headers)
        if last:
            response.force_close()
        trail = exchange.trail
        if reply.stream is None:
            await response.prepare(request)
            await self._write(request, response.write_eof(), len(reply.body))
            trail.first_byte_at = asyncio.get_running_loop().time()
            if (tell := reply.heard_whole()) is not None:
                tell()
            return response
        await self._stream(request, response, exchange, reply.stream)
        return response

    async def _stream(
        self, request: web.BaseRequest, response: web.StreamResponse, exchange: Exchange, stream: Stream
    ) -> None:
        loop = asyncio.get_running_loop()
        pieces = stream.open()
        try:
            await response.prepare(request)
            broke: TailraceError | None = None
            try:
                async for piece in pieces:
                    await self._write(request, response.write(piece), len(piece))
                    if not exchange.trail.first_byte_at:
                        exchange.trail.first_byte_at = loop.time()
            except TailraceError as error:
                broke = error
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if not self.stopping or task is None:
                    raise
                task.uncancel()
                broke = UpstreamError("The proxy was shut down before the answer was complete.", error_type="shutdown")
            if broke is not None:
                await self._broke_off(request, response, exchange, stream, broke)
            await self._patiently(request, response.write_eof())
        finally:
            if isinstance(pieces, AsyncGenerator):
                await pieces.aclose()
            await stream.aclose()

    def _write(self, request: web.BaseRequest, writing: Coroutine[Any, Any, None], size: int) -> Awaitable[None]:
        """`writing`, under a timer unless it cannot have to wait for the client."""
        transport = request.transport
        if transport is not None and size <= _FREE_BYTES and not _buffered(transport):
            return writing
        return self._patiently(request, writing)

    async def _patiently(self, request: web.BaseRequest, writing: Any) -> None:
        """Wait for the client to take what is written, but not for ever."""
        try:
            async with asyncio.timeout(self._write_stall_s):
                await writing
        except TimeoutError:
            if request.transport is not None:
                # Its buffer is full: a proper goodbye would wait behind it.
                _abort(request.transport)
            raise ClientLeft(f"nothing was read for {self._write_stall_s:g} s") from None

    async def _broke_off(
        self,
        request: web.BaseRequest,
        response: web.StreamResponse,
        exchange: Exchange,
        stream: Stream,
        error: TailraceError,
    ) -> None:
        """Tell the client in-band; where the body has no room for words, break the connection instead of ending it."""
        error_type = getattr(error, "error_type", error.code or "failed")
        source = stream.source
        if isinstance(source, EventSource) or (isinstance(source, ProviderBytes) and source.is_sse):
            await self._patiently(request, response.write(in_band(exchange, error)))
            response.force_close()
            await self._patiently(request, response.write_eof())
        elif request.transport is not None:
            _abort(request.transport)
        raise Broken(error_type)


def in_band(exchange: Exchange, error: TailraceError) -> bytes:
    """The event that ends a stream which broke off, in the form the endpoint's clients read as an error."""
    endpoint = exchange.endpoint
    told = error.as_object(anthropic=endpoint.anthropic, request_id=exchange.request.id)
    if endpoint.anthropic:
        return sse.encode(jsonio.dumps(told), event="error")
    if endpoint.shape == "responses":
        flat = {"type": "error", "code": error.code, "message": error.message, "param": None, "sequence_number": 0}
        return sse.encode(jsonio.dumps({**flat, **told}), event="error")
    return sse.encode(jsonio.dumps(told))


def _buffered(transport: asyncio.BaseTransport) -> int:
    # uvloop's transports are no subclass of asyncio.WriteTransport.
    return cast(asyncio.WriteTransport, transport).get_write_buffer_size()


def _abort(transport: asyncio.BaseTransport) -> None:
    cast(asyncio.WriteTransport, transport).abort()

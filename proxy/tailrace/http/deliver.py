"""From a `Reply` to bytes on the client's connection: back-pressure, stalled clients, answers that break off."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Literal, cast

from aiohttp import web

from tailrace.errors import ClientLeft, TailraceError, UpstreamError
from tailrace.exchange import Exchange, Reply
from tailrace.http.respond import reply_headers
from tailrace.streams import Stream
from tailrace.wire import jsonio, sse

_log = logging.getLogger("tailrace.http")

_FREE_BYTES = 65536
"""A write up to this size into an empty buffer never waits for the client, so it needs no timer."""


@dataclass(slots=True)
class Delivery:
    """What became of a reply: the response for the server, and whether the client has all of it."""

    response: web.StreamResponse
    state: Literal["complete", "client_left", "failed"] = "complete"
    error_type: str = ""


class Deliverer:
    """Writes replies. `stopping` is set when the proxy can wait no longer for streams in flight."""

    def __init__(self, write_stall_s: float, now: Callable[[], float]) -> None:
        self._write_stall_s = write_stall_s
        self._now = now
        self.stopping = False

    async def deliver(self, request: web.BaseRequest, exchange: Exchange, reply: Reply, *, last: bool) -> Delivery:
        """Write the reply; returns when the client's kernel has its last byte, or there is nobody to write to.

        `last` closes the connection afterwards. Cancelled when the client hangs up.
        """
        stream = reply.stream
        events = stream is not None and stream.source.is_sse
        headers = reply_headers(reply.headers, exchange.trail, events=events)
        if stream is None:
            headers.popall("content-length", None)
            whole = web.Response(status=reply.status, headers=headers, body=reply.body)
            delivery = Delivery(whole)
        else:
            delivery = Delivery(web.StreamResponse(status=reply.status, headers=headers))
        response = delivery.response
        if last:
            response.force_close()
        try:
            if stream is None:
                await response.prepare(request)
                # Before the system call: it wakes the client, and the kernel may let that run first.
                handed = exchange.trail.first_byte_at = self._now()
                if await self._write(request, response.write_eof(), len(reply.body)):
                    exchange.trail.ended = handed
                if (tell := reply.heard_whole()) is not None:
                    tell()
            else:
                await self._stream(request, delivery, exchange, stream)
        except (ClientLeft, ConnectionError):
            delivery.state = "client_left"
            response.force_close()
        return delivery

    async def _stream(self, request: web.BaseRequest, delivery: Delivery, exchange: Exchange, stream: Stream) -> None:
        response = delivery.response
        pieces = stream.open()
        try:
            await response.prepare(request)
            broke: TailraceError | None = None
            try:
                async for piece in pieces:
                    if not exchange.trail.first_byte_at:
                        exchange.trail.first_byte_at = self._now()
                    await self._write(request, response.write(piece), len(piece))
            except TailraceError as error:
                broke = error
            except ConnectionError:
                raise
            except Exception as error:  # noqa: BLE001 - a defect of ours or of a plugin: the client is told, not cut off
                _log.error("request %s broke off: %s", exchange.request.id, type(error).__name__)
                broke = TailraceError("The proxy failed to deliver this answer.")
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if not self.stopping or task is None:
                    raise
                task.uncancel()
                broke = UpstreamError("The proxy was shut down before the answer was complete.", error_type="shutdown")
            if broke is not None:
                delivery.state = "failed"
                delivery.error_type = getattr(broke, "error_type", broke.code or "failed")
                if not stream.source.is_sse:
                    # No room for words: a body that breaks off must not look complete.
                    if request.transport is not None:
                        _abort(request.transport)
                    return
                told = in_band(exchange, broke)
                await self._patiently(request, response.write(b"\n\n" + told if stream.source.torn else told))
            await self._patiently(request, response.write_eof())
        finally:
            if isinstance(pieces, AsyncGenerator):
                await pieces.aclose()
            await stream.aclose()

    async def _write(self, request: web.BaseRequest, writing: Coroutine[Any, Any, None], size: int) -> bool:
        """Await `writing`, under a timer unless it cannot have to wait for the client; True where it could not."""
        transport = request.transport
        if transport is not None and size <= _FREE_BYTES and not _buffered(transport):
            await writing
            return True
        await self._patiently(request, writing)
        return False

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

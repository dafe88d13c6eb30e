"""An answer that is awaited while the client is already being served: a stream that begins with silence."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any

from tailrace.errors import TailraceError, UpstreamError
from tailrace.exchange import Exchange, Reply
from tailrace.plugin import CallNext
from tailrace.streams import EventSource
from tailrace.tasks import Tasks
from tailrace.wire.endpoints import Shape
from tailrace.wire.replay import stream_events
from tailrace.wire.whole import error_of

_LET_GO_S = 1.0
"""How long the end of a call that was given up is waited for."""


class Asked:
    """The rest of the chain, running in a task."""

    def __init__(self, exchange: Exchange, call_next: CallNext, tasks: Tasks) -> None:
        self._task: asyncio.Task[Reply | Exception] = tasks.spawn(_outcome(exchange, call_next), "stream-keep-alive")

    async def within(self, seconds: float) -> Reply | None:
        """The reply if it comes in time, else None and it goes on. Raises what the chain raised."""
        try:
            await asyncio.wait({self._task}, timeout=seconds)
        except BaseException:
            await self.give_up()
            raise
        return await self.reply() if self._task.done() else None

    async def reply(self) -> Reply:
        """The reply, whenever it comes. Raises what the chain raised."""
        outcome = await self._task
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def give_up(self) -> None:
        """Nobody waits any more: end the call, or let go of its reply. May be called more than once."""
        if not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=_LET_GO_S)
        if self._task.done() and not self._task.cancelled() and isinstance(reply := self._task.result(), Reply):
            await reply.aclose()


async def _outcome(exchange: Exchange, call_next: CallNext) -> Reply | Exception:
    # An error is an answer here, not a failure of the task, which would be logged as one.
    try:
        return await call_next(exchange)
    except Exception as error:  # noqa: BLE001
        return error


class LateEvents(EventSource):
    """The event stream of a reply that is not here yet. Whatever the reply turns out to be, it comes as events."""

    def __init__(self, shape: Shape, asked: Asked, payload: Mapping[str, Any]) -> None:
        choices = payload.get("n")
        super().__init__(shape, choices if type(choices) is int else 1)
        self._shape = shape
        self._asked = asked
        self._payload = payload
        self._pieces: AsyncIterator[bytes] | None = None
        self.origin = ""
        """The reply's origin, once it is here."""

    async def read(self) -> bytes:
        """The reply's next bytes; the first call waits for the reply."""
        if self._pieces is None:
            reply = await self._reply()
            self.origin = reply.origin
            if reply.stream is not None and reply.is_events and reply.status < 300:
                self._pieces = reply.stream.open()
            else:
                self._pieces = _as_events(self._shape, reply, self._payload)
        return await anext(self._pieces, b"")

    async def _reply(self) -> Reply:
        try:
            return await self._asked.reply()
        except TailraceError:
            raise
        except Exception as error:
            # The handler's own words for a defect: it cannot say them itself once the status is sent.
            raise TailraceError("The proxy failed to serve this request.") from error

    async def aclose(self) -> None:
        """Let go of the reply, or of the call that should bring it."""
        if self._pieces is not None and self.watch.done:
            # The stream below hears its last event, usage in it perhaps, when it is asked for one more.
            with suppress(Exception):
                async with asyncio.timeout(_LET_GO_S):
                    await anext(self._pieces, b"")
        await self._asked.give_up()


async def _as_events(shape: Shape, reply: Reply, payload: Mapping[str, Any]) -> AsyncIterator[bytes]:
    """A whole answer as the stream that was promised; an error answer as the error it is."""
    told = reply.json()
    if type(told) is not dict or reply.status >= 300:
        raise _error(reply.status, told)
    options = payload.get("stream_options")
    wants_usage = type(options) is dict and options.get("include_usage") is True
    try:
        frames = list(stream_events(shape, told, include_usage=wants_usage))
    except Exception as error:
        raise UpstreamError("The provider's answer cannot be told as a stream.", error_type="not_a_stream") from error
    for frame in frames:
        yield frame


def _error(status: int, told: Any) -> TailraceError:
    found = error_of(told) if type(told) is dict else None
    if found is None:
        message = "The provider answered with something that is no stream."
        return UpstreamError(message, status=max(status, 400), error_type="not_a_stream")
    words = {name: value for name, value in found.items() if isinstance(value, str)}
    message = words.get("message") or f"The request failed with status {status}."
    return TailraceError(
        message, status=max(status, 400), kind=words.get("type"), code=words.get("code"), param=words.get("param")
    )

"""Streams from a provider's HTTP answer: watched for silence, checked for their end, let go of in time."""

import asyncio
import zlib

from tailrace.errors import StreamCut, UpstreamError, UpstreamTimeout
from tailrace.streams import EventSource, Source
from tailrace.tasks import Tasks
from tailrace.upstream.http1 import Response, Truncated
from tailrace.upstream.policy import AttemptFailed
from tailrace.wire.endpoints import Shape

_DECODED_BYTES = 65536
_LINGER_S = 1.0
"""How long a finished stream's connection may take to end properly before it is closed instead of kept."""


class Body:
    """The body of an answer, read piece by piece under deadlines.

    One timer serves the whole body: a piece that arrives only stores the time, and the timer looks at it when it fires.
    Time spent waiting for the client does not count as the provider's silence.
    """

    __slots__ = (
        "_closed",
        "_decoder",
        "_idle_s",
        "_loop",
        "_reading",
        "_response",
        "_seen",
        "_stalled",
        "_timer",
        "_until",
    )

    def __init__(self, response: Response, idle_s: float, until: float, *, decode: bool = True) -> None:
        self._response = response
        self._loop = asyncio.get_running_loop()
        self._idle_s = idle_s
        self._until = until
        self._seen = self._loop.time()
        self._reading = False
        self._stalled = False
        self._closed = False
        self._decoder = _decoder(response.headers.get("content-encoding")) if decode else None
        # Set when there is more to come: most whole answers come with their head.
        self._timer: asyncio.TimerHandle | None = None

    def _due(self) -> float:
        return min(self._seen + self._idle_s, self._until)

    def _look(self) -> None:
        now = self._loop.time()
        if now >= self._until or (self._reading and now >= self._due()):
            self._timer = None
            self._stalled = True
            self._response.close()
            return
        if not self._reading:
            self._seen = now
        self._timer = self._loop.call_at(self._due(), self._look)

    def _watch(self) -> None:
        if self._timer is None and not self._closed:
            self._timer = self._loop.call_at(self._due(), self._look)

    async def read(self) -> bytes:
        """The next bytes, decoded if they were encoded without being asked for; empty at the end.

        Raises `UpstreamTimeout` after too long a silence, `StreamCut` when the body breaks off.
        """
        while True:
            if self._decoder is not None and (decoded := self._decoder.decode()):
                return decoded
            if not self._response.ready:
                # The silence of the provider begins when it is listened to, not while the client is slow.
                self._seen = self._loop.time()
                self._watch()
            self._reading = True
            try:
                chunk = await self._response.readany()
            except Truncated as error:
                raise self._broken() from error
            finally:
                self._reading = False
            if self._stalled:
                raise self._broken()
            if not self._response.at_end:
                self._watch()
            if self._decoder is None:
                return chunk
            if not chunk:
                if not self._decoder.complete:
                    raise StreamCut("The provider's compressed answer was cut short.")
                return b""
            self._decoder.feed(chunk)

    def _broken(self) -> UpstreamError:
        if self._stalled:
            if self._loop.time() >= self._until:
                return UpstreamTimeout("The answer took longer than the whole request may take.")
            return UpstreamTimeout(f"The provider sent nothing for {self._idle_s:g} s.")
        return StreamCut("The provider's connection broke off before its answer was complete.")

    @property
    def decodes(self) -> bool:
        """Whether an encoding is taken off here, so that the client must not be told of it."""
        return self._decoder is not None

    @property
    def at_end(self) -> bool:
        """Whether all of the body has been read, so that the connection is back in the pool."""
        return self._response.at_end

    def disarm(self) -> None:
        """Stop the timer; it is not set again."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        """Give the connection up, whatever is still on its way."""
        self.disarm()
        self._response.close()

    def spoil(self) -> None:
        """See `Response.spoil`."""
        self.disarm()
        self._response.spoil()

    async def linger(self) -> None:
        """After the last event: let the connection end properly so that it can be used again, or close it.

        Any byte after the end (a second `[DONE]`, garbage) makes it unfit.
        """
        try:
            async with asyncio.timeout(_LINGER_S):
                if await self._response.readany():
                    # In the same turn: if this was the end of the body, the connection is in the pool already.
                    self._response.spoil()
        except (TimeoutError, Truncated):
            self._response.close()


class ProviderEvents(EventSource):
    """A provider's event stream."""

    def __init__(self, shape: Shape, body: Body, tasks: Tasks, choices: int = 1) -> None:
        super().__init__(shape, choices)
        self._body = body
        self._tasks = tasks
        self._closed = False

    async def read(self) -> bytes:
        """The provider's next bytes."""
        return await self._body.read()

    def spoil(self) -> None:
        """The connection brought bytes behind the end: it must not serve another request."""
        self._body.spoil()

    async def aclose(self) -> None:
        """Keep the connection if the stream came to its end, else close it at once."""
        if self._closed:
            return
        self._closed = True
        self._body.disarm()
        if self._body.at_end:
            return
        if self.watch.done:
            self._tasks.spawn(self._body.linger(), "linger")
        else:
            self._body.close()


class ProviderBytes(Source):
    """An answer that is no event stream (audio, files, anything): passed on as it comes."""

    def __init__(self, body: Body, *, is_sse: bool = False) -> None:
        self._body = body
        self.is_sse = is_sse
        self._last = b"\n\n"

    @property
    def torn(self) -> bool:
        """Whether the bytes given out so far end in the middle of an event."""
        return self.is_sse and not self._last.endswith((b"\n\n", b"\r\n\r\n", b"\r\r"))

    async def __anext__(self) -> bytes:
        chunk = await self._body.read()
        if not chunk:
            raise StopAsyncIteration
        self._last = (self._last + chunk)[-4:] if len(chunk) < 4 else chunk[-4:]
        return chunk

    async def aclose(self) -> None:
        """Close the connection unless everything was read."""
        self._body.disarm()
        if not self._body.at_end:
            self._body.close()


class _Decoder:
    """Takes off gzip (of several members too: RFC 1952, 2.2) or deflate, a bounded piece at a time.

    A few bytes may stand for gigabytes: what is decoded is given out in pieces of at most `_DECODED_BYTES`, so that
    whoever reads can stop.
    """

    def __init__(self, wbits: int) -> None:
        self._wbits = wbits
        self._inner = zlib.decompressobj(wbits)
        self._left = b""

    @property
    def complete(self) -> bool:
        """Whether what came so far is whole."""
        return self._inner.eof

    def feed(self, chunk: bytes) -> None:
        """Take the next encoded bytes; the ones before must have been decoded."""
        self._left = chunk

    def decode(self) -> bytes:
        """The next decoded piece; empty when more input is needed. Raises `StreamCut` for bytes of no such encoding."""
        while self._left:
            if self._inner.eof:
                if not self._left.startswith(b"\x1f"):
                    # Padding or rubbish behind the last member.
                    self._left = b""
                    break
                self._inner = zlib.decompressobj(self._wbits)
            try:
                decoded = self._inner.decompress(self._left, _DECODED_BYTES)
            except zlib.error:
                raise StreamCut("The provider's compressed answer is damaged.") from None
            self._left = self._inner.unconsumed_tail or self._inner.unused_data
            if decoded:
                return decoded
        return b""


async def read_whole(body: Body, most_bytes: int) -> bytes:
    """All of a body; raises `UpstreamError` when it is larger than `most_bytes`."""
    pieces: list[bytes] = []
    size = 0
    try:
        while chunk := await body.read():
            pieces.append(chunk)
            size += len(chunk)
            if size > most_bytes:
                body.close()
                raise UpstreamError(
                    f"The provider's answer is larger than {most_bytes} bytes.", code="answer_too_large"
                )
    finally:
        body.disarm()
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _decoder(encoding: str | None) -> _Decoder | None:
    """A decoder for an encoding nobody asked for (we ask for `identity`); None where there is none."""
    if encoding is None or encoding.lower() in ("", "identity"):
        return None
    if encoding.lower() in ("gzip", "x-gzip"):
        return _Decoder(16 + zlib.MAX_WBITS)
    if encoding.lower() == "deflate":
        return _Decoder(zlib.MAX_WBITS)
    answer = UpstreamError("The provider used a content encoding that was not asked for and is not known.")
    raise AttemptFailed("bad-answer", answer, error_type="encoding")

"""The stream of an exchange that may have several rounds: one stream to its client."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from typing import Any, Final

from tailrace.errors import StreamCut, TailraceError, UpstreamError
from tailrace.exchange import Reply
from tailrace.plugin import CallNext
from tailrace.streams import ALTERED_BYTES, EventSource, Stream
from tailrace.wire import sse
from tailrace.wire.replay import stream_events
from tailrace.wire.sse import FrameSplitter
from tailrace_plugins.compress.hidden.progress import Progress
from tailrace_plugins.compress.hidden.reading import Reading, read
from tailrace_plugins.compress.hidden.stream import screen

_log = logging.getLogger("tailrace.compress")

_LET_GO_S: Final = 1.0
"""How long the end of a stream that has told all is waited for, so that its connection can be used again."""


class ContinuedEvents(EventSource):
    """What the client is given of all rounds; a round is asked for when the client comes for what follows the last.

    Pieces in which nothing can be hidden go on as they are. Must be closed, which closes the round that is open. Where
    another round fails, or anything in here once something was hidden, the reading raises a `TailraceError`.
    """

    def __init__(self, progress: Progress, stream: Stream, call_next: CallNext) -> None:
        super().__init__(progress.shape)
        self._progress = progress
        self._call_next = call_next
        self._screen = screen(progress.shape, progress.tools, awake=progress.rounds > 0)
        self._cutter = FrameSplitter()
        self._stream: Stream | None = stream
        self._pieces: AsyncIterator[bytes] = stream.open()
        self._asks = False
        """Whether the next thing to do is to ask for another round."""
        self._ended = False
        """Whether the client has all of the answer."""
        self._blind = False
        """Whether the stream is passed on unseen, since something in here failed."""
        self._closed = False
        self._answer: Any = None
        self._found = Reading()

    async def read(self) -> bytes:
        """The next bytes for the client, of whichever round."""
        while True:
            if self._asks:
                await self._ask()
            piece = await anext(self._pieces, b"")
            given = self._blindly(piece) if self._blind else self._through(piece)
            if given or not (piece or self._asks):
                return given

    async def aclose(self) -> None:
        """Let go of the round that is open, within a second."""
        self._closed = True
        await self._let_go()

    def _blindly(self, piece: bytes) -> bytes:
        rest, self._cutter = self._cutter.rest, FrameSplitter()
        return rest + piece

    def _through(self, piece: bytes) -> bytes:
        """What the client is given for a piece of the provider's, or (empty) for the end of its stream."""
        cutter = self._cutter
        if piece and not cutter.held_bytes and sse.complete_prefix(piece) == len(piece) and self._screen.lets(piece):
            return piece
        frames = cutter.feed(piece) if piece else [cutter.rest]
        if not piece:
            self._cutter = FrameSplitter()
        elif cutter.held_bytes > ALTERED_BYTES:
            raise UpstreamError("The provider sent an event that is too large to be looked into.")
        given: list[bytes] = []
        while frames and not self._asks:
            try:
                given += self._screen.feed(sse.parse(frames[0])) if frames[0] else []
                frames = frames[1:]
                if (self._screen.is_over or not piece) and not self._ended:
                    given += self._end_of_round()
            except Exception as error:  # noqa: BLE001 - a defect of ours costs what we do, and not the answer
                self._failed(error)
                self._blind = True
                return b"".join([*given, *frames])
        return b"".join(given)

    def _end_of_round(self) -> list[bytes]:
        """All of a round's answer is here: is there to be another?"""
        progress = self._progress
        if self._screen.failed:
            # What is told last is the error; nothing that looks like an end may follow it.
            self._ended = True
            return []
        self._answer, self._found = None, Reading()
        if self._screen.hides:
            self._answer = self._screen.answer()
            self._found = read(progress.shape, self._answer, progress.tools)
            if progress.goes_on(self._found):
                self._asks = True
                return []
        given = self._screen.close()
        progress.end(self._answer, self._found, shown=self._screen.rounds > 0)
        self._ended = True
        return given

    async def _ask(self) -> None:
        """Ask for another round, whose events are read from then on."""
        progress, trail = self._progress, self._progress.request.trail
        self._asks, self._ended = False, True
        await self._let_go()
        progress.dropped(trail.provider, trail.model, self._answer, trail.watch)
        try:
            progress.go_on(self._answer, self._found)
            self._screen.next_round()
            reply = await next_round(progress, self._call_next)
        except TailraceError:
            raise
        except Exception as error:
            raise UpstreamError("The rest of this answer could not be asked for.") from error
        if self._closed:
            await reply.aclose()
            raise StreamCut("The client left.")
        self._cutter = FrameSplitter()
        if reply.is_events and reply.stream is not None:
            self._stream, self._pieces = reply.stream, reply.stream.open()
        else:
            self._pieces = _each(await self._whole(reply))
        self._ended = False

    async def _whole(self, reply: Reply) -> Iterator[bytes]:
        """A round that was answered with a whole body, as the stream it should have been."""
        told = reply.json()
        if reply.stream is not None or reply.status >= 300 or not isinstance(told, dict):
            await reply.aclose()
            raise UpstreamError("The rest of this answer came as something that is no event stream.")
        options = self._progress.request.payload.get("stream_options")
        wants_usage = isinstance(options, dict) and options.get("include_usage") is True
        return stream_events(self._progress.shape, told, include_usage=wants_usage)

    def _failed(self, error: Exception) -> None:
        """What became of a failure in here: raised for the client, unless it can have the rest as it is."""
        if isinstance(error, TailraceError):
            raise error
        _log.error("looking for hidden calls failed: %s", type(error).__name__)
        if self._progress.rounds or self._screen.hides or self._asks:
            raise UpstreamError("The proxy failed to go on with this answer.") from error

    async def _let_go(self) -> None:
        """Close the round that is open; one that has told all hears its end, usage in it perhaps, and may be reused."""
        stream, pieces, self._stream = self._stream, self._pieces, None
        try:
            if stream is not None and (self._screen.is_over or self.watch.done):
                async with asyncio.timeout(_LET_GO_S):
                    await anext(pieces, b"")
        except Exception:  # noqa: BLE001, S110 - the answer is complete: what fails behind it harms nobody
            pass
        finally:
            try:
                if isinstance(pieces, AsyncGenerator):
                    await pieces.aclose()
            finally:
                if stream is not None:
                    await stream.aclose()


async def next_round(progress: Progress, call_next: CallNext) -> Reply:
    """Ask for a round; one that is refused for what was brought back is asked once more without that."""
    try:
        return await call_next(progress.request)
    except TailraceError as error:
        if not progress.shorten(error):
            raise
    return await call_next(progress.request)


async def _each(frames: Iterable[bytes]) -> AsyncIterator[bytes]:
    for frame in frames:
        yield frame

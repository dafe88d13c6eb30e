"""One stream read by several: whoever comes later has it from its start, and none of them can hold up or end it for
the others.
"""

import asyncio
import copy
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final

from tailrace.cache.entry import Entry
from tailrace.errors import TailraceError
from tailrace.streams import EventSource, Stream
from tailrace.tasks import Tasks
from tailrace.wire.endpoints import Shape

_log = logging.getLogger("tailrace.cache")

_AHEAD_BYTES: Final = 262_144
"""How far the stream is read ahead of its fastest reader; behind that the provider has to wait."""


_LINGER_S: Final = 1.0
"""How long a stream that nobody reads any more may take to end after its last event."""


class Relay:
    """Reads a stream in a task of its own and keeps it for its readers until it ends.

    `then` is awaited once with all bytes, or with None when the stream broke off, was given up, or grew beyond
    `most_bytes`; what it makes of them is the `result`. A stream that is too long goes on to the readers it has, as
    fast as the slowest takes it, and `admits` no more.
    """

    def __init__(
        self, stream: Stream, tasks: Tasks, most_bytes: int, then: Callable[[bytes | None], Awaitable[Entry | None]]
    ) -> None:
        self._stream = stream
        self._tasks = tasks
        self._most_bytes = most_bytes
        self._then = then
        self._begun = False
        self._pieces: list[bytes] = []
        self._dropped = 0
        """How many pieces at the start are no longer kept."""
        self._size = 0
        self._readers: set[Reader] = set()
        self._moved = asyncio.Event()
        self.error: TailraceError | None = None
        self.over = False
        """Whether nothing more will come."""
        self._ended = asyncio.Event()
        self._result: Entry | None = None
        self._task = tasks.spawn(self._pump(), "relay")

    @property
    def admits(self) -> bool:
        """Whether somebody new would get the stream from its start."""
        return not self._dropped and self._size <= self._most_bytes and self.error is None and not self._task.done()

    def reader(self, shape: Shape, choices: int = 1) -> "Reader":
        """One more reader, from the first byte on; it must be closed."""
        reader = Reader(self, shape, choices)
        self._readers.add(reader)
        return reader

    async def result(self) -> Entry | None:
        """What the whole stream was made into, once it has ended; None where it was not whole or not to be kept."""
        await self._ended.wait()
        return self._result

    def piece(self, position: int) -> bytes | None:
        """The piece at `position` of the stream, None if it has not come yet."""
        at = position - self._dropped
        return self._pieces[at] if at < len(self._pieces) else None

    def moved(self) -> None:
        """A reader took a piece, or left."""
        self._moved.set()

    def left(self, reader: "Reader") -> None:
        """A reader is gone; with the last one the stream is given up."""
        self._readers.discard(reader)
        # Who leaves after the answer's end has all of it, although the provider's connection may still have to close.
        has_all = reader.watch.done and reader.position == self._dropped + len(self._pieces)
        if not self._readers and not self.over and has_all:
            asyncio.get_running_loop().call_later(_LINGER_S, self._give_up)
        elif not self._readers and not self.over:
            self._task.cancel()
            if not self._begun:
                # A task that is cancelled before its first step never runs: nothing in it would let go of the stream.
                self._begun = True
                self._tasks.spawn(self._end(), "relay-end")
        self.moved()

    def _give_up(self) -> None:
        """The end is told and nobody reads, but the stream goes on."""
        if not self._readers and not self.over:
            self._task.cancel()

    async def _end(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            self.over = True
            self._wake()
            try:
                whole = self.error is None and self._size <= self._most_bytes and bool(self._pieces)
                self._result = await self._then(b"".join(self._pieces) if whole else None)
            finally:
                self._ended.set()

    async def _pump(self) -> None:
        self._begun = True
        pieces = self._stream.open()
        try:
            async for piece in pieces:
                self._pieces.append(piece)
                self._size += len(piece)
                self._wake()
                await self._room()
        except TailraceError as error:
            self.error = error
        except Exception as error:  # noqa: BLE001 - a defect in a plugin's wrap: the readers are told, not left waiting
            _log.error("a shared stream broke off: %s", type(error).__name__)
            self.error = TailraceError("The proxy failed to deliver this answer.")
        except asyncio.CancelledError:
            self.error = TailraceError("The stream was given up.", status=503, code="abandoned")
            raise
        finally:
            try:
                if isinstance(pieces, AsyncGenerator):
                    await pieces.aclose()
            finally:
                await self._end()

    async def _room(self) -> None:
        """Wait until the readers have taken most of what came; drop what nobody needs of a stream that is too long."""
        if not self._readers and self._size > self._most_bytes:
            self._pieces.clear()
            raise TailraceError("The stream was given up.", status=503, code="abandoned")
        while self._readers:
            is_long = self._size > self._most_bytes
            taken = [reader.taken_bytes for reader in self._readers]
            if is_long:
                position = min(reader.position for reader in self._readers)
                del self._pieces[: position - self._dropped]
                self._dropped = position
            if self._size - (min(taken) if is_long else max(taken)) <= _AHEAD_BYTES:
                return
            self._moved.clear()
            await self._moved.wait()

    def _wake(self) -> None:
        for reader in self._readers:
            reader.news.set()


class Reader(EventSource):
    """One reader's view of a relay."""

    def __init__(self, relay: Relay, shape: Shape, choices: int) -> None:
        super().__init__(shape, choices)
        self._relay = relay
        self.position = 0
        self.taken_bytes = 0
        self.news = asyncio.Event()

    async def read(self) -> bytes:
        """The next piece, waited for; empty at the end. Raises as the stream itself did where it broke off."""
        while (piece := self._relay.piece(self.position)) is None:
            if self._relay.error is not None:
                # A copy: several readers would else write their traces into one exception.
                raise copy.copy(self._relay.error)
            if self._relay.over:
                return b""
            self.news.clear()
            await self.news.wait()
        self.position += 1
        self.taken_bytes += len(piece)
        self._relay.moved()
        return piece

    async def aclose(self) -> None:
        """Leave."""
        self._relay.left(self)

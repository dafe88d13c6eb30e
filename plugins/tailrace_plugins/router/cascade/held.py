"""A stream of which the beginning is read before anybody decides who gets it."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

from tailrace.streams import EventSource, Stream
from tailrace.tasks import Tasks
from tailrace.wire.endpoints import Shape

_LET_GO_S: Final = 1.0
"""How long the end of a read that was given up is waited for."""


class HeldEvents(EventSource):
    """The events of `stream`: `ahead` reads them before the client does, and then the client gets them from the start.

    What was read ahead is given out as it came, piece by piece; after that each piece is asked for when the client
    wants it, so a slow client still slows the provider. Must be closed, which closes `stream`.
    """

    def __init__(self, shape: Shape, choices: int, stream: Stream, tasks: Tasks) -> None:
        super().__init__(shape, choices)
        self._stream = stream
        self._tasks = tasks
        self._pieces: AsyncIterator[bytes] = stream.open()
        self._kept: deque[bytes] = deque()
        self._coming: asyncio.Task[bytes | Exception] | None = None
        self._broke: Exception | None = None
        self._closed = False
        self.held_bytes = 0
        """Bytes read ahead so far."""

    async def ahead(self, within_s: float | None) -> bytes | None:
        """The next piece, kept for the client too; empty at the end, None if nothing came in `within_s` seconds.

        Raises what the stream broke off with (and so will the client's reading, at that place). A read that was too
        slow goes on and is not lost: waiting on a generator with a time limit would end the generator.
        """
        if self._coming is None:
            self._coming = self._tasks.spawn(_outcome(self._pieces), "cascade-hold")
        await asyncio.wait({self._coming}, timeout=within_s)
        if not self._coming.done():
            return None
        piece = await self._taken()
        if piece:
            self._kept.append(piece)
            self.held_bytes += len(piece)
        return piece

    async def read(self) -> bytes:
        """What was read ahead, then the rest."""
        if self._kept:
            return self._kept.popleft()
        if self._coming is not None:
            return await self._taken()
        if self._broke is not None:
            raise self._broke
        return await anext(self._pieces, b"")

    async def aclose(self) -> None:
        """Let go of the stream, within a second."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._coming is not None and not self._coming.done():
                self._coming.cancel()
                await asyncio.wait({self._coming}, timeout=_LET_GO_S)
            elif self._broke is None and self.watch.done:
                # The stream below hears its last event, usage in it perhaps, when it is asked for one more.
                async with asyncio.timeout(_LET_GO_S):
                    await anext(self._pieces, b"")
        except Exception:  # noqa: BLE001, S110 - below failed what comes after the end: the client has all it gets
            pass
        finally:
            try:
                if isinstance(self._pieces, AsyncGenerator) and (self._coming is None or self._coming.done()):
                    await self._pieces.aclose()
            finally:
                await self._stream.aclose()

    async def _taken(self) -> bytes:
        """The outcome of the read that is under way."""
        assert self._coming is not None
        outcome = await self._coming
        self._coming = None
        if isinstance(outcome, Exception):
            self._broke = outcome
            raise outcome
        return outcome


async def _outcome(pieces: AsyncIterator[bytes]) -> bytes | Exception:
    # An error belongs to the reader here; as a failure of the task it would be logged as one.
    try:
        return await anext(pieces, b"")
    except Exception as error:  # noqa: BLE001
        return error

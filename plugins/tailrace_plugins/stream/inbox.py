"""Waiting for events with a time limit, without losing any when it runs out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from tailrace.errors import StreamCut
from tailrace.tasks import Tasks
from tailrace.wire.sse import Event

_MOST_BYTES = 65_536
_MOST_EVENTS = 64


class Inbox:
    """Reads events in a task of its own, a few ahead of its owner (64 KiB or 64 events beyond the one in hand).

    Waiting on an async generator with a timeout would cancel, and so end, the generator itself.
    """

    def __init__(self, events: AsyncIterator[Event], tasks: Tasks) -> None:
        self._events: list[Event] = []
        self._bytes = 0
        self._waiter: asyncio.Future[None] | None = None
        self._room = asyncio.Event()
        self._ended = False
        self.failure: Exception | None = None
        """What the events ended with, if not with their end."""
        self._task = tasks.spawn(self._pump(events), "stream-inbox")

    @property
    def over(self) -> bool:
        """Whether every event was taken and no more will come."""
        return self._ended and not self._events

    async def take(self, within_s: float | None) -> list[Event]:
        """All events that are here; waits up to `within_s` seconds (None: as long as it takes) for the first.

        Empty when none came in time, or none will come.
        """
        if not self._events and not self._ended:
            loop = asyncio.get_running_loop()
            self._waiter = loop.create_future()
            timer = None if within_s is None else loop.call_later(max(0.0, within_s), self._wake)
            try:
                await self._waiter
            finally:
                self._waiter = None
                if timer is not None:
                    timer.cancel()
        events, self._events, self._bytes = self._events, [], 0
        self._room.set()
        return events

    def close(self) -> None:
        """Stop reading."""
        self._task.cancel()

    async def _pump(self, events: AsyncIterator[Event]) -> None:
        self.failure = StreamCut("The stream was given up before its end.")
        try:
            with suppress(StopAsyncIteration):
                while True:
                    event = await anext(events)
                    self._events.append(event)
                    self._bytes += len(event.raw)
                    self._wake()
                    if self._bytes > _MOST_BYTES or len(self._events) > _MOST_EVENTS:
                        self._room.clear()
                        await self._room.wait()
            self.failure = None
        except Exception as error:  # noqa: BLE001 - raised again by the owner, where it belongs
            self.failure = error
        finally:
            self._ended = True
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

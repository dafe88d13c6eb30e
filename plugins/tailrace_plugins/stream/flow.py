"""One stream on its way to the client: brings events, time and the pure parts together."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from tailrace.plugin import Services
from tailrace.wire.endpoints import Shape
from tailrace.wire.sse import Event
from tailrace_plugins.stream.coalesce import Coalescer
from tailrace_plugins.stream.inbox import Inbox
from tailrace_plugins.stream.keepalive import KeepAlive
from tailrace_plugins.stream.pacing import Pacer
from tailrace_plugins.stream.text_only import TextOnly

_log = logging.getLogger("tailrace.plugins.stream")


@dataclass(slots=True)
class Parts:
    """What is done to a stream; None is left out."""

    text_only: TextOnly | None = None
    coalescer: Coalescer | None = None
    keep_alive: KeepAlive | None = None
    pacer: Pacer | None = None
    is_replay: Callable[[], bool] = bool
    """Asked once the first event is here: a replay is paced and not coalesced, anything else is not paced."""

    def stopped(self) -> list[Event]:
        """Leave the rest of the stream alone, after a failure; returns the events that were held back."""
        held = self.coalescer.give_up() if self.coalescer is not None else []
        self.text_only = self.coalescer = self.pacer = None
        return held


class Flow:
    """A wrap for `Reply.through`, made for one stream."""

    def __init__(self, shape: Shape, parts: Parts, services: Services) -> None:
        self.shape = shape
        self.parts = parts
        self._tasks = services.tasks
        self._now = services.clock.monotonic
        self._begun = False

    async def __call__(self, events: AsyncIterator[Event]) -> AsyncIterator[Event | bytes]:
        """Pass the events on."""
        inbox = Inbox(events, self._tasks)
        parts = self.parts
        try:
            while not inbox.over:
                for item in self._taken(await inbox.take(self._patience_s())):
                    if parts.pacer is not None:
                        await self._pace(item, parts.pacer)
                    yield item
                    if parts.keep_alive is not None:
                        parts.keep_alive.sent(self._now())
                if parts.keep_alive is not None and not inbox.over and (ping := parts.keep_alive.take(self._now())):
                    yield ping
            if parts.coalescer is not None:
                for item in parts.coalescer.flush(self._now()):
                    yield item
        finally:
            inbox.close()
        if inbox.failure is not None:
            raise inbox.failure

    def _patience_s(self) -> float | None:
        coalescer, keep_alive = self.parts.coalescer, self.parts.keep_alive
        dues = [part.due for part in (coalescer, keep_alive) if part is not None and part.due is not None]
        return min(dues) - self._now() if dues else None

    def _taken(self, events: list[Event]) -> list[Event | bytes]:
        """What goes on now. Never raises: the core's guard cannot give back what was read ahead, so this one does."""
        out: list[Event | bytes] = []
        now = self._now()
        for event in events:
            try:
                out += self._taken_one(event, now)
            except Exception as error:  # noqa: BLE001
                _log.warning("a stream is left as it is from here on: %s", type(error).__name__)
                out += [*self.parts.stopped(), event]
        coalescer = self.parts.coalescer
        if coalescer is not None and coalescer.due is not None and now >= coalescer.due:
            out += coalescer.flush(now)
        return out

    def _taken_one(self, event: Event, now: float) -> list[Event | bytes]:
        parts = self.parts
        if not self._begun and not event.is_comment:
            self._begun = True
            if parts.is_replay():
                parts.coalescer = None
            else:
                parts.pacer = None
        kept = event if parts.text_only is None else parts.text_only.take(event)
        if kept is None:
            return []
        return [kept] if parts.coalescer is None else parts.coalescer.take(kept, now)

    async def _pace(self, item: Event | bytes, pacer: Pacer) -> None:
        wait_s = pacer.wait_s(item.raw if isinstance(item, Event) else item, self._now())
        if wait_s > 0:
            await asyncio.sleep(wait_s)

"""The one thing the rest of the proxy knows of telemetry: a request begins, a request ends."""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from typing import Protocol

from tailrace.clock import Clock
from tailrace.exchange import Exchange, Listener, Outcome, Reply
from tailrace.telemetry.context import read_context
from tailrace.trail import Trail
from tailrace.wire.endpoints import Endpoint

_log = logging.getLogger("tailrace.telemetry")

_GATHER_S = 0.02
"""How long a request that ended waits for others before it is told."""


class Sink(Protocol):
    """Something that is told of every request that ended: spans, metrics, the log."""

    def __call__(self, endpoint: Endpoint, exchange: Exchange | None, trail: Trail, outcome: Outcome) -> None:
        """Called after the client has its bytes; `exchange` is None for requests refused before there was one."""
        ...


class Recorder:
    """Makes the trail of a request, and hands it to the sinks at its end.

    `live` holds the trails of the requests under way and their methods; whoever counts them may read it. `listener`
    tells who is to hear a reply, where its content is recorded.
    """

    def __init__(
        self,
        clock: Clock,
        rng: random.Random,
        sample_ratio: float,
        sinks: list[Sink],
        live: dict[Trail, str] | None = None,
        listener: Callable[[Exchange], Listener | None] | None = None,
        batch: int = 32,
    ) -> None:
        self._clock = clock
        self._bits = rng.getrandbits
        self._ratio = sample_ratio
        self.sinks = sinks
        self._live = live if live is not None else {}
        self._listener = listener
        self._batch = batch
        self._ended: list[tuple[Endpoint, Exchange | None, Trail, Callable[[], Outcome]]] = []
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, headers: Mapping[str, str], method: str = "POST") -> Trail:
        """A request came in."""
        request_id = self._bits(128)
        trace = read_context(headers, self._bits(128) or 1, self._bits(64) or 1, self._ratio)
        trail = Trail(f"req_{request_id:032x}", trace, self._clock.monotonic(), self._clock.wall_ns())
        self._live[trail] = method
        return trail

    def tapped(self, exchange: Exchange, reply: Reply) -> Reply:
        """The reply as it is to be delivered: heard by telemetry where content is recorded, else as it was."""
        listener = self._listener(exchange) if self._listener is not None else None
        return reply if listener is None else reply.tap(listener)

    def finish(
        self, endpoint: Endpoint, exchange: Exchange | None, trail: Trail, outcome: Callable[[], Outcome]
    ) -> None:
        """A request ended; never raises. It is told to the sinks, and `outcome` asked, with the next `flush`."""
        self._live.pop(trail, None)
        self._ended.append((endpoint, exchange, trail, outcome))
        if len(self._ended) >= self._batch:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_GATHER_S, self.flush)

    def flush(self) -> None:
        """Tell the sinks of every request that ended since the last time.

        In batches, because the same code run for thirty requests in a row costs half of what it costs between other
        work (measured: 12 us a request instead of 30), and never while a client waits for its bytes.
        """
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        ended, self._ended = self._ended, []
        settled = [(endpoint, exchange, trail, outcome()) for endpoint, exchange, trail, outcome in ended]
        for sink in self.sinks:
            for endpoint, exchange, trail, told in settled:
                try:
                    sink(endpoint, exchange, trail, told)
                except Exception as error:  # noqa: BLE001 - a defect in telemetry must not fail what it tells of
                    _log.error("request %s was not recorded: %s", trail.request_id, type(error).__name__)

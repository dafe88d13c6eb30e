"""Single flight: equal requests under way share one upstream call.

The first one leads. What it brings is told to the others; when it fails or is abandoned, one of them leads next.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tailrace.cache.entry import Entry
from tailrace.cache.relay import Relay


@dataclass(frozen=True, slots=True)
class Landing:
    """What a leader brought: an entry, a stream that is still coming, or nothing that could be shared.

    `hand_over`: with nothing, whether one of the others should lead (the leader failed) or each go on its own (its
    answer was not one to share).
    """

    entry: Entry | None = None
    relay: Relay | None = None
    hand_over: bool = False


class Flight:
    """One upstream call that others may wait for. `usage` tells whether its answer will report token usage."""

    def __init__(self, *, usage: bool) -> None:
        self.usage = usage
        self._landed: asyncio.Event = asyncio.Event()
        self._landing = Landing(hand_over=True)

    @property
    def is_open(self) -> bool:
        """Whether there is something to wait for: it is under way, or its stream can still be had from its start."""
        relay = self._landing.relay
        return not self._landed.is_set() or (relay is not None and relay.admits)

    def land(self, landing: Landing) -> None:
        """Tell what came of it; the first word counts, unless a stream has become an entry."""
        if not self._landed.is_set() or (self._landing.relay is not None and landing.entry is not None):
            self._landing = landing
            self._landed.set()

    async def landing(self) -> Landing:
        """What the leader brought, waited for."""
        await self._landed.wait()
        return self._landing


class Flights:
    """The calls under way, by request key and by whether their answers report usage."""

    def __init__(self) -> None:
        self._flights: dict[tuple[str, bool], Flight] = {}

    def __len__(self) -> int:
        return len(self._flights)

    def find(self, key: str, *, usage: bool) -> Flight | None:
        """The flight that may be joined, if there is one: who wants usage cannot do with an answer that has none."""
        for has_usage in (usage, True):
            flight = self._flights.get((key, has_usage))
            if flight is not None and flight.is_open:
                return flight
        return None

    def begin(self, key: str, *, usage: bool) -> Flight:
        """Lead: further requests of that key find this flight until it is ended."""
        flight = self._flights[key, usage] = Flight(usage=usage)
        return flight

    def end(self, key: str, flight: Flight) -> None:
        """Nobody joins any more; whoever waits and was told nothing is to take over."""
        flight.land(Landing(hand_over=True))
        if self._flights.get((key, flight.usage)) is flight:
            del self._flights[key, flight.usage]

    @contextmanager
    def ended_on_error(self, key: str, flight: Flight) -> Iterator[None]:
        """A leader that fails, or is cancelled because its client left, hands over."""
        try:
            yield
        except BaseException:
            self.end(key, flight)
            raise

"""What was taken, in memory, bounded."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tailrace_plugins.limits.gcra import Taking, settled, take
from tailrace_plugins.limits.rules import Demand, Key

_MOST_KEYS: Final = 10_000
"""Limits with a state: 5 MB."""
_LOOKED_AT: Final = 8


@dataclass(frozen=True, slots=True)
class Taken:
    """What a request has taken; by demand how the limit stands after it (None for one of concurrency)."""

    demands: tuple[Demand, ...]
    takings: tuple[Taking | None, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was taken, for want of room in this limit. `wait_s`: until there may be; for a place that is taken by
    another request nobody knows, a second is said.
    """

    demand: Demand
    taking: Taking | None
    wait_s: float


class Memory:
    """For one event loop. A limit that nobody has used up in part has no state and takes no memory."""

    def __init__(self) -> None:
        self._arrivals: OrderedDict[Key, float] = OrderedDict()
        self._places: dict[Key, int] = {}

    def take(self, demands: Sequence[Demand], now: float) -> Taken | Refused:
        """Take from all of them, or from none."""
        takings: list[Taking | None] = []
        for demand in demands:
            if demand.rate is None:
                if self._places.get(demand.key, 0) >= demand.slots:
                    return Refused(demand, None, 1.0)
                takings.append(None)
                continue
            taking = take(demand.rate, self._arrivals.get(demand.key, 0.0), now, demand.units)
            if not taking.allowed:
                return Refused(demand, taking, taking.wait_s)
            takings.append(taking)
        for demand, kept in zip(demands, takings, strict=True):
            if kept is None:
                self._places[demand.key] = self._places.get(demand.key, 0) + 1
            else:
                self._arrivals[demand.key] = kept.tat
                self._arrivals.move_to_end(demand.key)
        self._forget(now)
        return Taken(tuple(demands), tuple(takings))

    def settle(self, taken: Taken, tokens: int | None) -> None:
        """The request has ended: its places are free, and its tokens known (None: what was taken stays taken)."""
        for demand in taken.demands:
            if demand.rate is None:
                left = self._places.get(demand.key, 0) - 1
                if left > 0:
                    self._places[demand.key] = left
                else:
                    self._places.pop(demand.key, None)
            elif demand.kind == "tokens" and tokens is not None and demand.key in self._arrivals:
                tat = self._arrivals[demand.key]
                self._arrivals[demand.key] = settled(demand.rate, tat, demand.units, tokens)

    def __len__(self) -> int:
        return len(self._arrivals) + len(self._places)

    def _forget(self, now: float) -> None:
        """What has flowed off is as if it had never been taken; beyond the bound the one used longest ago goes."""
        for _ in range(_LOOKED_AT):
            key = next(iter(self._arrivals), None)
            if key is None or (self._arrivals[key] > now and len(self._arrivals) <= _MOST_KEYS):
                return
            del self._arrivals[key]

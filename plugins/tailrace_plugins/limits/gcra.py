"""The generic cell rate algorithm, for requests and for tokens alike. Pure.

One number is the whole state: the theoretical arrival time (TAT), the moment at which all that was taken will have
flowed off at the sustained rate (ITU-T I.371, annex A, the virtual scheduling form). There is no minute whose boundary
doubles the limit.
"""

from dataclasses import dataclass
from math import floor, inf
from typing import Final

_NOISE: Final = 1e-9
"""Of a unit: sums of floats must not refuse what exactly fits."""


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` units in `period_s` seconds, at most `burst` of them at once."""

    count: int
    period_s: float
    burst: int

    @property
    def interval_s(self) -> float:
        """Seconds in which one unit flows off."""
        return self.period_s / self.count if self.count else inf


@dataclass(frozen=True, slots=True)
class Taking:
    """What taking some units comes to. `tat` is the new state if it is `allowed`, else the old one.

    `wait_s`: until the same may be taken, 0.0 where it is allowed, infinity where it never may. `remaining`: whole
    units that could be taken right after; `reset_s`: until all of them could.
    """

    allowed: bool
    tat: float
    wait_s: float
    remaining: int
    reset_s: float


def take(rate: Rate, tat: float, now: float, units: float) -> Taking:
    """Take `units` at `now`. A rate of nothing allows nothing; more than the burst is never allowed."""
    if rate.count <= 0:
        return Taking(False, tat, inf, 0, inf)
    after = max(tat, now) + units * rate.interval_s
    room = rate.burst * rate.interval_s
    late = after - now - room
    if units > rate.burst or late > _NOISE * rate.interval_s:
        wait = inf if units > rate.burst else late
        return Taking(False, tat, wait, _left(rate, tat, now), max(0.0, tat - now))
    return Taking(True, after, 0.0, _left(rate, after, now), after - now)


def settled(rate: Rate, tat: float, reserved: float, used: float) -> float:
    """The state after it is known that `used` units were needed where `reserved` were taken: a refund, or a debt."""
    return tat + (used - reserved) * rate.interval_s if rate.count > 0 else tat


def _left(rate: Rate, tat: float, now: float) -> int:
    free = rate.burst - max(0.0, tat - now) / rate.interval_s
    return max(0, floor(free + _NOISE))

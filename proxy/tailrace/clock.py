"""Time as something that is handed in, so that no test waits for it."""

import time
from typing import Protocol


class Clock(Protocol):
    """Two readings of the same instant."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back."""
        ...

    def wall_ns(self) -> int:
        """Nanoseconds since the Unix epoch."""
        ...


class SystemClock:
    """The machine's clock."""

    monotonic = staticmethod(time.monotonic)
    wall_ns = staticmethod(time.time_ns)

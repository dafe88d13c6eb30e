"""Time that only moves when it is told to, and an event loop that lives in it."""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_REAL_PATIENCE_S = 10.0
"""How long a loop without any timer waits for a thread or socket before it calls the test stuck."""


class ManualClock:
    """A `Clock` that stands still until `advance`. Begins at an arbitrary moment, as the machine's does."""

    def __init__(self, monotonic: float = 1000.0, wall_ns: int = 1_700_000_000_000_000_000) -> None:
        self._now = monotonic
        self._wall_ns = wall_ns

    def monotonic(self) -> float:
        """Seconds."""
        return self._now

    def wall_ns(self) -> int:
        """Nanoseconds since the Unix epoch."""
        return self._wall_ns

    def advance(self, seconds: float) -> None:
        """Let `seconds` (not negative) pass."""
        if seconds < 0:
            raise ValueError("time does not go back")
        self._now += seconds
        self._wall_ns += round(seconds * 1e9)


class _Selector(selectors.DefaultSelector):
    """Lets the clock jump to the loop's next timer instead of waiting for it."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if found or timeout == 0:
            return found
        if timeout is not None:
            self._clock.advance(timeout)
            return []
        found = super().select(_REAL_PATIENCE_S)
        if not found:
            raise RuntimeError("everything waits, and nothing is scheduled that could end it")
        return found


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in which `asyncio.sleep(3600)` takes no time; `clock` shows its time."""

    def __init__(self, clock: ManualClock | None = None) -> None:
        self.clock = clock or ManualClock()
        super().__init__(_Selector(self.clock))

    def time(self) -> float:
        """The clock's reading."""
        return self.clock.monotonic()


def virtual_time(test: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Make an async test (or any async function) an ordinary one that runs in a `VirtualLoop` of its own.

    Every timer fires in its order and at its time, only nobody waits for it. Not for real sockets: while a peer
    thinks, the clock would run ahead.
    """

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            return runner.run(test(*args, **kwargs))

    return run

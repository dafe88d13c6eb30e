"""When calls fail again and again, the next ones are not made to wait for it."""

from typing import Final

from tailrace.clock import Clock

FAILURES: Final = 5
"""In a row, before calls are paused."""
FIRST_PAUSE_S: Final = 1.0
LAST_PAUSE_S: Final = 60.0


class Breaker:
    """Counts failures in a row; pauses calls after `FAILURES`, for a second, then twice as long each time. Pure.

    After a pause one call goes ahead; the others wait for how it ends, which means that they are refused.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures = 0
        self._pause_s = FIRST_PAUSE_S
        self._until: float | None = None
        self._is_probing = False

    def admits(self) -> bool:
        """Whether to make a call. If so, tell `ended` how it went, whatever happens."""
        if self._until is None:
            return True
        if self._is_probing or self._clock.monotonic() < self._until:
            return False
        self._is_probing = True
        return True

    def ended(self, is_good: bool | None) -> None:
        """A call ended well, badly, or (None) in a way that says nothing about the next."""
        was_probing, self._is_probing = self._is_probing, False
        if is_good:
            self._failures, self._pause_s, self._until = 0, FIRST_PAUSE_S, None
        elif is_good is False:
            self._failures += 1
            if was_probing or (self._until is None and self._failures >= FAILURES):
                self._until = self._clock.monotonic() + self._pause_s
                self._pause_s = min(self._pause_s * 2, LAST_PAUSE_S)

"""The pace of replays. Pure: tells how long to wait before an event."""

from tailrace.wire.endpoints import Shape
from tailrace.wire.skim import TEXT_KEYS, text_span

_LONGEST_S = 1.0
"""A large event must not hold up what follows for as long as it would have taken to write."""


class Pacer:
    """Spreads the events of a stream that is there at once. Give either rate; times are seconds on one clock.

    The first event never waits. Time the client took to read is not added to the pace.
    """

    def __init__(self, shape: Shape, chars_per_s: float | None = None, events_per_s: float | None = None) -> None:
        self._keys = TEXT_KEYS[shape]
        self._chars_per_s = chars_per_s
        self._events_per_s = events_per_s
        self._next_at: float | None = None

    def wait_s(self, raw: bytes, now: float) -> float:
        """How long the event `raw` must wait; the next one is asked for when this one was sent."""
        due = now if self._next_at is None else max(now, self._next_at)
        self._next_at = due + min(_LONGEST_S, self._takes_s(raw))
        return due - now

    def _takes_s(self, raw: bytes) -> float:
        if self._events_per_s is not None:
            return 1 / self._events_per_s
        span = text_span(raw, self._keys) if self._chars_per_s is not None else None
        if span is None or self._chars_per_s is None:
            return 0.0
        return _chars(raw[span[0] : span[1]]) / self._chars_per_s


def _chars(spelled: bytes) -> int:
    """Characters of a JSON string's inside; an escape counts as one."""
    text = spelled.decode("utf-8", "replace").replace("\\\\", "x")
    return len(text) - text.count("\\") - 4 * text.count("\\u")

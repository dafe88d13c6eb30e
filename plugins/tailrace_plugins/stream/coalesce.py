"""When text is held back and when it goes on. Pure: the caller brings the events and the time."""

from tailrace.wire.endpoints import Shape
from tailrace.wire.sse import Event
from tailrace_plugins.stream.pieces import Piece, joined, read

_MOST_CHARS = 16_384
"""Text held back for one event."""


class Coalescer:
    """Joins adjacent text chunks of one stream.

    1. The first chunk of every text (choice, item, block) goes on at once; so does a chunk that comes `longest_s` or
       more after the last output, because joining would only delay it.
    2. Other text is held back until `most_chunks` are together, `longest_s` passed since the last output (`due`), or
       anything else comes, which then follows the text.
    3. A single chunk goes on as it came; several become one event with the last one's other fields.

    Times are seconds on one clock. What comes out has the same text in the same order as what went in.
    """

    def __init__(self, shape: Shape, most_chunks: int | None, longest_s: float) -> None:
        self._shape = shape
        self._most_chunks = most_chunks
        self._longest_s = longest_s
        self._held: list[Event] = []
        self._texts: list[str] = []
        self._chars = 0
        self._last: Piece | None = None
        self._out_at = 0.0
        self.due: float | None = None
        """When `flush` must be called at the latest; None while nothing is held back."""
        self.joined = 0
        """Chunks that were saved so far."""

    def take(self, event: Event, now: float) -> list[Event | bytes]:
        """The next event; returns what goes on."""
        piece = read(self._shape, event)
        if piece is None:
            return [*self.flush(now), event]
        last, out = self._last, list[Event | bytes]()
        if last is not None and not last.joins(piece):
            out = self.flush(now)
        is_first = last is None or last.where != piece.where
        self._last = piece
        if not self._held and (is_first or now - self._out_at >= self._longest_s):
            self._out_at = now
            return [*out, event]
        self._held.append(event)
        self._texts.append(piece.text)
        self._chars += len(piece.text)
        self.due = self._out_at + self._longest_s
        if len(self._held) == self._most_chunks or self._chars >= _MOST_CHARS:
            out += self.flush(now)
        return out

    def flush(self, now: float) -> list[Event | bytes]:
        """What is held back, as one event; nothing when nothing is."""
        held = self._held
        if not held or self._last is None:
            return []
        out: Event | bytes = held[0] if len(held) == 1 else joined(self._shape, self._last, "".join(self._texts))
        self.joined += len(held) - 1
        self._out_at = now
        self.give_up()
        return [out]

    def give_up(self) -> list[Event]:
        """The events held back, as they came; they are forgotten."""
        held, self._held, self._texts, self._chars, self.due = self._held, [], [], 0, None
        return held

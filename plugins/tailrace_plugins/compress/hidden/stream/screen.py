"""What all screens have in common: a stream goes through untouched until something in it may be hidden. Pure."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from tailrace.wire import jsonio, sse
from tailrace.wire.assemble import Assembler, assembler
from tailrace.wire.endpoints import Shape
from tailrace.wire.sse import Event, FrameSplitter
from tailrace.wire.whole import error_of

_MOST_KEPT_BYTES: Final = 1_048_576
"""Of events that were not looked into. They are read after all where they become more: text takes less than its
events."""


class Screen(ABC):
    """One client's stream through all its rounds: feed it the events of a round, get what the client is given of them.

    The order is `feed`…, `close` for a stream with one round; between two rounds `next_round`. Whatever tells that the
    answer is over is held back where the round has hidden calls, until one of the two is called.
    """

    shape: ClassVar[Shape]

    def __init__(self, names: frozenset[str], *, awake: bool = False) -> None:
        self.names = names
        self.is_over = False
        """Whether the round's last event came: hidden calls need no more to be answered."""
        self.failed = False
        """Whether the provider told of an error in the stream."""
        self.rounds = 0
        """Rounds before this one."""
        self._awake = awake
        self._marks = tuple(b'"%b"' % name.encode() for name in sorted(names))
        self._kept: list[bytes] = []
        self._kept_bytes = 0
        self._assembler: Assembler = assembler(self.shape)

    def lets(self, piece: bytes) -> bool:
        """Whether a piece of whole events goes to the client as it is: nothing in it can be hidden. It is then taken,
        and must not be fed.
        """
        if self._awake or not self._is_plain(piece):
            return False
        self._kept.append(piece)
        self._kept_bytes += len(piece)
        if self._kept_bytes > _MOST_KEPT_BYTES:
            self._read_kept()
        return True

    def feed(self, event: Event) -> list[bytes]:
        """What the client is given for an event, often its own bytes."""
        if self.lets(event.raw):
            return [event.raw]
        if event.is_done:
            self.is_over = True
            return self._done(event)
        told = event.json
        if type(told) is not dict:
            return [event.raw]
        self._read_kept()
        self._assembler.feed(told)
        if error_of(told) is not None:
            self.failed = True
        return self._take(event, told)

    def answer(self) -> dict[str, Any]:
        """The round's answer, hidden calls and all."""
        self._read_kept()
        return self._assembler.result()

    def next_round(self) -> None:
        """Another round follows: what is held is dropped, and the client's stream goes on."""
        self._goes_on(self.answer())
        self.rounds += 1
        self._awake = True
        self.is_over = False
        self._assembler = assembler(self.shape)

    @property
    @abstractmethod
    def hides(self) -> bool:
        """Whether there is a hidden call in this round, so that its answer is worth reading."""

    @abstractmethod
    def close(self) -> list[bytes]:
        """No round follows: what was held back, as the end of an answer without hidden calls."""

    @abstractmethod
    def _take(self, event: Event, told: dict[str, Any]) -> list[bytes]:
        """What the client is given for an event that was read."""

    @abstractmethod
    def _goes_on(self, answer: Mapping[str, Any]) -> None:
        """Note of a round what the next one needs."""

    def _is_plain(self, piece: bytes) -> bool:
        """Whether nothing in some events can be hidden; names always stand in one piece."""
        return not any(mark in piece for mark in self._marks)

    def _done(self, event: Event) -> list[bytes]:
        return [event.raw]

    def _read_kept(self) -> None:
        kept, self._kept, self._kept_bytes = self._kept, [], 0
        for frame in FrameSplitter().feed(b"".join(kept)):
            told = sse.parse(frame).json
            if type(told) is dict:
                self._assembler.feed(told)


def written(event: Event, told: Mapping[str, Any], original: Mapping[str, Any]) -> bytes:
    """An event's bytes: its own where what it tells is still the original object."""
    if told is original:
        return event.raw
    raw = sse.encode(jsonio.dumps(told), event.event)
    return raw if event.id is None else b"id: %b\n%b" % (event.id.encode(), raw)

"""What an answer was in the end, heard on its way to the client."""

from collections.abc import Callable
from typing import Any, Final

from tailrace.exchange import Exchange, Outcome, Reply
from tailrace.wire.assemble import assembler
from tailrace.wire.endpoints import Shape
from tailrace.wire.sse import Event
from tailrace_plugins.router.cascade.reading import Answer, read_answer

_MOST_BYTES: Final = 1_048_576
"""Answers that are longer are not gathered."""


class Gathering:
    """Listens to a stream and puts it together; deaf once it has grown too long."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._assembler = assembler(shape)
        self._bytes = 0
        self._garbled = False

    def __call__(self, event: Event) -> None:
        """Hear the next event."""
        self._bytes += len(event.raw)
        if self._bytes > _MOST_BYTES or event.is_done:
            return
        told: Any = event.json
        if type(told) is dict:
            self._assembler.feed(told)
        else:
            self._garbled = True

    def answer(self) -> Answer:
        """The answer; `broken` where it was too long, or something in it could not be read."""
        if self._garbled or self._bytes > _MOST_BYTES:
            return Answer(broken=True)
        return read_answer(self._shape, self._assembler.result())


def hear(shape: Shape, exchange: Exchange, reply: Reply, then: Callable[[Answer], None]) -> Reply:
    """The reply, heard: once the client has all of it and it is a complete answer, `then` is told what it said.

    Nothing is told of answers that broke off, failed, were cut at a limit or refused, nor of those whose client left.
    """
    if not (reply.is_events or reply.stream is None):
        return reply
    gathering = Gathering(shape) if reply.is_events else None
    told = None if gathering is not None else reply.json()

    def ended(outcome: Outcome) -> None:
        if outcome.state != "complete" or outcome.status >= 300:
            return
        answer = read_answer(shape, told) if gathering is None else gathering.answer()
        if not answer.broken and answer.is_complete:
            then(answer)

    exchange.on_end(ended)
    return reply if gathering is None else reply.tap(gathering)

"""Hears the answers whose content is to be recorded, within a bound of bytes each."""

from collections.abc import Callable
from typing import Any

from tailrace.exchange import Exchange
from tailrace.telemetry.content import content
from tailrace.trail import Trail
from tailrace.wire.assemble import assembler
from tailrace.wire.endpoints import MODEL_KINDS, EndpointKind
from tailrace.wire.sse import Event

MOST_HEARD_BYTES = 1_048_576
"""Of one answer; what comes after is not kept."""
_MOST_AT_ONCE = 256
"""Answers heard at the same time; one more is not captured."""


class _Heard:
    """One answer, as far as it was heard."""

    __slots__ = ("_parts", "_room", "_streams", "_whole")

    def __init__(self, exchange: Exchange) -> None:
        shape = exchange.endpoint.shape
        self._streams = exchange.stream
        self._parts = assembler(shape) if shape is not None and self._streams else None
        self._whole: Any = None
        self._room = MOST_HEARD_BYTES

    def hear(self, event: Event) -> None:
        """Take an event of the stream, or the whole answer as one event."""
        self._room -= len(event.data)
        if self._room < 0:
            return
        told = event.json
        if type(told) is not dict:
            return
        if self._parts is not None and not _is_whole(told):
            self._parts.feed(told)
        else:
            self._whole = told

    def answer(self) -> dict[str, Any] | None:
        """What was heard, as a whole answer; None if nothing was."""
        if isinstance(self._whole, dict):
            return self._whole
        return self._parts.result() if self._parts is not None else None


class Capture:
    """Remembers the content of the answers under way. `listener` opens, `take` closes."""

    def __init__(self) -> None:
        self._under_way: dict[Trail, _Heard] = {}

    def listener(self, exchange: Exchange) -> Callable[[Event], None] | None:
        """What is to hear the reply of this exchange; None if it is not recorded."""
        trail = exchange.trail
        if exchange.endpoint.kind not in MODEL_KINDS or exchange.endpoint.kind is EndpointKind.EMBEDDINGS:
            return None
        if not trail.trace.sampled or len(self._under_way) >= _MOST_AT_ONCE:
            return None
        heard = self._under_way[trail] = _Heard(exchange)
        return heard.hear

    def take(self, exchange: Exchange | None, trail: Trail) -> dict[str, Any] | None:
        """The content attributes of a request that ended; its memory is let go."""
        heard = self._under_way.pop(trail, None)
        if exchange is None or not trail.attempts:
            return None
        return content(exchange.endpoint, exchange.payload, heard.answer() if heard is not None else None)


def _is_whole(told: dict[str, Any]) -> bool:
    """Whether a provider answered a stream's request with a whole answer after all."""
    return told.get("object") in ("chat.completion", "response") or told.get("type") == "message"

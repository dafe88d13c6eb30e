"""OpenAI's Responses: events without hidden calls, of several rounds as of one. Pure."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from tailrace.wire.endpoints import Shape
from tailrace.wire.sse import Event
from tailrace_plugins.compress.hidden.reading import clients_items, is_hidden, without_echo
from tailrace_plugins.compress.hidden.stream.screen import Screen, written

_STARTS: Final = ("response.created", "response.queued", "response.in_progress")
_ENDS: Final = ("response.completed", "response.incomplete", "response.failed", "response.cancelled")
_IDENTITY: Final = ("id", "created_at", "model")


class ResponsesScreen(Screen):
    """Output items of hidden calls are left out, the others and all events numbered without gaps through all rounds.

    The end of a reasoning item is held until it is seen what it led to (see `reading.clients_items`): where that is a
    hidden call alone, it never ends for the client, and is in no output that the client keeps.
    """

    shape: ClassVar[Shape] = "responses"

    def __init__(self, names: frozenset[str], *, awake: bool = False) -> None:
        super().__init__(names, awake=awake)
        self._hidden: set[int] = set()
        self._before = 0
        self._next: int | None = None
        self._thoughts: list[tuple[Event, dict[str, Any]]] = []
        self._led_to_hidden = False
        self._shown: list[Any] = []
        self._identity: dict[str, Any] = {}
        self._held: tuple[Event, dict[str, Any]] | None = None

    @property
    def hides(self) -> bool:
        """Whether a call is hidden."""
        return bool(self._hidden)

    def close(self) -> list[bytes]:
        """The final event, its output without what was taken out."""
        given = self._released() if not self._led_to_hidden else []
        if self._held is not None:
            event, told = self._held
            given.append(self._given(event, told, self._final(told)))
        self._held = None
        return given

    def _final(self, told: dict[str, Any]) -> dict[str, Any]:
        response = told.get("response")
        if type(response) is not dict:
            return told
        if not (self._hidden or self.rounds):
            return self._without_echo(told)
        output = self.answer().get("output")
        own = clients_items(output if type(output) is list else [], self.names)
        whole = {**without_echo(response, self.names), **self._identity, "output": [*self._shown, *own]}
        return {**told, "response": whole}

    def _goes_on(self, answer: Mapping[str, Any]) -> None:
        output = answer.get("output")
        output = output if type(output) is list else []
        if not self.rounds:
            self._identity = {key: answer[key] for key in _IDENTITY if key in answer}
        self._shown += clients_items(output, self.names)
        self._before += len(output) - len(self._hidden)
        self._hidden, self._thoughts, self._led_to_hidden, self._held = set(), [], False, None

    def _is_plain(self, piece: bytes) -> bool:
        if self._thoughts or (b"output_item.done" in piece and b'"reasoning"' in piece):
            return False
        return super()._is_plain(piece)

    def _take(self, event: Event, told: dict[str, Any]) -> list[bytes]:
        kind, index, item = told.get("type"), told.get("output_index"), told.get("item")
        given: list[bytes] = []
        if kind == "response.output_item.added" and type(index) is int:
            if is_hidden("responses", item, self.names):
                self._hidden.add(index)
                self._awake = self._led_to_hidden = True
            elif type(item) is not dict or item.get("type") != "reasoning":
                given = self._released()
        if (type(index) is int and index in self._hidden) or (kind in _STARTS and self.rounds):
            self._swallow(told)
            return given
        if kind == "response.output_item.done" and type(item) is dict and item.get("type") == "reasoning":
            self._thoughts.append((event, told))
            return given
        if kind in _ENDS:
            self.is_over = True
            if self.failed:
                return [*given, self._given(event, told, self._final(told))]
            self._held = (event, told)
            return given
        new = self._without_echo(told) if kind in _STARTS else told
        return [*given, self._given(event, told, new)]

    def _released(self) -> list[bytes]:
        """The ends of reasoning items that were held, now that an item of the client's follows."""
        thoughts, self._thoughts, self._led_to_hidden = self._thoughts, [], False
        return [self._given(event, told, told) for event, told in thoughts]

    def _given(self, event: Event, told: dict[str, Any], new: dict[str, Any]) -> bytes:
        """An event's bytes, numbered where others were left out before it."""
        index = told.get("output_index")
        if type(index) is int:
            place = self._before + index - sum(1 for hidden in self._hidden if hidden < index)
            if place != index:
                new = {**new, "output_index": place}
        if self._next is not None and "sequence_number" in told:
            if told["sequence_number"] != self._next:
                new = {**new, "sequence_number": self._next}
            self._next += 1
        return written(event, new, told)

    def _swallow(self, told: dict[str, Any]) -> None:
        """Number the events from here on: this one is left out."""
        if self._next is None:
            first = self._thoughts[0][1] if self._thoughts else told
            number = first.get("sequence_number")
            self._next = number if type(number) is int else None

    def _without_echo(self, told: dict[str, Any]) -> dict[str, Any]:
        response = told.get("response")
        if type(response) is not dict:
            return told
        bare = without_echo(response, self.names)
        return told if len(bare.get("tools") or ()) == len(response.get("tools") or ()) else {**told, "response": bare}

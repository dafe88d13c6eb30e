"""Anthropic's Messages: events without hidden calls, of several rounds as of one. Pure."""

from collections.abc import Mapping
from typing import Any, ClassVar

from tailrace.wire.endpoints import Shape
from tailrace.wire.sse import Event
from tailrace_plugins.compress.hidden.reading import ending, is_hidden
from tailrace_plugins.compress.hidden.stream.screen import Screen, written


class MessagesScreen(Screen):
    """Content blocks of hidden calls are left out, the others numbered without gaps through all rounds."""

    shape: ClassVar[Shape] = "messages"

    def __init__(self, names: frozenset[str], *, awake: bool = False) -> None:
        super().__init__(names, awake=awake)
        self._hidden: set[int] = set()
        self._others = False
        self._before = 0
        self._begun: dict[str, Any] = {}
        self._held: list[tuple[Event, dict[str, Any], dict[str, Any]]] = []

    @property
    def hides(self) -> bool:
        """Whether a call is hidden."""
        return bool(self._hidden)

    def close(self) -> list[bytes]:
        """The reason to end with the usage, and the end mark."""
        others = self._others or self._has_others()
        given = []
        for event, told, original in self._held:
            delta = told.get("delta")
            if type(delta) is dict and self._hidden:
                ended = ending("messages", delta.get("stop_reason"), others)
                if ended != delta.get("stop_reason"):
                    told = {**told, "delta": {**delta, "stop_reason": ended}}
            given.append(written(event, told, original))
        self._held = []
        return given

    def _has_others(self) -> bool:
        blocks = self.answer().get("content") or ()
        return any(block.get("type") == "tool_use" and not is_hidden("messages", block, self.names) for block in blocks)

    def _goes_on(self, answer: Mapping[str, Any]) -> None:
        self._before += len(answer.get("content") or ()) - len(self._hidden)
        self._hidden, self._others, self._held, self._begun = set(), False, [], {}

    def _take(self, event: Event, told: dict[str, Any]) -> list[bytes]:
        kind, index = told.get("type"), told.get("index")
        if type(index) is int:
            if kind == "content_block_start" and is_hidden("messages", told.get("content_block"), self.names):
                self._hidden.add(index)
                self._awake = True
            if index in self._hidden:
                return []
        new = told
        if kind in ("content_block_start", "content_block_delta", "content_block_stop") and type(index) is int:
            place = self._before + index - sum(1 for hidden in self._hidden if hidden < index)
            if place != index:
                new = {**told, "index": place}
        elif kind == "message_start" and self.rounds:
            message = told.get("message")
            usage = message.get("usage") if type(message) is dict else None
            self._begun = usage if type(usage) is dict else {}
            return []
        elif kind == "message_delta":
            new = self._with_usage(told)
        elif kind == "message_stop":
            self.is_over = True
        if self._hidden and kind in ("message_delta", "message_stop"):
            self._held.append((event, new, told))
            return []
        return [written(event, new, told)]

    def _with_usage(self, told: dict[str, Any]) -> dict[str, Any]:
        """The event with the counts that this round's `message_start` told: the client has those of another round."""
        if not self._begun:
            return told
        usage = told.get("usage")
        last = {name: value for name, value in (usage if type(usage) is dict else {}).items() if value is not None}
        return {**told, "usage": {**self._begun, **last}}

"""Chat completions: chunks without hidden calls, of several rounds as of one. Pure."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from tailrace.wire.endpoints import Shape
from tailrace.wire.sse import Event
from tailrace_plugins.compress.hidden.reading import ending
from tailrace_plugins.compress.hidden.stream.calls import Calls
from tailrace_plugins.compress.hidden.stream.screen import Screen, written

_IDENTITY: Final = ("id", "created", "model")
PAUSE: Final = "\n\n"
"""Between the texts of two rounds, which are one text to the client."""


class ChatScreen(Screen):
    """Of several choices, which nobody asks for, only the first is looked at."""

    shape: ClassVar[Shape] = "chat"

    def __init__(self, names: frozenset[str], *, awake: bool = False) -> None:
        super().__init__(names, awake=awake)
        # A name may come in pieces.
        self._marks = (b'"tool_calls"',)
        self._calls = Calls(names)
        self._identity: dict[str, Any] = {}
        self._held: list[tuple[Event, dict[str, Any], dict[str, Any]]] = []
        self._last: Event | None = None
        self._around: dict[str, Any] = {}
        self._needs_pause = False

    @property
    def hides(self) -> bool:
        """Whether a call is hidden."""
        return self._calls.hides

    def close(self) -> list[bytes]:
        """Calls whose name was never complete, the reason to end, the usage, the end mark."""
        released = self._calls.release()
        others = self._calls.given > 0
        given: list[bytes] = []
        if released:
            choice = {"index": 0, "delta": {"tool_calls": released}, "finish_reason": None}
            around: dict[str, Any] = {}
            given.append(written(Event(b"", b""), {**self._around, "choices": [choice]}, around))
        for event, told, original in self._held:
            given.append(written(event, _ended(told, others) if self.hides else told, original))
        if self._last is not None:
            given.append(self._last.raw)
        self._held, self._last = [], None
        return given

    def _goes_on(self, answer: Mapping[str, Any]) -> None:
        if not self.rounds:
            self._identity = {key: answer[key] for key in _IDENTITY if key in answer}
        said = _text(answer)
        self._needs_pause = bool(said and not said[-1].isspace()) or (self._needs_pause and not said)
        self._held, self._last = [], None
        self._calls = Calls(self.names)

    def _done(self, event: Event) -> list[bytes]:
        if not self._calls.holds:
            return [event.raw]
        self._last = event
        return []

    def _take(self, event: Event, told: dict[str, Any]) -> list[bytes]:
        self._around = {key: value for key, value in told.items() if key not in ("choices", "usage")}
        new = told
        if self.failed:
            return [event.raw]
        if self.rounds:
            identity = {key: value for key, value in self._identity.items() if key in told}
            new = {**told, **identity}
            self._around |= identity
        choices = told.get("choices")
        if type(choices) is list and choices and type(choices[0]) is dict:
            choice = self._choice(choices[0])
            self._awake = self._awake or self._calls.holds
            if choice is None:
                return []
            if choice is not choices[0]:
                new = {**new, "choices": [choice, *choices[1:]]}
        if self._held or (self._calls.holds and _finish(new)):
            self._held.append((event, new, told))
            return []
        return [written(event, new, told)]

    def _choice(self, choice: dict[str, Any]) -> dict[str, Any] | None:
        """The choice as the client is given it, the same where nothing changes; None where nothing is left of it."""
        key = "delta" if type(choice.get("delta")) is dict else "message"
        delta = choice.get(key)
        if type(delta) is not dict:
            return choice
        new = delta
        if self.rounds and "role" in delta:
            new = {name: value for name, value in new.items() if name != "role"}
        if self._needs_pause and type(said := delta.get("content")) is str and said:
            new = {**new, "content": said if said[0].isspace() else PAUSE + said}
            self._needs_pause = False
        calls = delta.get("tool_calls")
        if type(calls) is list and calls:
            given = self._calls.take(calls)
            if given is not calls:
                new = {**new, "tool_calls": given}
                if not given:
                    del new["tool_calls"]
        if new is delta:
            return choice
        if choice.get("finish_reason") is None and not any(new.values()):
            return None
        return {**choice, key: new}


def _finish(chunk: Mapping[str, Any]) -> bool:
    choices = chunk.get("choices")
    return type(choices) is list and any(
        type(choice) is dict and choice.get("finish_reason") is not None for choice in choices
    )


def _ended(chunk: dict[str, Any], others: bool) -> dict[str, Any]:
    """The chunk with the reason to end of an answer whose hidden calls were taken out."""
    if not _finish(chunk):
        return chunk
    first, *more = chunk["choices"]
    if type(first) is not dict or (ended := ending("chat", first.get("finish_reason"), others)) == first.get(
        "finish_reason"
    ):
        return chunk
    return {**chunk, "choices": [{**first, "finish_reason": ended}, *more]}


def _text(answer: Mapping[str, Any]) -> str:
    choices = answer.get("choices")
    message = choices[0].get("message") if type(choices) is list and choices else None
    said = message.get("content") if type(message) is dict else None
    return said if type(said) is str else ""

"""A stream for plain readers: the text, why it ended, what it cost, and no more. Pure.

Kept of chat chunks: `id`, `object`, `created`, `model`, `usage` (unless null), and of each choice `index`,
`finish_reason`, and of its delta `content` and `refusal` (unless null or empty). Of completions the same with `text`.
A choice with no text and no finish reason is dropped, a chunk without choices and usage too. The role of a dropped
delta moves to the first one kept of its choice, so that clients that build a message find it.
Of Responses events only `obfuscation` and `logprobs` are taken off; none is dropped, because they are numbered.
Untouched: errors, anything that does not look like a chunk, content that is not plain text, usage where Groq and
Moonshot put it, events with an id or a retry time. A stream that calls tools, or brings sound or pictures, is left
alone from that event on.
"""

from collections.abc import Mapping
from typing import Any, Final

from tailrace.wire import jsonio, sse
from tailrace.wire.endpoints import Shape
from tailrace.wire.sse import Event
from tailrace.wire.whole import error_of

_TOP: Final = ("id", "object", "created", "model")
_NOT_TEXT: Final = ("tool_calls", "function_call", "audio", "images")


def offers_tools(payload: Mapping[str, Any]) -> bool:
    """Whether the request lets the model call tools, so that its stream is none for plain readers."""
    return bool(payload.get("tools") or payload.get("functions"))


class TextOnly:
    """Strips the events of one stream."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._off = shape == "messages"
        self._roles: dict[Any, Any] = {}
        self.saved_bytes = 0
        """Bytes taken off so far."""

    def take(self, event: Event) -> Event | None:
        """The event as it goes on (the same object where nothing is stripped), or None where it is dropped."""
        if self._off or event.id is not None or event.retry is not None:
            return event
        told = event.json
        if type(told) is not dict or error_of(told) is not None:
            return event
        kept = self._response(told) if self._shape == "responses" else self._chunk(told)
        if kept is told:
            return event
        if kept is None:
            self.saved_bytes += len(event.raw)
            return None
        raw = sse.encode(jsonio.dumps(kept), event.event)
        self.saved_bytes += len(event.raw) - len(raw)
        return sse.parse(raw)

    def _response(self, told: dict[str, Any]) -> dict[str, Any]:
        item = told.get("item")
        if type(item) is dict and str(item.get("type")).endswith("_call"):
            self._off = True
        if not str(told.get("type")).endswith((".delta", ".done")):
            return told
        if "obfuscation" not in told and not told.get("logprobs"):
            return told
        return {
            name: [] if name == "logprobs" else value  # the field is required, an empty list means none
            for name, value in told.items()
            if name != "obfuscation"
        }

    def _chunk(self, told: dict[str, Any]) -> dict[str, Any] | None:
        choices = told.get("choices")
        groq = told.get("x_groq")
        if type(choices) is not list or (type(groq) is dict and groq.get("usage")):
            return told
        holder = "delta" if self._shape == "chat" else "text"
        kept = []
        for choice in choices:
            if type(choice) is not dict or holder not in choice or choice.get("usage"):
                return told
            text = choice[holder]
            if self._shape == "chat":
                if type(text) is not dict or self._brings_more(text):
                    return told
                text = self._delta(choice, text)
            if choice.get("finish_reason") is None and not text:
                continue
            if self._shape == "chat" and (role := self._roles.pop(_index(choice), None)) is not None:
                text = {"role": role, **text}
            slim = {name: choice[name] for name in ("index", holder, "finish_reason") if name in choice}
            slim[holder] = text
            kept.append(slim)
        usage = told.get("usage")
        if not kept and usage is None:
            return None
        out: dict[str, Any] = {name: told[name] for name in _TOP if name in told}
        out["choices"] = kept
        if usage is not None:
            out["usage"] = usage
        return out if out != told else told

    def _brings_more(self, delta: dict[str, Any]) -> bool:
        if any(delta.get(name) for name in _NOT_TEXT):
            self._off = True
            return True
        return not all(type(delta.get(name)) in (str, type(None)) for name in ("content", "refusal"))

    def _delta(self, choice: dict[str, Any], delta: dict[str, Any]) -> dict[str, Any]:
        if (role := delta.get("role")) is not None and len(self._roles) < 128:
            self._roles[_index(choice)] = role
        return {name: delta[name] for name in ("content", "refusal") if delta.get(name)}


def _index(choice: dict[str, Any]) -> int:
    index = choice.get("index")
    return index if type(index) is int else 0

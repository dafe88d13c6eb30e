"""Which events carry nothing but a piece of text, and how two of them become one. Pure."""

from dataclasses import dataclass
from typing import Any, Final

from tailrace.wire import jsonio, sse
from tailrace.wire.endpoints import Shape
from tailrace.wire.sse import Event

_PADDING: Final = ("obfuscation", "sequence_number")
"""Fields that differ from event to event without meaning: the last one's stand for all."""


@dataclass(frozen=True, slots=True)
class Piece:
    """An event that carries text and nothing else.

    `where` tells texts apart (choice, output item, content block). Pieces with equal `where` and `frame` may become
    one. `told` is the event's JSON.
    """

    where: tuple[Any, ...]
    text: str
    frame: dict[str, Any]
    told: dict[str, Any]
    name: str | None

    def joins(self, later: "Piece") -> bool:
        """Whether `later`, the very next event, may be joined to this one."""
        return self.where == later.where and self.frame == later.frame and self.name == later.name


def read(shape: Shape, event: Event) -> Piece | None:
    """The piece of text in an event; None for every event that says anything else.

    Left alone are so: roles, tool calls, finish reasons, usage, errors, log-probabilities, refusals, reasoning,
    content blocks, events with an id or a retry time, and every field that is not known here unless it is empty or,
    at the top level, one plain value that stays the same.
    """
    if event.id is not None or event.retry is not None:
        return None
    told = event.json
    if type(told) is not dict:
        return None
    if shape == "chat" or shape == "completions":
        return _chunk(shape, event, told)
    if shape == "responses":
        if told.get("type") != "response.output_text.delta" or not _is_empty(told.get("logprobs")):
            return None
        where = (told.get("item_id"), told.get("output_index"), told.get("content_index"))
        return _piece(where, told.get("delta"), told, "delta", event)
    delta = told.get("delta")
    if told.get("type") != "content_block_delta" or type(delta) is not dict:
        return None
    if delta.keys() != {"type", "text"} or delta["type"] != "text_delta":
        return None
    return _piece((told.get("index"),), delta["text"], told, "delta", event)


def joined(shape: Shape, last: Piece, text: str) -> bytes:
    """The frame of several pieces: the last one's, with the text of all."""
    told = last.told
    if shape == "chat":
        choice = told["choices"][0]
        told = {**told, "choices": [{**choice, "delta": {**choice["delta"], "content": text}}]}
    elif shape == "completions":
        told = {**told, "choices": [{**told["choices"][0], "text": text}]}
    elif shape == "responses":
        told = {**told, "delta": text}
    else:
        told = {**told, "delta": {**told["delta"], "text": text}}
    return sse.encode(jsonio.dumps(told), last.name)


def _chunk(shape: Shape, event: Event, told: dict[str, Any]) -> Piece | None:
    choices = told.get("choices")
    if type(choices) is not list or len(choices) != 1 or type(choices[0]) is not dict:
        return None
    choice = choices[0]
    if shape == "chat":
        delta = choice.get("delta")
        if type(delta) is not dict or not _others_empty(delta, ("content",)):
            return None
        text, holder = delta.get("content"), "delta"
    else:
        text, holder = choice.get("text"), "text"
    if not _others_empty(choice, ("index", holder)):
        return None
    return _piece((choice.get("index"),), text, told, "choices", event)


def _piece(where: tuple[Any, ...], text: Any, told: dict[str, Any], holder: str, event: Event) -> Piece | None:
    if type(text) is not str or told.get("usage") is not None or told.get("error") is not None:
        return None
    frame = {name: value for name, value in told.items() if name != holder and name not in _PADDING}
    if not all(_is_plain(value) for value in frame.values()) or not all(_is_plain(part) for part in where):
        return None
    return Piece(where, text, frame, told, event.event)


def _others_empty(holder: dict[str, Any], known: tuple[str, ...]) -> bool:
    return all(name in known or _is_empty(value) for name, value in holder.items())


def _is_empty(value: Any) -> bool:
    return value is None or value == {} or value == []


def _is_plain(value: Any) -> bool:
    return type(value) in (str, int, bool) or _is_empty(value)

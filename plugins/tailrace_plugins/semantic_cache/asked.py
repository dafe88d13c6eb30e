"""Which part of a request is the question, and whether it may have the answer to another one. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tailrace.wire.endpoints import EndpointKind
from tailrace_plugins.semantic_cache.settings import SemanticCacheSettings

_TEXT_PARTS: Final = frozenset({"text", "input_text"})
_KEYS: Final[Mapping[EndpointKind, str]] = {
    EndpointKind.CHAT: "messages",
    EndpointKind.RESPONSES: "input",
    EndpointKind.MESSAGES: "messages",
}
_MARK: Final = "\0question"
"""Stands where the question was, in what must be equal around it."""


@dataclass(frozen=True, slots=True)
class Question:
    """The last user message's text, and the payload without it: only requests with equal `around` are compared."""

    text: str
    around: Mapping[str, Any]


def question_of(kind: EndpointKind, payload: Mapping[str, Any], settings: SemanticCacheSettings) -> Question | str:
    """The question of a request, or the word that says why it is none for this cache."""
    key = _KEYS.get(kind)
    if key is None:
        return "endpoint"
    if payload.get("tools") or payload.get("functions"):
        return "tools"
    temperature = payload.get("temperature")
    if isinstance(temperature, bool) or (temperature is not None and not isinstance(temperature, (int, float))):
        return "not-understood"
    if temperature is not None and temperature > settings.max_temperature:
        return "temperature"
    if payload.get("n") not in (None, 1):
        return "several-answers"
    given = payload.get(key)
    if isinstance(given, str):
        return _sized(given, {**payload, key: _MARK}, settings)
    if not isinstance(given, list) or not given:
        return "not-understood"
    if len(given) - 1 > settings.max_history_messages:
        return "history"
    if any(_uses_tools(message) for message in given):
        return "tools"
    last = given[-1]
    if not isinstance(last, Mapping) or last.get("role") != "user":
        return "no-question"
    found = _text_of(last.get("content"))
    if found is None:
        return "not-text"
    text, content = found
    return _sized(text, {**payload, key: [*given[:-1], {**last, "content": content}]}, settings)


def _sized(text: str, around: Mapping[str, Any], settings: SemanticCacheSettings) -> Question | str:
    if len(text) > settings.max_question_chars:
        return "too-long"
    return Question(text, around) if text.strip() else "no-question"


def _text_of(content: Any) -> tuple[str, Any] | None:
    """The text, and what is left of the content without it; None where there is more than one text."""
    if isinstance(content, str):
        return content, _MARK
    # Several parts are several things: which of them is the question nobody knows.
    if not isinstance(content, list) or len(content) != 1 or not isinstance(content[0], Mapping):
        return None
    part = content[0]
    if part.get("type") not in _TEXT_PARTS or not isinstance(part.get("text"), str):
        return None
    return part["text"], [{**part, "text": _MARK}]


def _uses_tools(message: Any) -> bool:
    if not isinstance(message, Mapping):
        return True
    if message.get("role") in ("tool", "function") or message.get("tool_calls") or message.get("function_call"):
        return True
    if str(message.get("type", "message")) not in ("message", ""):
        return True
    content = message.get("content")
    blocks = content if isinstance(content, list) else ()
    return any(isinstance(block, Mapping) and "tool" in str(block.get("type", "")) for block in blocks)

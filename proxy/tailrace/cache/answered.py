"""Whether an answer may be kept, and what it says of its cost. Pure: the rules of "What a cache may do"."""

import re
from collections.abc import Mapping
from typing import Any, Final

from tailrace.wire import usage as usages
from tailrace.wire.endpoints import EndpointKind
from tailrace.wire.usage import Usage
from tailrace.wire.watch import StreamWatch
from tailrace.wire.whole import error_of

_ENDS: Final[Mapping[EndpointKind, frozenset[str]]] = {
    EndpointKind.CHAT: frozenset({"stop", "tool_calls", "function_call"}),
    EndpointKind.COMPLETIONS: frozenset({"stop"}),
    EndpointKind.MESSAGES: frozenset({"end_turn", "stop_sequence", "tool_use"}),
}
"""Reasons to finish that mean a complete answer. `length`, `content_filter`, `refusal`, `pause_turn` and whatever
comes in future are no answers to keep."""


_STREAM_ENDS: Final[Mapping[EndpointKind, frozenset[str]]] = {**_ENDS, EndpointKind.RESPONSES: frozenset({"completed"})}

_REFUSAL: Final = re.compile(rb'"refusal":\s*"[^"]|"refusal"\s*[,}]|refusal\.delta')
"""Words of a refusal, a part of that type, or an event of one."""

_SAID: Final = re.compile(rb'"(?:content|text|delta|arguments|partial_json)":\s*"[^"]')
"""Some text or some argument of a call, and not reasoning alone."""


def why_not_kept(kind: EndpointKind, answer: Any) -> str:
    """A word that says why the answer must not be served again, or "" where it may. Unknown forms are not kept."""
    if not isinstance(answer, Mapping):
        return "not-json"
    if error_of(dict(answer)) is not None:
        return "error"
    if kind is EndpointKind.EMBEDDINGS:
        return "" if _rows(answer) else "empty"
    if kind is EndpointKind.RESPONSES:
        return _of_response(answer)
    if kind is EndpointKind.MESSAGES:
        if not answer.get("content"):
            return "empty"
        return "" if str(answer.get("stop_reason")) in _ENDS[kind] else "incomplete"
    if kind not in _ENDS:
        return "unknown-form"
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices:
        return "empty"
    for choice in choices:
        if not isinstance(choice, Mapping):
            return "unknown-form"
        if str(choice.get("finish_reason")) not in _ENDS[kind]:
            return "incomplete"
        if kind is EndpointKind.CHAT and (why := _of_message(choice.get("message"))):
            return why
        if kind is EndpointKind.COMPLETIONS and not choice.get("text"):
            return "empty"
    return ""


def surely_kept(kind: EndpointKind, watch: StreamWatch, recorded: bytes) -> bool:
    """Whether a stream may be kept, as far as its own facts tell without putting it together: it ended as it should and
    said something. False may mean that it has to be looked at.
    """
    ends = _STREAM_ENDS.get(kind)
    reasons = watch.finish_reasons
    if ends is None or watch.error is not None or not watch.output_chars:
        return False
    if not (watch.terminal and watch.all_finished):
        return False
    if not all(reason in ends for reason in reasons):
        return False
    return _REFUSAL.search(recorded) is None and _SAID.search(recorded) is not None


def has_tool_calls(answer: Any) -> bool:
    """Whether the answer asks its client to do something: such an answer is never served for another question."""
    if not isinstance(answer, Mapping):
        return False
    for choice in _list(answer.get("choices")):
        message = choice.get("message")
        if isinstance(message, Mapping) and (message.get("tool_calls") or message.get("function_call")):
            return True
    if any(str(item.get("type", "")).endswith("_call") for item in _list(answer.get("output"))):
        return True
    return any(str(block.get("type", "")).endswith("tool_use") for block in _list(answer.get("content")))


def usage_of(answer: Any) -> Usage | None:
    """The tokens the answer reports, if it does."""
    return usages.read(answer.get("usage")) if isinstance(answer, Mapping) else None


def _of_response(answer: Mapping[str, Any]) -> str:
    if answer.get("status") != "completed":
        return "incomplete"
    items = _list(answer.get("output"))
    if not items:
        return "empty"
    parts = [part for item in items for part in _list(item.get("content"))]
    return "refusal" if any(part.get("type") == "refusal" for part in parts) else ""


def _of_message(message: Any) -> str:
    if not isinstance(message, Mapping):
        return "unknown-form"
    if message.get("refusal"):
        return "refusal"
    said = message.get("content") or message.get("tool_calls") or message.get("function_call") or message.get("audio")
    return "" if said else "empty"


def _rows(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [row for row in _list(answer.get("data")) if row.get("embedding")]


def _list(value: Any) -> list[Mapping[str, Any]]:
    return [member for member in value if isinstance(member, Mapping)] if isinstance(value, list) else []

"""Prompts and answers in the shape of the GenAI message schemas, as JSON texts of bounded size: pure.

Only ever called when the operator asked for `capture_content`. Reads OpenAI's chat, completions and Responses bodies
and Anthropic's messages; a part of a kind it does not know is named by its type, without what is in it.
"""

from collections.abc import Mapping
from typing import Any

from tailrace.telemetry import names
from tailrace.wire import jsonio
from tailrace.wire.endpoints import Endpoint, EndpointKind

MOST_BYTES = 131_072
"""Most of one attribute."""
_MOST_TEXT = 16_384
"""Most characters of one part."""
_CUT = "…[cut]"

_ROLES = {"developer": "system", "function": "tool"}
_TEXTS = frozenset({"text", "input_text", "output_text"})
_THOUGHTS = frozenset({"thinking", "reasoning", "reasoning_text", "summary_text"})
_MEDIA = {
    "image_url": "image",
    "input_image": "image",
    "image": "image",
    "input_audio": "audio",
    "file": "document",
    "input_file": "document",
    "document": "document",
}
_ENDINGS = {
    "tool_calls": "tool_call",
    "function_call": "tool_call",
    "tool_use": "tool_call",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "completed": "stop",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "refusal": "content_filter",
    "failed": "error",
}


def content(endpoint: Endpoint, payload: Mapping[str, Any], answer: Mapping[str, Any] | None) -> dict[str, Any]:
    """The content attributes of a call: what was asked, and the answer as far as it came.

    Each is a JSON text of at most `MOST_BYTES`. Where more was said the oldest messages are left out, long texts are
    cut, and `tailrace.content_truncated` says so.
    """
    if endpoint.kind is EndpointKind.EMBEDDINGS:
        return {}
    system, messages = _asked(payload)
    output = _answered(answer) if answer is not None else []
    found: dict[str, Any] = {}
    whole = True
    for name, items in (
        (names.SYSTEM_INSTRUCTIONS, system),
        (names.INPUT_MESSAGES, messages),
        (names.OUTPUT_MESSAGES, output),
        (names.TOOL_DEFINITIONS, _tools(payload.get("tools"))),
    ):
        if items:
            text, fits = _fitted(items)
            found[name] = text
            whole = whole and fits and _CUT not in text
    if not whole:
        found[names.TRUNCATED] = True
    return found


def _asked(payload: Mapping[str, Any]) -> tuple[list[Any], list[Any]]:
    system = _parts(payload.get("system", payload.get("instructions")))
    given = payload.get("messages", payload.get("input", payload.get("prompt")))
    if isinstance(given, str):
        given = [{"role": "user", "content": given}]
    messages = []
    for item in given if isinstance(given, list) else ():
        turn = {"role": "user", "content": item} if isinstance(item, str) else item
        if isinstance(turn, Mapping):
            messages.append(_message(turn))
    return system, messages


def _message(turn: Mapping[str, Any]) -> dict[str, Any]:
    kind, role = turn.get("type"), turn.get("role")
    if kind == "function_call":
        return {"role": "assistant", "parts": [_call(turn.get("call_id"), turn.get("name"), turn.get("arguments"))]}
    if kind == "function_call_output":
        return {"role": "tool", "parts": [_result(turn.get("call_id"), turn.get("output"))]}
    if not isinstance(role, str):
        return {"role": "assistant", "parts": [_part(turn)]}
    role = _ROLES.get(role, role)
    if role == "tool" and not isinstance(turn.get("type"), str):
        return {"role": role, "parts": [_result(turn.get("tool_call_id"), turn.get("content"))]}
    parts = []
    if isinstance(thought := turn.get("reasoning_content"), str) and thought:
        parts.append({"type": "reasoning", "content": _text(thought)})
    parts += _parts(turn.get("content"))
    if isinstance(refusal := turn.get("refusal"), str):
        parts.append({"type": "text", "content": _text(refusal)})
    for call in _list(turn.get("tool_calls")):
        inner = _mapping(call.get("function"))
        parts.append(_call(call.get("id"), inner.get("name"), inner.get("arguments")))
    return {"role": role, "parts": parts}


def _parts(content: Any) -> list[Any]:
    if isinstance(content, str):
        return [{"type": "text", "content": _text(content)}]
    if not isinstance(content, list):
        return []
    return [_part({"type": "text", "text": part} if isinstance(part, str) else _mapping(part)) for part in content]


def _part(part: Mapping[str, Any]) -> dict[str, Any]:
    kind = part.get("type")
    if not isinstance(kind, str):
        return {"type": "unknown"}
    if kind in _TEXTS:
        return {"type": "text", "content": _text(part.get("text"))}
    if kind in _THOUGHTS:
        said = part.get("thinking") or part.get("text") or "\n".join(_said(part.get("summary")))
        return {"type": "reasoning", "content": _text(said)}
    if kind == "tool_use":
        return _call(part.get("id"), part.get("name"), part.get("input"))
    if kind == "tool_result":
        return _result(part.get("tool_use_id"), part.get("content"))
    if kind in _MEDIA:
        # The data itself is never kept: an image is larger than everything else together.
        return {"type": kind, "modality": _MEDIA[kind]}
    return {"type": kind}


def _answered(answer: Mapping[str, Any]) -> list[Any]:
    ending = answer.get("stop_reason") or answer.get("status")
    if isinstance(output := answer.get("output"), list):
        parts = [part for item in output if isinstance(item, Mapping) for part in _message(item)["parts"]]
        return [{"role": "assistant", "parts": parts, "finish_reason": _ending(ending)}] if parts else []
    if isinstance(blocks := answer.get("content"), list):
        return [{"role": "assistant", "parts": _parts(blocks), "finish_reason": _ending(ending)}]
    messages = []
    for choice in _list(answer.get("choices")):
        said = choice.get("message")
        turn = said if isinstance(said, Mapping) else {"content": choice.get("text")}
        message = _message({"role": "assistant", **turn})
        messages.append({**message, "finish_reason": _ending(choice.get("finish_reason"))})
    return messages


def _tools(given: Any) -> list[Any]:
    """Names and types only: the schemas say that descriptions and parameters are better left out."""
    found = []
    for tool in _list(given):
        name = _mapping(tool.get("function")).get("name") or tool.get("name") or tool.get("type")
        kind = tool.get("type")
        if isinstance(name, str):
            found.append({"type": kind if isinstance(kind, str) else "function", "name": _text(name)})
    return found


def _call(id_: Any, name: Any, arguments: Any) -> dict[str, Any]:
    if isinstance(arguments, str):
        try:
            arguments = jsonio.loads(arguments) if len(arguments) <= _MOST_TEXT else _text(arguments)
        except jsonio.BadJson:
            arguments = _text(arguments)
    elif len(jsonio.dumps(arguments)) > _MOST_TEXT:
        arguments = _CUT
    return {"type": "tool_call", "id": _id(id_), "name": _text(name), "arguments": arguments}


def _result(id_: Any, output: Any) -> dict[str, Any]:
    response = _text(output) if isinstance(output, str) else _parts(output)
    return {"type": "tool_call_response", "id": _id(id_), "response": response}


def _fitted(items: list[Any]) -> tuple[str, bool]:
    """The newest items that fit, as one JSON array."""
    kept: list[str] = []
    size = 2
    for item in reversed(items):
        text = jsonio.dumps(item).decode()
        size += len(text.encode()) + 1
        if size > MOST_BYTES:
            return f"[{','.join(reversed(kept))}]", False
        kept.append(text)
    return f"[{','.join(reversed(kept))}]", True


def _ending(reason: Any) -> str:
    return _ENDINGS.get(reason, reason) if isinstance(reason, str) else "error"


def _said(summary: Any) -> list[str]:
    return [text for part in _list(summary) if isinstance(text := part.get("text"), str)]


def _id(value: Any) -> str | None:
    return value[:256] if isinstance(value, str) else None


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else ""
    return text if len(text) <= _MOST_TEXT else text[:_MOST_TEXT] + _CUT


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []

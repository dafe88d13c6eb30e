"""What a request asked of the model, as attributes: only what it set itself, never its content. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from tailrace.telemetry import names
from tailrace.telemetry.words import clean
from tailrace.wire.endpoints import Endpoint, EndpointKind

_INT64 = 1 << 63
_WORD = re.compile(r"[A-Za-z0-9_.-]{1,32}")

_FLOATS = (
    ("temperature", names.TEMPERATURE),
    ("top_p", names.TOP_P),
    ("frequency_penalty", names.FREQUENCY_PENALTY),
    ("presence_penalty", names.PRESENCE_PENALTY),
)
_INTS = (("top_k", names.TOP_K), ("seed", names.SEED))
_MAX_TOKENS = ("max_completion_tokens", "max_tokens", "max_output_tokens")
# https://platform.openai.com/docs/api-reference: `response_format.type` and `text.format.type`.
_OUTPUT_TYPES = {"json_object": "json", "json_schema": "json", "text": "text"}
_API_TYPES = {EndpointKind.CHAT: "chat_completions", EndpointKind.RESPONSES: "responses"}


def asked(endpoint: Endpoint, payload: Mapping[str, Any], provider: str) -> dict[str, Any]:
    """The `gen_ai.request.*` attributes of a call, and those beside them that the request decides.

    Values of a wrong type are left out: a provider refuses them, and an attribute has one type.
    """
    found: dict[str, Any] = {}
    if endpoint.kind is EndpointKind.EMBEDDINGS:
        if _is_word(encoding := payload.get("encoding_format")):
            found[names.ENCODING_FORMATS] = [encoding]
        if _is_int(dimensions := payload.get("dimensions")):
            found[names.DIMENSIONS] = dimensions
        return found
    if (api := _API_TYPES.get(endpoint.kind)) is not None:
        found[names.API_TYPE] = api
    if payload.get("stream") is True:
        found[names.STREAM] = True
    for key, name in _FLOATS:
        if key in payload and type(value := payload[key]) in (int, float):
            found[name] = float(value)
    for key, name in _INTS:
        if key in payload and _is_int(payload[key]):
            found[name] = payload[key]
    for key in _MAX_TOKENS:
        if key in payload and _is_int(payload[key]):
            found[names.MAX_TOKENS] = payload[key]
            break
    if _is_int(count := payload.get("n")) and count != 1:
        found[names.CHOICE_COUNT] = count
    if (output := _output_type(payload)) is not None:
        found[names.OUTPUT_TYPE] = output
    if _is_word(level := payload.get("reasoning_effort") or _inner(payload, "reasoning").get("effort")):
        found[names.REASONING_LEVEL] = level
    if type(previous := payload.get("previous_response_id")) is str and previous:
        found[names.PREVIOUS_RESPONSE] = clean(previous)
    if provider == "openai" and _is_word(tier := payload.get("service_tier")) and tier != "auto":
        found[names.SERVICE_TIER] = tier
    return found


def input_modality(payload: Mapping[str, Any]) -> str:
    """`text` if every part of the input is text, else `unknown`: providers bill images and audio in the same count."""
    turns = payload.get("messages", payload.get("input", payload.get("prompt")))
    if type(turns) is not list:
        return "text"
    for turn in turns:
        content = turn.get("content") if type(turn) is dict else None
        if type(content) is list and not all(_is_text(part) for part in content):
            return "unknown"
    return "text"


def output_modality(payload: Mapping[str, Any]) -> str:
    """`text` unless the request asked for something beside it."""
    return "text" if payload.get("modalities", ["text"]) == ["text"] else "unknown"


_TEXT_PARTS = frozenset({"text", "input_text", "output_text", "thinking", "tool_use", "tool_result", "refusal"})


def _is_text(part: Any) -> bool:
    return type(part) is not dict or part.get("type") in _TEXT_PARTS


def _output_type(payload: Mapping[str, Any]) -> str | None:
    if "modalities" in payload and type(wanted := payload["modalities"]) is list and "audio" in wanted:
        return "speech"
    if "response_format" in payload:
        kind = _inner(payload, "response_format").get("type")
    elif "text" in payload:
        kind = _inner(_inner(payload, "text"), "format").get("type")
    else:
        return None
    return _OUTPUT_TYPES.get(kind) if type(kind) is str else None


def _inner(payload: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = payload.get(key)
    return value if isinstance(value, Mapping) else {}


def _is_int(value: Any) -> bool:
    return type(value) is int and -_INT64 <= value < _INT64


def _is_word(value: Any) -> bool:
    return type(value) is str and _WORD.fullmatch(value) is not None

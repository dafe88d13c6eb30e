"""A chat completion as chunks."""

from collections.abc import Iterator
from typing import Any, Final

from tailrace.wire.replay.frames import Chunks, pieces

_STREAMED: Final = ("reasoning_content", "reasoning", "content", "refusal")
"""Texts sent in pieces, in the order models produce them; other fields go out whole with the role."""


def chat_events(body: dict[str, Any], include_usage: bool, piece_chars: int) -> Iterator[bytes]:
    """Choice after choice: the role, the texts, the tool calls, the finish_reason. Then usage and `[DONE]`."""
    chunks = Chunks(body, "chat.completion.chunk", include_usage)
    for position, choice in enumerate(body.get("choices") or ()):
        fields = {key: value for key, value in choice.items() if key not in ("message", "logprobs", "finish_reason")}
        index = fields.pop("index", position)
        has_logprobs, logprobs = "logprobs" in choice, choice.get("logprobs")
        for delta in _deltas(choice.get("message") or {}, piece_chars):
            out = {"index": index, "delta": delta, "finish_reason": None}
            if has_logprobs:
                # All with the first text: token lists are joined by the client wherever they come.
                spoken = any(delta.get(name) for name in _STREAMED)
                out["logprobs"] = logprobs if spoken else None
                logprobs = None if spoken else logprobs
            yield chunks.write(out)
        last = {"index": index, "delta": {}, **fields, "finish_reason": choice.get("finish_reason")}
        if has_logprobs:
            last["logprobs"] = logprobs
        yield chunks.write(last)
    yield from chunks.close()


def _deltas(message: dict[str, Any], piece_chars: int) -> Iterator[dict[str, Any]]:
    texts = {name: message[name] for name in _STREAMED if type(message.get(name)) is str}
    calls, legacy = message.get("tool_calls"), message.get("function_call")
    first = {**message, **dict.fromkeys(texts, "")}
    if calls:
        del first["tool_calls"]
    if type(legacy) is dict and type(legacy.get("arguments")) is str:
        first["function_call"] = {**legacy, "arguments": ""}
    yield first
    for name, text in texts.items():
        for piece in pieces(text, piece_chars):
            yield {name: piece}
    if type(legacy) is dict and type(legacy.get("arguments")) is str:
        for piece in pieces(legacy["arguments"], piece_chars):
            yield {"function_call": {"arguments": piece}}
    for index, call in enumerate(calls or ()):
        kind, field = ("custom", "input") if "custom" in call else ("function", "arguments")
        inner = call.get(kind)
        text = inner.get(field) if type(inner) is dict else None
        if type(text) is not str:
            yield {"tool_calls": [{"index": index, **call}]}
            continue
        yield {"tool_calls": [{"index": index, **call, kind: {**inner, field: ""}}]}
        for piece in pieces(text, piece_chars):
            yield {"tool_calls": [{"index": index, kind: {field: piece}}]}

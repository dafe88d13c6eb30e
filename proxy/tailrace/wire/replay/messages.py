"""An Anthropic message as events."""

from collections.abc import Iterator
from typing import Any, Final

from tailrace.wire import jsonio, sse
from tailrace.wire.replay.frames import pieces

_TOLD_AT_THE_END: Final = ("stop_reason", "stop_sequence", "stop_details", "container", "context_management")


def messages_events(body: dict[str, Any], piece_chars: int) -> Iterator[bytes]:
    """`message_start`, each content block with its deltas, `message_delta` with the final usage, `message_stop`."""
    usage = body.get("usage")
    start = {**body, "content": []}
    start.update((key, None) for key in _TOLD_AT_THE_END if key in body)
    if type(usage) is dict and "output_tokens" in usage:
        start["usage"] = {**usage, "output_tokens": 0}
    yield _event({"type": "message_start", "message": start})
    for index, block in enumerate(body.get("content") or ()):
        opened, deltas = _taken_apart(block, piece_chars)
        yield _event({"type": "content_block_start", "index": index, "content_block": opened})
        for delta in deltas:
            yield _event({"type": "content_block_delta", "index": index, "delta": delta})
        yield _event({"type": "content_block_stop", "index": index})
    end: dict[str, Any] = {"type": "message_delta"}
    end["delta"] = {key: body[key] for key in _TOLD_AT_THE_END if key in body and key != "context_management"}
    if "context_management" in body:
        end["context_management"] = body["context_management"]
    if usage is not None:
        end["usage"] = usage
    yield _event(end)
    yield _event({"type": "message_stop"})


def _taken_apart(block: dict[str, Any], piece_chars: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A block as it starts, and the deltas that fill it; blocks that do not stream start complete."""
    kind = block.get("type")
    if kind == "text" and type(text := block.get("text")) is str:
        citations = block.get("citations") or []
        opened = {**block, "text": ""}
        if citations:
            opened["citations"] = []
        deltas: list[dict[str, Any]] = [{"type": "text_delta", "text": piece} for piece in pieces(text, piece_chars)]
        return opened, deltas + [{"type": "citations_delta", "citation": citation} for citation in citations]
    if kind == "thinking" and type(text := block.get("thinking")) is str:
        opened = {**block, "thinking": ""}
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces(text, piece_chars)]
        if type(signature := block.get("signature")) is str:
            opened["signature"] = ""
            deltas.append({"type": "signature_delta", "signature": signature})
        return opened, deltas
    if type(given := block.get("input")) is dict:
        spelled = jsonio.dumps(given).decode() if given else ""
        parts = list(pieces(spelled, piece_chars)) or [""]
        return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": piece} for piece in parts]
    return block, []


def _event(payload: dict[str, Any]) -> bytes:
    return sse.encode(jsonio.dumps(payload), payload["type"])

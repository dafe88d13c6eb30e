"""Server-sent events as tests write them."""

from collections.abc import Mapping
from typing import Any

from tailrace.wire import jsonio, sse

_CHUNK: dict[str, Any] = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1700000000, "model": "m"}


def data(value: Mapping[str, Any] | str, event: str | None = None) -> bytes:
    """One event with `value` as its data (a mapping as JSON). Typed streams name it as `value["type"]` by themselves:
    give `event` for those.
    """
    return sse.encode(value if isinstance(value, str) else jsonio.dumps(value), event)


def chat_chunk(
    delta: Mapping[str, Any] | str | None = None, *, index: int = 0, finish: str | None = None, **more: Any
) -> bytes:
    """One chunk of a chat stream. `delta` is the whole delta, or its content; `more` adds top-level fields."""
    inner = {"content": delta} if isinstance(delta, str) else dict(delta or {})
    choice = {"index": index, "delta": inner, "finish_reason": finish}
    return data({**_CHUNK, "choices": [choice], **more})


def chat_text(*pieces: str) -> list[bytes]:
    """A complete chat stream: the role, each piece as a chunk of its own, the finish reason, `[DONE]`."""
    return [
        chat_chunk({"role": "assistant", "content": ""}),
        *(chat_chunk(piece) for piece in pieces),
        chat_chunk(finish="stop"),
        sse.DONE,
    ]

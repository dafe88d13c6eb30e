"""The inverse of `assemble`: a complete answer as the stream its request would have got.

Any client that assembles the stream by its protocol has the answer again, field by field: the property that the tests
hold is `assemble(replay(answer)) == answer`.
"""

from collections.abc import Iterator
from typing import Any

from tailrace.wire.replay.chat import chat_events
from tailrace.wire.replay.completions import completions_events
from tailrace.wire.replay.messages import messages_events
from tailrace.wire.replay.responses import responses_events
from tailrace.wire.watch import Shape

__all__ = ["stream_events"]


def stream_events(shape: Shape, body: dict[str, Any], *, include_usage: bool, piece_chars: int = 0) -> Iterator[bytes]:
    """SSE frames for `body`, a well-formed answer of that shape; to be sent in order, each a whole event.

    `include_usage` is the client's `stream_options.include_usage`: without it chat and completions carry no usage at
    all (Responses and Messages always do, where the answer has one). `piece_chars` is the most characters of text in
    one delta, 0 for each text in one. `body` must not change while this runs.
    """
    if shape == "chat":
        return chat_events(body, include_usage, piece_chars)
    if shape == "completions":
        return completions_events(body, include_usage, piece_chars)
    if shape == "responses":
        return responses_events(body, piece_chars)
    return messages_events(body, piece_chars)

"""A legacy completion as chunks."""

from collections.abc import Iterator
from typing import Any

from tailrace.wire.replay.frames import Chunks, pieces


def completions_events(body: dict[str, Any], include_usage: bool, piece_chars: int) -> Iterator[bytes]:
    """Choice after choice: the text, then the finish_reason; logprobs all with the finish_reason."""
    chunks = Chunks(body, "text_completion", include_usage)
    for position, choice in enumerate(body.get("choices") or ()):
        index = choice.get("index", position)
        has_logprobs = "logprobs" in choice
        for piece in pieces(choice.get("text") or "", piece_chars):
            out = {"text": piece, "index": index, "finish_reason": None}
            if has_logprobs:
                out["logprobs"] = None
            yield chunks.write(out)
        yield chunks.write({**choice, "text": "", "index": index})
    yield from chunks.close()

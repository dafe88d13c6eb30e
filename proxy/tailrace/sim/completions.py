"""POST /v1/completions: the text that goes on from a prompt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .ask import Ask, Turn, assemble, model_of, strings, whole
from .chat import FINGERPRINT, Head, usage_body
from .errors import Refusal
from .plan import Choice, Usage
from .script import DONE, Kind, Step, event
from .tokens import Tokenizer


def read(body: Mapping[str, Any], tokenizer: Tokenizer) -> Ask:
    """Return what a completion request asks for; several prompts are taken as one text."""
    prompt = body.get("prompt", "<|endoftext|>")
    if isinstance(prompt, list):
        prompt = "\n".join(one if isinstance(one, str) else str(one) for one in prompt)
    if not isinstance(prompt, str):
        raise Refusal(400, "Invalid type for 'prompt'.", param="prompt")
    return assemble(
        tokenizer,
        model_of(body),
        (),
        [Turn("user", prompt, prompt)],
        seed=body["seed"] if isinstance(body.get("seed"), int) else 0,
        max_tokens=whole(body, "max_tokens", 0, 1 << 30),
        stop=strings(body.get("stop"), "stop"),
        n=whole(body, "n", 1, 128) or 1,
    )


def written(head: Head, choices: Sequence[Choice], usage: Usage, logprobs: int | None) -> dict[str, Any]:
    """Return the text_completion object."""
    return {
        **_base(head),
        "choices": [
            _entry(index, choice.text, choice.finish, _logprobs(choice.pieces, logprobs))
            for index, choice in enumerate(choices)
        ],
        "usage": usage_body(usage),
    }


def chunks(head: Head, choices: Sequence[Choice], usage: Usage | None, logprobs: int | None) -> Iterator[Step]:
    """Yield the events of a streamed completion; with `usage`, the usage chunk too."""
    base = _base(head)
    for index, choice in enumerate(choices):
        for piece in choice.pieces:
            entry = _entry(index, piece, None, _logprobs((piece,), logprobs))
            yield event({**base, "choices": [entry]}, Kind.DELTA, 1)
        yield event({**base, "choices": [_entry(index, "", choice.finish, None)]}, Kind.FINISH)
    if usage is not None:
        yield event({**base, "choices": [], "usage": usage_body(usage)}, Kind.USAGE)
    yield DONE


def _base(head: Head) -> dict[str, Any]:
    return {
        "id": head.id,
        "object": "text_completion",
        "created": head.created,
        "model": head.model,
        "system_fingerprint": FINGERPRINT,
    }


def _entry(index: int, text: str, finish: str | None, logprobs: dict[str, Any] | None) -> dict[str, Any]:
    return {"index": index, "text": text, "logprobs": logprobs, "finish_reason": finish}


def _logprobs(said: Sequence[str], top: int | None) -> dict[str, Any] | None:
    if top is None:
        return None
    offsets = [0]
    for piece in said:
        offsets.append(offsets[-1] + len(piece))
    return {
        "tokens": list(said),
        "token_logprobs": [-0.05] * len(said),
        "top_logprobs": [{piece: -0.05} for piece in said] if top else None,
        "text_offset": offsets[:-1],
    }

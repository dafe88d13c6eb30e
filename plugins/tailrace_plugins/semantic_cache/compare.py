"""Whether two answers say the same. Pure but for the embedder it is given."""

from array import array
from collections.abc import Mapping
from typing import Any, Final, Protocol

from tailrace.cache.asked import text_of

_COMPARED_CHARS: Final = 900
"""Of each answer: what fits into the window of the default model."""


class Embeds(Protocol):
    """The part of an embedder that is needed."""

    async def embed(self, text: str) -> bytes:
        """The text's vector, of length 1."""
        ...


def text_of_answer(answer: Any) -> str:
    """What an answer of any shape says, as text; "" for what is none."""
    if not isinstance(answer, Mapping):
        return ""
    choices = answer.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], Mapping):
        message = choices[0].get("message")
        return text_of(message.get("content")) if isinstance(message, Mapping) else ""
    items = answer.get("output")
    if isinstance(items, list):
        texts = (text_of(item.get("content")) for item in items if isinstance(item, Mapping))
        return "\n".join(text for text in texts if text)
    return text_of(answer.get("content"))


async def answers_agree(kept: str, fresh: str, embedder: Embeds, least: float) -> bool:
    """Whether two answers are equal but for spacing and case, or at least `least` similar (cosine of their beginnings).

    Raises `EmbedderUnavailable`.
    """
    one, other = " ".join(kept.lower().split()), " ".join(fresh.lower().split())
    if one == other or not one or not other:
        return one == other
    first = array("f", await embedder.embed(one[:_COMPARED_CHARS]))
    second = array("f", await embedder.embed(other[:_COMPARED_CHARS]))
    cosine: float = sum(a * b for a, b in zip(first, second, strict=True))
    return cosine >= least

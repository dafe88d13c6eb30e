"""Tells what is asked from what is pasted with it, and what the messages before the question speak of."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from tailrace.wire.conversation import Turn
from tailrace_plugins.router.features import text

_FENCED: Final = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_TAGGED: Final = re.compile(r"<([a-zA-Z][\w-]{2,30})>[^\0]{160,}?(?:</\1>|\Z)")
"""Material between tags, as prompts of applications have it: `<chat_history> ... </chat_history>`."""
_CLAUSES: Final = ",;:，；：、،"
_MOST_ASKED: Final = 320
"""Characters: a longer paragraph is rather part of what is asked than an order about the rest."""
_PASTED: Final = 160
"""Characters below which nothing counts as pasted."""
_SYSTEM: Final = 500
_EARLIER: Final = 400
"""Characters read of a system prompt's start, and of each of the last three user texts before the question."""


def instruction(sample: str) -> str:
    """What of a text is the order: without fenced code, without what stands between tags, and without paragraphs that a
    short one stands before or after.

    A text that cannot be told apart is the order as a whole.
    """
    bare = _FENCED.sub(" ", sample).strip() if "```" in sample else sample.strip()
    if ">" in bare:
        bare = _TAGGED.sub(" ", bare).strip() or bare
    if "\n\n" not in bare or len(bare) < _PASTED:
        return bare
    pieces = [piece for piece in bare.split("\n\n") if not piece.isspace()]
    if len(pieces) < 2:
        return bare
    shorter = min(pieces[0], pieces[-1], key=len)
    return shorter if len(shorter) <= _MOST_ASKED and len(bare) - len(shorter) >= _PASTED else bare


def measure(
    sample: str, words: Sequence[str], whole: Mapping[str, float], language: str, turns: Sequence[Turn], asked: int
) -> dict[str, float]:
    """Counts over the order alone, the system prompt's start and the user's earlier texts; `whole`: over the sample."""
    order = instruction(sample)
    alone = order if len(order) < len(sample.strip()) else ""
    asking = text.words_of(alone) if alone else tuple(words)
    found = text.kinds(order, Counter(asking), language) if alone else whole
    first = next((turn.text[:_SYSTEM].lower() for turn in turns if turn.role == "system"), "")
    ruled = text.kinds(first, Counter(text.words_of(first)), "en") if first else {}
    before = " ".join(
        turn.text[:_EARLIER].lower() for turn in turns[max(0, asked - 12) : max(0, asked)] if turn.role == "user"
    )
    earlier = text.kinds(before, Counter(text.words_of(before)), language) if before else {}
    return {
        "asked_words": text.amount(order, asking, language),
        "pasted_chars": len(sample) - len(order) if alone else 0,
        "clauses": sum([order.count(mark) for mark in _CLAUSES]),
        "asked_ease": found["ease"] + found["ask"],
        "asked_brief": found["brief"],
        "asked_hard": found["hard"] + found["plan"] + found["reason"],
        "system_ease": ruled.get("ease", 0.0) + ruled.get("brief", 0.0),
        "system_hard": ruled.get("hard", 0.0),
        "earlier_hard": earlier.get("hard", 0.0) + earlier.get("plan", 0.0) + earlier.get("reason", 0.0),
    }

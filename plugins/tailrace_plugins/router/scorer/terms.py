"""The terms of the score: features brought to a common scale, each about 0 to 3, the larger the more of it.

Both modes weigh these same terms, so what one says of a request can be set beside what the other says.
"""

from collections.abc import Mapping
from math import log1p
from typing import Final

HARDER: Final = frozenset(
    """length sentences asked_length reasoning planning maths_words hard_words hard_share constraints debugging
    relations relation_share clauses jargon conditions symbols fractions statements option_length parts
    more_questions files code_volume code_signs tools loop_depth results_before calls_needed errors_in_row
    repeated_calls images context hard_instructions hard_before effort repetition long_words""".split()
)
"""Terms that in the rules may only speak for a hard request, whatever the data seem to say."""
EASIER: Final = frozenset(
    "very_short small_talk easy_task brief_answer fact_question simple_instructions short_answer".split()
)
"""Terms that in either mode may only speak for an easy one."""
STRUCTURE: Final = frozenset(
    """length parts planning debugging hard_words hard_share code_volume code_signs tools loop_depth results_before
    calls_needed errors_in_row repeated_calls images context hard_instructions hard_before""".split()
)
"""Those of `HARDER` that hold in the learned mode, too: benchmark questions hardly vary in them."""

_MATERIAL_CHARS: Final = 300
_ORDER_WORDS: Final = 120
"""Of an order that is given with a template: guidelines, an output format, examples."""


def terms(features: Mapping[str, float]) -> dict[str, float]:
    """The terms of a request by name. Counts go in by their logarithm or up to a bound, lest one outweigh all."""
    f = features
    words = f["words"]
    per = 1.0 / max(12.0, words)
    small_talk = _small_talk(f)
    options = 1.0 if f["options"] >= 2 else 0.0
    # A short system prompt that asks for a label, a title or fields makes the user's text mere material.
    ordered = f["system_ease"] > 0 and f["system_chars"] <= 400 and not f["tools"] and f["user_turns"] <= 1
    # So does an easy order over pasted text: a title for a chat about proofs is no proof.
    easy_order = f["asked_brief"] + f["asked_ease"] > 0 and not f["asked_hard"] and f["asked_words"] <= _ORDER_WORDS
    is_material = easy_order and f["pasted_chars"] >= _MATERIAL_CHARS
    told = 0.3 if ordered or is_material else min(1.0, max(0.3, f["asked_words"] / 16.0))
    weighed = 0.3 if is_material else 1.0
    # In the middle of an agent's work the last words ("go on") say little of how much is left.
    working = f["tool_results"] >= 2 and small_talk < 0.5
    chars = max(f["question_chars"], 150.0) if working else f["question_chars"]
    if is_material:
        chars -= 0.7 * min(f["pasted_chars"], chars)
    hard = f["hard"] * told
    return {
        # length
        "length": log1p(chars) - 4.0,
        "very_short": 0.0 if working else max(0.0, 1.0 - f["asked_words"] / 12.0),
        "sentences": log1p(f["sentences"]),
        "pasted": log1p(f["pasted_chars"] / 100.0),
        "asked_length": log1p(f["asked_words"]),
        # words
        "small_talk": small_talk,
        "reasoning": log1p(f["reason"] * told),
        "planning": log1p(f["plan"] * told),
        "maths_words": weighed * (log1p(f["maths"])),
        "easy_task": min(2.0, f["asked_ease"]) if f["asked_words"] <= 40 else min(1.0, f["asked_ease"]),
        "brief_answer": min(2.0, f["asked_brief"]) if f["asked_words"] <= 60 else 0.0,
        "easy_words": log1p(f["ease"]),
        "hard_words": log1p(hard),
        "hard_share": min(2.0, 20.0 * hard * per),
        "constraints": log1p(f["limit"]),
        "debugging": weighed * (log1p(f["debug"])),
        "writing": min(2.0, f["write"]),
        "code_words": log1p(f["code"]),
        "fact_question": min(1.0, f["ask"]) if words <= 30 else 0.0,
        "negation": min(2.0, f["deny"]),
        "word_length": max(0.0, min(4.0, f["word_length"] - 3.0)),
        "long_words": 5.0 * f["long_words"],
        "repetition": weighed * (1.0 - f["distinct_words"]),
        # numbers
        "numbers": log1p(f["numbers"]),
        "number_words": log1p(f["quantity"]),
        "big_numbers": log1p(f["big_numbers"]),
        "decimals": log1p(f["decimals"]),
        "percents": log1p(f["percents"]),
        "fractions": log1p(f["fractions"]),
        "money": log1p(f["money"]),
        "relations": weighed * (log1p(f["relation"])),
        "relation_share": min(2.0, 10.0 * f["relation"] * per),
        "units": log1p(f["unit"]),
        "conditions": weighed * (log1p(f["condition"])),
        "symbols": weighed * (log1p(f["symbols"])),
        # form
        "options": options,
        "option_length": log1p(f["option_chars"] / 10.0) if options else 0.0,
        "statements": log1p(f["statements"]),
        "blanks": log1p(f["blanks"]),
        "parts": log1p(f["parts"]),
        "clauses": log1p(f["clauses"]),
        "jargon": weighed * (log1p(f["jargon"])),
        "more_questions": log1p(max(0.0, f["questions"] - 1.0)),
        "format": log1p(f["format"]),
        "files": log1p(f["files"]),
        "lines": log1p(f["lines"]),
        # the conversation around it
        "code_volume": log1p(f["code_chars"] / 200.0),
        "code_signs": log1p(f["code_signs"]),
        "tools": log1p(f["tools"]) * (1.0 - small_talk),
        "loop_depth": log1p(f["loop_depth"]) if working else 0.0,
        "results_before": log1p(f["tool_results"]) if working else 0.0,
        "calls_needed": log1p(f["calls_needed"]) * (1.0 - small_talk),
        "errors_in_row": min(4.0, f["errors_in_row"]),
        "repeated_calls": min(4.0, f["repeated_calls"]),
        "images": log1p(f["images"]),
        "turns": log1p(max(0.0, f["user_turns"] - 1.0)),
        "context": log1p(max(0.0, f["chars"] - f["question_chars"]) / 2000.0) * (1.0 - small_talk),
        "simple_instructions": min(2.0, f["system_ease"]) if ordered else 0.0,
        "hard_instructions": log1p(f["system_hard"]) * (1.0 - small_talk),
        "hard_before": log1p(f["earlier_hard"]) * (1.0 - small_talk),
        "structured_output": f["output"],
        "effort": f["effort"],
        "short_answer": f["short_answer"],
    }


def _small_talk(f: Mapping[str, float]) -> float:
    """How much of a short text is greeting, thanks or assent: all of it, where it asks for nothing besides."""
    words = f["words"]
    if words > 14 or f["hard"]:
        return 0.0
    asks = f["questions"] + f["plan"] + f["reason"] + f["write"] + f["ease"] + f["code"] + f["debug"] + f["numbers"]
    share = min(1.0, f["greet"] / max(1.0, words))
    if asks:
        return 0.0 if f["ease"] else share
    return max(share, 0.8) if f["greet"] and words <= 10 else share

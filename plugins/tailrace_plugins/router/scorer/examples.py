"""Reads what the weights are learnt from: questions with outcomes of two models, and requests with a tier."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tailrace.wire.conversation import Conversation, Turn, read_conversation
from tailrace.wire.endpoints import Shape
from tailrace_plugins.router.features import Features, extract

TIERS: Final = ("trivial", "simple", "moderate", "complex", "expert")
SUFFICES: Final = (0.99, 0.96, 0.88, 0.7, 0.25)
"""By tier: how often the cheap model is held to suffice for a request that a person put into it."""
_NUMBERS: Final = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Example:
    """One request. `gain`, -1 to 1, is what the strong model's answer is better by; p is learnt as 1 less its mean."""

    features: Features
    gain: float
    tier: int | None = None
    """Index into `TIERS` where a person set it; None where two models were tried."""
    source: str = "outcomes"
    weight: float = 1.0
    answer: str = ""
    """The strong model's answer, where it is known."""

    @property
    def group(self) -> str:
        """Equal for requests that differ in numbers and spacing alone: one is never predicted from the other."""
        return _NUMBERS.sub("0", " ".join(self.features.question.lower().split()))[:2_000]


def examples(rows: Iterable[Mapping[str, Any]]) -> list[Example]:
    """The usable rows. Contaminated ones are left out, as are those without a request, and without outcome or tier.

    Outcomes are `weak_correct` and `strong_correct` (true, false, or 0 to 1), or `weak_scores` and `strong_scores`
    (turn: 1 to 10); questions `prompt`, `turns` (the first one), `messages` or `request`. `source` names where a row is
    from, `weight` how much it counts (1), `strong_response` what the strong model said.
    """
    found = []
    for row in rows:
        conversation = None if row.get("contaminated") is True else asked(row)
        tier = TIERS.index(row["tier"]) if row.get("tier") in TIERS else None
        gain = 1.0 - SUFFICES[tier] if tier is not None else _gain(row)
        if conversation is not None and gain is not None:
            source, weight = row.get("source"), row.get("weight")
            found.append(
                Example(
                    extract(conversation),
                    gain,
                    tier,
                    source if isinstance(source, str) else "outcomes",
                    float(weight) if isinstance(weight, (int, float)) and weight > 0 else 1.0,
                    answer if isinstance(answer := row.get("strong_response"), str) else "",
                )
            )
    return found


def asked(row: Mapping[str, Any]) -> Conversation | None:
    """The request of a row, in whichever form it stands there."""
    prompt, turns = row.get("prompt"), row.get("turns")
    if isinstance(prompt, str):
        return Conversation((Turn("user", prompt),))
    if isinstance(turns, list) and turns and isinstance(turns[0], str):
        return Conversation((Turn("user", turns[0]),))
    request = row.get("request", row)
    if not isinstance(request, Mapping):
        return None
    shape: Shape = "responses" if "input" in request else "completions" if "prompt" in request else "chat"
    conversation = read_conversation(shape, request)
    return conversation if conversation.turns else None


def _gain(row: Mapping[str, Any]) -> float | None:
    weak, strong = _outcome(row, "weak"), _outcome(row, "strong")
    return None if weak is None or strong is None else max(-1.0, min(1.0, strong - weak))


def _outcome(row: Mapping[str, Any], model: str) -> float | None:
    correct, scores = row.get(f"{model}_correct"), row.get(f"{model}_scores")
    if isinstance(correct, (bool, int, float)):
        return float(correct)
    if isinstance(scores, Mapping) and scores:
        values = [score for score in scores.values() if isinstance(score, (int, float))]
        return sum(values) / len(values) / 10.0 if values else None
    return None

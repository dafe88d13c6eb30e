"""How fast each model answers, as measured while serving."""

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Final

from tailrace.abilities import Abilities
from tailrace.exchange import Outcome

_WEIGHT: Final = 0.1
"""Of the newest answer in the moving average."""
_LEAST_TOKENS: Final = 8
"""Answers shorter than this tell little of the rate."""
_MOST_MODELS: Final = 256


@dataclass(frozen=True, slots=True)
class Speed:
    """Moving averages of one model; None until an answer told."""

    first_token_s: float | None = None
    tokens_per_s: float | None = None


class Speeds:
    """The measured speeds, by provider and model."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], Speed] = OrderedDict()

    def heard(self, outcome: Outcome, call_s: float, first_s: float | None) -> None:
        """Learn from a complete answer: `call_s` seconds from the call to its end, `first_s` to the first event of a
        stream (None for a whole answer, which tells only how long it took in all).
        """
        if outcome.state != "complete" or outcome.status != 200 or outcome.usage is None or call_s <= 0:
            return
        key = (outcome.provider, outcome.model)
        known = self._known.pop(key, Speed())
        tokens = outcome.usage.output_tokens
        if first_s is not None:
            known = replace(known, first_token_s=_averaged(known.first_token_s, first_s))
        writing_s = call_s - (first_s if first_s is not None else 0.0)
        if tokens >= _LEAST_TOKENS and writing_s > 0:
            known = replace(known, tokens_per_s=_averaged(known.tokens_per_s, tokens / writing_s))
        self._known[key] = known
        if len(self._known) > _MOST_MODELS:
            self._known.popitem(last=False)

    def of(self, provider: str, model: str, abilities: Abilities) -> Speed:
        """What is configured, else what was measured."""
        measured = self._known.get((provider, model), Speed())
        first_s, rate = abilities.first_token_s, abilities.tokens_per_s
        return Speed(
            measured.first_token_s if first_s is None else first_s,
            measured.tokens_per_s if rate is None else rate,
        )


def _averaged(known: float | None, new: float) -> float:
    return new if known is None else known + _WEIGHT * (new - known)

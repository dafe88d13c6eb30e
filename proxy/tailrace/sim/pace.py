"""How fast the simulated model is: the delays before its tokens, apart from waiting them out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from .dice import Dice
from .script import Kind, Step
from .settings import SimSettings

# A hosted model computes a prompt at some 25,000 tokens a second: 8000 tokens more double the first 300 ms.
_TOKENS_THAT_DOUBLE = 8000
# What is beyond a usual context window costs no more time: the simulation takes any prompt, a real model would not.
_MOST_SLOWING_TOKENS = 128_000
# A prompt cached as a whole still queues and samples: it keeps this share of a short prompt's delay.
_CACHED_SHARE = 0.4


@dataclass(frozen=True, slots=True)
class Pace:
    """Delays of one answer, in milliseconds, with the seed of their jitter."""

    first_ms: float
    per_token_ms: float
    jitter: float = 0.0
    seed: int = 0

    @property
    def instant(self) -> bool:
        """Whether nothing is to be waited for."""
        return self.first_ms <= 0 and self.per_token_ms <= 0

    def whole_ms(self, tokens: int) -> float:
        """Return the time an answer of this many tokens takes when it is sent in one piece."""
        if self.instant:
            return 0.0
        return self.first_ms + self.per_token_ms * tokens * _stretch(Dice(self.seed), self.jitter)

    def over(self, steps: Iterable[Step]) -> Iterable[Step]:
        """Give each step its wait: the first token's before the first that is not an opening, then a token's each."""
        return steps if self.instant else self._waiting(steps)

    def _waiting(self, steps: Iterable[Step]) -> Iterator[Step]:
        dice = Dice(self.seed)
        started = False
        for step in steps:
            wait = 0.0
            if not started and step.kind is not Kind.OPEN:
                started, wait = True, self.first_ms
            elif step.tokens:
                wait = self.per_token_ms * step.tokens * _stretch(dice, self.jitter)
            yield replace(step, wait_ms=wait) if wait else step


def first_token_ms(
    settings: SimSettings, prompt_tokens: int, cached_tokens: int, base_ms: float | None = None
) -> float:
    """Return the time to the first token: it grows with what must be computed and falls with what is cached."""
    base = settings.first_token_ms if base_ms is None else base_ms
    if base <= 0:
        return 0.0
    fresh = prompt_tokens - cached_tokens
    share = fresh / prompt_tokens if prompt_tokens else 1.0
    return (
        base
        * (_CACHED_SHARE + (1 - _CACHED_SHARE) * share)
        * (1 + min(fresh, _MOST_SLOWING_TOKENS) / _TOKENS_THAT_DOUBLE)
    )


def _stretch(dice: Dice, jitter: float) -> float:
    return 1 + jitter * (2 * dice.unit() - 1) if jitter else 1.0

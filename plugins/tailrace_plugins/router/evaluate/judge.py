"""Rows through the scorer, one by one, with the time that each decision takes."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tailrace.wire.conversation import Conversation
from tailrace_plugins.router.evaluate.outcomes import Row
from tailrace_plugins.router.features import extract
from tailrace_plugins.router.scorer import Scorer

_WARM_UP: Final = 100


@dataclass(frozen=True, slots=True)
class Judged:
    """What the scorer made of the rows. `scores`: the probability that the strong model is needed."""

    scores: tuple[float, ...]
    times_ms: tuple[float, ...]

    def at_ms(self, share: float) -> float:
        """The decision time at that share of the sorted times (nearest rank)."""
        ranked = sorted(self.times_ms)
        return ranked[min(len(ranked) - 1, int(share * len(ranked)))]


def question(conversation: Conversation) -> str:
    """The text whose embedding the scorer takes."""
    return extract(conversation).question


def judge(
    rows: Sequence[Row], scorer: Scorer, vectors: Sequence[bytes | None], tell: Callable[[], None] = lambda: None
) -> Judged:
    """Score each row. Timed are features and score; the vector is there, as it is when the semantic cache made it."""
    for row, vector in list(zip(rows, vectors, strict=True))[:_WARM_UP]:
        scorer.score(extract(row.conversation), vector)
    scores, times = [], []
    for row, vector in zip(rows, vectors, strict=True):
        began = time.perf_counter()
        score = scorer.score(extract(row.conversation), vector)
        times.append((time.perf_counter() - began) * 1_000)
        scores.append(1.0 - score.p)
        tell()
    return Judged(tuple(scores), tuple(times))

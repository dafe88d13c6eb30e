"""From the features of a request to the probability that the cheap model suffices."""

from pathlib import Path
from typing import Final

from tailrace_plugins.router.features import Features, warm
from tailrace_plugins.router.scorer.curve import Boundaries, boundaries
from tailrace_plugins.router.scorer.heads import Head, logistic, unpacked
from tailrace_plugins.router.scorer.reasons import reason
from tailrace_plugins.router.scorer.score import Mode, Score
from tailrace_plugins.router.scorer.terms import terms
from tailrace_plugins.router.scorer.weights import MODES, Weights, WeightsError, load, shipped

_WITH_EMBEDDING: Final = "learned+embedding"


class Scorer:
    """Scores requests with one file of weights: the shipped one of the mode, or the one given. Holds no state."""

    def __init__(self, mode: Mode, weights: Path | None = None) -> None:
        """Raises `WeightsError` for a file without weights of that mode."""
        if mode not in ("rules", "learned"):
            raise WeightsError(f"unknown mode {mode!r} (there are 'rules' and 'learned')")
        warm()
        self.mode: Mode = mode
        self.weights: Weights = shipped(mode) if weights is None else load(weights)
        if mode not in self.weights.heads:
            raise WeightsError(f"{weights}: holds {', '.join(self.weights.heads)}, not {mode}")

    def score(self, features: Features, embedding: bytes | None = None) -> Score:
        """The judgement of a request. Never fails.

        `embedding` is that of `features.question`, as float32 little-endian, a unit vector of all-MiniLM-L6-v2; one of
        another size is ignored, as is any in mode `rules`.
        """
        vector = None
        mode: str = self.mode
        if mode == "learned" and _WITH_EMBEDDING in self.weights.heads:
            vector = unpacked(embedding)
            if vector is not None:
                mode = _WITH_EMBEDDING
        head: Head = self.weights.heads[mode]
        parts = head.parts(terms(features), vector)
        p = logistic(sum(part.value * part.weight for part in parts))
        parts.sort(key=lambda part: -abs(part.value * part.weight))
        return Score(p, tuple(parts), mode, reason(parts, p))

    def thresholds(self, mode: str, quality: float) -> Boundaries:
        """As the function of that name, for the weights of this scorer."""
        if mode not in self.weights.curves:
            raise ValueError(f"no curve for {mode!r}")
        return boundaries(self.weights.curves[mode], quality)


def thresholds(mode: str, quality: float) -> Boundaries:
    """The p, falling, that part trivial from simple, simple from moderate, moderate from complex, complex from expert.

    `mode` is that of a `Score`; `quality` the share of the strong model's gain to keep, 0 to 1. Raises ValueError for a
    mode that is none. See `curve.boundaries` for the formula.
    """
    if mode not in MODES:
        raise ValueError(f"unknown mode {mode!r} (there are {', '.join(MODES)})")
    return boundaries(shipped(mode.partition("+")[0]).curves[mode], quality)

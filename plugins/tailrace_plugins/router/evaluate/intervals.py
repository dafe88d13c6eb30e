"""How sure the figures are: bootstrap intervals over the rows. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from tailrace_plugins.router.evaluate.metrics import Metrics, Scored

Range = tuple[float, float]
"""The middle 95% of the resamples (2.5% and 97.5% percentile)."""

LEAST_RESAMPLES = 20
"""Fewer say nothing about 95%."""


@dataclass(frozen=True, slots=True)
class Intervals:
    """The 95% ranges of a scorer's figures, and of its APGR over another scorer's on the same rows."""

    apgr: Range
    cpt50: Range
    cpt80: Range
    over_other: Range


def intervals(
    scored: Scored, other: Scored, resamples: int, seed: int, tell: Callable[[], None] = lambda: None
) -> Intervals | None:
    """Draw the rows anew `resamples` times, with replacement, and see how the figures spread (Efron's percentile
    bootstrap). Both scorers get the same rows each time, so that their difference is spared what they share.

    `tell` is called after each. The same seed gives the same ranges. None for fewer than `LEAST_RESAMPLES` that mean
    anything.
    """
    if resamples < LEAST_RESAMPLES:
        return None
    draw = Random(seed).random
    count = len(scored)
    ours, theirs = _places(scored), _places(other)
    found: list[tuple[Metrics, Metrics]] = []
    for _ in range(resamples):
        rows = [int(draw() * count) for _ in range(count)]
        one, two = scored.resampled([ours[row] for row in rows]), other.resampled([theirs[row] for row in rows])
        if one is not None and two is not None:
            found.append((one, two))
        tell()
    if len(found) < LEAST_RESAMPLES:
        return None
    return Intervals(
        _range([one.apgr or 0.0 for one, _ in found]),
        _range([one.cpt50 or 0.0 for one, _ in found]),
        _range([one.cpt80 or 0.0 for one, _ in found]),
        _range([(one.apgr or 0.0) - (two.apgr or 0.0) for one, two in found]),
    )


def _places(scored: Scored) -> list[int]:
    places = [0] * len(scored)
    for place, row in enumerate(scored.order):
        places[row] = place
    return places


def _range(values: Sequence[float]) -> Range:
    ranked = sorted(values)
    last = len(ranked) - 1
    return ranked[round(0.025 * last)], ranked[round(0.975 * last)]

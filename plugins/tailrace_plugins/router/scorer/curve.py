"""From a quality to keep to the p above which requests may go to the cheap model."""

from bisect import bisect_left
from collections.abc import Sequence

Curve = tuple[tuple[float, float], ...]
"""Pairs (quality, p), both rising: with all requests above p sent to the cheap model, that share of the strong model's
gain is kept. Made from predictions for requests that were not learnt from."""

Boundaries = tuple[float, float, float, float]


def at(curve: Curve, quality: float) -> float:
    """The p of a quality, 0 to 1, by linear interpolation."""
    wanted = min(1.0, max(0.0, quality))
    place = bisect_left([point[0] for point in curve], wanted)
    if place == 0:
        return curve[0][1]
    if place == len(curve):
        return curve[-1][1]
    (low, least), (high, most) = curve[place - 1], curve[place]
    return least + (most - least) * (wanted - low) / (high - low)


def boundaries(curve: Curve, quality: float) -> Boundaries:
    """The p, falling, at which trivial ends, simple, moderate and complex.

    All that is above moderate's start keeps `quality` of the gain; the share 1 - quality that may be lost is spent half
    on trivial, wholly on trivial and simple. Moderate requests would cost twice of it, complex ones five times.
    """
    loss = 1.0 - min(1.0, max(0.0, quality))
    first, second, third, fourth = (at(curve, 1.0 - loss * share) for share in (0.5, 1.0, 2.0, 5.0))
    return first, second, third, fourth


def rising(curve: Sequence[tuple[float, float]]) -> bool:
    """Whether it has two points or more, its qualities rise, its p never fall, and all are within 0 and 1."""
    within = all(0.0 <= value <= 1.0 for point in curve for value in point)
    pairs = list(zip(curve, curve[1:], strict=False))
    return len(curve) >= 2 and within and all(a[0] < b[0] and a[1] <= b[1] for a, b in pairs)

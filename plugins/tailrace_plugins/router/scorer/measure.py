"""How good predictions are, and the curve from quality to p that they give. Needs numpy."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
QUALITIES = (
    0.0,
    0.25,
    0.5,
    0.6,
    0.7,
    0.75,
    0.8,
    0.85,
    0.9,
    0.925,
    0.95,
    0.96,
    0.97,
    0.975,
    0.98,
    0.985,
    0.99,
    0.995,
    1.0,
)


def apgr(p: Array, gains: Array) -> float:
    """The area under the share of the gain kept over the share of strong calls, for ten quantiles of p (RouteLLM)."""
    need = -p
    edges = np.quantile(need, np.linspace(0.0, 1.0, 11))
    strong = [need >= edge for edge in edges[:-1]] + [need > edges[-1]]
    share = np.array([chosen.mean() for chosen in strong])[::-1]
    kept = np.array([gains[chosen].sum() for chosen in strong])[::-1] / gains.sum()
    return float(np.trapezoid(kept, share))


def interval(p: Array, gains: Array, seed: int, draws: int = 1000) -> tuple[float, float]:
    """The 95% bootstrap interval of `apgr`."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        at = random.integers(0, len(p), len(p))
        if gains[at].sum() > 0:
            found.append(apgr(p[at], gains[at]))
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def curve(p: Array, gains: Array, weights: Array) -> list[list[float]]:
    """For each quality the lowest p above which requests may go to the weak model and that share of the gain is kept.

    Gains are averaged over neighbours (a running mean of the sorted rows, made to fall with p), since outcomes are only
    0 and 1, and a curve that followed them would jump.
    """
    p, gains, weights = p[weights > 0], gains[weights > 0], weights[weights > 0]
    order = np.argsort(-p, kind="stable")
    sorted_p, heavy = p[order], weights[order]
    expected = _smooth(gains[order], heavy)
    lost = np.concatenate([[0.0], np.cumsum(heavy * expected)])
    lost /= lost[-1]
    points: list[list[float]] = []
    for quality in QUALITIES:
        place = int(np.searchsorted(lost, 1.0 - quality, side="right")) - 1
        value = 1.0 if quality == 1.0 else float(sorted_p[min(place, len(p) - 1)])
        points.append([quality, round(max(value, points[-1][1] if points else 0.0), 5)])
    return points


def _smooth(values: Array, weights: Array) -> Array:
    """Isotonic: the least squares fit that rises with the rows (pool adjacent violators), never below a small gain."""
    blocks: list[list[float]] = []
    for value, weight in zip(values, weights, strict=True):
        blocks.append([float(value), float(weight), 1])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            other = blocks.pop()
            last = blocks[-1]
            mass = last[1] + other[1]
            last[0] = (last[0] * last[1] + other[0] * other[1]) / mass
            last[1], last[2] = mass, last[2] + other[2]
    return np.concatenate([np.full(int(count), max(value, 1e-4)) for value, _, count in blocks])

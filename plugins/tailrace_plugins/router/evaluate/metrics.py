"""APGR and CPT as RouteLLM defines them, and what quality costs. Pure.

RouteLLM (arXiv 2406.18665, section 3.2; lm-sys/RouteLLM, `routellm/evals`): the scores are cut at their deciles, as
`pandas.qcut(scores, 10)` does; for each of the eleven thresholds every row at or above it goes to the strong model (at
the last one only rows above it, that is none). PGR, the performance gap recovered, is (quality - weak) divided by
(strong - weak). APGR is the area under PGR over the share of strong calls, by the trapezoid rule; CPT(x) the share of
strong calls at which PGR reaches x, by linear interpolation.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

QUANTILES: Final = 10
QUALITIES: Final = (0.90, 0.95, 0.99)
"""The shares of the strong model's gain at which costs are told."""


@dataclass(frozen=True, slots=True)
class Point:
    """What one threshold gives: the share of strong calls (0 to 1), the mean quality, PGR, and mean dollars a row."""

    share: float
    quality: float
    pgr: float
    usd: float | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """What a quality costs at least: the share of strong calls, mean dollars a row, and those as a share of what the
    strong model alone costs. None where it is not reached, or not known.
    """

    quality: float
    share: float | None
    usd: float | None = None
    of_strong: float | None = None


@dataclass(frozen=True, slots=True)
class Metrics:
    """The figures of one scorer on one set; all None where the strong model is not better than the weak one."""

    points: tuple[Point, ...]
    apgr: float | None
    cpt50: float | None
    cpt80: float | None
    costs: tuple[Cost, ...] = ()


class Scored:
    """Rows by rising score: what all figures are made of. `scores`: the higher, the more the strong model is needed.

    `costs` are dollars a row of the weak and the strong model. Raises ValueError for lists of unequal length, none, or
    a score that is no number.
    """

    def __init__(
        self,
        scores: Sequence[float],
        weak: Sequence[float],
        strong: Sequence[float],
        costs: Sequence[tuple[float, float]] | None = None,
    ) -> None:
        if not scores or len({len(scores), len(weak), len(strong), len(costs or scores)}) != 1:
            raise ValueError("scores and outcomes must be as many, and some")
        if any(score != score for score in scores):
            raise ValueError("a score is no number")
        order = sorted(range(len(scores)), key=scores.__getitem__)
        self.order = order
        self.scores = [float(scores[at]) for at in order]
        self.weak = [float(weak[at]) for at in order]
        self.gains = [strong[at] - weak[at] for at in order]
        self.costs = None if costs is None else [costs[at] for at in order]

    def __len__(self) -> int:
        return len(self.scores)

    def metrics(self) -> Metrics:
        """The figures over all rows."""
        points = self._points()
        known = self._total_gain(self.gains) > 0
        return Metrics(
            points,
            apgr(points) if known else None,
            cpt(points, 0.5) if known else None,
            cpt(points, 0.8) if known else None,
            tuple(cost_at(points, quality) for quality in QUALITIES) if known else (),
        )

    def resampled(self, places: Sequence[int]) -> Metrics | None:
        """The figures without costs over the rows at `places` (0 to n-1 by rising score; repeats count). None where the
        strong model is not better on them.
        """
        at = sorted(places)
        gains = [self.gains[place] for place in at]
        total = self._total_gain(gains)
        if total <= 0:
            return None
        curve = [(share, gain / total) for share, gain in _cuts([self.scores[place] for place in at], gains)]
        points = tuple(Point(share, 0.0, pgr) for share, pgr in curve)
        return Metrics(points, apgr(points), cpt(points, 0.5), cpt(points, 0.8))

    def _points(self) -> tuple[Point, ...]:
        count = len(self)
        weak, total = sum(self.weak) / count, self._total_gain(self.gains)
        made = []
        for share, gain in _cuts(self.scores, self.gains):
            usd = None
            if self.costs is not None:
                cut = count - round(share * count)
                usd = (sum(low for low, _ in self.costs[:cut]) + sum(high for _, high in self.costs[cut:])) / count
            made.append(Point(share, weak + gain / count, gain / total if total else 0.0, usd))
        return tuple(made)

    @staticmethod
    def _total_gain(gains: Sequence[float]) -> float:
        return sum(gains)


def thresholds(scores: Sequence[float]) -> list[float]:
    """The deciles of rising scores with minimum and maximum, interpolated linearly as numpy and pandas do."""
    last = len(scores) - 1
    found = []
    for quantile in range(QUANTILES + 1):
        # 3 * 0.1 is a little over 0.3, as it is in numpy.linspace: the row at the very decile then falls below it.
        place = last * (quantile * (1 / QUANTILES))
        low = min(int(place), last)
        high, part = min(low + 1, last), place - low
        step = scores[high] - scores[low]
        # numpy counts from the nearer end, so that both ends come out exactly.
        found.append(scores[high] - step * (1 - part) if part >= 0.5 else scores[low] + step * part)
    return found


def apgr(points: Sequence[Point]) -> float:
    """The area under PGR over the share of strong calls: 0.5 for a random router."""
    pairs = zip(points, points[1:], strict=False)
    return sum((after.share - before.share) * (before.pgr + after.pgr) / 2 for before, after in pairs)


def cpt(points: Sequence[Point], pgr: float) -> float:
    """The percentage of strong calls for a PGR, as `numpy.interp` finds it: RouteLLM's figures are made like this."""
    marks = [point.pgr for point in points]
    if pgr > marks[-1]:
        return 100 * points[-1].share
    if pgr < marks[0]:
        return 100 * points[0].share
    at = min(_place(marks, pgr), len(points) - 2)
    return 100 * _between(points[at], points[at + 1], pgr)


def _place(marks: Sequence[float], key: float) -> int:
    """Where numpy looks (`binary_search_with_guess` in its compiled_base.c, guess 1, for more than 4 marks).

    Where a curve falls in places several crossings exist, and which one is found hangs on the order of comparisons.
    """
    low, high = 0, len(marks)
    if high <= 4:
        return next((at for at in range(1, high) if key < marks[at]), high) - 1
    for at in (1, 2, 3):
        if key < marks[at]:
            return at - 1
    low = 3
    if high > 10 and key < marks[9]:
        high = 9
    while low < high:
        middle = (low + high) // 2
        if key >= marks[middle]:
            low = middle + 1
        else:
            high = middle
    return low - 1


def cost_at(points: Sequence[Point], quality: float) -> Cost:
    """What a PGR of `quality` costs at least: at the first crossing, interpolated linearly."""
    for at, after in enumerate(points):
        if after.pgr < quality:
            continue
        share = after.share if at == 0 else _between(points[at - 1], after, quality)
        usd = after.usd
        if at and usd is not None and (earlier := points[at - 1].usd) is not None:
            width = after.share - points[at - 1].share
            part = (share - points[at - 1].share) / width if width else 1.0
            usd = earlier + (usd - earlier) * part
        dear = points[-1].usd
        return Cost(quality, share, usd, usd / dear if usd is not None and dear else None)
    return Cost(quality, None)


def _between(before: Point, after: Point, pgr: float) -> float:
    rise = after.pgr - before.pgr
    if rise == 0:
        return before.share
    return before.share + (after.share - before.share) * (pgr - before.pgr) / rise


def _cuts(scores: Sequence[float], gains: Sequence[float]) -> list[tuple[float, float]]:
    """Share of strong calls and their gain for each threshold, by rising share; `scores` rise."""
    count = len(scores)
    below = list(accumulate(gains, initial=0.0))
    *inner, top = thresholds(scores)
    cuts = [bisect_left(scores, threshold) for threshold in inner] + [bisect_right(scores, top)]
    return [((count - cut) / count, below[-1] - below[cut]) for cut in reversed(cuts)]


def oracle(weak: Sequence[float], strong: Sequence[float]) -> list[float]:
    """Scores of a router that knows both outcomes: ranks by gain, so that equal gains do not fall together."""
    gains = [high - low for low, high in zip(weak, strong, strict=True)]
    scores = [0.0] * len(gains)
    for rank, at in enumerate(sorted(range(len(gains)), key=gains.__getitem__)):
        scores[at] = float(rank)
    return scores

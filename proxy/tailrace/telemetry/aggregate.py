"""Counters and histograms in memory: a record costs a dictionary look-up and an addition.

One thread writes (the event loop); any thread may read. A reader copies with single C calls, so it sees each list and
dictionary as it was at one moment; a histogram's sum may be one observation ahead of its counts.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from time import time as _now
from typing import NamedTuple

from tailrace.telemetry.names import Metric

Labels = tuple[str, ...]
Reading = Callable[[], Iterable[tuple[Labels, float]]]


class Exemplar(NamedTuple):
    """The latest sampled request of a bucket."""

    value: float
    trace_id: int
    span_id: int
    wall_s: float


class Counter:
    """A sum that only grows."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: float = 0

    def add(self, amount: float = 1) -> None:
        """Count."""
        self.value += amount


class Histogram:
    """Counts per bucket; bucket `i` holds values up to and including `bounds[i]`, the last one all above."""

    __slots__ = ("_bounds", "counts", "exemplars", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total: float = 0
        self.exemplars: list[tuple[float, int, int, float] | None] = [None] * (len(bounds) + 1)

    def record(self, value: float, ids: tuple[int, int] | None = None) -> None:
        """Count a value; `ids` are the trace and span of the request it comes from, if they are exported."""
        bucket = bisect_left(self._bounds, value)
        self.counts[bucket] += 1
        self.total += value
        if ids is not None:
            self.exemplars[bucket] = (value, ids[0], ids[1], _now())


class Counters:
    """A counter metric: one counter per set of labels."""

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self.series: dict[Labels, Counter] = {}

    def at(self, *labels: str) -> Counter:
        """The counter with these labels, in the metric's order; empty for a label that does not apply."""
        found = self.series.get(labels)
        if found is None:
            found = self.series[labels] = Counter()
        return found


class Histograms:
    """A histogram metric: one histogram per set of labels."""

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self.series: dict[Labels, Histogram] = {}

    def at(self, *labels: str) -> Histogram:
        """The histogram with these labels, in the metric's order; empty for a label that does not apply."""
        found = self.series.get(labels)
        if found is None:
            found = self.series[labels] = Histogram(self.metric.bounds)
        return found


class Observed:
    """A metric that is read when somebody asks."""

    def __init__(self, metric: Metric, read: Reading) -> None:
        self.metric = metric
        self.read = read


Family = Counters | Histograms | Observed


class Point(NamedTuple):
    """One series as it was: `value` of a counter or gauge, or sum, counts and exemplars of a histogram."""

    labels: Labels
    value: float
    counts: tuple[int, ...] = ()
    exemplars: tuple[Exemplar | None, ...] = ()


def snapshot(family: Family) -> list[Point]:
    """All series of a metric."""
    if isinstance(family, Observed):
        return [Point(labels, value) for labels, value in family.read()]
    if isinstance(family, Counters):
        return [Point(labels, counter.value) for labels, counter in list(family.series.items())]
    return [
        Point(labels, seen.total, tuple(seen.counts), tuple(each and Exemplar(*each) for each in seen.exemplars))
        for labels, seen in list(family.series.items())
    ]

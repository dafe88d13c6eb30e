"""How much of what, and the book in which all that is measured is written down. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from benchkit.report import Figure, figure

REAL = 4_000
"""Vectors of a full store that are MiniLM's own; see `vectors`."""
ANSWER_BYTES = 2048
"""Of each answer in a full store."""

Tell = Callable[[str, float], None]
"""Takes what is being done now, and how many seconds' worth of work (about) has been finished since the last time."""


@dataclass(frozen=True)
class CachePlan:
    """How long, how often and how many."""

    seconds: float = 3.0
    rounds: int = 3
    slices: int = 4
    connections: int = 64
    events: int = 50
    entries: int = 100_000
    from_disk: int = 5_000
    questions: int = 150
    paced: int = 60
    pause_s: float = 0.05
    in_all: int = 1_000_000

    def quick(self) -> CachePlan:
        """A smoke test of everything: its figures mean nothing."""
        few = {"entries": min(self.entries, 4_000), "from_disk": 300, "questions": 20, "paced": 10, "in_all": 20_000}
        return CachePlan(1.0, 1, 1, self.connections, self.events, **few)


@dataclass
class Book:
    """Figures by name, one value for each time it was measured, and what makes them void."""

    figures: dict[str, list[float]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)

    def write(self, name: str, value: float | None) -> None:
        """One more value of a figure; None is none."""
        if value is not None:
            self.figures.setdefault(name, []).append(value)

    def wrong(self, where: str, what: str) -> None:
        """Something that voids a figure."""
        self.problems.append(f"{where}: {what}")

    def read(self, name: str) -> Figure | None:
        """The median of a figure and how far apart its values lie; None when it was not measured."""
        return figure(self.figures.get(name, []))

    def combined(self, first: str, second: str, combine: Callable[[float, float], float]) -> Figure | None:
        """Two figures put together in each round, then the median. Both were measured in the same rounds, or None."""
        left, right = self.figures.get(first, []), self.figures.get(second, [])
        if len(left) != len(right):
            return None
        return figure([combine(a, b) for a, b in zip(left, right, strict=True)])


def nearest_rank(values: list[float], share: float) -> float | None:
    """A percentile."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


class Shares:
    """Makes of "this share is done" what `Tell` takes: "this much more is done"."""

    def __init__(self, tell: Tell, weight: float, label: str = "") -> None:
        self._tell = tell
        self._weight = weight
        self._label = label
        self._share = 0.0

    def __call__(self, share: float) -> None:
        if share > self._share:
            self._tell(self._label, (share - self._share) * self._weight)
            self._share = share

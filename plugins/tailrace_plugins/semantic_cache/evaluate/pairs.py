"""Labelled pairs of questions, and what is counted over them. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tailrace.wire import jsonio


@dataclass(frozen=True, slots=True)
class Pair:
    """`a` was asked and answered; `should_hit` says whether its answer fits `b`, too."""

    a: str
    b: str
    should_hit: bool
    kind: str


@dataclass(frozen=True, slots=True)
class Result:
    """What the cache did with a pair. `seconds` is how long it took to answer `b` or to find that it cannot."""

    pair: Pair
    hit: bool
    reason: str
    similarity: float | None
    seconds: float


class BadPairs(ValueError):
    """A file that is no list of pairs; the text names file, line and mistake."""


def read_pairs(path: Path) -> list[Pair]:
    """The pairs of a JSON Lines file: `{"a", "b", "should_hit", "kind"}`, further fields are passed over.

    Raises `BadPairs`, and OSError for a file that cannot be read.
    """
    pairs = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = jsonio.loads_object(line)
        except jsonio.BadJson as error:
            raise BadPairs(f"{path}:{number}: no JSON object ({error.reason})") from None
        for name, kind in (("a", str), ("b", str), ("should_hit", bool)):
            if type(row.get(name)) is not kind:
                told = "a text" if kind is str else "true or false"
                raise BadPairs(f"{path}:{number}: {name!r} must be {told}")
        pairs.append(Pair(row["a"], row["b"], row["should_hit"], str(row.get("kind", ""))))
    return pairs


def summary(results: Sequence[Result]) -> dict[str, Any]:
    """The figures over all pairs; a rate without anything to count is null.

    precision = right hits / hits; recall = right hits / pairs that should hit; false_hit_rate = false hits / pairs that
    should miss.
    """
    hits = [result for result in results if result.hit]
    should = sum(result.pair.should_hit for result in results)
    right = sum(result.pair.should_hit for result in hits)
    times = sorted(result.seconds for result in results)
    return {
        "pairs": len(results),
        "should_hit": should,
        "hits": len(hits),
        "precision": _rate(right, len(hits)),
        "recall": _rate(right, should),
        "false_hits": len(hits) - right,
        "false_hit_rate": _rate(len(hits) - right, len(results) - should),
        "p50_ms": _at(times, 0.5),
        "p95_ms": _at(times, 0.95),
    }


def by_kind(results: Iterable[Result]) -> dict[str, list[Result]]:
    """The results of each kind, in the kinds' order."""
    kinds: dict[str, list[Result]] = {}
    for result in results:
        kinds.setdefault(result.pair.kind, []).append(result)
    return dict(sorted(kinds.items()))


def _rate(count: int, of: int) -> float | None:
    return round(count / of, 4) if of else None


def _at(times: Sequence[float], share: float) -> float | None:
    """The time at that share of the sorted times (nearest rank), in milliseconds."""
    if not times:
        return None
    return round(times[min(len(times) - 1, int(share * len(times)))] * 1000, 3)

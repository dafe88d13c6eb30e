"""The pairs that were written for the verifier, with the cosines of the default model: no model is needed to decide."""

from pathlib import Path

import pytest

from tailrace.wire import jsonio
from tailrace_plugins.semantic_cache.verifier import candidate_floor, verify

PAIRS = Path(__file__).parent / "pairs"


def outcome(name: str) -> tuple[float, float]:
    """The part of the pairs that should miss which hit, and of those that should hit which hit."""
    rows = [jsonio.loads_object(line) for line in (PAIRS / f"{name}.jsonl").read_bytes().splitlines()]
    hits: dict[bool, list[bool]] = {True: [], False: []}
    for row in rows:
        near = row["similarity"]
        hits[row["should_hit"]].append(near >= candidate_floor(0.01) and verify(row["a"], row["b"], near).same)
    rates = {should: sum(found) / len(found) if found else 0.0 for should, found in hits.items()}
    return rates[False], rates[True]


@pytest.mark.parametrize(
    ("name", "false_hits", "recall"),
    [("natural", 0.01, 0.28), ("agents", 0.02, 0.28), ("hard", 0.02, 0.0), ("questions", 0.02, 0.0)],
)
def test_the_pairs_written_for_it(name: str, false_hits: float, recall: float) -> None:
    found = outcome(name)
    assert found[0] <= false_hits and found[1] >= recall, found

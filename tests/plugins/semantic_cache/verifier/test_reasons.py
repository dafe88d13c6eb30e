"""Names for differences."""

import pytest

from tailrace_plugins.semantic_cache.verifier.reasons import why_not
from tailrace_plugins.semantic_cache.verifier.verdict import REASONS
from tailrace_plugins.semantic_cache.verifier.words import Word


@pytest.mark.parametrize(
    ("one", "other", "reason"),
    [
        ("be it 5", "be it 6", "number"),
        ("be it", "be it not", "negation"),
        ("run `a`", "run `b`", "literal"),
        ("ann love ben", "ben love ann", "order"),
        ("go before noon", "go after noon", "direction"),
        ("who be it", "what be it", "question-type"),
        ("a pilot", "a good pilot", "added-words"),
        ("a nurse", "a pilot", "other-words"),
        ("a b c d e", "f g h i j", "too-different"),
    ],
)
def test_why_not(one: str, other: str, reason: str) -> None:
    assert why_not([Word(key) for key in one.split()], [Word(key) for key in other.split()]) == reason
    assert reason in REASONS


def test_a_name() -> None:
    assert why_not([Word("ann", capital=True)], [Word("eva", capital=True)]) == "name"

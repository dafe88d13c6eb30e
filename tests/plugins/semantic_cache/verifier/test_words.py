"""Canonical words."""

from tailrace_plugins.semantic_cache.verifier.words import NEGATORS, Word


def test_kinds_of_words() -> None:
    assert Word("`a`").literal and not Word("a").literal
    assert Word("d3.5").number and not Word("three").number
    assert {"not", "never", "without", "nicht", "pas", "не", "不"} <= NEGATORS

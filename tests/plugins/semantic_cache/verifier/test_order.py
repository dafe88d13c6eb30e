"""Orders that say the same."""

import pytest

from tailrace_plugins.semantic_cache.verifier.canon import read
from tailrace_plugins.semantic_cache.verifier.order import rearranged, unordered
from tailrace_plugins.semantic_cache.verifier.tokens import tokenise
from tailrace_plugins.semantic_cache.verifier.words import Word


def words(text: str) -> tuple[Word, ...]:
    return read(tokenise(text), "en").words


def keys(found: tuple[Word, ...]) -> list[str]:
    return [word.key for word in found if word.key not in ("a", "the", ",", "'s", "of")]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Is Ann a cook and a nurse?", "Is Ann a nurse and a cook?"),
        ("Is Ann a cook, a nurse or a pilot?", "Is Ann a pilot, a cook or a nurse?"),
        ("What is the area of Peru?", "What is Peru's area?"),
        ("How many people in Peru speak Quechua?", "How many people speak Quechua in Peru?"),
        ("How can I easily bake bread?", "How can I bake bread easily?"),
    ],
)
def test_harmless_orders(one: str, other: str) -> None:
    assert any(
        sorted(keys(words(one))) == sorted(keys(found)) for _, found in rearranged(words(one), words(other), "en")
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Does Ann trust Ben?", "Does Ben trust Ann?"),
        ("Stop and start it", "Start and stop it"),
        ("Move it from Rome to Bonn", "Move it from Bonn to Rome"),
        ("Are people in Peru richer than people in Chile?", "Are people in Chile richer than people in Peru?"),
        ("How do I turn text into speech?", "How do I turn speech into text?"),
        ("Is Ann not a cook and a nurse?", "Is Ann not a nurse and a cook?"),
    ],
)
def test_orders_that_mean_something(one: str, other: str) -> None:
    assert not list(rearranged(words(one), words(other), "en"))


def test_relations_without_direction_are_sorted() -> None:
    assert unordered(words("How does tin differ from zinc?")) == unordered(words("How does zinc differ from tin?"))
    assert unordered(words("Is Ann dating Ben?")) == unordered(words("Is Ben dating Ann?"))
    assert unordered(()) == ()


def test_a_comparison_answers_which_is_more() -> None:
    one, other = words("Are wolves faster than goats?"), words("Which is faster, goats or wolves?")
    assert len(list(rearranged(one, other, "en"))) == 2
    assert not list(rearranged(one, words("Are goats faster than wolves?"), "en"))

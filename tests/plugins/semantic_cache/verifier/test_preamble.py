"""Introductions that matter, and those that do not."""

import pytest

from tailrace_plugins.semantic_cache.verifier.canon import read
from tailrace_plugins.semantic_cache.verifier.costs import NEVER
from tailrace_plugins.semantic_cache.verifier.preamble import cost
from tailrace_plugins.semantic_cache.verifier.tokens import tokenise


def priced(one: str, other: str) -> float:
    return cost(*(read(tokenise(text), "en") for text in (one, other)))


def test_one_animal_or_another_where_all_are_asked_about() -> None:
    assert priced("My hen eats corn. Do animals eat corn?", "My ape eats corn. Do animals eat corn?") < NEVER


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("My hen eats corn. Is this normal for animals?", "My ape eats corn. Is this normal for animals?"),
        ("My hen eats corn. Should I feed animals?", "My ape eats corn. Should I feed animals?"),
        ("My hen eats corn. Do animals fear a hen?", "My ape eats corn. Do animals fear a hen?"),
        ("My hen eats corn. Do hens eat corn?", "My ape eats corn. Do hens eat corn?"),
        ("My hen eats corn. Do animals eat corn?", "My hen eats meat. Do animals eat corn?"),
        ("My 2 hens eat. Do animals eat?", "My 3 hens eat. Do animals eat?"),
        ("My hen eats. Do animals eat?", "My ape eats. Do animals sleep?"),
        ("My hen eats.", "My ape eats."),
    ],
)
def test_introductions_that_matter(one: str, other: str) -> None:
    assert priced(one, other) >= NEVER

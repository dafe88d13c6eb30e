"""Texts in other languages than English: what may differ, and what never may. The pairs lie in `foreign_pairs.txt`."""

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailrace_plugins.semantic_cache.verifier import foreign, verify
from tailrace_plugins.semantic_cache.verifier.costs import NEVER
from tailrace_plugins.semantic_cache.verifier.tokens import lossless, tokenise

LINES = Path(__file__).with_name("foreign_pairs.txt").read_text("utf-8").splitlines()
PAIRS = [line.split(" ", 2) for line in LINES if line and not line.startswith("#")]


@pytest.mark.parametrize(("language", "sign", "pair"), PAIRS)
def test_pairs(language: str, sign: str, pair: str) -> None:
    one, _, other = pair.partition(" | ")
    assert verify(one, other, 0.85).same == verify(other, one, 0.85).same == (sign == "+")


def cost(one: str, other: str, language: str) -> float:
    return foreign.cost(tuple(tokenise(lossless(one))), tuple(tokenise(lossless(other))), language)


def test_equal_texts_cost_nothing() -> None:
    assert cost("Wie kann ich das Fenster öffnen?", "wie kann ich das Fenster öffnen", "de") == 0.0


def test_other_languages_are_left_alone() -> None:
    assert cost("open the window", "open the window", "en") == NEVER
    assert cost("", "", "de") == NEVER


def test_literals_count() -> None:
    assert cost("Lösche `a.txt`", "Bitte `a.txt` löschen", "de") < 0.2
    assert cost("Lösche `a.txt`", "Bitte `b.txt` löschen", "de") == NEVER


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80), st.text(max_size=80), st.sampled_from(sorted(foreign.LANGUAGES)))
def test_symmetric_and_never_raises(one: str, other: str, language: str) -> None:
    assert cost(one, other, language) == cost(other, one, language)


@pytest.mark.parametrize("language", sorted(foreign.LANGUAGES))
def test_long_texts_take_bounded_time(language: str) -> None:
    text = "wie kann ich de la in der mit von " * 50
    cost("a", "b", language)
    start = time.perf_counter()
    cost(text[:900], text[3:900], language)
    assert time.perf_counter() - start < 0.5

"""Lemmas, and the endings they lost."""

import pytest

from tailrace_plugins.semantic_cache.verifier.forms import lemma, lexical, past


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("cats", ("cat", "s")), ("cities", ("city", "s")), ("boxes", ("box", "s")), ("houses", ("house", "s")),
        ("women", ("woman", "s")), ("running", ("run", "ing")), ("making", ("make", "ing")), ("learned", ("learn", "ed")),
        ("wrote", ("write", "ed")), ("written", ("write", "en")), ("tried", ("try", "ed")), ("colour", ("color", "")),
        ("organise", ("organize", "")), ("was", ("was", "")), ("is", ("is", "")), ("this", ("this", "")), ("news", ("news", "")),
        ("bring", ("bring", "")), ("morning", ("morning", "")), ("hundred", ("hundred", "")), ("noted", ("noted", "")),
        ("surprise", ("surprise", "")), ("gas", ("gas", "")), ("don", ("don", "")),
    ],
)  # fmt: skip
def test_lemma(word: str, expected: tuple[str, str]) -> None:
    assert lemma(word) == expected


def test_the_past_of_a_participle() -> None:
    assert past("written") == "wrote"
    assert past("painted") == "painted"
    assert past("table") == "table"


def test_entries_of_the_lexicon_keep_participles_apart() -> None:
    assert lexical("required", "en") == ["require/ed"]
    assert lexical("old houses", "en") == ["old", "house"]
    assert lexical("Größe", "de") == ["grosse"]

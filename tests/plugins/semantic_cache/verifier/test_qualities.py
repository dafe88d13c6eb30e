"""Qualities in front of their noun."""

import pytest

from tailrace_plugins.semantic_cache.verifier.qualities import front
from tailrace_plugins.semantic_cache.verifier.words import Word


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("become a person who be rude", "become a rude person"),
        ("become a person who be not rude", "become a ¬rude person"),
        ("become a person who be afraid of dog", "become a person who be afraid of dog"),
        ("be ann a pilot and danish", "be ann a danish pilot"),
        ("be ann a danish and swiss", "be ann a danish and swiss"),
        ("be ann danish", "be ann danish"),
    ],
)
def test_front(said: str, expected: str) -> None:
    assert " ".join(word.key for word in front([Word(key, raw=key) for key in said.split()])) == expected


def test_bounds_are_said_one_way() -> None:
    words = [Word("list"), Word("10"), Word("at least", raw="or more"), Word("order")]
    assert [word.key for word in front(words)] == ["list", "at least", "10", "order"]

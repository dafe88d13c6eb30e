"""Small words against each other."""

import pytest

from tailrace_plugins.semantic_cache.verifier.smallwords import ASKING, CHECKING, DIRECT, clash, manner
from tailrace_plugins.semantic_cache.verifier.words import Word


def words(text: str) -> list[Word]:
    return [Word(key) for key in text.split()]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("be there bus to rome", "be there bus in rome", True),
        ("what be the error", "what be a error", True),
        ("@howto open the box", "@howto open a box", False),
        ("what tip on rome", "what tip about rome", False),
        ("put it on rome", "put it in rome", True),
        ("open box", "open the box", False),
    ],
)
def test_clash(one: str, other: str, expected: bool) -> None:
    assert clash(words(one), words(other)) is expected
    assert clash(words(other), words(one)) is expected


def test_manner() -> None:
    assert [manner(words(text)) for text in ("@howto x", "be it x", "open x", "")] == [ASKING, CHECKING, DIRECT, DIRECT]

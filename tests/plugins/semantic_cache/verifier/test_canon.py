"""From texts to canonical words."""

import pytest

from tailrace_plugins.semantic_cache.verifier.canon import read
from tailrace_plugins.semantic_cache.verifier.tokens import lossless, tokenise


def keys(text: str, language: str = "en") -> list[str]:
    return [word.key for word in read(tokenise(lossless(text)), language).words]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hi! How do I bake bread? Thanks!", ["@howto", "bake", "bread"]),
        ("What's the capital?", ["what be", "the", "capital"]),
        ("Run `ls` & wait", ["run", "``ls`", "and", "wait"]),
        ("Take the required one", ["take", "the", "necessary", "1"]),
        ("Is it in JS?", ["be", "it", "in", "javascript"]),
        ("\U000f0000 x", ["`\U000f0000", "x"]),
        ("Thanks!", []),
    ],
)
def test_keys(text: str, expected: list[str]) -> None:
    assert keys(text) == expected


def test_a_capital_inside_a_sentence_is_kept_in_mind() -> None:
    words = read(tokenise("Ask Ann about May"), "en").words
    assert [word.capital for word in words] == [False, True, False, True]
    assert not any(word.capital for word in read(tokenise("ASK ANN ABOUT MAY"), "en").words)


def test_accents_are_folded_but_remembered() -> None:
    accented, plain = (read(tokenise(text), "fr").words[0] for text in ("péché", "peche"))
    assert accented.key == plain.key and accented.raw == "péché" and plain.plain and not accented.plain

"""Slips of spelling: one word that no list knows, one keystroke away from a word that is known."""

import re
from functools import lru_cache
from typing import Final

from tailrace_plugins.semantic_cache.verifier import languages, wordlists
from tailrace_plugins.semantic_cache.verifier.words import Word

_SHORTEST: Final = 5
_LISTS: Final = (
    "verbs",
    "forms",
    "same",
    "near",
    "antonyms",
    "light",
    "words",
    "fillers",
    "frames",
    "classes",
    "macros",
    "nationalities",
)


@lru_cache(maxsize=16)
def known(language: str) -> frozenset[str]:
    """Every word that stands anywhere in the lists of a language."""
    text = "\n".join(line for name in _LISTS for line in wordlists.lines(f"{language}_{name}"))
    return frozenset(re.findall(r"[^\W\d_]+", languages.fold(text.casefold(), language)))


def slip(one: Word, other: Word, language: str) -> bool:
    """Whether one of two words is the other misspelled.

    Only where exactly one of them is a known word, or where neither is and two neighbouring letters of a long word are
    exchanged: two known words ("casual", "causal") and two unknown ones (terms, names in lower case) are different
    words, however near. Names and short words are never slips.
    """
    if one.capital or other.capital or one.literal or other.literal or one.number or other.number:
        return False
    if " " in one.raw + other.raw or min(len(one.raw), len(other.raw)) < _SHORTEST:
        return False
    vocabulary = known(language)
    first, second = _is_known(one, vocabulary), _is_known(other, vocabulary)
    if one.raw[:1] != other.raw[:1] or (first and second):
        return False
    if language != "en" or not (first or second):
        # Other languages inflect by single letters, and their lists are short; but two long words of no list that
        # differ by two letters exchanged are hardly ever two words.
        return len(one.raw) > 6 and (
            _exchanged(one.raw, other.raw) or (language == "en" and _doubled(one.raw, other.raw))
        )
    short, long = sorted((one.raw, other.raw), key=len)
    return one_stroke(one.raw, other.raw) or (long.endswith("ed") and long[:-2] + "d" == short)


def _is_known(word: Word, vocabulary: frozenset[str]) -> bool:
    return word.raw in vocabulary or word.key in vocabulary


def _doubled(one: str, other: str) -> bool:
    """Whether one has a letter twice that the other has once: "alowance", "allowance"."""
    if abs(len(one) - len(other)) != 1:
        return False
    short, long = sorted((one, other), key=len)
    at = next((at for at, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    return at > 1 and at < len(short) - 1 and long[at] == long[at - 1] and short[at:] == long[at + 1 :]


def _exchanged(one: str, other: str) -> bool:
    at = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
    return len(one) == len(other) and one[at : at + 2] == other[at : at + 2][::-1] and one[at + 2 :] == other[at + 2 :]


def one_stroke(one: str, other: str) -> bool:
    """One letter more, less, other, or two neighbours exchanged, and not at the ending, which inflection uses."""
    if len(one) > len(other):
        one, other = other, one
    start = 0
    while start < len(one) and one[start] == other[start]:
        start += 1
    end = 0
    while end < len(one) - start and one[-1 - end] == other[-1 - end]:
        end += 1
    rest_one, rest_other = one[start : len(one) - end], other[start : len(other) - end]
    if len(other) == len(one):
        return _exchanged(one, other) or (len(rest_one) == 1 and len(one) > 6 and end > 0)
    return len(rest_one) == 0 and len(rest_other) == 1 and (end > 1 or rest_other == other[start - 1 : start])

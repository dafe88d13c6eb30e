"""Brings what is said of somebody to stand before the noun: "a person who is kind", "an investor and Dutch"."""

from typing import Final

from tailrace_plugins.semantic_cache.verifier import wordlists
from tailrace_plugins.semantic_cache.verifier.words import NOT, Word

_PEOPLE: Final = frozenset({"person", "people", "man", "woman", "someone", "individual", "human"})


_ENDS: Final = frozenset(
    {"best", "1st", "last", "latest", "biggest", "highest", "lowest", "cheapest", "oldest", "newest"}
)
"""Qualities that stand before or after a number alike: "the five top referrers"."""


def front(words: list[Word]) -> list[Word]:
    """English canonical words with such qualities in front of their noun; a denied quality is marked `NOT`."""
    return _bounds(_origins(_clauses(words)))


def _bounds(words: list[Word]) -> list[Word]:
    """ "10 or more" as "at least 10"."""
    out = list(words)
    for at in range(1, len(out)):
        if out[at - 1].number and out[at].key in _ENDS:
            out[at - 1], out[at] = out[at], out[at - 1]
        if out[at].key in ("at least", "at most") and out[at].raw.startswith("or ") and out[at - 1].number:
            out[at - 1], out[at] = out[at], out[at - 1]
    return out


def _clauses(words: list[Word]) -> list[Word]:
    out = list(words)
    for at in range(len(out) - 3):
        keys = [word.key for word in out[at : at + 5]]
        if keys[0] not in _PEOPLE or keys[1] not in ("who", "that") or keys[2] != "be":
            continue
        denied = keys[3] == "not"
        last = at + (4 if denied else 3)
        # Only a bare quality moves: whatever follows it could belong to it ("who is afraid of dogs").
        if last != len(out) - 1:
            continue
        quality = out[last]
        if quality.literal or quality.number:
            continue
        moved = Word(NOT + quality.key if denied else quality.key, quality.form, quality.raw, quality.capital)
        return [*out[:at], moved, out[at]]
    return out


def _origins(words: list[Word]) -> list[Word]:
    """ "an engineer and Dutch" becomes "a Dutch engineer"."""
    peoples = wordlists.words("en_nationalities")
    if len(words) < 4 or words[-1].key not in peoples and " ".join(w.key for w in words[-2:]) not in peoples:
        return words
    size = 1 if words[-1].key in peoples and words[-2].key == "and" else 2
    joint = len(words) - size - 1
    noun = joint - 1
    while noun > 0 and words[noun - 1].key not in ("a", "the"):
        noun -= 1
    if words[joint].key != "and" or noun == 0 or joint - noun > 3 or words[joint - 1].key in peoples:
        return words
    return [*words[:noun], *words[joint + 1 :], *words[noun:joint]]

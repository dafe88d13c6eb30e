"""Introductions whose details do not matter: "My rat eats rice. Is it normal for animals to eat rice?"."""

from functools import lru_cache
from typing import Final

from tailrace_plugins.semantic_cache.verifier import wordlists
from tailrace_plugins.semantic_cache.verifier.canon import Reading
from tailrace_plugins.semantic_cache.verifier.costs import NEVER, canonical
from tailrace_plugins.semantic_cache.verifier.words import Word

_COST: Final = 0.3
_POINTING: Final = frozenset(
    "this that these those they them he she him her his their its such same other another again here there so else "
    "i me my mine we us our the too also either still then".split()
)


@lru_cache(maxsize=1)
def _classes() -> dict[str, frozenset[str]]:
    """The members of each class by the name a question calls the whole class: lines "animal, pet = cat, dog"."""
    table: dict[str, frozenset[str]] = {}
    for line in wordlists.lines("en_classes"):
        names, _, members = line.partition("=")
        keys = frozenset(canonical(member, "en") for member in members.split(",") if member.strip())
        for name in names.split(","):
            table[canonical(name, "en")] = keys
    return table


def cost(one: Reading, other: Reading) -> float:
    """The cost of two introductions that differ in one member of the class which the same question is about.

    `NEVER` unless the last sentences are equal, ask about the whole class ("animals"), and point back to nothing.
    """
    if len(one.sentences) != len(other.sentences) or len(one.sentences) < 2:
        return NEVER
    question = one.sentences[-1]
    if _keys(question) != _keys(other.sentences[-1]) or any(word.key in _POINTING for word in question):
        return NEVER
    members = {member for word in question if word.form == "s" for member in _classes().get(word.key, ())}
    mentioned = {word.key for word in question}
    differing = 0
    for mine, yours in zip(one.sentences[:-1], other.sentences[:-1], strict=True):
        if len(mine) != len(yours):
            return NEVER
        for first, second in zip(mine, yours, strict=True):
            if first.key != second.key:
                differing += 1
                if not {first.key, second.key} <= members - mentioned:
                    return NEVER
    return _COST if differing == 1 else NEVER


def _keys(words: tuple[Word, ...]) -> list[tuple[str, str]]:
    return [(word.key, word.form) for word in words]

"""What the small words of a language do, and the rules that take its frames of asking away. For `foreign`."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from tailrace_plugins.semantic_cache.verifier import inflect, wordlists
from tailrace_plugins.semantic_cache.verifier.words import NEGATORS

_AHEAD: Final = re.compile(r"\(\?[=!](?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)$")
"""A rule that ends with what must follow says itself where its last word ends."""


@dataclass(frozen=True, slots=True)
class Roles:
    """The small words of a language by what they do, from lines "role: word, word=canonical" of its file of roles.

    Articles (with case or number), words to drop, words that may stand anywhere, words that may be missing,
    prepositions, those of them that hold their place, words that bind what follows, numbers, auxiliaries of the
    passive and of the perfect, possessives of the one who asks, question words after which the verb tells who did it.
    """

    article: dict[str, str]
    drop: dict[str, str]
    free: dict[str, str]
    light: dict[str, str]
    prep: dict[str, str]
    fixed: dict[str, str]
    focus: dict[str, str]
    number: dict[str, str]
    passive: dict[str, str]
    perfect: dict[str, str]
    own: dict[str, str]
    who: dict[str, str]

    def small(self, word: str) -> bool:
        """Whether a word is no noun and no verb, whatever it looks like."""
        return any(
            word in part for part in (self.drop, self.prep, self.article, self.light, self.free, self.perfect, self.own)
        )


@lru_cache(maxsize=16)
def roles(language: str) -> Roles:
    """The roles of `language`; a role without a line has no words."""
    found: dict[str, dict[str, str]] = {name: {} for name in Roles.__slots__}
    for line in wordlists.lines(f"{language}_roles"):
        role, _, entries = line.partition(":")
        for entry in filter(None, (entry.strip() for entry in entries.split(","))):
            word, _, canonical = (inflect.plain(part.strip(), language) for part in entry.partition("="))
            found[role.strip()][word] = canonical or word
    return Roles(**found)


@lru_cache(maxsize=16)
def asides(language: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    """The rules of `data/<language>_asides.txt`: "pattern => replacement", expressions over single-blanked words."""
    rules = []
    for line in (*wordlists.lines("any_asides"), *wordlists.lines(f"{language}_asides")):
        left, _, right = line.partition("=>")
        pattern = inflect.plain(left.strip(), language)
        start, end = " " if pattern[0] != "^" else "^ ", "(?= )" if pattern[-1] != "$" else " $"
        if _AHEAD.search(pattern):
            end = ""
        rules.append((re.compile(start + pattern.strip("^$") + end), f" {inflect.plain(right.strip(), language)} "))
    return tuple(rules)


def negates(word: str, language: str) -> bool:
    """Whether a folded word turns its sentence round."""
    return word in NEGATORS or word in _folded_negators(language)


@lru_cache(maxsize=16)
def _folded_negators(language: str) -> frozenset[str]:
    return frozenset(inflect.plain(word, language) for word in NEGATORS)

"""Small words that may come and go, but not one for the other: "bus to Rome", "bus in Rome"."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from tailrace_plugins.semantic_cache.verifier.words import Word

_PLACES: Final = frozenset("to in on at for of with by from about during as".split())
_ALIKE: Final = frozenset(
    frozenset(pair.split("+"))
    for pair in "in+on in+at on+at in+during on+during for+of to+for about+on about+of of+in of+on for+on "
    "for+in".split()
)
_SUBJECT: Final = frozenset({"on", "about"})
"""What a text is about has either, even where every word counts: "a poem on rain"."""
_NEARBY: Final = frozenset(
    frozenset(pair.split("+")) for pair in "in+on in+at on+at in+during on+during about+on of+in of+on".split()
)
_VERBS: Final = frozenset("be was were can could will would should has have had did do may might must @yn".split())
_WH: Final = ("what", "why", "how", "where", "when", "who", "which")

ASKING: Final = 3
CHECKING: Final = 2
DIRECT: Final = 1


def manner(words: Sequence[Word]) -> int:
    """How freely a sentence is worded: `ASKING` for open questions, `CHECKING` for yes or no, `DIRECT` for the rest."""
    first = words[0].key if words else ""
    if first == "@write" or first == "@seq":
        return DIRECT
    if first in _VERBS or first == "@show":
        return CHECKING
    return ASKING if first.startswith(("@", *_WH)) else DIRECT


def clash(one: Sequence[Word], other: Sequence[Word]) -> bool:
    """Whether two sentences have small words against each other that are not alike."""
    mine, yours = Counter(word.key for word in one), Counter(word.key for word in other)
    only_mine, only_yours = mine - yours, yours - mine
    if not only_mine or not only_yours:
        return False
    if _articles(only_mine, only_yours) and not _anybody(one):
        return True
    places, others = only_mine.keys() & _PLACES, only_yours.keys() & _PLACES
    asking = manner(one) == ASKING
    # "Which people work in Oslo" is not "which people work for Oslo"; "in May" is "during May".
    alike = _ALIKE if asking and one[0].key != "which" else _NEARBY if asking else frozenset({_SUBJECT})
    return any(pair not in alike for pair in (frozenset((a, b)) for a in places for b in others))


def _articles(mine: Counter[str], yours: Counter[str]) -> bool:
    return ("a" in mine and "the" in yours) or ("the" in mine and "a" in yours)


def _anybody(words: Sequence[Word]) -> bool:
    """In questions about what anybody does or about things in general the article says little."""
    return bool(words) and words[0].key.startswith("@") and words[0].key not in ("@whatis", "@exist", "@isthan", "@yn")

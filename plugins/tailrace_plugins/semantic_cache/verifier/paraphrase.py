"""How likely two open questions are the same although some of their words have no explanation: a learned judgement.

A near-miss changes little: one word, an order, a number. Whoever asks the same thing anew changes much, and the
sentence embedding stays close all the same. So this looks at *how* two texts differ, after everything that must be
equal has been found equal; and only at open questions, for in commands and yes-or-no questions nearly every word
counts. The weights are those of a logistic regression over the pairs in tests/plugins/semantic_cache/verifier/pairs
(`make weights`).
"""

import math
from collections import Counter
from collections.abc import Sequence, Set
from functools import lru_cache
from typing import Final

from tailrace_plugins.semantic_cache.verifier import wordlists
from tailrace_plugins.semantic_cache.verifier.costs import canonical, opposite
from tailrace_plugins.semantic_cache.verifier.smallwords import ASKING, manner
from tailrace_plugins.semantic_cache.verifier.weights import BIAS, WEIGHTS
from tailrace_plugins.semantic_cache.verifier.words import NEGATORS, NOT, Word

Features = dict[str, float]

_PUNCTUATION: Final = frozenset(",.;:?!|")
_WH: Final = frozenset("what why when where who which how whose".split())
_ARTICLES: Final = frozenset("a the some any an".split())
_PLACES: Final = frozenset(
    "to in on at for of with by from about during as into over under through between against without within than per "
    "after before since until till".split()
)
_AUXILIARIES: Final = frozenset(
    "be is are was were 's do does did can could will would should shall may might must has have had been being am get "
    "@yn @can @should @must".split()
)
_PRONOUNS: Final = frozenset(
    "i you we they he she it one people person someone somebody anyone me my your our their his her its us them myself "
    "yourself this that these those there everybody everyone who which 1 @my".split()
)
_POINTERS: Final = frozenset(
    "from than before after vs versus into between over under by while during per without".split()
)
_WEIGHTY: Final = frozenset(
    "before after until without except unless only never always all every none not least most more less during instead "
    "while first last".split()
)
_DENIALS: Final = NEGATORS | {"unable to", "impossible", "lack"}
_SAME_START: Final = 4
_FAR: Final = 4


def likelihood(one: Sequence[Word], other: Sequence[Word], similarity: float) -> float:
    """Between 0 and 1; 0 where something that must be equal is not, or for texts it does not judge."""
    found = features(one, other, similarity)
    if found is None:
        return 0.0
    score = BIAS + sum(WEIGHTS.get(name, 0.0) * value for name, value in found.items())
    return 1.0 / (1.0 + math.exp(-max(-50.0, min(50.0, score))))


def features(one: Sequence[Word], other: Sequence[Word], similarity: float) -> Features | None:
    """What the judgement is made of; None where there is nothing to judge. For English readings."""
    if not one or not other or min(manner(one), manner(other)) != ASKING or not 0.0 < similarity <= 1.01:
        return None
    mine, yours = Counter(word.key for word in one), Counter(word.key for word in other)
    only_one = [word for word in one if word.key in mine - yours]
    only_other = [word for word in other if word.key in yours - mine]
    if _must_differ(only_one, other) or _must_differ(only_other, one) or _exclusive(only_one, only_other):
        return None
    if _fixed(one) != _fixed(other):
        return None
    here, there = {word.key for word in only_one}, {word.key for word in only_other}
    left, right, alike = _unlike(_of_kind(here, "content"), _of_kind(there, "content"))
    shared = [key for key in mine if key in yours and _kind(key) == "content"]
    if not shared:
        return None
    turned = _turned([word.key for word in one], [word.key for word in other], shared)
    pointing = bool((mine.keys() | yours.keys()) & _POINTERS) or all(k in mine and k in yours for k in ("to", "from"))
    asked = len(_of_kind(here, "wh")), len(_of_kind(there, "wh"))
    placed = len(_of_kind(here, "place")), len(_of_kind(there, "place"))
    union = len(shared) + left + right + alike
    return {
        "similarity": similarity,
        "other_words": float(left + right),
        "other_words_both": float(min(left, right)),
        "only_added": float(max(left, right) if not min(left, right) else 0),
        "like_words": float(alike),
        "shared": float(len(shared)),
        "shared_part": len(shared) / union if union else 0.0,
        "questions_both": float(min(asked)),
        "questions": float(abs(asked[0] - asked[1])),
        "places_both": float(min(placed)),
        "places": float(abs(placed[0] - placed[1])),
        "auxiliaries": float(len(_of_kind(here | there, "auxiliary"))),
        "pronouns": float(len(_of_kind(here | there, "pronoun"))),
        "articles": float(len(_of_kind(here | there, "article"))),
        "turned": turned,
        "turned_pointing": float(turned > 0 and pointing),
        "weighty": float(len((here | there) & _WEIGHTY)),
        "one_swap": float(left == 1 and right == 1),
        "one_more": float(left + right == 1),
        "length": float(min(len(one), len(other))),
        "longer": float(abs(len(one) - len(other)) > _FAR),
    }


def _must_differ(only: Sequence[Word], other: Sequence[Word]) -> bool:
    """Whether one of the words has to be in the other text and is not: numbers, literals, negation, names."""
    known = {word.raw for word in other} | {word.key for word in other}
    for word in only:
        if word.literal or (word.number and word.key != "1") or word.key in _DENIALS or word.key.startswith(NOT):
            return True
        if word.capital and word.raw not in known and word.key not in known:
            return True
    return False


def _exclusive(one: Sequence[Word], other: Sequence[Word]) -> bool:
    """Whether the texts have words against each other that exclude each other."""
    mine = {form for word in one for form in (word.key, word.raw, _positive(word.key))}
    yours = {form for word in other for form in (word.key, word.raw, _positive(word.key))}
    groups = _groups()
    for key in mine:
        for number in groups.get(key, ()):
            if any(number in groups.get(against, ()) and against != key for against in yours):
                return True
    return any(opposite(Word(here), Word(there), "en") for here in mine for there in yours)


@lru_cache(maxsize=1)
def _groups() -> dict[str, frozenset[int]]:
    """The lines of words that exclude each other, by word; as they are spelled and as readings have them."""
    table: dict[str, set[int]] = {}
    for number, group in enumerate(wordlists.groups("en_exclusive")):
        for entry in group:
            table.setdefault(entry, set()).add(number)
            table.setdefault(canonical(entry, "en"), set()).add(number)
    return {key: frozenset(numbers) for key, numbers in table.items()}


def _positive(key: str) -> str:
    """ "cheaper" and "cheapest" as "cheap", so that they are found among the words that exclude each other."""
    for ending in ("iest", "ier", "est", "er"):
        if key.endswith(ending) and len(key) > len(ending) + 2:
            return key[: -len(ending)] + ("y" if ending.startswith("i") else "")
    return key


def _fixed(words: Sequence[Word]) -> list[str]:
    """Names, numbers and literals in their order: who does what to whom, from where to where."""
    return [word.key for word in words if (word.capital or word.number or word.literal) and word.key != "1"]


def _kind(key: str) -> str:
    if key in _PUNCTUATION:
        return "sign"
    if key in _AUXILIARIES:
        return "auxiliary"
    if key in _PRONOUNS:
        return "pronoun"
    if key in _WH or key.startswith("@"):
        return "wh"
    if key in _ARTICLES:
        return "article"
    return "place" if key in _PLACES else "content"


def _of_kind(keys: Set[str], kind: str) -> list[str]:
    return sorted(key for key in keys if _kind(key) == kind)


def _unlike(one: Sequence[str], other: Sequence[str]) -> tuple[int, int, int]:
    """How many words are left on each side when those that begin alike ("salt", "salty") are paired, and the pairs."""
    rest = list(other)
    left = 0
    for key in one:
        twin = next((there for there in rest if _begin_alike(key, there)), None)
        if twin is None:
            left += 1
        else:
            rest.remove(twin)
    return left, len(rest), len(one) - left


def _begin_alike(one: str, other: str) -> bool:
    same = 0
    for here, there in zip(one, other, strict=False):
        if here != there:
            break
        same += 1
    return same >= _SAME_START and same >= min(len(one), len(other)) - 2


def _turned(one: Sequence[str], other: Sequence[str], shared: Sequence[str]) -> float:
    """The part of the shared words' pairs that stand the other way round."""
    kept = set(shared)
    first = list(dict.fromkeys(key for key in one if key in kept))
    place = {key: position for position, key in enumerate(dict.fromkeys(key for key in other if key in kept))}
    order = [place[key] for key in first]
    pairs = len(order) * (len(order) - 1) // 2
    if not pairs:
        return 0.0
    swapped = sum(order[i] > order[j] for i in range(len(order)) for j in range(i + 1, len(order)))
    return swapped / pairs

"""What a difference between two canonical words costs. A difference nobody knows to be harmless has no price: `NEVER`.

Costs are in budgets: 1.0 is what the default setting spends on a pair of full similarity.
"""

from functools import lru_cache
from typing import Final

from tailrace_plugins.semantic_cache.verifier import languages, slips, wordlists
from tailrace_plugins.semantic_cache.verifier.forms import lexical
from tailrace_plugins.semantic_cache.verifier.words import NEGATORS, NOT, Word

NEVER: Final = 1e6
_COMMA: Final = 0.01
_PLURAL: Final = 0.1
_GERUND: Final = 0.12
_ACCENT: Final = 0.1
_CASE: Final = 0.02
_DERIVED: Final = 0.4
_SHORTEST_STEM: Final = 5
_REDUNDANT: Final = 0.35
_SLIP: Final = 0.2
_ARTICLE_ONE: Final = 0.15
_TURNED: Final = 0.1
_ASKING_ACCENTS: Final = frozenset("como que cuando donde cual quien cuanto por".split())
"""Spanish question words, whose accent even careful writers forget."""
_HOMOGRAPHS: Final = frozenset("us it who polish turkey may march aids path".split())


_RELATIVE: Final = (
    {"that", "which"},
    {"that", "who"},
    {"'s", "be"},
    {"'s", "of"},
    {"can", "could"},
    {"has", "have"},
    {"has", "'s"},
    {"a", "per"},
    {"to", "for"},
    {"what", "which"},
)
"""Pairs of small words that grammar alone tells apart."""


@lru_cache(maxsize=32)
def _light(language: str) -> dict[str, float]:
    """Words that may come or go, each with its cost: lines "cost: word, word"."""
    table: dict[str, float] = {",": _COMMA}
    for line in wordlists.lines(f"{language}_light"):
        cost, _, entries = line.partition(":")
        for entry in filter(None, (entry.strip() for entry in entries.split(","))):
            table[languages.fold(entry, language)] = float(cost)
    return table


@lru_cache(maxsize=32)
def _near(language: str) -> dict[str, frozenset[str]]:
    """Words near in meaning, though not the same: each with its neighbours. Not transitive."""
    return _pairs(f"{language}_near", language)


@lru_cache(maxsize=4)
def _opposites(language: str) -> dict[str, frozenset[str]]:
    return _pairs(f"{language}_antonyms", language)


def _pairs(name: str, language: str) -> dict[str, frozenset[str]]:
    table: dict[str, set[str]] = {}
    for group in wordlists.groups(name):
        keys = [canonical(entry, language) for entry in group]
        for key in keys:
            table.setdefault(key, set()).update(other for other in keys if other != key)
    return {key: frozenset(others) for key, others in table.items()}


@lru_cache(maxsize=32)
def _heads(language: str) -> dict[str, str]:
    """The key of the group that each entry of the lexicon belongs to."""
    table: dict[str, str] = {}
    for group in wordlists.groups(f"{language}_same"):
        for entry in group:
            table.setdefault(_plain(entry, language), _plain(group[0], language))
    return table


def canonical(entry: str, language: str) -> str:
    """The key under which a word or phrase of the lexicon stands in a reading."""
    plain = _plain(entry, language)
    return _heads(language).get(plain, plain)


def _plain(entry: str, language: str) -> str:
    return " ".join(lexical(entry, language))


def _known_as(word: Word) -> tuple[str, str]:
    return word.key, f"{word.key}/{word.form}"


def dropped(word: Word, language: str, before: Word | None = None) -> float:
    """The cost of `word` standing in one text alone, after `before`."""
    if word.literal or word.number or word.key in NEGATORS or word.form == "ed":
        return NEVER
    if before is not None and (before.capital or before.form == "ing"):
        names = wordlists.words(f"{language}_redundant")
        if word.key in names or word.raw in names:
            return _REDUNDANT
    table = _light(language)
    return table.get(word.key, table.get(word.raw, NEVER))


def swapped(one: Word, other: Word, language: str) -> float:
    """The cost of `one` standing where the other text has `other`."""
    if one.key == other.key:
        return _ending(one, other) if one.raw == other.raw or language == "en" else _accents(one, other)
    if one.literal or other.literal:
        literal, plain = (one, other) if one.literal else (other, one)
        return 0.1 if literal.key.strip("`") == plain.raw or literal.key.strip("`") == plain.key else NEVER
    if one.key.startswith(NOT) != other.key.startswith(NOT):
        denied, plain = (one, other) if one.key.startswith(NOT) else (other, one)
        return _TURNED if opposite(Word(denied.key.removeprefix(NOT)), plain, language) else NEVER
    if one.raw == other.raw and one.raw:
        return _CASE
    if {one.key, other.key} == {"a", "1"}:
        return _ARTICLE_ONE
    if one.number or other.number or one.key in NEGATORS or other.key in NEGATORS:
        return NEVER
    pair = {one.key, other.key}
    if pair == {"will", "would"}:
        return 0.35
    if pair in _RELATIVE:
        return 0.12
    if one.raw != other.raw and slips.slip(one, other, language):
        return _SLIP
    near = _near(language)
    if any(there in near.get(here, ()) for here in _known_as(one) for there in _known_as(other)):
        return 0.4 + _ending(one, other)
    if language == "en" and not (one.capital or other.capital) and _derived(one.key, other.key):
        return _DERIVED
    return NEVER


def _derived(one: str, other: str) -> bool:
    """Whether one word is made of the other by an ending that changes its part of speech: "sad", "sadness"."""
    short, long = sorted((one, other), key=len)
    if len(short) < _SHORTEST_STEM or short[: _SHORTEST_STEM - 1] != long[: _SHORTEST_STEM - 1]:
        return False
    stems = {short, short.removesuffix("e"), short.removesuffix("y") + "i"}
    return any(long == stem + ending for stem in stems for ending in ("ly", "ness", "ment", "ation", "ion"))


def _accents(one: Word, other: Word) -> float:
    """Accents tell words apart ("pêche", "péché") unless one of the texts was written without any."""
    harmless = one.plain or other.plain or " " in one.raw + other.raw or one.key in _ASKING_ACCENTS
    return _ACCENT if harmless else NEVER


def opposite(one: Word, other: Word, language: str) -> bool:
    """Whether the two words are known to exclude each other: "less rude" is "more polite"."""
    table = _opposites(language)
    return any(there in table.get(here, ()) for here in _known_as(one) for there in _known_as(other))


def _ending(one: Word, other: Word) -> float:
    if one.capital != other.capital and one.key in _HOMOGRAPHS:
        return NEVER
    forms = {one.form, other.form}
    if len(forms) == 1:
        return 0.0
    if forms == {"", "s"}:
        return _PLURAL
    if forms == {"ed", "en"}:
        return 0.0
    if "ing" in forms and forms <= {"", "ing", "s"}:
        return _GERUND
    return NEVER

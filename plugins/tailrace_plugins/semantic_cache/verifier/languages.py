"""Tells the language of a short text by its script and its small words."""

import re
import unicodedata
from functools import lru_cache
from typing import Final

from tailrace_plugins.semantic_cache.verifier import wordlists
from tailrace_plugins.semantic_cache.verifier.tokens import Token

UNKNOWN: Final = ""
ACCENTED: Final = frozenset({"de", "fr", "es", "it", "pt", "nl", "tr", "pl"})
"""Languages that people also write without their accents."""
_IS: Final = re.compile(r"(?<!\w)[èé](?!\w)")
_KEPT: Final = "\ue000"
"""Italian è and Portuguese é are "is"; without their accent they would be "and"."""
_HINDI: Final = str.maketrans({"\u0901": "\u0902", "\u093c": None})
"""Two ways to write a nasal vowel, and the dot that many leave out."""
_UNCOMPOSED: Final = str.maketrans({"ı": "i", "ł": "l", "ø": "o", "ß": "ss"})
_SCRIPTS: Final = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("ko", re.compile(r"[\uac00-\ud7af]")),
    ("zh", re.compile(r"[\u3400-\u9fff]")),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
    ("el", re.compile(r"[\u0370-\u03ff]")),
    ("he", re.compile(r"[\u0590-\u05ff]")),
)


@lru_cache(maxsize=1)
def _small_words() -> dict[str, tuple[str, ...]]:
    """Each small word, with the languages it is one of."""
    table: dict[str, tuple[str, ...]] = {}
    for line in wordlists.lines("languages"):
        code, _, rest = line.partition("=")
        for word in dict.fromkeys((*rest.split(), *(fold(word, code.strip()) for word in rest.split()))):
            table[word] = (*table.get(word, ()), code.strip())
    return table


def fold(text: str, language: str) -> str:
    """Lower-case `text` without accents where the language is `ACCENTED`; as it is in any other."""
    if language == "hi":
        return text.translate(_HINDI)
    if language not in ACCENTED or text.isascii():
        return text
    kept = _IS.sub(_KEPT, text.casefold()) if language in ("it", "pt") else text.casefold()
    bare = unicodedata.normalize("NFD", kept.translate(_UNCOMPOSED))
    return "".join(char for char in bare if not unicodedata.combining(char)).replace(_KEPT, "è")


def common(one: list[Token], other: list[Token]) -> str | None:
    """The language of both texts: English where nothing tells, None where they surely differ.

    A text that hardly prefers its own language over the other's is taken to be in the other's.
    """
    mine, yours = _votes(one), _votes(other)
    first, second = _best(mine), _best(yours)
    if first == second or not second:
        return first or "en"
    if not first or mine[first] - mine.get(second, 0.0) < _SURE:
        return second
    return first if yours[second] - yours.get(first, 0.0) < _SURE else None


_SURE: Final = 1.0


def _best(votes: dict[str, float]) -> str:
    return max(votes, key=lambda code: (votes[code], code == "en", code)) if votes else UNKNOWN


def _votes(tokens: list[Token]) -> dict[str, float]:
    """How much speaks for each language: its script decides, else its small words, but for those that may be names."""
    text = "".join(token.text for token in tokens if token.kind in ("word", "number"))
    for code, script in _SCRIPTS:
        found = len(script.findall(text))
        if found and (found * 3 > len(text) or code in ("ja", "ko")):
            return {code: 10.0}
    votes: dict[str, float] = {}
    for at, token in enumerate(tokens):
        if token.kind != "word" or (at and token.raw[:1].isupper() and not token.raw.isupper()):
            continue
        for part in token.text.split("'"):
            codes = _small_words().get(part, ())
            for code in codes:
                votes[code] = votes.get(code, 0.0) + 1.0 / len(codes)
    return votes

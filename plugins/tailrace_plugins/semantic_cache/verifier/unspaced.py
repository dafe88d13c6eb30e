"""Texts written without blanks, or with endings grown onto their words: Chinese, Japanese and Korean."""

import re
import unicodedata
from functools import lru_cache
from typing import Final

from tailrace_plugins.semantic_cache.verifier import wordlists
from tailrace_plugins.semantic_cache.verifier.words import Word

LANGUAGES: Final = frozenset({"zh", "ja", "ko"})
_SIGNS: Final = re.compile(r"[^\W\d_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+|\d+(?:[.,:]\d+)*|\S")


@lru_cache(maxsize=8)
def _table(language: str) -> tuple[re.Pattern[str], dict[str, str]]:
    """One pattern of all phrases, longest first, and what each becomes."""
    becomes: dict[str, str] = {}
    for line in wordlists.lines(f"{language}_phrases"):
        canonical, _, entries = line.partition(":")
        for entry in entries.split(","):
            if entry.strip():
                becomes.setdefault(_closed(entry), canonical.strip())
    phrases = sorted(becomes, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, phrases)) or r"(?!)"), becomes


def _closed(text: str) -> str:
    """An entry as it stands in a unified sentence."""
    return re.sub(r"\s+", "", text)


@lru_cache(maxsize=8)
def _rules(language: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    """The rules of `data/<language>_asides.txt`: "pattern => replacement", expressions over a whole sentence."""
    pairs = (line.partition("=>") for line in wordlists.lines(f"{language}_asides"))
    return tuple((re.compile(left.strip()), right.strip()) for left, _, right in pairs)


@lru_cache(maxsize=1)
def _simplified() -> dict[int, str]:
    """Traditional signs and the simplified ones for them."""
    pairs = (pair for line in wordlists.lines("zh_signs") for pair in line.split() if len(pair) == 2)
    return {ord(pair[0]): pair[1] for pair in pairs}


def _unified(text: str, language: str) -> str:
    """Half width, simplified signs, and one form for the frames of asking."""
    text = unicodedata.normalize("NFKC", text)
    if language == "zh":
        text = text.translate(_simplified())
    text = _tight(text)
    for pattern, replacement in _rules(language):
        text = pattern.sub(replacement, text, count=1)
    return text


def words(text: str, language: str) -> list[Word]:
    """The signs of a sentence after its harmless phrases are gone and its synonyms are unified. Blanks mean nothing."""
    pattern, becomes = _table(language)
    unified = pattern.sub(lambda found: becomes[found.group()], _unified(text.strip(" ,，"), language))
    return [Word(sign.casefold(), raw=sign) for sign in _SIGNS.findall(unified.strip(" ,，"))]


def _tight(text: str) -> str:
    """Without the blanks beside a sign of these scripts; those between Latin words and numbers part them."""
    return re.sub(r"(?<=[^\x00-\x7f]) | (?=[^\x00-\x7f])", "", text)

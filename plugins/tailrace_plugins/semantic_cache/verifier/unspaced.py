"""Texts written without blanks, or with endings grown onto their words: Chinese, Japanese and Korean."""

import re
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
    return re.sub(r"\s+", "", text)


def words(text: str, language: str) -> list[Word]:
    """The signs of a sentence after its harmless phrases are gone and its synonyms are unified. Blanks mean nothing."""
    pattern, becomes = _table(language)
    # A digit or Latin letter beside a blank is a word of its own, so blanks go only where neither side is one.
    unified = pattern.sub(lambda found: becomes[found.group()], _tight(text))
    return [Word(sign.casefold(), raw=sign) for sign in _SIGNS.findall(unified.strip(" ,，"))]


def _tight(text: str) -> str:
    return re.sub(r"(?<=[^\x00-\x7f]) (?=[^\x00-\x7f])", "", re.sub(r"(?<=[^\x00-\x7f]) | (?=[^\x00-\x7f])", " ", text))

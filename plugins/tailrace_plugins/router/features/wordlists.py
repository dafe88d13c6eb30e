"""The word lists of `data/`: which kinds a word, a stem or a phrase belongs to, in fifteen languages."""

import re
from functools import lru_cache
from importlib import resources
from typing import Final

LANGUAGES: Final = ("en", "de", "fr", "es", "it", "pt", "nl", "ru", "pl", "tr", "zh", "ja", "ko", "ar", "hi")
KINDS: Final = (
    *("reason", "plan", "maths", "ease", "hard", "limit", "brief", "greet", "debug", "write", "code", "ask", "deny"),
    *("quantity", "relation", "unit", "condition"),
)
"""What the words of a list speak for; `small` besides holds the words that tell a language."""
UNSPACED: Final = frozenset({"zh", "ja", "ko", "ar", "hi"})
"""Languages whose words are joined to others or to articles: their entries are looked for anywhere in the text."""
WORD: Final = re.compile(r"[^\W_]+")
_LONGEST: Final = 40
"""Letters: what is longer is no word of a list, and not worth remembering."""
_REMEMBERED: Final = 20_000

Kinds = tuple[str, ...]
Phrases = tuple[tuple[str, Kinds], ...]
Entry = tuple[Kinds, Phrases]
"""Of a word: its kinds, and the phrases that begin with it."""
NOTHING: Final[Entry] = ((), ())


class Lexicon:
    """The entries of one language. Remembers what it was asked, up to a bound: a few thousand words say most."""

    def __init__(self, code: str) -> None:
        self.anywhere: dict[str, Phrases] = {}
        """Entries to look for in the whole text, by their first sign."""
        self._words: dict[str, Kinds] = {}
        self._stems: dict[str, Kinds] = {}
        self._phrases: dict[str, Phrases] = {}
        self._known: dict[str, Entry] = {}
        anywhere: dict[str, Kinds] = {}
        for kind in KINDS:
            for entry in lines(code).get(kind, ()):
                bare = entry.rstrip("*")
                if code in UNSPACED:
                    anywhere[bare] = (*anywhere.get(bare, ()), kind)
                elif not WORD.fullmatch(bare):
                    first = WORD.findall(bare)[0]
                    self._phrases[first] = (*self._phrases.get(first, ()), (bare, (kind,)))
                else:
                    table = self._stems if entry.endswith("*") else self._words
                    table[bare] = (*table.get(bare, ()), kind)
        for phrase, kinds in anywhere.items():
            self.anywhere[phrase[0]] = (*self.anywhere.get(phrase[0], ()), (phrase, kinds))
        self._lengths = sorted({len(stem) for stem in self._stems}, reverse=True)

    def entry(self, word: str) -> Entry:
        """The kinds of a lower-case word (its own, else those of its longest stem), and the phrases it begins."""
        known = self._known.get(word)
        if known is None:
            known = self._looked_up(word) if len(word) <= _LONGEST else NOTHING
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            if len(word) <= _LONGEST:
                self._known[word] = known
        return known

    def _looked_up(self, word: str) -> Entry:
        kinds = self._words.get(word)
        if kinds is None:
            stems = (self._stems.get(word[:length]) for length in self._lengths if length <= len(word))
            kinds = next((found for found in stems if found is not None), ())
        return kinds, self._phrases.get(word, ())


@lru_cache(maxsize=len(LANGUAGES))
def lines(code: str) -> dict[str, tuple[str, ...]]:
    """The entries of `data/<code>.txt` by kind."""
    found: dict[str, tuple[str, ...]] = {}
    text = (resources.files(__package__) / "data" / f"{code}.txt").read_text("utf-8")
    for line in text.splitlines():
        kind, colon, entries = line.partition(":")
        if colon and not line.startswith("#"):
            found[kind] = tuple(dict.fromkeys(entry.strip() for entry in entries.split(",") if entry.strip()))
    return found


@lru_cache(maxsize=len(LANGUAGES))
def lexicon(code: str) -> Lexicon:
    """The entries of a language, ready to be looked up."""
    return Lexicon(code)


@lru_cache(maxsize=1)
def small_words() -> dict[str, tuple[str, ...]]:
    """Each small word and greeting of the languages in Latin script, with the languages it is one of."""
    table: dict[str, tuple[str, ...]] = {}
    for code in LANGUAGES:
        if code not in UNSPACED and code != "ru":
            for word in dict.fromkeys((*lines(code)["small"], *lines(code)["greet"])):
                table[word] = (*table.get(word, ()), code)
    return table


def warm() -> None:
    """Read all lists now (about 20 ms), so that no request has to wait for them."""
    small_words()
    for code in LANGUAGES:
        lexicon(code)

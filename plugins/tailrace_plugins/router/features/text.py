"""What the words of the question tell: how many, how long, and of which kinds."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from tailrace_plugins.router.features.wordlists import KINDS, UNSPACED, WORD, lexicon

_MAX_WORDS: Final = 600
_LONG: Final = 9
"""Letters: longer words are terms of a trade more often than not."""
_DENSITIES: Final = {"zh": 3.0, "ja": 2.2, "ko": 2.0}
_SIGNS_A_WORD: Final = 2
"""Of languages that write without spaces."""
_SENTENCE_ENDS: Final = (". ", ".\n", "? ", "?\n", "! ", "!\n")
_OTHER_ENDS: Final = "。！？؟।"


def words_of(sample: str) -> tuple[str, ...]:
    """The words of a text that is in lower case already, at most 600 of them."""
    return tuple(WORD.findall(sample)[:_MAX_WORDS])


def measure(sample: str, words: Sequence[str], language: str) -> dict[str, float]:
    """Counts over the sampled question: words, sentences, question marks, and one count for each kind of word."""
    counted = Counter(words)
    total = len(words) or 1
    values: dict[str, float] = {
        "words": amount(sample, words, language),
        "sentences": sentences(sample),
        "questions": sample.count("?") + sample.count("？") + sample.count("؟"),
        "word_length": sum(map(len, words)) / total,
        "long_words": sum([count for word, count in counted.items() if len(word) > _LONG]) / total,
        "distinct_words": len(counted) / total,
    }
    values.update(kinds(sample, counted, language))
    return values


def jargon(raw: str) -> int:
    """How many acronyms and identifiers (capitals after the first letter) there are in a text of its own case."""
    return sum([(rest := word[1:]) != rest.lower() for word in raw.split()])


def sentences(sample: str) -> int:
    """How many sentences there are, at least one in what is not empty."""
    bare = sample.rstrip()
    found = sum([bare.count(end) for end in _SENTENCE_ENDS])
    if not bare.isascii():
        found += sum([bare[:-1].count(end) for end in _OTHER_ENDS])
    return found + 1 if bare else 0


def amount(sample: str, words: Sequence[str], language: str) -> int:
    """How many words a text has; of languages written without spaces, an estimate."""
    return max(len(words), len(sample) // _SIGNS_A_WORD) if language in ("zh", "ja") else len(words)


def density(language: str) -> float:
    """How many English letters one letter of a language stands for, roughly."""
    return _DENSITIES.get(language, 1.0)


def kinds(sample: str, counted: Mapping[str, int], language: str) -> dict[str, float]:
    """How many words, stems and phrases of each kind there are; English ones count in any language."""
    counts = dict.fromkeys(KINDS, 0.0)
    for code in ("en",) if language in ("", "en") else (language, "en"):
        known = lexicon(code)
        if code in UNSPACED:
            for sign in known.anywhere.keys() & set(sample):
                for phrase, names in known.anywhere[sign]:
                    if phrase in sample:
                        for kind in names:
                            counts[kind] += 1.0
            continue
        for word, count in counted.items():
            names, phrases = known.entry(word)
            for kind in names:
                counts[kind] += count
            for phrase, others in phrases:
                if phrase in sample:
                    for kind in others:
                        counts[kind] += 1.0
    return counts

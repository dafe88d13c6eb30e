"""Tells the language of a text by its script and its small words."""

import re
from collections.abc import Sequence
from typing import Final

from tailrace_plugins.router.features.wordlists import small_words

_LOOKED_AT: Final = 80
"""Words. Enough to tell; a language that changes after them is not noticed."""
_SCRIPTS: Final = (
    ("ja", re.compile(r"[\u3040-\u30ff]"), 0.05),
    ("ko", re.compile(r"[\uac00-\ud7af]"), 0.15),
    ("zh", re.compile(r"[\u3400-\u9fff]"), 0.15),
    ("ru", re.compile(r"[\u0400-\u04ff]"), 0.25),
    ("ar", re.compile(r"[\u0600-\u06ff]"), 0.25),
    ("hi", re.compile(r"[\u0900-\u097f]"), 0.25),
)
"""Each with the share of a text's signs that makes it the text's script. Japanese mixes its own signs with Chinese."""


def detect(sample: str, words: Sequence[str]) -> str:
    """The two-letter code of a text, given with its lower-case words; "" when nothing tells."""
    if not sample.isascii():
        signs = sample[:200]
        for code, script, share in _SCRIPTS:
            if len(script.findall(signs)) > share * len(signs):
                return code
    table = small_words()
    votes: dict[str, float] = {}
    for word in words[:_LOOKED_AT]:
        for code in table.get(word, ()):
            votes[code] = votes.get(code, 0.0) + 1.0 / len(table[word])
    if not votes:
        return ""
    return max(votes, key=lambda code: (votes[code], code == "en", code))

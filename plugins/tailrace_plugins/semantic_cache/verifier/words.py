"""The canonical word: what two texts are compared by."""

from dataclasses import dataclass
from typing import Final

from tailrace_plugins.semantic_cache.verifier import wordlists
from tailrace_plugins.semantic_cache.verifier.forms import Form

NEGATORS: Final = wordlists.words("negators")
"""Words that turn a sentence round: never skipped, never swapped."""


NOT: Final = "¬"
"""Stands before the key of a quality that is denied: "a person who is not rude" is a "¬rude person"."""


@dataclass(frozen=True, slots=True)
class Word:
    """`key` is what must be equal (a lemma, a group of synonyms, a number, a literal); `form` the ending it lost."""

    key: str
    form: Form = ""
    raw: str = ""
    capital: bool = False
    """Written with a capital where grammar asks for none: probably a name."""

    plain: bool = False
    """From a text written without any accent, in a language that has them."""

    @property
    def literal(self) -> bool:
        """Code, a path, a quote: equal to the byte or not equal."""
        return self.key.startswith("`")

    @property
    def number(self) -> bool:
        """Anything with a digit in it."""
        return any(char.isdigit() for char in self.key)

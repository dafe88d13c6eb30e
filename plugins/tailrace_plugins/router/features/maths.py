"""Numbers and operators: what a sum costs to work out."""

import re
from collections.abc import Sequence
from typing import Final

_NUMBER: Final = re.compile(r"\d+(?:[.,]\d+)*")
_SLASHED: Final = re.compile(r"\b\d{1,4}\s?/\s?\d{1,4}\b")
_SYMBOLS: Final = "=^*+√∫∑∏≤≥≠±×÷∞∂∈∀∃πθλ\\"
_FRACTIONS: Final = frozenset("half halves third thirds quarter quarters fourth fourths fifth fifths".split())
_FRACTION_SIGNS: Final = "½⅓¼¾⅔"
_MONEY: Final = "$€£¥₹"
_BIG: Final = 3
"""Digits and separators: longer numbers are big."""


def measure(sample: str, words: Sequence[str]) -> dict[str, float]:
    """Counts over the sampled question, in lower case, and its words."""
    numbers = _NUMBER.findall(sample)
    fractions = sum([word in _FRACTIONS for word in words])
    if "/" in sample:
        fractions += len(_SLASHED.findall(sample))
    plain = sample.isascii()
    if not plain:
        fractions += sum([sample.count(sign) for sign in _FRACTION_SIGNS])
    return {
        "numbers": len(numbers),
        "decimals": sum(["." in number for number in numbers]),
        "big_numbers": sum([len(number) > _BIG for number in numbers]),
        "percents": sample.count("%") + sample.count("percent"),
        "fractions": fractions,
        "money": sample.count("$") if plain else sum([sample.count(sign) for sign in _MONEY]),
        "symbols": sum([sample.count(sign) for sign in _SYMBOLS if not plain or sign < "\x7f"]),
    }

"""Explains one text by the other: the cheapest way to account for every word of both."""

from collections.abc import Sequence
from typing import Final

from tailrace_plugins.semantic_cache.verifier.costs import NEVER, dropped, opposite, swapped
from tailrace_plugins.semantic_cache.verifier.smallwords import ASKING, CHECKING, DIRECT, clash, manner
from tailrace_plugins.semantic_cache.verifier.words import NEGATORS, Word

_BAND: Final = 10
"""How many words the texts may run apart before the pair is given up."""
_SPLIT: Final = 0.1
_TURNED: Final = 0.1
_CEILINGS: Final = {ASKING: NEVER, CHECKING: 0.3, DIRECT: 0.15}
"""What one word that stands in one text alone may cost: in a command nearly every word counts."""
_NEAR: Final = 0.4
_SURCHARGES: Final = {ASKING: 0.0, CHECKING: 0.2, DIRECT: 0.4}
"""Words that are only near each other cost more where more depends on them."""
_MORE_LESS: Final = frozenset({("more", "less"), ("less", "more")})


def explain(one: Sequence[Word], other: Sequence[Word], language: str, limit: float) -> float:
    """The cost of all differences between two word sequences; `NEVER` (or more) when one of them has no explanation.

    A dynamic program over the words with a band; bounded by the product of the lengths. Stops early above `limit`.
    """
    if abs(len(one) - len(other)) > _BAND:
        return NEVER
    width = len(other) + 1
    if language == "en" and clash(one, other):
        return NEVER
    freedom = min(manner(one), manner(other)) if language == "en" else CHECKING
    ceiling = _CEILINGS[freedom]
    comes = _drops(other, language, ceiling)
    goes = _drops(one, language, ceiling)
    rows = [_first_row(comes)]
    for i in range(1, len(one) + 1):
        row = [NEVER] * width
        for j in range(max(0, i - _BAND), min(width, i + _BAND + 1)):
            best = rows[i - 1][j] + goes[i - 1]
            if j:
                best = min(best, row[j - 1] + comes[j - 1])
                # What has cost too much already needs no further price: this keeps long texts cheap.
                if rows[i - 1][j - 1] <= limit:
                    pair = swapped(one[i - 1], other[j - 1], language)
                    if pair and freedom == DIRECT and _in_command(one[i - 1], other[j - 1], min(i, j)):
                        pair = NEVER
                    if pair >= _NEAR:
                        pair += _SURCHARGES[freedom]
                    best = min(best, rows[i - 1][j - 1] + pair)
                if best >= NEVER:
                    best = min(best, _wider(one, other, i, j, rows, language))
            row[j] = best
        # Some explanations reach two words back, so one row without hope is not yet the end.
        if min(row) > limit and min(rows[-1]) > limit:
            return NEVER
        rows.append(row)
    return rows[-1][-1]


def _in_command(one: Word, other: Word, at: int) -> bool:
    """Whether two words of a command differ in what counts there: the deed, or one thing against several."""
    return (at == 1 and one.key != other.key) or {one.form, other.form} == {"", "s"}


def _drops(words: Sequence[Word], language: str, ceiling: float) -> list[float]:
    """What each word costs that stands in one text alone."""
    befores = [None, *words]
    costs = (dropped(word, language, before) for word, before in zip(words, befores, strict=False))
    return [cost if cost <= ceiling else NEVER for cost in costs]


def _first_row(comes: Sequence[float]) -> list[float]:
    row = [0.0]
    for cost in comes:
        row.append(min(NEVER, row[-1] + cost))
    return row


def _wider(one: Sequence[Word], other: Sequence[Word], i: int, j: int, rows: list[list[float]], language: str) -> float:
    """Explanations that take two words of a side: compounds written apart, opposites turned round."""
    best = NEVER
    if j > 1 and rows[i - 1][j - 2] < NEVER and _joined(other[j - 2], other[j - 1], one[i - 1]):
        best = rows[i - 1][j - 2] + _SPLIT
    if i > 1 and rows[i - 2][j - 1] < NEVER and _joined(one[i - 2], one[i - 1], other[j - 1]):
        best = min(best, rows[i - 2][j - 1] + _SPLIT)
    if i > 1 and j > 1 and rows[i - 2][j - 2] < NEVER:
        quantity = (one[i - 2].key, other[j - 2].key)
        if quantity in _MORE_LESS and opposite(one[i - 1], other[j - 1], language):
            best = min(best, rows[i - 2][j - 2] + _TURNED)
    return best


def _joined(first: Word, second: Word, whole: Word) -> bool:
    """ "data base" and "database", "python 3" and "python3"; nothing so short that chance could join it."""
    text = first.raw + second.raw
    if first.literal or second.literal or whole.literal or len(text) < 5 or len(first.raw) < 2 or len(second.raw) < 1:
        return False
    if first.key in NEGATORS or first.raw in ("in", "an", "un", "im"):
        return False
    return text == whole.raw or first.key + second.key == whole.key

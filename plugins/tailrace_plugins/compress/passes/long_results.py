"""Long plain-text results: beginning, end, and the lines that matter between them. Lossy."""

import re
from collections.abc import Sequence
from typing import Any, Final

from tailrace.wire import jsonio

_HEAD: Final = 0.4
_TAIL: Final = 0.3
"""Shares of the allowed size; the rest is for lines found between."""
_AROUND: Final = 1
"""Lines kept before and after one that was found."""
_LONGEST_LINE: Final = 2_000
_TROUBLE: Final = re.compile(
    r"\b(?:error|exception|traceback|fail(?:ed|ure|ures|s)?|fatal|panic|assert\w*|denied|undefined|cannot|not found|"
    r"exit(?:ed)?(?: with)?(?: code| status)?|warning)\b|\w(?:Error|Exception)\b",
    re.IGNORECASE,
)
_WORD: Final = re.compile(r"[\w./:@-]{3,}")
_MOST_WORDS: Final = 40


def cut(lines: Sequence[str], arguments: str, most: int, out: Sequence[bool]) -> list[bool]:
    """Which lines of a long text are left out, so that at most about `most` characters stay; those that are `out`
    already take none.

    None where it is not longer, and where a line alone is longer than 2,000 characters: that may be one value, which is
    not to be cut. Kept between head and tail: lines that look like trouble, then those that hold a word of the call's
    argument values (`arguments`, JSON text), each with its neighbours, as far as the size allows.
    """
    costs = [0 if left else len(line) + 1 for line, left in zip(lines, out, strict=True)]
    if sum(costs) <= most + 1 or max(costs) > _LONGEST_LINE:
        return [False] * len(lines)
    keep = [False] * len(lines)
    left = _fill(keep, costs, range(len(lines)), int(most * _HEAD))
    left += _fill(keep, costs, range(len(lines) - 1, -1, -1), int(most * _TAIL))
    left += most - int(most * _HEAD) - int(most * _TAIL)
    words = _words(arguments)
    for found in (
        [index for index, line in enumerate(lines) if not keep[index] and _TROUBLE.search(line)],
        [index for index, line in enumerate(lines) if words and not keep[index] and words.search(line)],
    ):
        for index in found:
            near = range(max(0, index - _AROUND), min(len(lines), index + _AROUND + 1))
            cost = sum(costs[other] for other in near if not keep[other])
            if cost <= left:
                left -= cost
                for other in near:
                    keep[other] = True
    return [not kept for kept in keep]


def could_be_cut(text: str, most: int) -> int:
    """About how many characters could be left out of a text: none of JSON, nor where a line is too long."""
    if len(text) <= most or text.lstrip()[:1] in ("{", "[") or max(map(len, text.split("\n"))) > _LONGEST_LINE:
        return 0
    return len(text) - most


def _fill(keep: list[bool], costs: Sequence[int], order: range, size: int) -> int:
    """Keep lines in this order up to a size; what is left of it."""
    for index in order:
        if costs[index] > size or keep[index]:
            break
        keep[index] = True
        size -= costs[index]
    return size


def _words(arguments: str) -> re.Pattern[str] | None:
    """What finds a line with a word of the argument values."""
    try:
        level: list[Any] = [jsonio.loads(arguments)]
    except jsonio.BadJson:
        return None
    words: dict[str, None] = {}
    while level:
        value = level.pop()
        if isinstance(value, dict):
            level += value.values()
        elif isinstance(value, list):
            level += value
        elif isinstance(value, str):
            words |= dict.fromkeys(_WORD.findall(value))
    chosen = sorted(words, key=len, reverse=True)[:_MOST_WORDS]
    return re.compile("|".join(map(re.escape, chosen))) if chosen else None

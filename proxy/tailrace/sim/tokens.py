"""The simulation's tokenizer: cheap, deterministic, about four characters a token."""

from __future__ import annotations

import re
from array import array
from collections import OrderedDict
from itertools import accumulate

# Up to six letters with the space before them, three digits, three marks, a run of white space, two characters of any
# other script. Every character belongs to exactly one piece, so that joining the pieces gives the text back.
_PIECE = re.compile(r" ?[A-Za-z]{1,6}| ?[0-9]{1,3}| ?[!-/:-@\[-`{-~]{1,3}|[^\x00-\x7f]{1,2}|\s+|.", re.DOTALL)

# Counting takes 50 ms a megabyte, and a simulation that stalls cannot show whether a proxy does.
_LARGE_CHARS = 100_000
_CHARS_A_TOKEN = 4


def pieces(text: str) -> list[str]:
    """Split text into tokens; `"".join` of them is the text."""
    return _PIECE.findall(text)


def count(text: str) -> int:
    """Return how many tokens the text has."""
    return len(_PIECE.findall(text))


class Segment:
    """One part of a prompt (a tool, a message) with its number of tokens.

    A part of more than 100,000 characters is taken to have a token for every four of them.
    """

    __slots__ = ("_ends", "count", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.count = count(text) if len(text) <= _LARGE_CHARS else len(text) // _CHARS_A_TOKEN
        self._ends: array[int] | None = None

    def end_of(self, tokens: int) -> int:
        """Return where in the text the first `tokens` tokens end, in characters."""
        if len(self.text) > _LARGE_CHARS:
            return tokens * _CHARS_A_TOKEN
        if self._ends is None:
            self._ends = array("I", accumulate(map(len, _PIECE.findall(self.text))))
        return self._ends[tokens - 1] if tokens else 0


class Tokenizer:
    """Counts the parts of prompts, and remembers: an agent sends the same messages again every turn.

    Bounded by the characters it holds; the least recently used go first.
    """

    def __init__(self, max_chars: int = 32 * 1024 * 1024) -> None:
        self._max_chars = max_chars
        self._chars = 0
        self._known: OrderedDict[str, Segment] = OrderedDict()

    def segment(self, text: str) -> Segment:
        """Return the counted segment of this text."""
        known = self._known.get(text)
        if known is not None:
            self._known.move_to_end(text)
            return known
        made = Segment(text)
        self._known[text] = made
        self._chars += len(text)
        while self._chars > self._max_chars and self._known:
            gone, _ = self._known.popitem(last=False)
            self._chars -= len(gone)
        return made

"""What may leave as a short text: bounded in length, bounded in number, never what somebody pasted. Pure."""

import re
from typing import Final

OTHER: Final = "other"
OTHER_ERROR: Final = "_OTHER"
"""The conventions' word for an error type outside the set."""
OTHER_METHOD: Final = "_OTHER"

METHODS: Final = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE", "QUERY"})
"""`http.request.method`'s set."""

_MOST_CHARS = 256
# Words and statuses. A provider writes its own `code` into an error, so what looks like anything else is not told.
_ERROR = re.compile(r"[A-Za-z]{1,32}(?:_[a-z0-9]{1,24}){0,6}|[1-5][0-9]{2}|bad-answer")


def clean(text: str, most: int = _MOST_CHARS) -> str:
    """The text, cut to `most` characters, as valid UTF-8 (headers may hold what is none)."""
    text = text[:most]
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def error_word(text: str) -> str:
    """The text if it can be a low-cardinality error type, else `_OTHER`."""
    return text if _ERROR.fullmatch(text) else OTHER_ERROR


def method_word(method: str) -> str:
    """The method if it is a known one, else `_OTHER`."""
    return method if method in METHODS else OTHER_METHOD


def reason_word(label: str) -> str:
    """A plugin's label without its details: `routed(gpt-4o-mini)` is `routed`."""
    return label.partition("(")[0][:64]


class Few:
    """A set that takes at most `most` different words; one more is `other`."""

    __slots__ = ("_most", "_other", "_seen")

    def __init__(self, most: int, other: str = OTHER) -> None:
        self._most = most
        self._other = other
        self._seen: set[str] = set()

    def __contains__(self, word: str) -> bool:
        return word in self._seen

    def __call__(self, word: str) -> str:
        """The word, or the word for all others."""
        if word in self._seen:
            return word
        if len(self._seen) < self._most:
            self._seen.add(word)
            return word
        return self._other

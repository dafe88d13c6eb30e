"""Recognises, without parsing, frames that carry a piece of text and no fact worth knowing.

Two ways, by protocol. Typed streams (Responses, Messages) name each event, and the name decides. In chat and
completions every chunk has the same fields, so a chunk is compared with the last ones that were parsed and told
nothing: equal but for the text (and `obfuscation`) means it tells nothing either.
"""

from typing import Final

RESPONSE_ENDS: Final = ("response.completed", "response.incomplete", "response.failed", "response.cancelled")
_RESPONSE_STARTS: Final = ("response.created", "response.queued", "response.in_progress")
_TELLING: Final = frozenset(name.encode() for name in (*_RESPONSE_STARTS, *RESPONSE_ENDS))
_UNTOLD: Final = (b"response.", b"content_block_", b"ping")
"""Events whose names begin so hold pieces of the answer only, but for those in _TELLING."""

_MOST_SPELLINGS: Final = 4
_BACKSLASH: Final = 0x5C

TEXT_KEYS: Final = {
    "chat": (b'"content":', b'"reasoning_content":', b'"arguments":', b'"reasoning":', b'"refusal":', b'"text":'),
    "completions": (b'"text":',),
    "responses": (b'"delta":',),
    "messages": (b'"text":', b'"partial_json":', b'"thinking":'),
}
"""Where each protocol's deltas keep their text, the commonest first."""


def untold_name(frame: bytes) -> bytes:
    """The event's name, when it shows that a frame of a typed stream holds no fact; else empty: parse the frame."""
    if b"\r" in frame:
        return b""
    if frame.startswith(b"event: "):
        name = frame[7 : frame.find(b"\n")]
    elif frame.startswith(b'data: {"type":"'):
        name = frame[15 : frame.find(b'"', 15)]
    else:
        return b""
    return name if name.startswith(_UNTOLD) and name not in _TELLING else b""


def text_span(frame: bytes, keys: tuple[bytes, ...]) -> tuple[int, int] | None:
    """Where the generated text of a delta stands between its quotes, as JSON spells it; None without one.

    The first that is not empty by the order of `keys`, else the first.
    """
    empty: tuple[int, int] | None = None
    for key in keys:
        start = frame.find(key)
        if start < 0:
            continue
        start += len(key)
        start += frame.startswith(b" ", start)
        if frame.startswith(b'"', start):
            end = _string_end(frame, start + 1)
            if end > start + 1:
                return start + 1, end
            if end > 0 and empty is None:
                empty = start + 1, end
    return empty


class Spellings:
    """The last few spellings of chunks that told nothing, each with one hole for text and one for obfuscation.

    A hole is the inside of one JSON string, so a chunk that fits differs from the learnt one in that string only.
    """

    __slots__ = ("_keys", "_known")

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        self._keys = keys
        self._known: list[tuple[bytes, bytes, bytes]] = []

    def text_length(self, frame: bytes) -> int:
        """Bytes of text in a frame of a known spelling; -1 for any other frame, which may tell anything."""
        for before, between, after in self._known:
            if frame.startswith(before):
                end = frame.find(b'"', len(before))
                if not frame.startswith(between, end):
                    # Perhaps stopped at an escaped quote.
                    end = _string_end(frame, len(before))
                    if end < 0 or not frame.startswith(between, end):
                        continue
                rest = end + len(between)
                if not after:
                    if rest == len(frame):
                        return end - len(before)
                elif frame.endswith(after) and frame.find(b'"', rest) == len(frame) - len(after):
                    return end - len(before)
        return -1

    def learn(self, frame: bytes) -> int:
        """Remember how this frame, which told nothing, is spelled; returns the bytes of its text, 0 without any."""
        span = text_span(frame, self._keys)
        if span is None:
            return 0
        start, end = span
        between, after = frame[end:], b""
        padding = text_span(between, (b'"obfuscation":',))
        if padding is not None:
            between, after = between[: padding[0]], between[padding[1] :]
        self._known = [(frame[:start], between, after), *self._known[: _MOST_SPELLINGS - 1]]
        return end - start


def _string_end(frame: bytes, start: int) -> int:
    """The closing quote of the JSON string whose inside begins at `start`; -1 when it never closes."""
    end = frame.find(b'"', start)
    while end > start and frame[end - 1] == _BACKSLASH:
        slashes = 1
        while end - slashes > start and frame[end - slashes - 1] == _BACKSLASH:
            slashes += 1
        if not slashes % 2:
            break
        end = frame.find(b'"', end + 1)
    return end

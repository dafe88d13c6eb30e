"""Pieces of text, and the chunks of chat and completions streams."""

from collections.abc import Iterator
from typing import Any, Final

from tailrace.wire import jsonio, sse

_EVERY_CHUNK: Final = ("id", "created", "model", "system_fingerprint", "service_tier")
_NOT_AROUND: Final = ("object", "choices", "usage")


def pieces(text: str, size: int) -> Iterator[str]:
    """The text cut into pieces of `size` characters, whole for 0; nothing for an empty text."""
    if size <= 0:
        size = len(text)
    for start in range(0, len(text), size or 1):
        yield text[start : start + size]


class Chunks:
    """Writes the chunks of one chat or completions stream.

    What identifies the answer stands in every chunk, other top-level fields in the first one only. A client that
    asked for usage finds `usage` in every chunk, null until the last.
    """

    def __init__(self, body: dict[str, Any], name: str, include_usage: bool) -> None:
        self._usage = body.get("usage") if include_usage else None
        self._every: dict[str, Any] = {key: body[key] for key in _EVERY_CHUNK if key in body}
        self._every["object"] = name
        self._once = {key: value for key, value in body.items() if key not in _EVERY_CHUNK and key not in _NOT_AROUND}

        self._begun = False

    def write(self, choice: dict[str, Any]) -> bytes:
        """One chunk with one choice."""
        chunk = {**self._every, **self._once, "choices": [choice]}
        self._once = {}
        self._begun = True
        if self._usage is not None:
            chunk["usage"] = None
        return sse.encode(jsonio.dumps(chunk))

    def close(self) -> Iterator[bytes]:
        """The usage chunk, if it is wanted and known (and where there was no choice, the only one); the end mark."""
        if self._usage is not None or not self._begun:
            last = {**self._every, **self._once, "choices": []}
            if self._usage is not None:
                last["usage"] = self._usage
            yield sse.encode(jsonio.dumps(last))
        yield sse.DONE

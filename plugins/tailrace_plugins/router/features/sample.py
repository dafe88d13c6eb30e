"""Cuts what is read of a long text to a bounded piece, so that no request costs more than its share."""

from typing import Final

HEAD: Final = 1_400
TAIL: Final = 500
"""Characters. A question stands at the start or at the end of a long text; pasted material lies between."""


def excerpt(text: str, head: int = HEAD, tail: int = TAIL) -> str:
    """`text` itself up to `head + tail` characters, else its start and its end with a line end between."""
    if len(text) <= head + tail:
        return text
    return f"{text[:head]}\n{text[-tail:]}"

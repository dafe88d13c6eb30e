"""What a chat message says: its content as one text, and its calls."""

from collections.abc import Iterator, Mapping
from typing import Any


def content(message: Mapping[str, Any]) -> str:
    """The content's texts in one; parts that are no texts are left out."""
    given = message.get("content")
    if isinstance(given, str):
        return given
    parts = given if isinstance(given, list) else ()
    texts = (part.get("text") for part in parts if isinstance(part, Mapping))
    return "\n".join(text for text in texts if isinstance(text, str))


def calls(message: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Name and arguments (JSON text) of each call of a message."""
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        name, arguments = function.get("name"), function.get("arguments")
        yield name if isinstance(name, str) else "", arguments if isinstance(arguments, str) else ""

"""Puts the chunks of a stream together into the answer the same request would have got without `stream`.

Assemblers take parsed events (`sse.Event.json`) in order. They keep what they do not know, never raise on odd input,
and never change or keep a reference into what they are fed.
"""

from typing import Any, Protocol

from tailrace.wire.assemble.chat import ChatAssembler
from tailrace.wire.assemble.completions import CompletionsAssembler
from tailrace.wire.assemble.messages import MessagesAssembler
from tailrace.wire.assemble.responses import ResponsesAssembler
from tailrace.wire.watch import Shape

__all__ = [
    "Assembler",
    "ChatAssembler",
    "CompletionsAssembler",
    "MessagesAssembler",
    "ResponsesAssembler",
    "assembler",
]


class Assembler(Protocol):
    """What all four have in common."""

    def feed(self, chunk: dict[str, Any]) -> None:
        """Take the next event's JSON."""

    def result(self) -> dict[str, Any]:
        """The answer as far as it was heard; may be asked for at any time and more than once."""


def assembler(shape: Shape) -> Assembler:
    """A fresh assembler for a stream of that shape."""
    if shape == "chat":
        return ChatAssembler()
    if shape == "completions":
        return CompletionsAssembler()
    if shape == "responses":
        return ResponsesAssembler()
    return MessagesAssembler()

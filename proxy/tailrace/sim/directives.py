"""Steering from inside the prompt: `[[sim: rounds=8 parallel=2 text="hello" tokens=200 delay=0]]`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

_BLOCK = re.compile(r"\[\[sim:(.*?)\]\]", re.DOTALL)
_PAIR = re.compile(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|(\S+))')
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Directives:
    """What a user message asks of the simulation; `None` leaves the default.

    rounds: rounds of tool calls before the final text. parallel: calls in each round. tool: call only this one.
    text: the final text, word for word. tokens: the length of the final text. reasoning: tokens of
    `reasoning_content` before it. delay: milliseconds between tokens. first: milliseconds to the first token.
    finish: the finish_reason of the final text. refusal: answer with this refusal instead.
    """

    rounds: int | None = None
    parallel: int | None = None
    tool: str | None = None
    text: str | None = None
    tokens: int | None = None
    reasoning: int | None = None
    delay: float | None = None
    first: float | None = None
    finish: str | None = None
    refusal: str | None = None


_NONE = Directives()
_KINDS: dict[str, type] = {
    field.name: float if "float" in str(field.type) else int if "int" in str(field.type) else str
    for field in fields(Directives)
}
_MOST_TOKENS = 200_000


def _unescaped(found: re.Match[str]) -> str:
    return "\n" if found[1] == "n" else found[1]


def parse(texts: Iterable[str]) -> Directives:
    """Return the directives in these texts; later ones win key by key, unknown or malformed ones are passed over."""
    found: dict[str, Any] = {}
    for text in texts:
        if "[[sim:" not in text:
            continue
        for block in _BLOCK.findall(text):
            for key, quoted, bare in _PAIR.findall(block):
                kind = _KINDS.get(key)
                if kind is None:
                    continue
                try:
                    value = kind(bare or _ESCAPED.sub(_unescaped, quoted))
                except ValueError:
                    continue
                found[key] = min(max(value, 0), _MOST_TOKENS) if kind is not str else value
    return Directives(**found) if found else _NONE

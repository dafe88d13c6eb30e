"""A provider with a prefix cache, and its bill: what a request would have cost.

As OpenAI documents it (platform.openai.com/docs/guides/prompt-caching): the longest prefix seen before is read from the
cache in whole blocks, from a least length on. What a block is written for counts at its own price, as at Anthropic.
Nothing lapses: the turns of an agent loop follow each other within the five minutes that providers keep a prefix.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tailrace.wire import jsonio
from tailrace.wire.usage import Usage
from tailrace_plugins.compress.evaluate.texts import calls

Count = Callable[[str], int]
"""Tokens of a text."""

_PER_MESSAGE: Final = 4
"""Tokens of the marks around a message, as in OpenAI's cookbook on counting chat tokens."""


@dataclass(frozen=True, slots=True)
class Rules:
    """`block`: tokens in which the cache reads and writes; `least`: tokens below which it does neither."""

    block: int = 128
    least: int = 1_024


@dataclass(slots=True)
class _Node:
    after: "dict[str, _Node]" = field(default_factory=dict)


class Provider:
    """Answers one conversation: remembers every prompt it was sent."""

    def __init__(self, rules: Rules, count: Count) -> None:
        self._rules = rules
        self._count = count
        self._root = _Node()

    def bill(self, payload: Mapping[str, Any]) -> Usage:
        """The input tokens of a request: in all, read from the cache, newly written to it. Remembers its prompt."""
        node, seen, total, whole = self._root, 0, 0, True
        for text in prompt(payload):
            tokens = _PER_MESSAGE + self._count(text)
            total += tokens
            if whole and text in node.after:
                seen += tokens
            elif whole:
                whole = False
                seen += max((self._shared(text, other) for other in node.after), default=0)
            node = node.after.setdefault(text, _Node())
        block, least = self._rules.block, self._rules.least
        # The last token is always computed: an answer needs something to begin from.
        read = min(seen, max(0, total - 1)) // block * block
        read = read if read >= least else 0
        kept = total // block * block if total >= least else 0
        return Usage(total, 0, cache_read_tokens=read, cache_write_tokens=max(0, kept - read))

    def _shared(self, text: str, other: str) -> int:
        """Tokens that two messages begin with."""
        same = os.path.commonprefix([text, other])
        return _PER_MESSAGE + self._count(same) if same else 0


def prompt(payload: Mapping[str, Any]) -> Iterator[str]:
    """A request as the texts that a model is given, in their order: tools, then messages."""
    for tool in payload.get("tools") or ():
        yield jsonio.dumps(tool).decode()
    for message in payload.get("messages") or ():
        parts = [str(message.get("role", "")), *_content(message.get("content"))]
        parts += [f"{name} {arguments}" for name, arguments in calls(message)]
        yield "\n".join(parts)


def _content(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for part in content:
            text = part.get("text") if isinstance(part, Mapping) else None
            # An image has tokens of its own that no edit of texts changes; here it counts as a few words.
            yield text if isinstance(text, str) else hashlib.blake2b(jsonio.dumps(part), digest_size=8).hexdigest()

"""What goes between the plugin and the rounds that a client does not see."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the proxy answers. `parameters` is a JSON Schema."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """A call of such a tool; `arguments` is JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Answered:
    """What a call is answered with.

    `tools`: definitions in the request's own dialect, offered behind the others from the next round on.
    """

    text: str
    tools: tuple[Mapping[str, Any], ...] = ()


Answering = Callable[[Call], Answered]
"""Answers one call. Never raises, does not wait: bad arguments are answered with words that tell the model so."""


@dataclass(frozen=True, slots=True)
class Inserted:
    """What happened between a request and the answer that its client was given, in the request's own dialect.

    In the next turn it is put back where it stood, so that the provider sees the prefix that it has, and the model what
    it has read. `turns`: whole messages (items), the model's calls and their results, before the model's message that
    the client has. `calls`: calls that were taken out of that message itself (for Responses: items behind its items).
    `results`: the answers to those, with the client's own tool results. `shown`: the answer was a stream, so that the
    client's message begins with what the messages in `turns` said. `answer`: what tells the answer that the client was
    given from others (`identity.answered`), "" where any may follow.
    """

    turns: tuple[Mapping[str, Any], ...] = ()
    calls: tuple[Mapping[str, Any], ...] = ()
    results: tuple[Mapping[str, Any], ...] = ()
    shown: bool = False
    answer: str = ""

    def __bool__(self) -> bool:
        return bool(self.turns or self.calls)

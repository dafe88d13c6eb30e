"""What the simulation is about to put on the wire, decided before a byte of it is sent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

import orjson


class Kind(Enum):
    """What a step of a body means, for faults that leave something out."""

    OPEN = "open"
    DELTA = "delta"
    TOOL = "tool"
    FINISH = "finish"
    USAGE = "usage"
    DONE = "done"
    BODY = "body"


@dataclass(frozen=True, slots=True)
class Step:
    """One write: the bytes, what they mean, how many tokens they carry, and the wait before them."""

    data: bytes
    kind: Kind = Kind.DELTA
    tokens: int = 0
    wait_ms: float = 0.0


class Framing(Enum):
    """How the receiver is to learn where the body ends (RFC 9112, section 6)."""

    LENGTH = "content-length"
    CHUNKED = "chunked"
    UNTIL_CLOSE = "until-close"


class End(Enum):
    """What happens after the last step."""

    CLEAN = "clean"
    CLOSE = "close"
    RESET = "reset"
    HANG = "hang"
    CLEAN_THEN_CLOSE = "clean-then-close"


class Shape(Enum):
    """Whose error objects and events an endpoint speaks."""

    OPENAI = "openai"
    RESPONSES = "responses"
    ANTHROPIC = "anthropic"


@dataclass(frozen=True, slots=True)
class Script:
    """One answer.

    `length` overrides the Content-Length of a `Framing.LENGTH` body, to claim what is not true. Without `head` not a
    byte is sent and only `end` happens. `eager` lets the loop turn after every write, so that writes stay apart.
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    steps: Iterable[Step] = ()
    framing: Framing = Framing.LENGTH
    end: End = End.CLEAN
    length: int | None = None
    head: bool = True
    eager: bool = False
    shape: Shape = Shape.OPENAI
    stream: bool = False


JSON = ("content-type", "application/json")
SSE_HEADERS = (("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"))


def json_script(
    payload: object, status: int = 200, headers: tuple[tuple[str, str], ...] = (), wait_ms: float = 0.0
) -> Script:
    """Return an answer of one JSON body."""
    return Script(status, (JSON, *headers), (Step(orjson.dumps(payload), Kind.BODY, wait_ms=wait_ms),))


def sse_script(steps: Iterable[Step]) -> Script:
    """Return an answer that is a stream of server-sent events."""
    return Script(200, SSE_HEADERS, steps, Framing.CHUNKED, stream=True)


def event(payload: object, kind: Kind = Kind.DELTA, tokens: int = 0, name: str = "") -> Step:
    """Return one server-sent event with a JSON payload, as OpenAI (unnamed) and Anthropic (named) frame it."""
    head = b"event: " + name.encode() + b"\ndata: " if name else b"data: "
    return Step(head + orjson.dumps(payload) + b"\n\n", kind, tokens)


DONE = Step(b"data: [DONE]\n\n", Kind.DONE)

"""A made-up provider: answers, streams, fails or hangs, and remembers what it was asked."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from tailrace.errors import StreamCut
from tailrace.exchange import Exchange, Reply
from tailrace.streams import EventSource, Stream
from tailrace.wire import jsonio
from tailrace.wire.endpoints import Shape

Answer = Callable[["FakeUpstream", Exchange], Awaitable[Reply]]
"""One thing the provider does when it is asked; made by `whole`, `events`, `failing`, `hanging`."""

Step = bytes | float | Exception
"""Of a stream: bytes to send, seconds of silence, or the error with which it breaks off."""


class FakeUpstream:
    """Stands where the providers stand. Each call takes the next answer; the last one serves all that follow."""

    def __init__(self, *answers: Answer) -> None:
        if not answers:
            raise ValueError("give at least one answer")
        self._answers = answers
        self.got: list[Exchange] = []
        """What it was asked, in order."""
        self.cancelled = 0
        """Calls that were given up before they had an answer."""
        self.sources: list[FakeEvents] = []
        """The streams it opened; each knows whether it was `closed`."""

    async def __call__(self, exchange: Exchange) -> Reply:
        """Answer, as the end of a chain."""
        answer = self._answers[min(len(self.got), len(self._answers) - 1)]
        self.got.append(exchange)
        try:
            return await answer(self, exchange)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    @property
    def all_closed(self) -> bool:
        """Whether every stream was let go of."""
        return all(source.closed for source in self.sources)


class FakeEvents(EventSource):
    """An event stream from a list of steps."""

    def __init__(self, shape: Shape, steps: Sequence[Step], choices: int = 1) -> None:
        super().__init__(shape, choices)
        self._steps = list(steps)
        self.closed = False
        self.left = 0
        """Bytes that were not taken when the stream was closed."""

    async def read(self) -> bytes:
        """The next bytes, after the silence before them."""
        while self._steps:
            step = self._steps.pop(0)
            if isinstance(step, bytes):
                if step:
                    return step
            elif isinstance(step, Exception):
                raise step
            else:
                await asyncio.sleep(step)
        return b""

    async def aclose(self) -> None:
        """Let go of it."""
        self.closed = True
        self.left = sum(len(step) for step in self._steps if isinstance(step, bytes))


def whole(
    body: Mapping[str, Any] | bytes,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    origin: str = "upstream",
    after_s: float = 0.0,
) -> Answer:
    """A whole body, `after_s` seconds after it was asked for; `origin` other than `upstream` plays another plugin."""
    raw = body if isinstance(body, bytes) else jsonio.dumps(dict(body))

    async def answer(upstream: FakeUpstream, exchange: Exchange) -> Reply:
        await asyncio.sleep(after_s)
        reply = Reply(status, {"content-type": "application/json", **(headers or {})}, raw, origin=origin)
        exchange.trail.answer = (exchange.endpoint.shape or "", reply.json())
        return reply

    return answer


def events(
    *steps: Step, headers: Mapping[str, str] | None = None, origin: str = "upstream", after_s: float = 0.0
) -> Answer:
    """A stream: bytes are sent, numbers are seconds of silence, an exception breaks it off.

    The stream begins `after_s` seconds after it was asked for. Without its proper end (`[DONE]`, a finish reason,
    `message_stop` …) it counts as cut, as any provider's does.
    """

    async def answer(upstream: FakeUpstream, exchange: Exchange) -> Reply:
        await asyncio.sleep(after_s)
        choices = exchange.payload.get("n")
        source = FakeEvents(exchange.endpoint.shape or "chat", steps, choices if type(choices) is int else 1)
        upstream.sources.append(source)
        exchange.trail.watch = source.watch
        sent = {"content-type": "text/event-stream", **(headers or {})}
        return Reply(200, sent, stream=Stream(source), origin=origin)

    return answer


def failing(error: Exception | None = None, *, after_s: float = 0.0) -> Answer:
    """An error instead of an answer: a `TailraceError` as the real upstream raises them, or any other."""
    failure = error if error is not None else StreamCut("The provider is away.")

    async def answer(upstream: FakeUpstream, exchange: Exchange) -> Reply:
        await asyncio.sleep(after_s)
        raise failure

    return answer


def hanging() -> Answer:
    """No answer, for ever; whoever asked has to give up."""
    return failing(after_s=10**9)

"""Asking a chat provider for log probabilities, and taking them out of an answer to a client that did not ask. Pure.

What is taken out becomes null, which is what a provider sends that was not asked: `logprobs` of a choice is required
and nullable in OpenAI's description of the API.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from tailrace.exchange import Exchange
from tailrace.wire import jsonio, sse
from tailrace.wire.endpoints import EndpointKind
from tailrace.wire.sse import Event

ASK: Final[Mapping[str, Any]] = {"logprobs": True}
"""The change to a chat request."""


def can_ask(exchange: Exchange) -> bool:
    """Whether log probabilities can be asked for here: the client said nothing about them itself."""
    payload = exchange.payload
    return exchange.endpoint.kind is EndpointKind.CHAT and "logprobs" not in payload and "top_logprobs" not in payload


def without(answer: Any) -> dict[str, Any] | None:
    """The answer, or the chunk, without log probabilities; None where it has none. Does not change what it is given."""
    choices = answer.get("choices") if type(answer) is dict else None
    if type(choices) is not list or not any(_has(choice) for choice in choices):
        return None
    return {**answer, "choices": [{**choice, "logprobs": None} if _has(choice) else choice for choice in choices]}


async def stream_without(events: AsyncIterator[Event]) -> AsyncIterator[Event]:
    """A wrap for `Reply.through`. Events that have none pass as they are."""
    async for event in events:
        yield event_without(event)


def event_without(event: Event) -> Event:
    """The event without log probabilities, or the very same where it has none."""
    if b"logprobs" not in event.data and b"\\u" not in event.data:
        return event
    stripped = without(event.json)
    if stripped is None:
        return event
    raw = sse.encode(jsonio.dumps(stripped), event.event)
    return sse.parse(raw if event.id is None else b"id: %b\n%b" % (event.id.encode(), raw))


def _has(choice: Any) -> bool:
    return type(choice) is dict and choice.get("logprobs") is not None

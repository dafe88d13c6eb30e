"""Asking for a usage report in streams, and hiding it from clients that did not ask (`upstream.stream_usage`)."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from tailrace.exchange import Exchange
from tailrace.wire import jsonio, sse
from tailrace.wire.endpoints import EndpointKind
from tailrace.wire.sse import Event

_WITH_OPTION = (EndpointKind.CHAT, EndpointKind.COMPLETIONS)


def asks_for_usage(exchange: Exchange) -> bool:
    """Whether there is nothing to add: not a stream, a dialect that always reports, or the client asked itself."""
    if not exchange.stream or exchange.endpoint.kind not in _WITH_OPTION:
        return True
    options = exchange.payload.get("stream_options")
    return isinstance(options, Mapping) and options.get("include_usage") is True


def with_usage(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The change to the payload that asks for the report; other stream options stay."""
    options = payload.get("stream_options")
    kept = dict(options) if isinstance(options, Mapping) else {}
    return {"stream_options": {**kept, "include_usage": True}}


async def without_usage_chunk(events: AsyncIterator[Event]) -> AsyncIterator[Event]:
    """Drop the chunk that exists only to report usage (`choices` empty), and the report from chunks that bring more.

    Chunks keep their `"usage": null`, which some servers send anyway and every client accepts.
    """
    async for event in events:
        if b'"usage"' in event.data:
            told = event.json
            if isinstance(told, dict) and told.get("usage") is not None:
                if told.get("choices"):
                    yield sse.parse(sse.encode(jsonio.dumps({k: v for k, v in told.items() if k != "usage"})))
                continue
        yield event

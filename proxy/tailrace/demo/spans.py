"""A collector for one demo: receives OTLP over HTTP and keeps the spans."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, slots=True)
class Span:
    """One span as it was received; ids in hex, times in nanoseconds."""

    trace: str
    id: str
    parent: str
    name: str
    start_ns: int
    end_ns: int
    failed: bool
    facts: dict[str, Any]

    @property
    def duration_ms(self) -> float:
        """How long it took, in milliseconds."""
        return (self.end_ns - self.start_ns) / 1e6


@dataclass(slots=True)
class Collector:
    """Where the proxy exports to, and what came."""

    url: str = ""
    spans: list[Span] = field(default_factory=list)
    more: asyncio.Event = field(default_factory=asyncio.Event)

    def traces(self) -> dict[str, list[Span]]:
        """The spans by trace, each in the order of their start."""
        found: dict[str, list[Span]] = {}
        for span in sorted(self.spans, key=lambda s: s.start_ns):
            found.setdefault(span.trace, []).append(span)
        return found

    async def until(self, traces: int, timeout_s: float) -> None:
        """Wait until so many traces came, at most `timeout_s` seconds."""
        try:
            async with asyncio.timeout(timeout_s):
                while len({span.trace for span in self.spans}) < traces:
                    self.more.clear()
                    await self.more.wait()
        except TimeoutError:
            pass


@asynccontextmanager
async def collector() -> AsyncIterator[Collector]:
    """A collector on a free port."""
    kept = Collector()

    async def take(request: web.Request) -> web.Response:
        if request.path.endswith("/traces"):
            kept.spans += _spans(await request.read())
            kept.more.set()
        return web.Response(content_type="application/x-protobuf")

    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_post("/{tail:.*}", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        kept.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield kept
    finally:
        await runner.cleanup()


def _spans(body: bytes) -> list[Span]:
    request = ExportTraceServiceRequest.FromString(body)
    return [
        Span(
            span.trace_id.hex(),
            span.span_id.hex(),
            span.parent_span_id.hex(),
            span.name,
            span.start_time_unix_nano,
            span.end_time_unix_nano,
            span.status.code == 2,
            {pair.key: _value(pair.value) for pair in span.attributes},
        )
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    return getattr(value, kind) if kind in ("string_value", "int_value", "double_value", "bool_value") else None

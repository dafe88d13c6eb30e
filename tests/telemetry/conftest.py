"""Requests that ended, told by what a trail remembers of them; and collectors that really listen."""

import asyncio
import time
from concurrent import futures
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from multidict import CIMultiDict

from tailrace.exchange import ClientRequest, Exchange, Outcome
from tailrace.outcome import settle
from tailrace.prices import Price, PriceTable
from tailrace.telemetry.providers import Known
from tailrace.telemetry.record import SpanRules
from tailrace.trail import Attempt, Dropped, PluginScope, TraceIds, Trail
from tailrace.wire import jsonio
from tailrace.wire.endpoints import CHAT, PASSTHROUGH, Endpoint
from tailrace.wire.usage import Usage
from tailrace.wire.watch import StreamWatch

CANARY = "canary-4f1e"
KEY = "sk-canary-key-77aa"
TRACE, SERVER, CALL, PARENT = 0xABC1 << 64, 0x51, 0xCA, 0xFA
AT = 5000.0
AT_NS = 1_790_000_000_000_000_000
PRICES = PriceTable(
    {"gpt-4o-mini": Price(0.15, 0.6, 0.075), "gpt-4o": Price(2.5, 10.0), "text-embedding-3-small": Price(0.02, 0.0)}
)
REQUEST = {
    "model": "gpt-4o-mini",
    "messages": [{"role": "system", "content": f"sys {CANARY}"}, {"role": "user", "content": f"hello {CANARY}"}],
}
USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "total_tokens": 120,
    "prompt_tokens_details": {"cached_tokens": 64},
    "completion_tokens_details": {"reasoning_tokens": 5},
}
ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "gpt-4o-mini-2024-07-18",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": CANARY}, "finish_reason": "stop"}],
    "usage": USAGE,
}


@dataclass
class Ended:
    """What a sink is told."""

    endpoint: Endpoint
    exchange: Exchange | None
    trail: Trail
    outcome: Outcome

    def tell(self, sink):
        sink(self.endpoint, self.exchange, self.trail, self.outcome)


ROUTED = {
    "route.tier": "simple",
    "route.model": "gpt-4o-mini",
    "route.reason": "first-turn",
    "route.saved_usd": 0.5,
    "route.saved_s": 1.5,
}


@dataclass
class Story:
    """Writes a request down step by step; times are milliseconds after its start."""

    endpoint: Endpoint = CHAT
    payload: dict[str, Any] | None = field(default_factory=lambda: dict(REQUEST))
    sampled: bool = True
    parent: int = 0
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=dict)
    session: str | None = None
    path: str = ""
    number: int = 0

    def __post_init__(self):
        trace = TraceIds(TRACE + self.number, SERVER, self.parent, self.sampled)
        self.trail = Trail(f"req_{self.number:032x}", trace, AT, AT_NS)
        self.exchange = None
        if self.payload is not None:
            headers = CIMultiDict({"user-agent": "OpenAI/Python 2", "authorization": f"Bearer {KEY}", **self.headers})
            request = ClientRequest(
                self.trail.request_id,
                self.method,
                self.path or self.endpoint.route,
                f"q={CANARY}",
                self.endpoint,
                headers,
                "ab" * 16,
                KEY,
                session_hint=self.session,
            )
            self.exchange = Exchange(request, self.payload, jsonio.dumps(self.payload), self.trail)

    def plugin(self, name, action, label="", facts=None, self_ms=0.1, ended=1.0):
        scope = PluginScope(name, AT + 0.0001, self_ms / 1000, AT + ended / 1000 if ended else 0.0, action, label)
        scope.facts.update(facts or {})
        self.trail.scopes.append(scope)
        return self

    def attempt(self, ended, status=200, error="", provider="openai", model="gpt-4o-mini", url=None):
        trail = self.trail
        started = trail.attempts[-1].ended if trail.attempts else AT + 0.002
        if not trail.call_started:
            trail.call_started, trail.call_span_id = started, CALL
        made = Attempt(provider, model, 0xA0 + len(trail.attempts), started, self.method)
        made.url = self.endpoint.route if url is None else url
        made.host, made.port = "api.openai.com", 443
        made.ended, made.status, made.error_type = AT + ended / 1000, status, error
        trail.attempts.append(made)
        trail.provider, trail.model, trail.call_ended = provider, model, made.ended
        return self

    def dropped(self, model, usage):
        self.trail.dropped.append(Dropped("openai", model, usage))
        return self

    def gave_up(self, error):
        self.trail.error_type = error
        return self

    def whole(self, body=None):
        self.trail.first_chunk_at = self.trail.attempts[-1].ended
        self.trail.answer = (self.endpoint.shape or self.endpoint.kind, ANSWER if body is None else body)
        return self

    def stream(self, *, usage=True, done=True):
        self.trail.first_chunk_at = self.trail.attempts[-1].ended
        self.trail.first_byte_at = self.trail.first_chunk_at + 0.0004
        watch = self.trail.watch = StreamWatch("chat")
        base = {"id": "chatcmpl-2", "model": "gpt-4o-mini-2024-07-18", "object": "chat.completion.chunk"}
        chunks = [{**base, "choices": [{"index": 0, "delta": {"role": "assistant", "content": CANARY}}]}]
        if done:
            chunks.append({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        if usage:
            chunks.append({**base, "choices": [], "usage": USAGE})
        for chunk in chunks:
            watch.feed(b"data: " + jsonio.dumps(chunk) + b"\n\n")
        return self

    def end(self, at, state="complete", status=200, error=""):
        trail = self.trail
        trail.ended = AT + at / 1000
        size = len(self.exchange.raw) if self.exchange else 0
        outcome = settle(trail, state, status, PRICES, trail.ended, request_bytes=size, error_type=error)
        return Ended(self.endpoint, self.exchange, trail, outcome)


def stories() -> dict[str, Ended]:
    """One of each kind."""
    streamed = {**REQUEST, "stream": True, "temperature": 0, "max_completion_tokens": 64, "seed": 7}
    return {
        "plain": Story().attempt(800).whole().end(803),
        "inbound": Story(parent=PARENT).attempt(800).whole().end(803),
        "stream": Story(payload=streamed).attempt(200).stream().end(1000),
        "retry": Story().attempt(50, 429, "429").attempt(900).whole().end(905),
        "fallback": Story().attempt(50, 0, "connect").attempt(900, provider="local", model="qwen3").whole().end(905),
        "hit": Story().plugin("exact_cache", "acted", "hit", {"cache.result": "exact"}, ended=2).end(3),
        "routed": Story().plugin("router", "acted", "routed(gpt-4o-mini)", ROUTED).attempt(800).whole().end(803),
        "dropped": Story().attempt(800).dropped("gpt-4o", Usage(1_000_000, 0)).whole().end(803),
        "refused": Story(payload=None).end(1, status=401, error="invalid_api_key"),
        "nowhere": Story(endpoint=PASSTHROUGH, payload=None).end(1, status=404, error="not_found"),
        "left": Story(payload=streamed).attempt(200).stream(usage=False, done=False).end(500, "client_left", 200),
        "left_early": Story().plugin("router", None, ended=0).end(20, "client_left", 499),
        "cut": Story(payload=streamed)
        .attempt(200)
        .stream(usage=False, done=False)
        .end(500, "failed", 200, error="cut"),
        "timeout": Story().attempt(30_000, 0, "timeout").gave_up("timeout").end(30_001, status=504, error="timeout"),
        "failed": Story()
        .attempt(50, 500, "500")
        .attempt(90, 503, "503")
        .gave_up("503")
        .end(95, status=503, error="server_error"),
    }


@pytest.fixture
def story():
    return Story


@pytest.fixture(params=sorted(stories()))
def ended(request):
    return stories()[request.param]


@pytest.fixture
def told():
    return stories()


@pytest.fixture
def rules():
    numbers = iter(range(0xB0, 1 << 16))
    return SpanRules(
        lambda: next(numbers),
        providers={
            "openai": Known("openai", "https", "api.openai.com", 443),
            "local": Known("local", "http", "::1", 80),
        },
        models={"gpt-4o-mini"},
        host="127.0.0.1",
        port=8080,
    )


@pytest.fixture
def prices():
    return PRICES


@pytest.fixture
def canaries():
    return CANARY, KEY


@pytest.fixture
def until():
    """Wait for a condition, not for time to pass."""

    async def wait(condition, deadline_s=10.0):
        end = time.monotonic() + deadline_s
        while not condition():
            assert time.monotonic() < end, "the condition did not come true"
            await asyncio.sleep(0.005)

    return wait


class Received:
    """What a collector got."""

    def __init__(self):
        self.url = ""
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self.traces, self.metrics, self.logs = [], [], []
        self.status = 200

    @property
    def spans(self):
        return [s for got in self.traces for r in got.resource_spans for scope in r.scope_spans for s in scope.spans]

    @property
    def points(self):
        """Metric name -> the metric as it was last sent."""
        if not self.metrics:
            return {}
        scopes = [scope for r in self.metrics[-1].resource_metrics for scope in r.scope_metrics]
        return {metric.name: metric for scope in scopes for metric in scope.metrics}


@pytest.fixture
async def http_collector():
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    got = Received()
    kinds = {
        "/v1/traces": (ExportTraceServiceRequest, got.traces),
        "/v1/metrics": (ExportMetricsServiceRequest, got.metrics),
        "/v1/logs": (ExportLogsServiceRequest, got.logs),
    }

    async def take(request):
        body = await request.read()
        got.headers.append(dict(request.headers))
        if got.status == 200:
            kind, into = kinds[request.path]
            got.bodies.append(body)
            into.append(kind.FromString(body))
        return web.Response(status=got.status)

    app = web.Application(client_max_size=1 << 26)
    app.router.add_post("/v1/{signal}", take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    got.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield got
    await runner.cleanup()


@pytest.fixture
def grpc_collector():
    import grpc
    from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

    got = Received()

    class Traces(trace_service_pb2_grpc.TraceServiceServicer):
        def Export(self, request, context):
            got.headers.append(dict(context.invocation_metadata()))
            got.traces.append(request)
            return trace_service_pb2.ExportTraceServiceResponse()

    class Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):
        def Export(self, request, context):
            got.metrics.append(request)
            return metrics_service_pb2.ExportMetricsServiceResponse()

    server = grpc.server(futures.ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Traces(), server)
    metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(Metrics(), server)
    got.url = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield got
    server.stop(None).wait(5)

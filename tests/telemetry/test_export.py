"""Collectors that are well, dead, slow, hanging or refusing: whatever they do, whoever puts a span in never waits."""

import asyncio
import logging
import socket
import time

import pytest

from tailrace.telemetry import names
from tailrace.telemetry.aggregate import Counters
from tailrace.telemetry.env import Collector
from tailrace.telemetry.export import MOST_SPANS, BatchExport, MetricsExport
from tailrace.telemetry.otlp import Encoder, MetricsOut, SpanOut
from tailrace.telemetry.spans import build

ENCODER = Encoder({"service.name": "tailrace", "service.instance.id": "i-1"}, "https://schema")


def collector(url, signal="traces", *, protocol="http/protobuf", timeout_s=5.0, headers=None):
    path = "" if protocol == "grpc" else f"/v1/{signal}"
    return Collector(url + path, protocol, timeout_s, headers or {})


def exporting(to):
    export = BatchExport("traces", to)
    export.start(SpanOut(to, ENCODER))
    return export


async def closed(export, within_s=10.0):
    export.end()
    await asyncio.to_thread(export.join, time.monotonic() + within_s)


@pytest.fixture
def spans(told, rules):
    ended = told["retry"]
    return build(ended.endpoint, ended.exchange, ended.trail, ended.outcome, rules)


@pytest.fixture
def refused():
    """An address where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
async def hanging():
    """An address that takes everything and never answers."""
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


def put_all(export, spans, times=1):
    for _ in range(times):
        for span in spans:
            export.backlog.put(span)


def ours(caplog):
    """What was said; the library's own words reach nobody (pytest hears them all the same)."""
    assert not logging.getLogger("opentelemetry.exporter").propagate
    return [record.getMessage() for record in caplog.records if record.name.startswith("tailrace")]


def arrived(got, spans):
    return [(s.name, s.span_id) for s in got.spans] == [(s.name, s.span_id.to_bytes(8, "big")) for s in spans]


async def test_spans_over_http(http_collector, spans):
    export = exporting(collector(http_collector.url, headers={"x-key": "k"}))
    put_all(export, spans)
    await closed(export)
    assert arrived(http_collector, spans)
    assert http_collector.headers[0]["x-key"] == "k"
    [resource] = http_collector.traces[0].resource_spans
    assert {a.key: a.value.string_value for a in resource.resource.attributes}["service.instance.id"] == "i-1"
    assert export.backlog.dropped == 0


async def test_spans_over_grpc(grpc_collector, spans):
    export = exporting(collector(grpc_collector.url, protocol="grpc", headers={"x-key": "k"}))
    put_all(export, spans)
    await closed(export)
    assert arrived(grpc_collector, spans)
    assert grpc_collector.headers[0]["x-key"] == "k"


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
async def test_metrics(http_collector, grpc_collector, protocol):
    got = grpc_collector if protocol == "grpc" else http_collector
    counters = Counters(names.COST_USD)
    counters.at("openai", "gpt-4o").add(0.25)
    to = collector(got.url, "metrics", protocol=protocol)
    export = MetricsExport(to, [counters], 60)
    export.start(MetricsOut(to), ENCODER.metrics)
    await closed(export)
    [point] = got.points["tailrace.cost.usd"].sum.data_points
    assert point.as_double == 0.25
    assert point.start_time_unix_nano < point.time_unix_nano


async def test_metrics_go_out_again_and_again(http_collector, until):
    counters = Counters(names.COST_USD)
    counters.at("a", "b").add()
    to = collector(http_collector.url, "metrics")
    export = MetricsExport(to, [counters], 0.01)
    export.start(MetricsOut(to), ENCODER.metrics)
    await until(lambda: len(http_collector.metrics) >= 3)
    await closed(export)
    starts = {
        m.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points[0].start_time_unix_nano
        for m in http_collector.metrics
    }
    assert len(starts) == 1


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
async def test_nobody_there(refused, spans, until, caplog, canaries, protocol):
    to = collector(refused, protocol=protocol, timeout_s=0.2, headers={"x-key": canaries[1]})
    export = exporting(to)
    put_all(export, spans, times=300)
    await until(lambda: export.backlog.dropped >= len(spans) * 256)
    await closed(export)
    [said] = ours(caplog)
    assert "exporting traces to 127.0.0.1" in said
    assert canaries[1] not in caplog.text
    assert export.backlog.dropped == len(spans) * 300


async def test_a_hanging_one_fills_the_queue_and_nothing_more(hanging, spans):
    export = exporting(collector(hanging, timeout_s=60))
    put_all(export, spans, times=MOST_SPANS)
    assert len(export.backlog) <= MOST_SPANS
    assert export.backlog.dropped > 0
    await closed(export, within_s=0.05)
    assert len(export.backlog) == 0


async def test_one_that_refuses_and_then_is_well(http_collector, spans, until, caplog):
    http_collector.status = 401
    export = exporting(collector(http_collector.url))
    put_all(export, spans, times=512)
    await until(lambda: export.backlog.dropped >= 512)
    http_collector.status = 200
    put_all(export, spans, times=512)
    await until(lambda: http_collector.spans)
    await closed(export)
    failing, well = ours(caplog)
    assert "fails (401)" in failing
    assert "works again" in well


async def test_ending_what_never_began():
    await closed(BatchExport("traces", collector("http://127.0.0.1:1")))
    await closed(MetricsExport(collector("http://127.0.0.1:1", "metrics"), [], 1))

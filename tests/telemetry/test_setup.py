import asyncio
import time
from types import SimpleNamespace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tailrace.config import ConfigError
from tailrace.config.models import Config
from tailrace.config.models import Telemetry as Settings
from tailrace.telemetry import setup
from tailrace.telemetry.setup import set_up
from tailrace.wire import jsonio, sse

PROVIDERS = {"openai": {"base_url": "https://api.openai.com/v1"}}


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    import os

    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)


@pytest.fixture
def proxy(prices):
    """What telemetry reads of a proxy."""
    config = Config(providers=PROVIDERS, server={"host": "0.0.0.0"})
    return SimpleNamespace(
        config=config, port=8080, services=SimpleNamespace(prices=prices), handler=SimpleNamespace(in_flight=2)
    )


def made(lines=None, **settings):
    return set_up(Settings.model_validate({"log": "json", **settings}), (lines if lines is not None else []).append)


def tell(telemetry, ended):
    for sink in telemetry.sinks:
        ended.tell(sink)


def exposed(telemetry):
    body, _ = telemetry.exposition("")
    families = text_string_to_metric_families(body.decode())
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


async def test_everything_together(http_collector, proxy, ended, canaries):
    lines = []
    telemetry = made(lines, otlp={"endpoint": http_collector.url})
    telemetry.start(proxy)
    tell(telemetry, ended)
    await asyncio.wait_for(telemetry.stop(), 30)
    assert len(lines) == 1
    assert jsonio.loads_object(lines[0])["request_id"] == ended.trail.request_id
    spans = http_collector.spans
    ids = {span.span_id for span in spans} | {ended.trail.trace.parent_id.to_bytes(8, "big")}
    assert spans
    assert all(not span.parent_span_id or span.parent_span_id in ids for span in spans)
    assert "http.server.request.duration" in http_collector.points
    [resource] = http_collector.traces[0].resource_spans
    names = {attribute.key for attribute in resource.resource.attributes}
    assert {"service.name", "service.version", "service.instance.id", "process.pid"} <= names
    sent = b"".join(http_collector.bodies) + lines[0].encode() + telemetry.exposition("")[0]
    assert not any(canary.encode() in sent for canary in canaries)


async def test_over_grpc(grpc_collector, proxy, told):
    telemetry = made(otlp={"endpoint": grpc_collector.url, "protocol": "grpc"})
    telemetry.start(proxy)
    tell(telemetry, told["stream"])
    await asyncio.wait_for(telemetry.stop(), 30)
    assert [span.name for span in grpc_collector.spans][-1] == "POST /v1/chat/completions"
    assert "gen_ai.client.inference.time_to_first_chunk" in grpc_collector.points


async def test_the_standard_variables_do_it_too(http_collector, proxy, told, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", http_collector.url)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "mine")
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    telemetry = made()
    telemetry.start(proxy)
    tell(telemetry, told["plain"])
    await asyncio.wait_for(telemetry.stop(), 30)
    [resource] = http_collector.traces[0].resource_spans
    assert {a.key: a.value.string_value for a in resource.resource.attributes}["service.name"] == "mine"
    assert not http_collector.metrics


async def test_a_hanging_collector_does_not_keep_the_proxy_from_ending(proxy, told, monkeypatch):
    monkeypatch.setattr(setup, "FLUSH_S", 0.05)
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    telemetry = made(otlp={"endpoint": url, "timeout_s": 600})
    telemetry.start(proxy)
    tell(telemetry, told["plain"])
    await asyncio.wait_for(telemetry.stop(), 30)
    server.close()


async def test_content_event_and_span(http_collector, proxy, story, canaries):
    telemetry = made(otlp={"endpoint": http_collector.url}, capture_content="span_and_event")
    telemetry.start(proxy)
    ended = story().attempt(9).whole().end(10)
    hear = telemetry.listener(ended.exchange)
    answer = {"choices": [{"message": {"content": "an answer"}, "finish_reason": "stop"}]}
    hear(sse.parse(b"data: " + jsonio.dumps(answer) + b"\n\n"))
    tell(telemetry, ended)
    await asyncio.wait_for(telemetry.stop(), 30)
    [record] = [r for got in http_collector.logs for s in got.resource_logs[0].scope_logs for r in s.log_records]
    call = next(span for span in http_collector.spans if span.name.startswith("chat"))
    for attributes in (record.attributes, call.attributes):
        told = {a.key: a.value.string_value for a in attributes}
        assert canaries[0] in told["gen_ai.input.messages"]
        assert "an answer" in told["gen_ai.output.messages"]
    assert canaries[1].encode() not in b"".join(http_collector.bodies)


async def test_without_anything_configured_there_are_lines_and_numbers(proxy, told):
    lines = []
    telemetry = made(lines)
    assert telemetry.sample_ratio == 1.0
    assert telemetry.listener(told["plain"].exchange) is None
    telemetry.start(proxy)
    tell(telemetry, told["plain"])
    await telemetry.stop()
    assert len(lines) == 1
    found = exposed(telemetry)
    assert found["http_server_active_requests", "POST", "http"] == 2
    assert found["tailrace_telemetry_dropped_total", "lines"] == 0


async def test_what_is_going_on_now(proxy, told):
    telemetry = made()
    telemetry.start(proxy)
    telemetry.live |= {told["stream"].trail: "POST", told["plain"].trail: "GET", told["left"].trail: "BREW"}
    found = exposed(telemetry)
    assert found["tailrace_streams_active",] == 2
    assert found["http_server_active_requests", "_OTHER", "http"] == 1
    await telemetry.stop()


async def test_the_loop_s_lag_is_measured(proxy, until):
    telemetry = made(log="off")
    telemetry.start(proxy)
    await until(lambda: exposed(telemetry)["tailrace_loop_lag_seconds_count",] >= 2)
    await telemetry.stop()


async def test_a_reload_is_noticed(proxy, told):
    lines = []
    telemetry = made(lines)
    telemetry.start(proxy)
    models = {"fast": {"targets": ["openai/other-model"]}}
    proxy.config = Config(providers=PROVIDERS, models=models)
    tell(telemetry, told["plain"])
    await telemetry.stop()
    assert jsonio.loads_object(lines[0])["model"] == "other"


async def test_each_has_an_id_of_its_own(proxy):
    ids = set()
    for _ in range(2):
        telemetry = made()
        telemetry.start(proxy)
        ids |= {key[1] for key in exposed(telemetry) if key[0] == "target_info"}
        await telemetry.stop()
    assert len(ids) == 2


async def test_no_line_where_none_is_wanted(proxy, told):
    lines = []
    telemetry = made(lines, log="off")
    telemetry.start(proxy)
    tell(telemetry, told["plain"])
    await telemetry.stop()
    assert lines == []


async def test_stopping_what_never_started():
    await made(otlp={"endpoint": "http://127.0.0.1:1"}).stop()


def test_what_cannot_be_done_is_refused(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")
    with pytest.raises(ConfigError):
        made()


def test_warnings_are_said(monkeypatch, caplog):
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "xray")
    made()
    assert "OTEL_TRACES_SAMPLER" in caplog.text


def test_a_sink_returns_while_nothing_takes(story):
    telemetry = made(otlp={"endpoint": "http://127.0.0.1:1"})
    began = time.monotonic()
    for number in range(5000):
        tell(telemetry, story(number=number).attempt(9).whole().end(10))
    assert time.monotonic() - began < 60
    found = exposed(telemetry)
    assert found["tailrace_telemetry_queue", "traces"] == 8192
    assert found["tailrace_telemetry_dropped_total", "traces"] == 15_000 - 8192

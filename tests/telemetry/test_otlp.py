import pytest
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.trace import ReadableSpan

from tailrace.telemetry import names
from tailrace.telemetry.aggregate import Histograms, Observed
from tailrace.telemetry.env import Collector
from tailrace.telemetry.otlp import Encoder, SpanOut, load
from tailrace.telemetry.spans import build

ENCODER = Encoder({"service.name": "tailrace"}, "https://schema")


def encoded(*families, since_s=0.0):
    data = encode_metrics(ENCODER.metrics(families, 1_000, 2_000, since_s))
    [scope] = data.resource_metrics[0].scope_metrics
    return {metric.name: metric for metric in scope.metrics}


def test_a_span_in_the_library_s_form(told, rules):
    ended = told["inbound"]
    *_, server = build(ended.endpoint, ended.exchange, ended.trail, ended.outcome, rules)
    span = ENCODER.span(server)
    assert isinstance(span, ReadableSpan)
    assert (span.context.span_id, span.parent.span_id, span.parent.is_remote) == (0x51, 0xFA, True)
    assert span.attributes == server.attributes
    assert span.end_time - span.start_time == pytest.approx(803e6, abs=1e3)


def test_histograms_are_cumulative_with_their_exemplars():
    histograms = Histograms(names.HTTP_CLIENT)
    histograms.at("POST", "host", "443", "", "connect").record(0.3, (5, 6))
    metric = encoded(histograms)["http.client.request.duration"]
    [point] = metric.histogram.data_points
    assert metric.unit == "s"
    assert metric.histogram.aggregation_temporality == 2
    assert (point.start_time_unix_nano, point.time_unix_nano, point.count, point.sum) == (1_000, 2_000, 1, 0.3)
    assert len(point.bucket_counts) == len(point.explicit_bounds) + 1
    attributes = {a.key: a.value for a in point.attributes}
    assert attributes["server.port"].int_value == 443
    assert "http.response.status_code" not in attributes
    [exemplar] = point.exemplars
    assert (exemplar.trace_id[-1], exemplar.span_id[-1]) == (5, 6)
    [later] = encoded(histograms, since_s=1e12)["http.client.request.duration"].histogram.data_points
    assert not later.exemplars


@pytest.mark.parametrize(
    ("metric", "labels", "kind", "monotonic"),
    [
        (names.STREAMS, (), "gauge", None),
        (names.DROPPED, ("traces",), "sum", True),
        (names.ACTIVE, ("POST", "http"), "sum", False),
    ],
)
def test_numbers(metric, labels, kind, monotonic):
    [found] = encoded(Observed(metric, lambda: [(labels, 4)])).values()
    assert found.WhichOneof("data") == kind
    [point] = getattr(found, kind).data_points
    assert point.as_int == 4
    if monotonic is not None:
        assert found.sum.is_monotonic is monotonic


def test_a_metric_without_a_series_is_left_out():
    assert encoded(Histograms(names.OVERHEAD)) == {}


def test_an_event_belongs_to_its_span(told, rules):
    ended = told["plain"]
    content = {"gen_ai.input.messages": "[]"}
    _, call, _ = build(ended.endpoint, ended.exchange, ended.trail, ended.outcome, rules, content=content)
    [scope] = encode_logs([ENCODER.event(call)]).resource_logs[0].scope_logs
    [record] = scope.log_records
    assert record.event_name == "gen_ai.client.inference.operation.details"
    assert (record.span_id, record.trace_id) == (call.span_id.to_bytes(8, "big"), call.trace_id.to_bytes(16, "big"))
    assert any(a.key == "gen_ai.input.messages" for a in record.attributes)


def test_http_spans_are_encoded_here_and_only_sent_by_the_library():
    load(["http/protobuf", "grpc"])
    out = SpanOut(Collector("http://127.0.0.1:1/v1/traces", "http/protobuf", 0.1), ENCODER)
    assert callable(out._client.export)
    out.close()
    grpc = SpanOut(Collector("http://127.0.0.1:1", "grpc", 0.1), ENCODER)
    assert grpc._client is None
    grpc.close()

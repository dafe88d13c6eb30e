import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tailrace.telemetry.otlp import Encoder
from tailrace.telemetry.protobuf import SpanEncoder
from tailrace.telemetry.record import SpanRecord
from tailrace.telemetry.spans import build

RESOURCE = {"service.name": "tailrace", "process.pid": 70_000}
URL = "https://opentelemetry.io/schemas/x"


def record(attributes=None, **more):
    fields = {"name": "n", "kind": "client", "trace_id": 1 << 127, "span_id": 2, "parent_id": 0, "remote_parent": False}
    fields |= {"start_ns": 1, "end_ns": (1 << 63) + 5, "attributes": attributes or {}, "failed": False, "state": ""}
    return SpanRecord(**(fields | more))


def both(records):
    """As written here, and as the library writes it."""
    direct = SpanEncoder(RESOURCE, URL)
    library = Encoder(RESOURCE, URL)
    ours = [ExportTraceServiceRequest.FromString(direct.request(records)) for _ in range(2)]
    assert ours[0] == ours[1], "the second time comes from the cache"
    return ours[0], encode_spans([library.span(each) for each in records])


def test_a_request_is_what_the_library_would_write(ended, rules):
    ours, theirs = both(build(ended.endpoint, ended.exchange, ended.trail, ended.outcome, rules))
    assert ours == theirs


INTS = [0, 1, 127, 128, -1, (1 << 63) - 1, -(1 << 63)]


@pytest.mark.parametrize("value", [True, False, *INTS, 0.0, 1.5, -2.25, "", "x", "Grüße", "a" * 300, ["a", "b"], []])
def test_values(value):
    ours, theirs = both([record({"key": value, "other": [value, value] if value != [] else []})])
    assert ours == theirs


def test_values_that_are_equal_but_not_the_same():
    records = [record({"key": value}) for value in (1, True, 1.0, "1")]
    ours, theirs = both(records)
    assert ours == theirs


@pytest.mark.parametrize(
    "fields",
    [
        {"parent_id": 9},
        {"parent_id": 9, "remote_parent": True},
        {"failed": True},
        {"kind": "server"},
        {"kind": "internal", "name": "x" * 200},
        {"state": "a=1,b=2"},
        {"attributes": {"k": "v" * 70_000}},
    ],
)
def test_fields(fields):
    ours, theirs = both([record(**fields)])
    assert ours == theirs


def test_the_cache_is_bounded():
    encoder = SpanEncoder(RESOURCE, URL)
    for number in range(10_000):
        encoder.span(record({"http.route": f"/{number}"}))
    assert len(encoder._cache) <= 4096


def test_what_no_attribute_can_hold_is_left_empty():
    data = SpanEncoder({}, "").request([record({"key": object(), "text": "\udcff"})])
    [span] = ExportTraceServiceRequest.FromString(data).resource_spans[0].scope_spans[0].spans
    assert span.attributes[1].value.string_value == "?"

"""Our records in the OpenTelemetry library's forms, and its OTLP exporters. The only file that imports the library.

Imported only when something is exported; everything here runs on the exporting threads.
"""

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.metrics import Exemplar as SdkExemplar
from opentelemetry.sdk.metrics import export as sdk
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

from tailrace.telemetry import names
from tailrace.telemetry.aggregate import Exemplar, Family, Point, snapshot
from tailrace.telemetry.env import Collector, Protocol
from tailrace.telemetry.protobuf import SpanEncoder
from tailrace.telemetry.record import SpanRecord

_KINDS = {"server": SpanKind.SERVER, "client": SpanKind.CLIENT, "internal": SpanKind.INTERNAL}
_PACKAGES = {"grpc": "grpc", "http/protobuf": "http"}
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_FAILED = Status(StatusCode.ERROR)
_UNSET = Status(StatusCode.UNSET)
_CUMULATIVE = sdk.AggregationTemporality.CUMULATIVE


class Encoder:
    """Turns records into the library's objects; one for each running proxy."""

    def __init__(self, resource: Mapping[str, str | int], schema_url: str) -> None:
        self.direct = SpanEncoder(resource, schema_url)
        self._resource = Resource(resource)
        self._scope = InstrumentationScope(names.SCOPE, names.SCOPE_VERSION, schema_url)
        self._schema_url = schema_url

    def span(self, record: SpanRecord) -> ReadableSpan:
        """A finished span."""
        state = TraceState.from_header([record.state]) if record.state else None
        context = SpanContext(record.trace_id, record.span_id, False, _SAMPLED, state)
        parent = None
        if record.parent_id:
            parent = SpanContext(record.trace_id, record.parent_id, record.remote_parent, _SAMPLED)
        return ReadableSpan(
            record.name,
            context=context,
            parent=parent,
            resource=self._resource,
            attributes=record.attributes,
            kind=_KINDS[record.kind],
            status=_FAILED if record.failed else _UNSET,
            start_time=record.start_ns,
            end_time=record.end_ns,
            instrumentation_scope=self._scope,
        )

    def event(self, record: SpanRecord) -> ReadableLogRecord:
        """The event with a call's details and content; `record` is the call's span with the content in it."""
        within = NonRecordingSpan(SpanContext(record.trace_id, record.span_id, False, _SAMPLED))
        told = LogRecord(
            timestamp=record.end_ns,
            observed_timestamp=record.end_ns,
            context=set_span_in_context(within),
            severity_number=SeverityNumber.DEBUG,
            severity_text="DEBUG",
            attributes=record.attributes,
            event_name=names.DETAILS_EVENT,
        )
        return ReadableLogRecord(told, self._resource, self._scope)

    def metrics(self, families: Sequence[Family], start_ns: int, now_ns: int, since_s: float) -> sdk.MetricsData:
        """All metrics as they stand, cumulative since `start_ns`; exemplars not older than `since_s` (wall seconds)."""
        shown = []
        for family in families:
            points = snapshot(family)
            if points:
                shown.append(_metric(family.metric, points, start_ns, now_ns, since_s))
        scope = sdk.ScopeMetrics(self._scope, shown, self._schema_url)
        return sdk.MetricsData([sdk.ResourceMetrics(self._resource, [scope], "")])


def _metric(metric: names.Metric, points: list[Point], start_ns: int, now_ns: int, since_s: float) -> sdk.Metric:
    data: sdk.Sum | sdk.Gauge | sdk.Histogram
    if metric.kind == "histogram":
        data = sdk.Histogram([_histogram(metric, point, start_ns, now_ns, since_s) for point in points], _CUMULATIVE)
    else:
        numbers = [sdk.NumberDataPoint(_labels(metric, point), start_ns, now_ns, point.value) for point in points]
        is_sum = metric.kind in ("counter", "updown")
        data = sdk.Sum(numbers, _CUMULATIVE, metric.kind == "counter") if is_sum else sdk.Gauge(numbers)
    return sdk.Metric(metric.name, metric.text, metric.unit, data)


def _histogram(
    metric: names.Metric, point: Point, start_ns: int, now_ns: int, since_s: float
) -> sdk.HistogramDataPoint:
    # The protocol lets minimum and maximum be absent; the library's encoder passes None on as that.
    absent: Any = None
    return sdk.HistogramDataPoint(
        _labels(metric, point),
        start_ns,
        now_ns,
        sum(point.counts),
        point.value,
        point.counts,
        metric.bounds,
        absent,
        absent,
        [_exemplar(seen) for seen in point.exemplars if seen is not None and seen.wall_s >= since_s],
    )


def _exemplar(seen: Exemplar) -> SdkExemplar:
    return SdkExemplar({}, seen.value, int(seen.wall_s * 1e9), seen.span_id, seen.trace_id)


def _labels(metric: names.Metric, point: Point) -> dict[str, str | int]:
    return {
        name: int(value) if name in names.INT_LABELS else value
        for name, value in zip(metric.labels, point.labels, strict=True)
        if value
    }


def load(protocols: Iterable[Protocol]) -> None:
    """Import what these protocols need, so that no export waits for it."""
    for protocol in set(protocols):
        for module in ("trace_exporter", "metric_exporter", "_log_exporter"):
            import_module(f"opentelemetry.exporter.otlp.proto.{_PACKAGES[protocol]}.{module}")


class _Out:
    """An exporter of the library's, for one signal. Every one of them has the same arguments and methods."""

    module = ""
    name = ""

    def __init__(self, to: Collector) -> None:
        module = import_module(f"opentelemetry.exporter.otlp.proto.{_PACKAGES[to.protocol]}.{self.module}")
        self._exporter = getattr(module, self.name)(endpoint=to.url, headers=dict(to.headers), timeout=to.timeout_s)

    def send(self, batch: Any) -> bool:
        """Whether the batch arrived."""
        return bool(self._exporter.export(batch).name == "SUCCESS")

    def close(self) -> None:
        """Give up what is under way."""
        self._exporter.shutdown()


class SpanOut(_Out):
    """Sends spans.

    Over HTTP they are encoded by `protobuf`, five times faster than by the library, whose exporter then has only its
    client's part: compression, retries, TLS. Over gRPC, or should the library change, it does all of it.
    """

    module, name = "trace_exporter", "OTLPSpanExporter"

    def __init__(self, to: Collector, encoder: Encoder) -> None:
        super().__init__(to)
        self._encoder = encoder
        # Private to the library: a version without it encodes by itself.
        self._client: Any = getattr(self._exporter, "_client", None) if to.protocol == "http/protobuf" else None

    def send(self, batch: Sequence[SpanRecord]) -> bool:
        """Whether the batch arrived."""
        if self._client is not None:
            return bool(self._client.export(self._encoder.direct.request(batch)).success)
        return super().send([self._encoder.span(record) for record in batch])


class EventOut(_Out):
    """Sends events."""

    module, name = "_log_exporter", "OTLPLogExporter"

    def __init__(self, to: Collector, encoder: Encoder) -> None:
        super().__init__(to)
        self._encoder = encoder

    def send(self, batch: Sequence[SpanRecord]) -> bool:
        """Whether the batch arrived."""
        return super().send([self._encoder.event(record) for record in batch])


class MetricsOut(_Out):
    """Sends metrics."""

    module, name = "metric_exporter", "OTLPMetricExporter"

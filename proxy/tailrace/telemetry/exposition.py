"""The metrics as Prometheus reads them: text, or OpenMetrics with exemplars for a scraper that asks for it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar as ShownExemplar

from tailrace.telemetry import names
from tailrace.telemetry.aggregate import Exemplar, Family, Point, snapshot

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_UNITS = {"s": "_seconds"}


def shown_name(metric: names.Metric) -> str:
    """The name in Prometheus: underscores, the unit behind it (OpenTelemetry's rule; once), `_total` for a counter."""
    name = metric.name.replace(".", "_")
    return name if name.endswith(unit := _UNITS.get(metric.unit, "")) else name + unit


class _Ours(Collector):
    def __init__(self, families: Sequence[Family], resource: Mapping[str, str]) -> None:
        self._families = families
        self._resource = resource

    def collect(self) -> Iterator[Metric]:
        labels = {name.replace(".", "_"): value for name, value in self._resource.items()}
        yield InfoMetricFamily("target", "The process these metrics are of.", value=labels)
        for family in self._families:
            yield shown(family.metric, snapshot(family))


def shown(metric: names.Metric, points: Iterable[Point]) -> Metric:
    """One metric in prometheus_client's form."""
    name, text = shown_name(metric), metric.text
    labels = [label.replace(".", "_") for label in metric.labels]
    if metric.kind == "histogram":
        histogram = HistogramMetricFamily(name, text, labels=labels)
        for point in points:
            histogram.add_metric(point.labels, _buckets(metric.bounds, point), point.value)
        return histogram
    made: Any = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family: Metric = made(name, text, labels=labels)
    for point in points:
        family.add_metric(point.labels, point.value)  # type: ignore[attr-defined]
    return family


def _buckets(bounds: tuple[float, ...], point: Point) -> list[Any]:
    """Cumulative counts per upper bound, with an exemplar where there is one."""
    buckets: list[Any] = []
    so_far = 0
    for position, count in enumerate(point.counts):
        so_far += count
        limit = "+Inf" if position == len(bounds) else str(float(bounds[position]))
        exemplar = point.exemplars[position]
        buckets.append((limit, so_far) if exemplar is None else (limit, so_far, _shown_exemplar(exemplar)))
    return buckets


def _shown_exemplar(exemplar: Exemplar) -> ShownExemplar:
    ids = {"trace_id": f"{exemplar.trace_id:032x}", "span_id": f"{exemplar.span_id:016x}"}
    return ShownExemplar(ids, exemplar.value, exemplar.wall_s)


def exposition(families: Sequence[Family], resource: Mapping[str, str]) -> Callable[[str], tuple[bytes, str]]:
    """A function from a scraper's `Accept` header to the metrics and their content type.

    May be called on any thread. The process's own metrics (CPU, memory, descriptors) come along.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Ours(families, resource))
    ProcessCollector(registry=registry)

    def expose(accept: str) -> tuple[bytes, str]:
        if "application/openmetrics-text" in accept:
            open_metrics: bytes = generate_openmetrics(registry)  # type: ignore[no-untyped-call]
            return open_metrics, OPEN_METRICS
        return generate_latest(registry), TEXT

    return expose

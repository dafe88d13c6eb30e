from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain

from tailrace.telemetry import names
from tailrace.telemetry.aggregate import Observed
from tailrace.telemetry.exposition import exposition, shown_name
from tailrace.telemetry.labels import Labels
from tailrace.telemetry.metrics import Metrics

RESOURCE = {"service.name": "tailrace", "service.version": "1"}
OPEN = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"


def exposed(*requests, exemplars=False, accept=""):
    metrics = Metrics(names.NAMES["2026-10"], Labels(), exemplars=exemplars)
    metrics.observe(names.STREAMS, lambda: [((), 3)])
    metrics.observe(names.DROPPED, lambda: [(("traces",), 4)])
    for ended in requests:
        ended.tell(metrics)
    body, content_type = exposition(metrics.families, RESOURCE)(accept)
    return body.decode(), content_type


def samples(families):
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def test_names():
    assert shown_name(names.HTTP_SERVER) == "http_server_request_duration_seconds"
    assert shown_name(names.COST_USD) == "tailrace_cost_usd"
    assert shown_name(names.SAVED_SECONDS) == "tailrace_saved_seconds"
    assert shown_name(names.STREAMS) == "tailrace_streams_active"


def test_it_can_be_read_back(told):
    text, content_type = exposed(told["plain"], told["plain"])
    assert content_type.startswith("text/plain")
    found = samples(plain(text))
    labels = (
        ("error_type", ""),
        ("http_request_method", "POST"),
        ("http_response_status_code", "200"),
        ("http_route", "/v1/chat/completions"),
        ("url_scheme", "http"),
    )
    assert found["http_server_request_duration_seconds_count", labels] == 2
    buckets = {dict(key)["le"]: value for (name, key), value in found.items() if name == f"{_http()}_bucket"}
    assert (buckets["0.75"], buckets["1.0"], buckets["+Inf"]) == (0, 2, 2)
    assert found["tailrace_streams_active", ()] == 3
    assert found["tailrace_telemetry_dropped_total", (("signal", "traces"),)] == 4
    assert found["target_info", (("service_name", "tailrace"), ("service_version", "1"))] == 1
    assert any(name == "process_cpu_seconds_total" for name, _ in found)


def _http():
    return "http_server_request_duration_seconds"


def test_open_metrics_with_exemplars(told):
    text, content_type = exposed(told["plain"], exemplars=True, accept=OPEN)
    assert content_type.startswith("application/openmetrics-text")
    seen = [s.exemplar for family in open_metrics(text) for s in family.samples if s.name == f"{_http()}_bucket"]
    [exemplar] = [each for each in seen if each]
    assert exemplar.labels == {"trace_id": f"{0xABC1 << 64:032x}", "span_id": f"{0x51:016x}"}
    assert exemplar.value == told["plain"].outcome.duration_s


def test_every_metric_of_ours_can_be_shown(ended):
    text, _ = exposed(ended, accept=OPEN)
    for family in open_metrics(text):
        assert family.documentation
    read = {family.name for family in open_metrics(text)}
    declared = {shown_name(metric) for metric in names.NAMES["2026-10"].metrics}
    assert declared - read == {"http_server_active_requests", "tailrace_telemetry_queue"}


def test_nothing_a_client_wrote_is_in_it(ended, canaries):
    text, _ = exposed(ended, exemplars=True, accept=OPEN)
    assert not any(canary in text for canary in canaries)


def test_a_gauge_is_read_each_time():
    numbers = iter((1, 2))
    expose = exposition([Observed(names.STREAMS, lambda: [((), next(numbers))])], {})
    assert b"tailrace_streams_active 1.0" in expose("")[0]
    assert b"tailrace_streams_active 2.0" in expose("")[0]

import pytest

from tailrace.config import ConfigError
from tailrace.config.models import Telemetry
from tailrace.telemetry.env import resolve

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


def plan(settings=None, **variables):
    return resolve(Telemetry.model_validate(settings or {}), variables)


def test_nothing_without_an_endpoint():
    made = plan()
    assert (made.traces, made.metrics, made.logs) == (None, None, None)
    assert made.resource["service.name"] == "tailrace"
    assert not made.warnings


@pytest.mark.parametrize(
    ("settings", "variables", "traces", "metrics"),
    [
        ({"otlp": {"endpoint": "http://c:1"}}, {}, "http://c:1/v1/traces", "http://c:1/v1/metrics"),
        ({"otlp": {"endpoint": "http://c:1/otlp/"}}, {}, "http://c:1/otlp/v1/traces", "http://c:1/otlp/v1/metrics"),
        ({"otlp": {"endpoint": "http://c:1", "protocol": "grpc"}}, {}, "http://c:1", "http://c:1"),
        ({}, {ENDPOINT: "http://e:2/"}, "http://e:2/v1/traces", "http://e:2/v1/metrics"),
        ({}, {ENDPOINT: "http://e:2", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "http://e:2", "http://e:2"),
        ({}, {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://t:3/in"}, "http://t:3/in", None),
        (
            {},
            {ENDPOINT: "http://e:2", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://m:4/x"},
            "http://e:2/v1/traces",
            "http://m:4/x",
        ),
        (
            {"otlp": {"endpoint": "http://c:1"}},
            {ENDPOINT: "http://e:2", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://t:3"},
            "http://c:1/v1/traces",
            "http://c:1/v1/metrics",
        ),
        ({}, {ENDPOINT: "http://e:2", "OTEL_TRACES_EXPORTER": "none"}, None, "http://e:2/v1/metrics"),
        ({}, {ENDPOINT: "http://e:2", "OTEL_METRICS_EXPORTER": "none"}, "http://e:2/v1/traces", None),
        ({"otlp": {"endpoint": "http://c:1"}}, {"OTEL_SDK_DISABLED": "true"}, None, None),
        ({}, {"OTEL_TRACES_EXPORTER": "otlp"}, "http://localhost:4318/v1/traces", None),
        ({}, {ENDPOINT: "  "}, None, None),
    ],
)
def test_where_it_goes(settings, variables, traces, metrics):
    made = plan(settings, **variables)
    assert (made.traces and made.traces.url, made.metrics and made.metrics.url) == (traces, metrics)


def test_a_protocol_that_is_not_here_is_refused():
    with pytest.raises(ConfigError, match="http/protobuf and grpc"):
        plan(**{ENDPOINT: "http://e:2", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"})


def test_an_exporter_that_is_not_here_is_told():
    made = plan(**{ENDPOINT: "http://e:2", "OTEL_TRACES_EXPORTER": "zipkin"})
    assert made.traces is None
    assert "OTEL_TRACES_EXPORTER" in made.warnings[0]


def test_headers_and_secrecy():
    made = plan(
        {"otlp": {"headers": {"X-Key": "explicit"}}},
        **{
            ENDPOINT: "http://e:2",
            "OTEL_EXPORTER_OTLP_HEADERS": "x-key=env,authorization=Basic%20abc,junk",
            "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "x-traces=1",
        },
    )
    assert made.traces.headers == {"x-key": "explicit", "authorization": "Basic abc", "x-traces": "1"}
    assert made.metrics.headers == {"x-key": "explicit", "authorization": "Basic abc"}
    assert "abc" not in repr(made)
    assert "junk" not in repr(made.warnings)


@pytest.mark.parametrize(
    ("settings", "value", "seconds"),
    [({}, "3000", 3.0), ({}, "5", 5.0), ({}, "x", 2.0), ({}, "-1", 2.0), ({"otlp": {"timeout_s": 7}}, "3000", 7.0)],
)
def test_timeouts(settings, value, seconds):
    made = plan(settings, **{ENDPOINT: "http://e:2", "OTEL_EXPORTER_OTLP_TIMEOUT": value})
    assert made.traces.timeout_s == seconds


@pytest.mark.parametrize(
    ("settings", "sampler", "arg", "ratio"),
    [
        ({}, "", "", 1.0),
        ({}, "parentbased_traceidratio", "0.25", 0.25),
        ({}, "traceidratio", "", 1.0),
        ({}, "traceidratio", "7", 1.0),
        ({}, "parentbased_always_off", "", 0.0),
        ({}, "always_on", "", 1.0),
        ({}, "xray", "", 1.0),
        ({"sample_ratio": 0.5}, "always_off", "", 0.5),
    ],
)
def test_the_sampler(settings, sampler, arg, ratio):
    made = plan(settings, OTEL_TRACES_SAMPLER=sampler, OTEL_TRACES_SAMPLER_ARG=arg)
    assert made.sample_ratio == ratio


def test_always_off_exports_no_trace_whatever_the_caller_says():
    assert plan(**{ENDPOINT: "http://e:2", "OTEL_TRACES_SAMPLER": "always_off"}).traces is None


def test_the_interval():
    assert plan(OTEL_METRIC_EXPORT_INTERVAL="5000").interval_s == 5
    assert plan({"otlp": {"interval_s": 3}}, OTEL_METRIC_EXPORT_INTERVAL="5000").interval_s == 3


def test_the_resource():
    variables = {"OTEL_RESOURCE_ATTRIBUTES": "service.name=a,team=b%2Cc", "OTEL_SERVICE_NAME": "mine"}
    resource = plan(**variables).resource
    assert (resource["service.name"], resource["team"]) == ("mine", "b,c")


@pytest.mark.parametrize(
    ("settings", "variable", "capture"),
    [
        ({}, "", set()),
        ({}, "SPAN_ONLY", {"span"}),
        ({}, "span_and_event", {"span", "event"}),
        ({}, "true", set()),
        ({"capture_content": False}, "SPAN_ONLY", set()),
        ({"capture_content": "no_content"}, "SPAN_ONLY", set()),
        ({"capture_content": "event_only"}, "", {"event"}),
    ],
)
def test_content_is_off_unless_it_is_asked_for(settings, variable, capture):
    endpoint = {ENDPOINT: "http://e:2"}
    made = plan(settings, OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=variable, **endpoint)
    assert made.capture == capture
    assert (made.logs is not None) == ("event" in capture)
    assert bool(made.warnings) == (variable == "true")


def test_content_that_could_go_nowhere_is_told():
    assert "nothing is exported" in plan({"capture_content": "span_only"}).warnings[0]

"""Settings and the standard `OTEL_*` variables, resolved into what is exported and where: pure.

What the configuration sets explicitly wins over a variable; a variable wins over a default.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote

from tailrace.config.models import Telemetry
from tailrace.config.problems import ConfigError, Problem
from tailrace.version import VERSION

Signal = Literal["traces", "metrics", "logs"]
Protocol = Literal["http/protobuf", "grpc"]

_PORTS = {"http/protobuf": 4318, "grpc": 4317}
_CAPTURE = {
    "no_content": frozenset[str](),
    "span_only": frozenset({"span"}),
    "event_only": frozenset({"event"}),
    "span_and_event": frozenset({"span", "event"}),
}
CAPTURE_VARIABLE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"


@dataclass(frozen=True, slots=True)
class Collector:
    """Where one signal goes. Headers are secrets: they are kept out of the representation."""

    url: str
    protocol: Protocol
    timeout_s: float
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is exported; a signal that is not is None. `capture` holds `span`, `event`, both or neither."""

    traces: Collector | None
    metrics: Collector | None
    logs: Collector | None
    interval_s: float
    sample_ratio: float
    capture: frozenset[str]
    resource: Mapping[str, str]
    warnings: tuple[str, ...] = ()


class _Env:
    """Reads variables; an empty one counts as not set (OpenTelemetry's rule). Gathers what is wrong with them."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.warnings: list[str] = []

    def text(self, *names: str) -> str:
        """The first of these that is set."""
        return next((value for name in names if (value := self._variables.get(name, "").strip())), "")

    def number(self, *names: str) -> float | None:
        """The first that is set, as a number; what is none is told and ignored."""
        text = self.text(*names)
        try:
            return float(text) if text else None
        except ValueError:
            self.warnings.append(f"{names[-1]} is not a number and is ignored")
            return None

    def pairs(self, name: str) -> dict[str, str]:
        """`key=value,key=value`, percent-encoded."""
        found = {}
        for entry in self.text(name).split(","):
            key, equals, value = entry.partition("=")
            if equals and key.strip():
                found[unquote(key.strip())] = unquote(value.strip())
            elif entry.strip():
                self.warnings.append(f"an entry of {name} has no key=value form and is ignored")
        return found


def resolve(settings: Telemetry, variables: Mapping[str, str]) -> Plan:
    """What to export. Raises `ConfigError` for a protocol that does not exist here."""
    env = _Env(variables)
    traces = _collector(settings, env, "traces")
    if env.text("OTEL_TRACES_SAMPLER") == "always_off" and "sample_ratio" not in settings.model_fields_set:
        traces = None
    capture = _capture(settings, env)
    metrics = _collector(settings, env, "metrics")
    logs = _collector(settings, env, "logs") if "event" in capture else None
    if (logs is None and "event" in capture) or (traces is None and "span" in capture):
        env.warnings.append("content is to be captured, but nothing is exported that could carry it")
    interval = settings.otlp.interval_s
    told = env.number("OTEL_METRIC_EXPORT_INTERVAL")
    if told is not None and told > 0 and "interval_s" not in settings.otlp.model_fields_set:
        interval = told / 1000
    ratio = _ratio(settings, env)
    return Plan(traces, metrics, logs, interval, ratio, capture, _resource(env), tuple(env.warnings))


def _collector(settings: Telemetry, env: _Env, signal: Signal) -> Collector | None:
    otlp, name = settings.otlp, signal.upper()
    exporters = env.text(f"OTEL_{name}_EXPORTER").lower()
    if env.text("OTEL_SDK_DISABLED").lower() == "true":
        return None
    if exporters and "otlp" not in exporters.split(","):
        if exporters != "none":
            env.warnings.append(
                f"OTEL_{name}_EXPORTER names no exporter that is here (otlp, none): nothing is exported"
            )
        return None
    protocol = otlp.protocol
    if "protocol" not in otlp.model_fields_set:
        protocol = _protocol(env.text(f"OTEL_EXPORTER_OTLP_{name}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")) or protocol
    path = "" if protocol == "grpc" else f"/v1/{signal}"
    base = otlp.endpoint or ""
    own = "" if base else env.text(f"OTEL_EXPORTER_OTLP_{name}_ENDPOINT")
    if not base and not own:
        base = env.text("OTEL_EXPORTER_OTLP_ENDPOINT")
        if not base and not exporters:
            return None
        base = base or f"http://localhost:{_PORTS[protocol]}"
    headers = env.pairs("OTEL_EXPORTER_OTLP_HEADERS") | env.pairs(f"OTEL_EXPORTER_OTLP_{name}_HEADERS")
    headers |= {key: value.get_secret_value() for key, value in otlp.headers.items()}
    return Collector(
        own or base.rstrip("/") + path,
        protocol,
        _timeout_s(settings, env, name),
        {key.lower(): value for key, value in headers.items()},
    )


def _protocol(text: str) -> Protocol | None:
    if not text:
        return None
    if text in ("http/protobuf", "grpc"):
        return "grpc" if text == "grpc" else "http/protobuf"
    message = "OTEL_EXPORTER_OTLP_PROTOCOL asks for a protocol that is not here; there are http/protobuf and grpc"
    raise ConfigError([Problem(("telemetry", "otlp", "protocol"), message)])


def _timeout_s(settings: Telemetry, env: _Env, name: str) -> float:
    told = env.number(f"OTEL_EXPORTER_OTLP_{name}_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT")
    if "timeout_s" in settings.otlp.model_fields_set or told is None or told <= 0:
        return settings.otlp.timeout_s
    # The specification says milliseconds, OpenTelemetry's Python library reads seconds: below 100 it can only be those.
    return told if told < 100 else told / 1000


def _ratio(settings: Telemetry, env: _Env) -> float:
    """The caller's decision is always followed (parentbased); the variable decides for traces that begin here."""
    sampler = env.text("OTEL_TRACES_SAMPLER").removeprefix("parentbased_")
    if "sample_ratio" in settings.model_fields_set or not sampler:
        return settings.sample_ratio
    if sampler == "always_on":
        return 1.0
    if sampler == "always_off":
        return 0.0
    if sampler == "traceidratio":
        told = env.number("OTEL_TRACES_SAMPLER_ARG")
        return 1.0 if told is None else min(1.0, max(0.0, told))
    env.warnings.append("OTEL_TRACES_SAMPLER names a sampler that is not here and is ignored")
    return settings.sample_ratio


def _capture(settings: Telemetry, env: _Env) -> frozenset[str]:
    if "capture_content" in settings.model_fields_set:
        return _CAPTURE[settings.capture_content] if settings.capture_content else frozenset()
    told = env.text(CAPTURE_VARIABLE).lower()
    if told and told not in _CAPTURE:
        env.warnings.append(f"{CAPTURE_VARIABLE} is none of {', '.join(_CAPTURE).upper()}: no content is captured")
    return _CAPTURE.get(told, frozenset())


def _resource(env: _Env) -> dict[str, str]:
    given = env.pairs("OTEL_RESOURCE_ATTRIBUTES")
    if (name := env.text("OTEL_SERVICE_NAME")) != "":
        given["service.name"] = name
    return {"service.name": "tailrace", "service.version": VERSION, **given}

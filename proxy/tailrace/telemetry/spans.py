"""From a finished request to its spans: pure; the tree, the attributes and the statuses of the telemetry contract.

POST /v1/chat/completions      server
|- tailrace.<plugin>           internal, of a plugin that acted, failed or took over a millisecond
|- chat gpt-4o-mini            client, GenAI: all attempts and the stream; usage stands here and nowhere else
   |- POST                     client, one per attempt
"""

from collections.abc import Mapping
from typing import Any

from tailrace.exchange import Exchange, Outcome
from tailrace.telemetry import names
from tailrace.telemetry.calls import attempt_span, call_span
from tailrace.telemetry.judge import at_ns, method_of, route_of, server_error
from tailrace.telemetry.record import SpanRecord, SpanRules
from tailrace.telemetry.words import OTHER_METHOD, clean, error_word
from tailrace.trail import PluginScope, Trail
from tailrace.wire.endpoints import Endpoint

__all__ = ["SpanRecord", "SpanRules", "build"]

_LONG_S = 0.001
_LOUD = frozenset({"acted", "failed", "timed-out"})


def build(
    endpoint: Endpoint,
    exchange: Exchange | None,
    trail: Trail,
    outcome: Outcome,
    rules: SpanRules,
    *,
    method: str = "",
    content: Mapping[str, Any] | None = None,
) -> list[SpanRecord]:
    """The spans of a request, every parent after its children: who loses the first ones loses no parent.

    `method` is the request's where there is no exchange. `content` are the captured messages, ready as attributes.
    """
    server = _server(endpoint, exchange, trail, outcome, rules, method)
    spans: list[SpanRecord] = []
    parent_id = trail.trace.span_id
    call: SpanRecord | None = None
    if trail.attempts and trail.call_started:
        if endpoint.operation is not None and trail.call_span_id:
            call = call_span(endpoint, endpoint.operation, exchange, trail, outcome, rules, content)
            parent_id = call.span_id
        for position, attempt in enumerate(trail.attempts):
            spans.append(attempt_span(endpoint, trail, outcome, attempt, position, parent_id, rules))
        if call is not None:
            spans.append(call)
    for scope in trail.scopes:
        _plugin(scope, trail, spans, server.attributes, rules)
    spans.append(server)
    return spans


def _server(
    endpoint: Endpoint, exchange: Exchange | None, trail: Trail, outcome: Outcome, rules: SpanRules, method: str
) -> SpanRecord:
    trace = trail.trace
    given = exchange.request.method if exchange is not None else method
    method = method_of(endpoint, exchange, method)
    route = route_of(endpoint, exchange)
    # The path only as far as it is ours: the rest may be anything that was pasted into a base URL.
    told: dict[str, Any] = {
        names.HTTP_METHOD: method,
        names.URL_SCHEME: "http",
        names.URL_PATH: route or "/*",
        names.REQUEST_ID: trail.request_id,
        names.STATE: outcome.state,
    }
    if route:
        told[names.HTTP_ROUTE] = route
    if method == OTHER_METHOD and given:
        told[names.HTTP_METHOD_ORIGINAL] = clean(given, 32)
    if outcome.status and outcome.status != 499:
        # 499 stands for a client that left: it was never sent.
        told[names.HTTP_STATUS] = outcome.status
    if rules.host:
        told[names.SERVER_ADDRESS] = rules.host
        told[names.SERVER_PORT] = rules.port
    error = server_error(outcome)
    if error:
        told[names.ERROR_TYPE] = error
    if exchange is not None:
        if (agent := exchange.request.headers.get("user-agent")) is not None:
            told[names.USER_AGENT] = clean(agent)
        model = exchange.model
        if model and (trail.attempts or model in rules.models):
            told[names.REQUESTED_MODEL] = clean(model)
    shown = "HTTP" if method == OTHER_METHOD else method
    return SpanRecord(
        f"{shown} {route}" if route else shown,
        "server",
        trace.trace_id,
        trace.span_id,
        trace.parent_id,
        trace.parent_id != 0,
        trail.started_ns,
        at_ns(trail, trail.ended),
        told,
        bool(error),
        trace.state,
    )


def _plugin(
    scope: PluginScope, trail: Trail, spans: list[SpanRecord], server: dict[str, Any], rules: SpanRules
) -> None:
    """A span of its own for what a plugin did, or its facts on the server's."""
    prefix = f"{names.PLUGIN_PREFIX}{scope.plugin}."
    own = scope.action in _LOUD or scope.self_s > _LONG_S
    told: dict[str, Any] = {} if own else server
    told[f"{prefix}action"] = scope.action or "unfinished"
    if scope.label:
        told[f"{prefix}reason"] = clean(scope.label)
    for key, value in scope.facts.items():
        # A fact that says its own place (`cache.result`) has it on a span of its own; elsewhere two plugins' would mix.
        name = f"{names.PLUGIN_PREFIX}{key}" if own and "." in key else f"{prefix}{key}"
        told[name] = clean(value) if type(value) is str else value
    if not own:
        return
    told[names.SELF_S] = scope.self_s
    failed = scope.action in ("failed", "timed-out")
    if failed:
        told[names.ERROR_TYPE] = "timeout" if scope.action == "timed-out" else error_word(scope.label)
    spans.append(
        SpanRecord(
            f"{names.PLUGIN_PREFIX}{scope.plugin}",
            "internal",
            trail.trace.trace_id,
            rules.new_id(),
            trail.trace.span_id,
            False,
            at_ns(trail, scope.started),
            at_ns(trail, scope.ended or trail.ended),
            told,
            failed,
            trail.trace.state,
        )
    )

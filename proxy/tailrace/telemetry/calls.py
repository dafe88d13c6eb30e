"""The client spans of a request: the GenAI call with all it used, and each attempt at a provider. Pure."""

from collections.abc import Mapping
from typing import Any

from tailrace.exchange import Exchange, Outcome
from tailrace.telemetry import names
from tailrace.telemetry.asked import asked
from tailrace.telemetry.judge import at_ns, attempt_end, attempt_error, call_end, call_error
from tailrace.telemetry.names import Names
from tailrace.telemetry.record import SpanRecord, SpanRules
from tailrace.telemetry.words import OTHER_METHOD, clean, method_word
from tailrace.trail import Attempt, Trail
from tailrace.wire.endpoints import Endpoint, EndpointKind
from tailrace.wire.usage import Usage


def call_span(
    endpoint: Endpoint,
    operation: str,
    exchange: Exchange | None,
    trail: Trail,
    outcome: Outcome,
    rules: SpanRules,
    content: Mapping[str, Any] | None,
) -> SpanRecord:
    """The GenAI call; `operation` is `gen_ai.operation.name`. Only for a request with at least one attempt."""
    trace, last = trail.trace, trail.attempts[-1]
    known = rules.providers.get(trail.provider)
    provider = known.name if known is not None else trail.provider
    model = clean(trail.model)
    told: dict[str, Any] = {names.OPERATION: operation, names.PROVIDER: provider}
    if model:
        told[names.REQUEST_MODEL] = model
    if (host := last.host or (known.host if known is not None else "")) != "":
        told[names.SERVER_ADDRESS] = host
        told[names.SERVER_PORT] = last.port or (known.port if known is not None else 443)
    if exchange is not None:
        told.update(asked(endpoint, exchange.payload, provider))
    embeds = endpoint.kind is EndpointKind.EMBEDDINGS
    if not embeds:
        if exchange is not None and exchange.request.session_hint is not None:
            told[names.CONVERSATION] = clean(exchange.request.session_hint)
        if outcome.response_id:
            told[names.RESPONSE_ID] = clean(outcome.response_id)
        if outcome.finish_reasons:
            told[names.FINISH_REASONS] = [clean(reason, 64) for reason in outcome.finish_reasons[:128]]
        if trail.watch is not None and trail.first_chunk_at:
            told[names.FIRST_CHUNK] = trail.first_chunk_at - trail.call_started
    if outcome.response_model:
        told[names.RESPONSE_MODEL] = clean(outcome.response_model)
    if outcome.usage is not None:
        _add_usage(told, outcome.usage, rules.names, embeds=embeds)
    if outcome.cost_usd is not None:
        told[names.COST] = outcome.cost_usd
    error = call_error(trail, outcome)
    if error:
        told[names.ERROR_TYPE] = error
    weight = 0
    if content:
        told.update(content)
        weight = sum(len(text) for text in content.values() if type(text) is str)
    return SpanRecord(
        f"{operation} {model}" if model else operation,
        "client",
        trace.trace_id,
        trail.call_span_id,
        trace.span_id,
        False,
        at_ns(trail, trail.call_started),
        at_ns(trail, call_end(trail)),
        told,
        bool(error),
        trace.state,
        weight,
    )


def _add_usage(told: dict[str, Any], usage: Usage, generation: Names, *, embeds: bool) -> None:
    told[names.INPUT_TOKENS] = usage.input_tokens
    if usage.estimated:
        told[names.ESTIMATED] = True
    if embeds:
        return
    told[names.OUTPUT_TOKENS] = usage.output_tokens
    if usage.cache_read_tokens:
        told[names.CACHE_READ_TOKENS] = usage.cache_read_tokens
    if usage.cache_write_tokens:
        told[generation.cache_write_tokens] = usage.cache_write_tokens
    if usage.reasoning_tokens:
        told[names.REASONING_TOKENS] = usage.reasoning_tokens


def attempt_span(
    endpoint: Endpoint,
    trail: Trail,
    outcome: Outcome,
    attempt: Attempt,
    position: int,
    parent_id: int,
    rules: SpanRules,
) -> SpanRecord:
    """One attempt; `position` counts from 0, `parent_id` is the GenAI call's span, or the server's without one."""
    known = rules.providers.get(attempt.provider)
    host = attempt.host or (known.host if known is not None else "")
    port = attempt.port or (known.port if known is not None else 443)
    scheme = known.scheme if known is not None else "http" if port == 80 else "https"
    where = f"[{host}]" if ":" in host else host
    # The path of a passthrough request is the client's own text.
    path = endpoint.route if endpoint.kind is EndpointKind.PASSTHROUGH else _path(attempt.url)
    method = method_word(attempt.method)
    told: dict[str, Any] = {
        names.HTTP_METHOD: method,
        names.URL_FULL: f"{scheme}://{where}:{port}{path}",
        names.SERVER_ADDRESS: host,
        names.SERVER_PORT: port,
    }
    if attempt.status:
        told[names.HTTP_STATUS] = attempt.status
    if position:
        told[names.HTTP_RESEND_COUNT] = position
    error = attempt_error(trail, outcome, attempt)
    if error:
        told[names.ERROR_TYPE] = error
    return SpanRecord(
        "HTTP" if method == OTHER_METHOD else method,
        "client",
        trail.trace.trace_id,
        attempt.span_id,
        parent_id,
        False,
        at_ns(trail, attempt.started),
        at_ns(trail, attempt_end(trail, attempt)),
        told,
        bool(error),
        trail.trace.state,
    )


def _path(url: str) -> str:
    """The path of an attempt's URL, which may be a path already. Its query may hold a key and is not told."""
    url = url.partition("?")[0]
    _, absolute, rest = url.partition("://")
    return f"/{rest.partition('/')[2]}" if absolute else url

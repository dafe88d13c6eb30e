"""How a finished request is judged: routes, errors and times that spans, metrics and the log agree on. Pure."""

from tailrace.exchange import Exchange, Outcome
from tailrace.telemetry.words import OTHER_METHOD, error_word, method_word
from tailrace.trail import Attempt, Trail
from tailrace.wire.endpoints import Endpoint, EndpointKind

# What ends the attempt that brought a stream, when it comes after the stream began.
_BROKEN_OFF = frozenset({"cut", "timeout", "connect", "disconnect"})


def route_of(endpoint: Endpoint, exchange: Exchange | None) -> str:
    """`http.route`; empty where no endpoint was found."""
    return "" if exchange is None and endpoint.kind is EndpointKind.PASSTHROUGH else endpoint.route


def method_of(endpoint: Endpoint, exchange: Exchange | None, method: str) -> str:
    """The request's method, one of the known ones or `_OTHER`."""
    if exchange is not None:
        method = exchange.request.method
    elif not method:
        known = {EndpointKind.PASSTHROUGH: OTHER_METHOD, EndpointKind.MODELS: "GET"}
        return known.get(endpoint.kind, "POST")
    return method_word(method)


def call_error(trail: Trail, outcome: Outcome) -> str:
    """The error type of the call to the provider; empty if it brought an answer, or the client left first."""
    if outcome.state == "client_left":
        return ""
    last = trail.attempts[-1].error_type if trail.attempts else ""
    if trail.first_chunk_at and not last:
        text = outcome.error_type if outcome.state == "failed" else ""
    else:
        text = trail.error_type or last
    return error_word(text) if text else ""


def server_error(outcome: Outcome) -> str:
    """The error type of the request: for 5xx and answers that broke off. 4xx are the client's, a hang-up is none."""
    if outcome.state == "client_left" or (outcome.status < 500 and outcome.state != "failed"):
        return ""
    return error_word(outcome.error_type or str(outcome.status))


def call_end(trail: Trail) -> float:
    """When the provider's answer was over: with the request for a stream, else when it was here."""
    return trail.ended if trail.watch is not None or not trail.call_ended else trail.call_ended


def attempt_end(trail: Trail, attempt: Attempt) -> float:
    """When an attempt was over; the one that brought a stream lasts as long as the stream."""
    if trail.watch is not None and attempt is trail.attempts[-1] and not attempt.error_type:
        return trail.ended
    return attempt.ended or trail.ended


def attempt_error(trail: Trail, outcome: Outcome, attempt: Attempt) -> str:
    """The error type of an attempt, empty for none."""
    text = attempt.error_type
    if not text and outcome.state == "failed" and outcome.error_type in _BROKEN_OFF and attempt is trail.attempts[-1]:
        text = outcome.error_type
    if not text and attempt.status >= 400:
        text = str(attempt.status)
    return error_word(text) if text else ""


def upstream_s(trail: Trail) -> float:
    """How long the provider's answer took, waits between attempts included."""
    return call_end(trail) - trail.call_started


def overhead_s(trail: Trail) -> float | None:
    """What the proxy added: the time before the call and after the answer was here; None without a call or an answer.

    Of a stream: until its first byte went out. What comes after is paced by the provider and the client.
    """
    if not trail.call_started or not trail.first_chunk_at:
        return None
    if trail.watch is not None:
        handed_on = trail.first_byte_at - trail.first_chunk_at if trail.first_byte_at else 0.0
        return max(0.0, trail.call_started - trail.started + handed_on)
    return max(0.0, (trail.first_byte_at or trail.ended) - trail.started - (trail.call_ended - trail.call_started))


def at_ns(trail: Trail, at: float) -> int:
    """A monotonic moment of this request as nanoseconds since the epoch."""
    return trail.started_ns + int((at - trail.started) * 1e9)

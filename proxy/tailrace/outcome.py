"""From what a trail remembers to the `Outcome` that is told: pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from tailrace.exchange import DroppedBill, Outcome
from tailrace.prices import PriceTable
from tailrace.trail import Trail
from tailrace.wire.usage import Usage
from tailrace.wire.whole import read_whole

_CHARS_PER_TOKEN = 4


def settle(
    trail: Trail,
    state: Literal["complete", "client_left", "failed"],
    status: int,
    prices: PriceTable,
    now: float,
    *,
    request_bytes: int = 0,
    error_type: str = "",
) -> Outcome:
    """How the exchange ended.

    A stream that broke off before the provider reported its usage is billed all the same: its usage is estimated
    (four characters a token for what was sent, the deltas that came for the answer) and says so.
    """
    watch = trail.watch
    told = watch if watch is not None else read_whole(*trail.answer) if trail.answer is not None else None
    usage = told.usage if told is not None else None
    if usage is None and watch is not None and state != "complete":
        usage = Usage(request_bytes // _CHARS_PER_TOKEN, watch.estimated_output_tokens, estimated=True)
    in_band = watch.error if watch is not None else None
    if in_band is not None and state == "complete":
        state, error_type = "failed", error_type or _error_type(in_band)
    answer_usd = prices.cost(trail.provider, trail.model, usage)
    dropped = tuple(
        DroppedBill(one.provider, one.model, one.usage, prices.cost(one.provider, one.model, one.usage))
        for one in trail.dropped
    )
    return Outcome(
        state=state,
        status=status,
        duration_s=now - trail.started,
        error_type=error_type or trail.error_type,
        usage=usage,
        cost_usd=_sum(([] if usage is None and dropped else [answer_usd]) + [one.cost_usd for one in dropped]),
        first_chunk_s=trail.first_chunk_at - trail.started if trail.first_chunk_at else None,
        provider=trail.provider,
        model=trail.model,
        response_id=told.response_id if told is not None else None,
        response_model=told.model if told is not None else None,
        finish_reasons=tuple(told.finish_reasons) if told is not None else (),
        answer_usd=answer_usd,
        dropped=dropped,
    )


def _sum(costs: Sequence[float | None]) -> float | None:
    """What they come to; None where one of them is not known."""
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None


_KNOWN = frozenset(
    {
        "invalid_request_error",
        "authentication_error",
        "permission_error",
        "not_found_error",
        "rate_limit_error",
        "rate_limit_exceeded",
        "overloaded_error",
        "server_error",
        "api_error",
        "upstream_error",
        "content_filter",
    }
)


def _error_type(error: Mapping[str, Any]) -> str:
    """A word from a closed set for an in-band error: what a provider writes there must not become a metric label."""
    kind = error.get("type") or error.get("code")
    return kind if isinstance(kind, str) and kind in _KNOWN else "in_band_error"

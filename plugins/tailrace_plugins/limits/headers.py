"""The limits as OpenAI's headers tell them (platform.openai.com/docs/guides/rate-limits). Pure."""

from collections.abc import Iterable
from math import ceil, inf

from tailrace_plugins.limits.gcra import Taking
from tailrace_plugins.limits.rules import Demand

_KINDS = ("requests", "tokens")


def limit_headers(stands: Iterable[tuple[Demand, Taking | None]]) -> dict[str, str]:
    """`x-ratelimit-limit-`, `-remaining-` and `-reset-` for requests and tokens: of several limits, the one with the
    least left; none where nothing of the kind is limited.
    """
    told: dict[str, str] = {}
    found = [(demand, taking) for demand, taking in stands if taking is not None]
    for kind in _KINDS:
        of_kind = [(taking.remaining, demand, taking) for demand, taking in found if demand.kind == kind]
        if of_kind:
            remaining, demand, taking = min(of_kind, key=lambda one: one[0])
            limit = demand.rate.burst if demand.rate is not None else 0
            told[f"x-ratelimit-limit-{kind}"] = str(limit)
            told[f"x-ratelimit-remaining-{kind}"] = str(remaining)
            told[f"x-ratelimit-reset-{kind}"] = duration(taking.reset_s)
    return told


def retry_headers(wait_s: float) -> dict[str, str]:
    """`retry-after` in whole seconds and `retry-after-ms`, at least that long; none where waiting is of no use."""
    if wait_s == inf:
        return {"x-should-retry": "false"}
    return {"retry-after": str(max(1, ceil(wait_s))), "retry-after-ms": str(max(1, ceil(wait_s * 1_000)))}


def duration(seconds: float) -> str:
    """As OpenAI writes them: `20ms`, `1s`, `6m0s`, `1h0m3s`; rounded up."""
    if seconds == inf:
        return "never"
    if seconds < 1:
        return f"{ceil(seconds * 1_000)}ms" if seconds > 0 else "0s"
    whole = ceil(seconds)
    hours, minutes, rest = whole // 3_600, whole % 3_600 // 60, whole % 60
    if hours:
        return f"{hours}h{minutes}m{rest}s"
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"

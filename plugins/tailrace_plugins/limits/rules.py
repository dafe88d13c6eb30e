"""Which limits a request meets, and what it takes from them. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from tailrace_plugins.limits.gcra import Rate
from tailrace_plugins.limits.settings import LimitSet, LimitsSettings

Kind = Literal["requests", "tokens", "concurrency"]
Key = tuple[str, ...]

_MINUTE: Final = 60.0
_DAY: Final = 86_400.0
_CHARS_PER_TOKEN: Final = 4
_LIMITS: Final = ("max_completion_tokens", "max_tokens", "max_output_tokens")
_MOST_ANSWERS: Final = 128


@dataclass(frozen=True, slots=True)
class Demand:
    """What a request takes from one limit: `units` of a rate, or one of `slots` at a time.

    `words` name the limit for people.
    """

    key: Key
    kind: Kind
    words: str
    units: float = 1.0
    rate: Rate | None = None
    slots: int = 0


def demands(settings: LimitsSettings, tenant: str, model: str, tokens: int) -> list[Demand]:
    """All limits that a request meets, the narrowest first. A model without limits of its own has no state."""
    found: list[Demand] = []
    if model in settings.models:
        said = settings.models[model]  # type: ignore[index]
        found += _of(said, ("model", tenant, model), f"for the model {model}", tokens)
    found += _of(_of_tenant(settings, tenant), ("tenant", tenant), "for this key", tokens)
    found += _of(settings.total, ("total",), "for all keys together", tokens)
    return found


def estimate(payload: Mapping[str, Any], body_bytes: int, answer_tokens: int) -> int:
    """The tokens that a request may cost at most: its body's, and those of its answers."""
    wanted = next((_count(payload.get(name)) for name in _LIMITS if _count(payload.get(name)) is not None), None)
    answers = min(_MOST_ANSWERS, max(1, _count(payload.get("n")) or 1))
    return body_bytes // _CHARS_PER_TOKEN + answers * (answer_tokens if wanted is None else wanted)


def _of_tenant(settings: LimitsSettings, tenant: str) -> LimitSet:
    own = settings.tenants.get(tenant)
    if own is None:
        return settings.each_tenant
    return settings.each_tenant.model_copy(update={name: getattr(own, name) for name in own.model_fields_set})


def _of(said: LimitSet, key: Key, whose: str, tokens: int) -> Iterator[Demand]:
    if said.concurrency is not None:
        yield Demand((*key, "at once"), "concurrency", f"requests at the same time {whose}", slots=said.concurrency)
    if (count := said.requests_per_minute) is not None:
        rate = Rate(count, _MINUTE, min(count, said.burst_requests or count))
        yield Demand((*key, "minute"), "requests", f"requests per minute {whose}", rate=rate)
    if (count := said.requests_per_day) is not None:
        yield Demand((*key, "day"), "requests", f"requests per day {whose}", rate=Rate(count, _DAY, count))
    if (count := said.tokens_per_minute) is not None:
        rate = Rate(count, _MINUTE, min(count, said.burst_tokens or count))
        # One that wants more than there ever is at once waits for all of it, and owes the rest.
        yield Demand((*key, "tokens"), "tokens", f"tokens per minute {whose}", min(tokens, rate.burst), rate)


def _count(value: Any) -> int | None:
    return value if type(value) is int and value >= 0 else None

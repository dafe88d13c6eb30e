"""What routing has saved, once the bill is there: net, at billed rates."""

from dataclasses import dataclass
from typing import Final

from tailrace.exchange import Outcome
from tailrace.models import ModelFacts
from tailrace.prices import Price
from tailrace.wire.usage import Usage
from tailrace_plugins.router.policy.economy import LEAST_CACHED_TOKENS
from tailrace_plugins.router.policy.savings import answer_s
from tailrace_plugins.router.speeds import Speed

_BLOCK: Final = 128
"""Providers cache prefixes in blocks of this many tokens (OpenAI's guide to prompt caching)."""


@dataclass(frozen=True, slots=True)
class Saved:
    """Dollars and seconds against the default model; None where something is not known, negative where it cost."""

    usd: float | None
    seconds: float | None


def saved(
    outcome: Outcome, default: ModelFacts, default_speed: Speed, prefix_tokens: int, *, is_default: bool = False
) -> Saved:
    """What an answer has saved: what the default model would have billed for the same usage, less the bill.

    `prefix_tokens` is what the session had sent and got before, within the provider's time: a session that stays at
    the default reads it from the cache there, so a model that was moved to and had to be sent all of it anew is not
    credited with the difference. Answers of other models have other lengths; that the default's would have been equally
    long is an assumption. Dropped answers are in the bill, whoever left. `is_default`: the default was asked in the
    end.
    """
    usage, usd = outcome.usage, None
    in_vain = -sum(one.cost_usd or 0.0 for one in outcome.dropped)
    if usage is None or outcome.state != "complete" or outcome.status != 200:
        return Saved(in_vain if outcome.dropped else None, None)
    if is_default:
        # The default itself was asked (or what falls back for it): what came before it in vain is all there is to tell.
        return Saved(in_vain, None if outcome.dropped else 0.0)
    if default.price is not None and outcome.cost_usd is not None:
        usd = default.price.cost(at_default(usage, default.price, prefix_tokens)) - outcome.cost_usd
    would_take = answer_s(default_speed, usage.output_tokens)
    return Saved(usd, None if would_take is None else would_take - outcome.duration_s)


def at_default(usage: Usage, price: Price, prefix_tokens: int) -> Usage:
    """The usage as the default would have billed it: the prefix read from its cache."""
    whole = prefix_tokens // _BLOCK * _BLOCK if prefix_tokens >= LEAST_CACHED_TOKENS else 0
    read = min(max(usage.cache_read_tokens, whole), usage.input_tokens)
    # What it writes is billed apart only where writing has a price of its own.
    written = usage.input_tokens - read if price.cache_write is not None and usage.input_tokens > 0 else 0
    return Usage(usage.input_tokens, usage.output_tokens, read, written if usage.cache_write_tokens else 0)

"""Token counts in one form, whichever provider counted them. Reading never fails: bad numbers count as absent."""

from dataclasses import dataclass
from typing import Any, Final

_MOST_TOKENS: Final = 10**12
"""A count above this is a provider's mistake, not a request: no context window is within six digits of it."""

_ANTHROPIC_CACHE_KEYS: Final = ("cache_read_input_tokens", "cache_creation_input_tokens", "cache_creation")


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one answer.

    `input_tokens` includes those read from and written to the provider's prefix cache (OpenAI's meaning; Anthropic's
    three input counts are summed). `output_tokens` includes reasoning. Hence always
    cache_read + cache_write <= input and reasoning <= output. `estimated` marks counts no provider gave.
    """

    input_tokens: int
    output_tokens: int
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False

    @property
    def total_tokens(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens


def read(usage_object: Any) -> Usage | None:
    """Understand the `usage` of OpenAI chat, completions, embeddings and Responses, of Anthropic, and of lookalikes.

    None when it holds neither an input nor an output count. Which dialect it is: `prompt_tokens` or
    `completion_tokens` is OpenAI's chat form; otherwise `input_tokens_details` is the Responses form; otherwise a
    `cache_*` key is Anthropic's, whose `input_tokens` leaves the cached ones out.
    """
    if type(usage_object) is not dict:
        return None
    get = usage_object.get
    prompt, completion = _count(get("prompt_tokens")), _count(get("completion_tokens"))
    if prompt is not None or completion is not None:
        return _openai(usage_object, prompt, completion, "prompt_tokens_details", "completion_tokens_details")
    fresh, output = _count(get("input_tokens")), _count(get("output_tokens"))
    if fresh is None and output is None:
        return None
    if type(get("input_tokens_details")) is not dict and any(key in usage_object for key in _ANTHROPIC_CACHE_KEYS):
        return _anthropic(usage_object, fresh or 0, output or 0)
    return _openai(usage_object, fresh, output, "input_tokens_details", "output_tokens_details")


def merge(a: Usage, b: Usage) -> Usage:
    """What is known after `b` followed `a` in one stream: counts are cumulative, so `b`'s win where it has any.

    Anthropic's `message_start` carries the input counts, `message_delta` the final output and sometimes corrected
    inputs, with or without the cache counts; each of fresh, read and written input is taken from the later that has it.
    """
    read_tokens = b.cache_read_tokens or a.cache_read_tokens
    written = b.cache_write_tokens or a.cache_write_tokens
    return Usage(
        input_tokens=(_fresh(b) or _fresh(a)) + read_tokens + written,
        output_tokens=b.output_tokens or a.output_tokens,
        cache_read_tokens=read_tokens,
        cache_write_tokens=written,
        reasoning_tokens=min(b.reasoning_tokens or a.reasoning_tokens, b.output_tokens or a.output_tokens),
        estimated=a.estimated or b.estimated,
    )


def _openai(usage: dict[str, Any], prompt: int | None, completion: int | None, inner: str, outer: str) -> Usage:
    details, output_details = _object(usage.get(inner)), _object(usage.get(outer))
    cache_read = _first(
        details.get("cached_tokens"),
        usage.get("prompt_cache_hit_tokens"),  # DeepSeek
        usage.get("cached_tokens"),  # Moonshot
        usage.get("cache_read_input_tokens"),  # gateways before Anthropic that speak chat
    )
    cache_write = _first(details.get("cache_write_tokens"), usage.get("cache_creation_input_tokens"))
    reasoning = _first(output_details.get("reasoning_tokens"), usage.get("reasoning_tokens"))
    spent, output = prompt or 0, completion or 0
    # xAI counts reasoning beside completion_tokens (26 + 227 of a total 560 with 307 in); OpenAI counts it inside.
    if reasoning > output or (reasoning and _count(usage.get("total_tokens")) == spent + output + reasoning):
        output += reasoning
    cache_read = min(cache_read, spent)
    return Usage(spent, output, cache_read, min(cache_write, spent - cache_read), reasoning)


def _anthropic(usage: dict[str, Any], fresh: int, output: int) -> Usage:
    cache_read = _first(usage.get("cache_read_input_tokens"))
    cache_write = _count(usage.get("cache_creation_input_tokens"))
    if cache_write is None:
        cache_write = sum(_count(part) or 0 for part in _object(usage.get("cache_creation")).values())
    thinking = _first(_object(usage.get("output_tokens_details")).get("thinking_tokens"))
    counted = Usage(fresh + cache_read + cache_write, output, cache_read, cache_write, min(thinking, output))
    # A pass that compacts the context is billed at this model's rate, and missing from the counts on top (Anthropic,
    # "Compaction"). Other iterations are in them already, or are another model's (advisor_message).
    iterations = usage.get("iterations")
    for passed in iterations if type(iterations) is list else ():
        if type(passed) is dict and passed.get("type") == "compaction":
            more = _anthropic(
                {**passed, "iterations": None}, _first(passed.get("input_tokens")), _first(passed.get("output_tokens"))
            )
            counted = _sum(counted, more)
    return counted


def _sum(a: Usage, b: Usage) -> Usage:
    return Usage(
        a.input_tokens + b.input_tokens,
        a.output_tokens + b.output_tokens,
        a.cache_read_tokens + b.cache_read_tokens,
        a.cache_write_tokens + b.cache_write_tokens,
        a.reasoning_tokens + b.reasoning_tokens,
    )


def _fresh(usage: Usage) -> int:
    return usage.input_tokens - usage.cache_read_tokens - usage.cache_write_tokens


def _count(value: Any) -> int | None:
    """A usable count, else None; a fraction is cut off."""
    if type(value) is int:
        return value if 0 <= value <= _MOST_TOKENS else None
    if type(value) is float and 0 <= value <= _MOST_TOKENS:  # false for NaN
        return int(value)
    return None


def _first(*values: Any) -> int:
    for value in values:
        count = _count(value)
        if count is not None:
            return count
    return 0


def _object(value: Any) -> dict[str, Any]:
    return value if type(value) is dict else {}

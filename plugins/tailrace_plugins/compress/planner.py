"""What pays: the arithmetic of prefix caches, and every decision made by it. Pure.

Providers keep the beginning of a prompt and bill it at a tenth to a half of the input price when it is sent again; from
the first token that differs on, all of it is billed as new. So

- an edit of a message that was never sent costs nothing, and is judged by its tokens alone;
- a message that was sent is never edited by itself;
- a summary in place of old messages costs once what stands behind it, and saves in every turn what it took out;
- a tool that is added to those of a session costs its whole prefix once.

The last two are bets on how long the session goes on. No bet is made for more than compression has won in it.
"""

from dataclasses import dataclass
from math import isfinite
from typing import Final, Literal

from tailrace.prices import Price

Reason = Literal[
    "too-small",
    "too-large",
    "short-prompt",
    "no-gain",
    "was-sent",
    "unknown-history",
    "over-budget",
    "media",
    "too-slow",
    "failed",
]
"""Why a text is sent as it is.

`too-small`: it is too short, or what would be saved too little. `too-large`: it is over `max_piece_bytes`.
`short-prompt`: the prompt would come to be, or stay, shorter than what a provider caches. `no-gain`: no pass makes it
smaller. `was-sent`: the provider has it in its cache, and breaking the prefix does not pay.
`unknown-history`: nothing is known of what was sent before it. `over-budget`: the session's memory is full. `media`: it
is data, not text. `too-slow`, `failed`: the passes took too long, or had a defect.
"""

BLOCK_TOKENS: Final = 128
"""Prefixes are cached in blocks of this many tokens (OpenAI's guide to prompt caching)."""
LEAST_CACHED_TOKENS: Final = 1_024
"""Shorter prefixes are never cached (OpenAI's and Anthropic's guides to prompt caching; some models need 2,048)."""
TTL_S: Final = 300.0
"""How long a prefix is kept after its last use (the same guides: 5 to 10 minutes, 5 minutes)."""
MOST_TURNS: Final = 50
STAKE: Final = 0.005
"""Of what a session was billed: what may be lost on it beyond what it has won."""
_MILLION: Final = 1_000_000
_NOISE: Final = 1e-9
"""Of a sum of floats: less than this share of it is no difference."""
_BYTES_PER_TOKEN: Final = 5
"""Of a request's body, names and quotes included: rather too many, since the prompt must not be overrated."""


@dataclass(frozen=True, slots=True)
class CacheRules:
    """How a provider's prefix cache works."""

    block_tokens: int = BLOCK_TOKENS
    least_tokens: int = LEAST_CACHED_TOKENS
    ttl_s: float = TTL_S

    def cached(self, tokens: int) -> int:
        """How many of the first `tokens` of a prompt that was sent before are read from the cache."""
        whole = max(0, tokens) // self.block_tokens * self.block_tokens
        return whole if whole >= self.least_tokens else 0


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a session stands, and what a summary would change in it.

    `sent_tokens`: of the last prompt, as it was sent. `position`: those before the cut. `removed`: those of the
    messages that go; `summary_tokens`: those of the message that comes. `turns`: answers so far. `idle_s`: since the
    last prompt. `banked_usd`: what compression has saved this session so far, net; negative where it has lost.
    `billed_usd`: what the session's prompts and answers were billed. `summary_usd`: what making the summary costs,
    0 where that is paid or made without a model. `recall_tokens`: those that the model is likely to ask back once, 0
    where it cannot ask.
    """

    price: Price | None
    sent_tokens: int
    position: int
    removed: int
    summary_tokens: int
    turns: int
    idle_s: float = 0.0
    rules: CacheRules = CacheRules()
    banked_usd: float = 0.0
    billed_usd: float = 0.0
    summary_usd: float = 0.0
    recall_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a summary is used now.

    `gain_usd`: expected over the turns to come, negative where it costs. `risk_usd`: what it costs if the session ends
    with this request, never negative. Both 0.0 where they are not known. `words` tell a person why.
    """

    pays: bool
    gain_usd: float
    risk_usd: float
    words: str


def expected_turns(turns_so_far: int) -> int:
    """Turns still to come, this one included: as many again as there have been, 1 to 50.

    For what has no typical length, the median of what is left is what has passed (Lindy's law; Gott, Nature 363, 1993,
    "Implications of the Copernican principle").
    """
    return max(1, min(turns_so_far, MOST_TURNS))


def cost_of_prompt(price: Price, tokens: int, cached_tokens: int) -> float:
    """Dollars for a prompt of which the provider reads the beginning from its cache; negative counts are 0.

    The rest is billed at the price of writing a cache where there is one, else at the input price.
    """
    read = price.input if price.cache_read is None else price.cache_read
    write = price.input if price.cache_write is None else price.cache_write
    tokens = max(0, tokens)
    cached = max(0, min(cached_tokens, tokens))
    return (cached * read + (tokens - cached) * write) / _MILLION


def fold_pays(standing: Standing) -> Verdict:
    """Whether to send the summary from this request on.

    Left alone, what was sent is read from the cache in every turn, if that is still warm in this one. With the summary,
    this turn reads what stands before the cut and writes the rest anew; later turns read all of it, and it is smaller.
    What new messages add costs the same either way.

    It pays where that gains over the turns to come, and where its price, should the session end right here, is covered
    by what compression has won in it so far and a two-hundredth of its bill: never bet more than was won. Where nothing
    is read from a cache (it is cold, has no price of its own, or the prompt is too short), there is nothing to bet.
    """
    price, rules = standing.price, standing.rules
    if price is None:
        return Verdict(False, 0.0, 0.0, "the model's price is not known")
    sent = max(0, standing.sent_tokens)
    saved = min(standing.removed, sent) - standing.summary_tokens
    if saved <= 0:
        return Verdict(False, 0.0, 0.0, "the summary is no shorter than what it stands for")
    smaller = sent - saved
    turns = expected_turns(standing.turns)
    is_warm = standing.idle_s < rules.ttl_s
    now_alone = cost_of_prompt(price, sent, rules.cached(sent) if is_warm else 0)
    kept = min(max(0, standing.position), smaller)
    now = cost_of_prompt(price, smaller, rules.cached(kept) if is_warm else 0) + max(0.0, standing.summary_usd)
    asked_back = min(max(0, standing.recall_tokens), max(0, standing.removed))
    if asked_back:
        # A round more, what comes back written once, and from then on read.
        now += cost_of_prompt(price, smaller + asked_back, rules.cached(smaller))
    alone = now_alone + (turns - 1) * cost_of_prompt(price, sent, rules.cached(sent))
    carried = smaller + asked_back
    summed = now + (turns - 1) * cost_of_prompt(price, carried, rules.cached(carried))
    gain, risk = _net(alone, summed), max(0.0, _net(now, now_alone))
    # What was lost before counts: otherwise a session could lose the stake again with every summary.
    stake = standing.banked_usd + STAKE * standing.billed_usd
    if not (isfinite(gain) and isfinite(risk) and isfinite(stake)):
        return Verdict(False, 0.0, 0.0, "a price or a bill is no number")
    over = f"over {turns} expected turn{'s' * (turns > 1)} ({'warm' if is_warm else 'cold'} cache)"
    if gain <= 0:
        return Verdict(False, gain, risk, f"it would cost ${-gain:.6f} more {over}")
    if risk > max(0.0, stake):
        told = f"it would gain ${gain:.6f} {over}, but cost ${risk:.6f} if the session ended now"
        return Verdict(False, gain, risk, f"{told}, and only ${max(0.0, stake):.6f} may be lost")
    return Verdict(True, gain, risk, f"it gains ${gain:.6f} {over}, at a risk of ${risk:.6f}")


def _net(more: float, less: float) -> float:
    """The difference; 0.0 where it is only that of rounding."""
    net = more - less
    return 0.0 if abs(net) <= _NOISE * abs(more) else net


def stays_cacheable(body_bytes: int, least_tokens: int) -> bool:
    """Whether a prompt of about `body_bytes` is long enough to be cached.

    One that an edit keeps below the least is billed in full once more: measured on conversations with short system
    prompts, edits without this rule made single ones up to 35% dearer.
    """
    return body_bytes // _BYTES_PER_TOKEN >= least_tokens


def judge(before: int, after: int, least_saved: int) -> Reason | None:
    """Why an edit of a new text from `before` to `after` tokens is refused; None where it is accepted."""
    if after >= before:
        return "no-gain"
    return "too-small" if before - after < least_saved else None


def definitions_pay(before: int, after: int) -> bool:
    """Whether smaller tool definitions are used. Caches work in whole blocks: where less than one is saved, a session
    may lose one in every turn instead (measured: short conversations up to 3% dearer for 20 tokens saved).
    """
    return before - after >= BLOCK_TOKENS


def adoption_pays(price: Price | None, sent_tokens: int, cut_tokens: int, tool_tokens: int, turns: int) -> bool:
    """Whether to offer the tool that brings back what is left out, in the middle of a session, to leave out
    `cut_tokens` of a new text.

    The tools stand first, so that all of the last prompt (`sent_tokens`) is billed anew. That must be won back in this
    very request: what is left out is never written. The tool's own tokens are paid in every turn.
    """
    if price is None:
        return False
    broken = cost_of_prompt(price, sent_tokens, 0) - cost_of_prompt(price, sent_tokens, sent_tokens)
    carried = expected_turns(turns) * cost_of_prompt(price, tool_tokens, tool_tokens)
    return cost_of_prompt(price, cut_tokens, 0) > broken + carried

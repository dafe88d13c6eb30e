"""Whether an edit is made: the arithmetic of prefix caches. Pure.

Providers keep the beginning of a prompt and bill it at a tenth to a half of the input price when it is sent again; from
the first byte that differs on, all of it is billed as new. So an edit of a message that was never sent costs nothing,
and one of a message that was sent before costs the difference between writing and reading for all that comes after it.
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
_MILLION: Final = 1_000_000
_NOISE: Final = 1e-9
"""Of a sum of floats: less than this share of it is no difference."""


_BYTES_PER_TOKEN: Final = 5
"""Of a request's body, names and quotes included: rather too many, since the prompt must not be overrated."""


def stays_cacheable(body_bytes: int, saved_tokens: int, least_tokens: int) -> bool:
    """Whether a prompt of about `body_bytes` is still long enough to be cached without `saved_tokens`.

    One that an edit keeps below the least is billed in full once more: measured on conversations with short system
    prompts, edits without this rule made single ones up to 35% dearer.
    """
    return body_bytes // _BYTES_PER_TOKEN - saved_tokens >= least_tokens


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
class Proposal:
    """An edit that a pass offers. `position`: tokens before the message; `before`, `after`: tokens of the text.

    `was_sent`: whether the provider was sent the message as it is.
    """

    position: int
    before: int
    after: int
    lossless: bool = True
    was_sent: bool = False

    @property
    def saved(self) -> int:
        """Tokens saved in every turn from now on."""
        return self.before - self.after


@dataclass(frozen=True, slots=True)
class Session:
    """Where a session stands. `sent_tokens`: of the last prompt; `idle_s`: since then; `turns`: so far."""

    price: Price | None
    sent_tokens: int
    turns: int
    idle_s: float = 0.0
    rules: CacheRules = CacheRules()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an edit pays. `saves_usd` is negative where it costs; 0.0 where it is not known. `words` for people."""

    pays: bool
    saves_usd: float
    words: str


def judge(proposal: Proposal, least_saved: int, session: Session | None = None) -> Reason | None:
    """Why a proposal is refused; None where it is accepted.

    What was never sent is judged by its tokens alone. What was sent is edited only where the prefix that is broken pays
    for itself within the turns to come, and only without a loss: the model may have gone on from what would be lost.
    """
    if proposal.saved <= 0:
        return "no-gain"
    if proposal.saved < least_saved:
        return "too-small"
    if proposal.was_sent and (session is None or not proposal.lossless or not editing_pays(proposal, session).pays):
        return "was-sent"
    return None


def expected_turns(turns_so_far: int) -> int:
    """Turns still to come: as many again as there have been, 1 to 50.

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


def editing_pays(proposal: Proposal, session: Session) -> Verdict:
    """Whether editing a message that was sent before pays, over the turns to come.

    Left alone, what was sent is read from the cache in every turn, if that is still warm in the first one. Edited, the
    first turn reads up to the edit only and writes the rest anew; later turns read all of it, and it is smaller by what
    was saved. What new turns add costs the same either way. A price that is not known or no number never pays.
    """
    price, rules = session.price, session.rules
    if price is None:
        return Verdict(False, 0.0, "a price is not known")
    sent = max(0, session.sent_tokens)
    smaller = max(0, sent - proposal.saved)
    turns = expected_turns(session.turns)
    is_warm = session.idle_s < rules.ttl_s
    alone = cost_of_prompt(price, sent, rules.cached(sent) if is_warm else 0)
    edited = cost_of_prompt(price, smaller, rules.cached(min(proposal.position, smaller)) if is_warm else 0)
    alone += (turns - 1) * cost_of_prompt(price, sent, rules.cached(sent))
    edited += (turns - 1) * cost_of_prompt(price, smaller, rules.cached(smaller))
    saves = alone - edited
    if not isfinite(saves):
        return Verdict(False, 0.0, "a price is no number")
    if abs(saves) <= _NOISE * alone:
        saves = 0.0
    state = "warm" if is_warm else "cold"
    told = f"left alone ${alone:.6f}, edited ${edited:.6f} over {turns} turn{'s' * (turns > 1)} ({state} cache)"
    return Verdict(saves > 0, saves, told)

"""What leaving a model costs: the arithmetic of sticky sessions.

Providers keep the beginning of a prompt (system prompt, tools, earlier turns) for some minutes and bill it at a tenth
to a half of the input price when it is sent again. Another model has never seen it: it must be written there once, at
the full price or, with Anthropic, at 1.25 times that.
"""

from dataclasses import dataclass
from math import isfinite
from typing import Final

from tailrace.prices import Price

LEAST_CACHED_TOKENS: Final = 1_024
"""Shorter prefixes are never cached (OpenAI's and Anthropic's guides to prompt caching; some models need 2,048)."""
MOST_TURNS: Final = 50
_MILLION: Final = 1_000_000
_NOISE: Final = 1e-9
"""Of a sum of floats: less than this share of it is no difference."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether moving pays. `saves_usd` is negative where it costs; 0.0 where it is not known. `words` for people."""

    pays: bool
    saves_usd: float
    words: str


def expected_turns(turns_so_far: int) -> int:
    """Turns still to come: as many again as there have been, 1 to 50.

    For what has no typical length, the median of what is left is what has passed (Lindy's law; Gott, Nature 363, 1993,
    "Implications of the Copernican principle"). It also keeps the loss bounded as in renting skis: a move is made only
    after the session has shown for as long that it would have been worth it.
    """
    return max(1, min(turns_so_far, MOST_TURNS))


def cost_of_turn(price: Price, prefix_tokens: int, cached: bool, new_tokens: int, output_tokens: int) -> float:
    """Dollars for one turn: `prefix_tokens` that were sent before, `new_tokens` that come after them, the output.

    `cached`: whether the provider still has the prefix. What it has not is billed at the price of writing a cache
    where there is one, else at the input price. Below `LEAST_CACHED_TOKENS` nothing is kept and nothing is written.
    Negative counts are 0.
    """
    prefix, new, output = max(0, prefix_tokens), max(0, new_tokens), max(0, output_tokens)
    read, write = _read(price), _write(price)
    if prefix + new < LEAST_CACHED_TOKENS:
        read = write = price.input
    elif prefix < LEAST_CACHED_TOKENS:
        read = write
    return (prefix * (read if cached else write) + new * write + output * price.output) / _MILLION


def switching_pays(
    stay: Price | None,
    move: Price | None,
    prefix_tokens: int,
    new_tokens_per_turn: int,
    output_tokens_per_turn: int,
    expected_turns: int,
    cache_is_warm: bool,
    *,
    known_there: int = 0,
    way_back: float = 0.0,
) -> Verdict:
    """Whether a session that stands at `stay` had better go on at `move`, over the turns to come.

    Staying reads the prefix at the cached price while the cache is warm. Moving writes it once at the other model, but
    for the first `known_there` tokens, which that one still has from an earlier visit. In both cases later turns read
    what earlier ones have written, and each turn adds its new tokens and its output to the prefix. `way_back`, 0 to 1,
    is the chance that the session returns when the first model has forgotten it, and must write there again what a stay
    would have kept; a return before that writes only what is new, as a stay would have. A price that is not known or no
    number never pays.
    """
    if stay is None or move is None:
        return Verdict(False, 0.0, "a price is not known")
    prefix, turns = max(0, prefix_tokens), max(1, min(expected_turns, MOST_TURNS))
    new, output = max(0, new_tokens_per_turn), max(0, output_tokens_per_turn)
    at_stay = at_move = 0.0
    for turn in range(turns):
        at_stay += cost_of_turn(stay, prefix, cache_is_warm or turn > 0, new, output)
        known = prefix if turn > 0 else max(0, min(known_there, prefix))
        at_move += cost_of_turn(move, known, True, prefix - known + new, output)
        prefix += new + output
    if prefix >= LEAST_CACHED_TOKENS:
        at_move += max(0.0, min(way_back, 1.0)) * prefix * max(0.0, _write(stay) - _read(stay)) / _MILLION
    saves = at_stay - at_move
    if not isfinite(saves):
        return Verdict(False, 0.0, "a price is no number")
    if abs(saves) <= _NOISE * at_stay:
        saves = 0.0
    state = "warm" if cache_is_warm else "cold"
    told = f"staying costs ${at_stay:.6f}, moving ${at_move:.6f} over {turns} turn{'s' * (turns > 1)} ({state} cache)"
    return Verdict(saves > 0, saves, told)


def _read(price: Price) -> float:
    return price.input if price.cache_read is None else price.cache_read


def _write(price: Price) -> float:
    return price.input if price.cache_write is None else price.cache_write

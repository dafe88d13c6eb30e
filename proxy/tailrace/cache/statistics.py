"""What a cache counts, and the advice that follows from it. Pure."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from tailrace.cache.entry import Saved

_MODELS: Final = 64
"""Models told apart; the rest is `other`: a client's own text must not fill the memory."""

_NAME_CHARS: Final = 200

_ENOUGH: Final = 200
"""Look-ups before a hit rate says anything."""
_LOW_RATE: Final = 0.3
_LOW_TTL_S: Final = 900.0


@dataclass(slots=True)
class Statistics:
    """Counts since the start of one cache. `hits` includes `shared`, the answers that waited for another's request."""

    hits: int = 0
    misses: int = 0
    shared: int = 0
    stored: int = 0
    bypasses: Counter[str] = field(default_factory=Counter)
    not_stored: Counter[str] = field(default_factory=Counter)
    saved_input_tokens: int = 0
    saved_output_tokens: int = 0
    saved_usd: float = 0.0
    saved_s: float = 0.0
    by_model: dict[str, list[int]] = field(default_factory=dict)

    def looked_up(self, model: str, *, hit: bool) -> None:
        """A request was looked up."""
        if hit:
            self.hits += 1
        else:
            self.misses += 1
        if model not in self.by_model and (len(self.by_model) >= _MODELS or len(model) > _NAME_CHARS):
            model = "other"
        self.by_model.setdefault(model, [0, 0])[0 if hit else 1] += 1

    def spared(self, saved: Saved) -> None:
        """A call was not made; a price that nobody knows counts as nothing."""
        self.saved_input_tokens += saved.input_tokens
        self.saved_output_tokens += saved.output_tokens
        self.saved_usd += saved.usd or 0.0
        self.saved_s += saved.seconds

    @property
    def hit_rate(self) -> float | None:
        """Hits of all look-ups; None before the first."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else None

    def told(self) -> dict[str, Any]:
        """As JSON for the admin port."""
        return {
            "hits": self.hits,
            "misses": self.misses,
            "shared": self.shared,
            "hit_rate": _rounded(self.hit_rate),
            "stored": self.stored,
            "bypasses": dict(self.bypasses),
            "not_stored": dict(self.not_stored),
            "saved_input_tokens": self.saved_input_tokens,
            "saved_output_tokens": self.saved_output_tokens,
            "saved_usd": round(self.saved_usd, 6),
            "saved_s": round(self.saved_s, 3),
            "by_model": {
                model: {"hits": hits, "misses": misses, "hit_rate": round(hits / (hits + misses), 4)}
                for model, (hits, misses) in sorted(self.by_model.items())
            },
        }

    def advice(self, ttl_s: float) -> str:
        """What an operator could change when few look-ups hit although entries do not live long; else ""."""
        rate = self.hit_rate
        if rate is None or self.hits + self.misses < _ENOUGH or rate >= _LOW_RATE or ttl_s >= _LOW_TTL_S:
            return ""
        return (
            f"only {rate:.0%} of {self.hits + self.misses} look-ups hit, and entries live {ttl_s:g} s: "
            "raise ttl, or leave this cache out if your requests do not repeat"
        )


def _rounded(rate: float | None) -> float | None:
    return None if rate is None else round(rate, 4)

"""The five tiers of complexity, and where a probability falls among them."""

from enum import StrEnum
from typing import Final

Thresholds = tuple[float, float, float, float]
"""Least probabilities that the cheap model suffices for trivial, simple, moderate and complex; falling."""


class Tier(StrEnum):
    """How much of a model a request needs. Ordered by that, not by the alphabet: `Tier.SIMPLE < Tier.EXPERT`."""

    TRIVIAL = "trivial"
    SIMPLE = "simple"
    MODERATE = "moderate"
    COMPLEX = "complex"
    EXPERT = "expert"

    @property
    def rank(self) -> int:
        """0 for trivial to 4 for expert."""
        return _RANKS[self.value]

    def __lt__(self, other: str) -> bool:
        return self.rank < Tier(other).rank

    def __le__(self, other: str) -> bool:
        return self.rank <= Tier(other).rank

    def __gt__(self, other: str) -> bool:
        return self.rank > Tier(other).rank

    def __ge__(self, other: str) -> bool:
        return self.rank >= Tier(other).rank


TIERS: Final[tuple[Tier, ...]] = tuple(Tier)
"""From trivial to expert."""
_RANKS: Final = {tier.value: rank for rank, tier in enumerate(TIERS)}


def tier_of(p: float, thresholds: Thresholds) -> Tier:
    """The tier for a probability `p` that the cheap model suffices.

    Trivial where `p` reaches the first threshold, and so on; expert below the last. What is no number is expert: where
    nothing is known, nothing is saved on.
    """
    for tier, least in zip(TIERS, thresholds, strict=False):
        if p >= least:
            return tier
    return Tier.EXPERT


def are_thresholds(values: Thresholds) -> bool:
    """Whether `values` cut [0, 1] into tiers: four numbers that never rise."""
    if len(values) != 4 or not all(0 <= value <= 1 for value in values):
        return False
    return all(first >= second for first, second in zip(values, values[1:], strict=False))


def stronger(tier: Tier) -> Tier:
    """The next tier up; expert stays expert."""
    return TIERS[min(tier.rank + 1, len(TIERS) - 1)]


def weaker(tier: Tier) -> Tier:
    """The next tier down; trivial stays trivial."""
    return TIERS[max(tier.rank - 1, 0)]

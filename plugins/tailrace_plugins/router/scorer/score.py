"""What the scorer says of a request."""

from dataclasses import dataclass
from typing import Literal

Mode = Literal["rules", "learned"]


@dataclass(frozen=True, slots=True)
class Part:
    """One reason: `value * weight` is what it adds to the logit of p. Above 0 it speaks for the cheap model."""

    name: str
    value: float
    weight: float

    @property
    def contribution(self) -> float:
        """What it adds to the logit."""
        return self.value * self.weight


@dataclass(frozen=True, slots=True)
class Score:
    """The judgement of a request."""

    p: float
    """The probability that the cheap model suffices, 0 to 1."""
    parts: tuple[Part, ...]
    """What it was made of, the largest contribution first, without those that are 0."""
    mode: str
    """Which weights were used: "rules", "learned" or "learned+embedding"."""
    reason: str
    """In a few words what spoke for it; never any text of the request."""

"""Deterministic randomness: a few nanoseconds to seed, the same rolls in every process."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")
_MASK = 0xFFFF_FFFF_FFFF_FFFF


def seed_of(parts: Iterable[str], *numbers: int) -> int:
    """Return a 64-bit seed that depends on every part, their order and where one ends."""
    digest = blake2b(digest_size=8)
    for part in parts:
        digest.update(part.encode())
        digest.update(b"\0")
    if numbers:
        digest.update(repr(numbers).encode())
    return int.from_bytes(digest.digest(), "big")


class Dice:
    """SplitMix64 (Steele, Lea, Flood 2014): seeding `random.Random` would cost more than most answers here."""

    __slots__ = ("_state",)

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK

    def roll(self) -> int:
        """Return the next 64 bits."""
        self._state = (self._state + 0x9E37_79B9_7F4A_7C15) & _MASK
        z = self._state
        z = ((z ^ (z >> 30)) * 0xBF58_476D_1CE4_E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D0_49BB_1331_11EB) & _MASK
        return z ^ (z >> 31)

    def below(self, n: int) -> int:
        """Return a number from 0 to n - 1."""
        return self.roll() % n

    def between(self, low: int, high: int) -> int:
        """Return a number from low to high, both included."""
        return low + self.roll() % (high - low + 1)

    def unit(self) -> float:
        """Return a number from 0 (included) to 1 (excluded)."""
        return (self.roll() >> 11) / (1 << 53)

    def pick(self, options: Sequence[T]) -> T:
        """Return one of the options."""
        return options[self.roll() % len(options)]

"""Whether what is served is still right: counts of hits that were asked again. Pure."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

_ENOUGH: Final = 3
"""Wrong hits before a partition is switched off: one may be a provider's whim."""
_MOST: Final = 4096
"""Partitions that are remembered; the ones least recently heard of are forgotten."""


@dataclass(slots=True)
class _Seen:
    asked: int = 0
    wrong: int = 0


class Shadows:
    """The shadow samples by partition, and which partitions are beyond the budget."""

    def __init__(self, budget: float) -> None:
        self._budget = budget
        self._seen: OrderedDict[str, _Seen] = OrderedDict()
        self.asked = 0
        self.wrong = 0

    def heard(self, partition: str, *, agreed: bool) -> bool:
        """A hit was asked again; True when this switches the partition off."""
        was_off = self.is_off(partition)
        seen = self._seen.setdefault(partition, _Seen())
        self._seen.move_to_end(partition)
        seen.asked += 1
        self.asked += 1
        if not agreed:
            seen.wrong += 1
            self.wrong += 1
        while len(self._seen) > _MOST:
            self._seen.popitem(last=False)
        return not was_off and self.is_off(partition)

    def is_off(self, partition: str) -> bool:
        """Whether more of its hits were wrong than the budget allows."""
        seen = self._seen.get(partition)
        return seen is not None and seen.wrong >= _ENOUGH and seen.wrong / seen.asked > self._budget

    @property
    def off(self) -> int:
        """How many partitions are switched off."""
        return sum(self.is_off(partition) for partition in self._seen)

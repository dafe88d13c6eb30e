"""Which targets are left out for a while: ejection after failures in a row, one probe to come back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tailrace.upstream.targets import Target

LONGEST_S = 300.0


@dataclass(slots=True)
class _Health:
    failures: int = 0
    ejections: int = 0
    until: float = 0.0
    probing: bool = False


class Breaker:
    """Health of the targets of one proxy. Bounded by the configuration: only configured targets are remembered."""

    def __init__(self, after: int, first_s: float, now: Callable[[], float], most: int = 1024) -> None:
        self._after = after
        self._first_s = first_s
        self._now = now
        self._most = most
        self._health: dict[str, _Health] = {}

    def order(self, targets: Sequence[Target]) -> list[Target]:
        """The targets to try, in their order, less those that are out; never none, since the last one is never out."""
        if len(targets) == 1 or not self._health:
            return list(targets)
        now = self._now()
        fit = [target for target in targets if self._admits(target, now)]
        return fit or list(targets)

    def all_out(self, targets: Sequence[Target]) -> bool:
        """Whether none of the targets would be asked if there were another."""
        now = self._now()
        return bool(self._health) and not any(self._admits(target, now) for target in targets)

    def _admits(self, target: Target, now: float) -> bool:
        health = self._health.get(target.name)
        if health is None or health.until == 0.0:
            return True
        return now >= health.until and not health.probing

    def begin(self, target: Target) -> bool:
        """Ask leave for an attempt. The first after an ejection is the probe, and the only one until it is known.

        False if the target went out since `order`, or another request is probing it.
        """
        if not self._health:
            return True
        now = self._now()
        if not self._admits(target, now):
            return False
        health = self._health.get(target.name)
        if health is not None and health.until:
            health.probing = True
        return True

    def succeeded(self, target: Target) -> None:
        """An answer came: the target is as good as new."""
        if self._health:
            self._health.pop(target.name, None)

    def failed(self, target: Target) -> None:
        """An attempt failed by the target's fault."""
        health = self._health.get(target.name)
        if health is None:
            if len(self._health) >= self._most:
                # Without a models section the names are the clients' own: forget the oldest rather than grow.
                self._health.pop(next(iter(self._health)))
            health = self._health[target.name] = _Health()
        if health.until > self._now() and not health.probing:
            # It was asked before it was ejected: one burst of failures is one ejection.
            return
        health.failures += 1
        if health.probing or health.failures >= self._after:
            health.ejections += 1
            health.until = self._now() + min(LONGEST_S, self._first_s * health.ejections)
            health.failures = 0
            health.probing = False

    def released(self, target: Target) -> None:
        """An attempt ended without a verdict (the client left): a probe's place is free again."""
        health = self._health.get(target.name)
        if health is not None:
            health.probing = False

    def ejected(self) -> list[str]:
        """Names of the targets that are out now."""
        now = self._now()
        return [name for name, health in self._health.items() if health.until > now]

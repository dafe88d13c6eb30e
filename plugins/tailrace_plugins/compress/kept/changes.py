"""What is to be written of a session, told by what was known before and after. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Final

from tailrace_plugins.compress.chain import Decision
from tailrace_plugins.compress.memory import Generation, Known, Note

_HELD_PER_LINK: Final = 100
"""Bytes in the dictionaries that wait to be compared."""


@dataclass(frozen=True, slots=True)
class Change:
    """`before` and `after`, each the older generation and the younger. Without `before` all of `after` is new.

    Generations are kept and not what is `Known`, since the memory counts the latter for as long as it lives.
    """

    after: tuple[Generation, Generation]
    before: tuple[Generation, Generation] | None = None
    full: bool = False

    @staticmethod
    def between(before: Known | None, after: Known) -> "Change":
        """What came between two; they are compared only when somebody has time for it (`Change.fresh`)."""
        then = None if before is None else (before.before, before.now)
        return Change((after.before, after.now), then, after.full)

    @property
    def size(self) -> int:
        """About how many bytes it holds while it waits; constant time."""
        old, now = self.after
        held = sum(len(one.decided) for one in self.after) * _HELD_PER_LINK
        if self.before is None:
            return held + old.size + now.size
        was = self.before[1]
        # Where a new generation began, its links are those of a whole conversation.
        return held + (max(0, now.size - was.size) if old is self.before[0] else now.size)

    def goes_on_from(self, earlier: "Change") -> bool:
        """Whether this begins where another ends, so that both can be written as one."""
        return self.before is not None and all(map(_is, self.before, earlier.after))

    def behind(self, earlier: "Change") -> "Change":
        """Both as one; `goes_on_from` must hold."""
        return Change(self.after, earlier.before, self.full)

    @property
    def whole(self) -> "Change":
        """The same with all that is known."""
        return Change(self.after, None, self.full)

    def fresh(self) -> "Fresh":
        """What is new. Linear in what is known, at the speed of comparing keys."""
        before = self.before or ()
        decided: dict[bytes, Decision] = {}
        noted: dict[bytes, tuple[Decision, Note]] = {}
        for generation in self.after:
            if any(generation is one for one in before):
                continue
            for link, decision in generation.decided.items():
                if not any(link in one.decided for one in before):
                    decided[link] = decision
            for link, note in generation.noted.items():
                known = next((one.noted[link] for one in reversed(before) if link in one.noted), None)
                # A note is kept of a message that is known only, in whichever generation.
                decision = generation.decided.get(link, self.after[0].decided.get(link, ()))
                if (more := added(known, note)) != Note():
                    noted[link] = (decision, more)
        followed = self.after[0].followed | self.after[1].followed
        for one in before:
            followed -= one.followed
        return Fresh(decided, noted, followed)


@dataclass(frozen=True, slots=True)
class Fresh:
    """Decisions by link; notes with the decision for their message; links behind which another message is known."""

    decided: Mapping[bytes, Decision] = field(default_factory=dict)
    noted: Mapping[bytes, tuple[Decision, Note]] = field(default_factory=dict)
    followed: frozenset[bytes] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.decided or self.noted or self.followed)


def added(before: Note | None, after: Note) -> Note:
    """What a note says that it did not say before; an empty one where that is nothing.

    Only this is merged into what is stored: the rest may be older than what another process has stored since.
    """
    if before is None:
        return after
    more = {
        one.name: getattr(after, one.name)
        for one in fields(Note)
        if getattr(after, one.name) != getattr(before, one.name)
    }
    if "loads" in more:
        more["loads"] = tuple(name for name in after.loads if name not in before.loads)
    return Note(**more)


def _is(one: object, other: object) -> bool:
    return one is other

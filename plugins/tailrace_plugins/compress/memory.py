"""What was decided in each session, bounded in each and together. Pure but for the store of sessions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from sys import getsizeof
from typing import Any, Final
from weakref import finalize

from tailrace.sessions import Slot
from tailrace_plugins.compress.chain import Decision, Links
from tailrace_plugins.compress.locate import after_answers, is_models, is_users

_LINK_COSTS: Final = 200
"""Bytes for a link without edits: its hash, its places in a dictionary and a set (131 where these are full)."""
_EDIT_COSTS: Final = 260
"""Bytes for an edit, measured, but for its text."""


@dataclass(frozen=True, slots=True)
class Generation:
    """Decisions by link, and the links after which another message is known. `size` is an estimate of its bytes."""

    decided: Mapping[bytes, Decision] = field(default_factory=dict)
    followed: frozenset[bytes] = frozenset()
    size: int = 0


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Known:
    """What was decided in a session; replaced, never changed.

    Many conversations may begin with the same words and share a session. Once half of the room is taken a new
    generation begins, and one that nobody goes on with is forgotten with the last. Where one conversation alone takes
    all of it, it is `full`: nothing is added, so that a message that was not edited for want of room never will be.
    """

    now: Generation = Generation()
    before: Generation = Generation()
    full: bool = False

    @property
    def size(self) -> int:
        """An estimate of its bytes."""
        return self.now.size + self.before.size

    def decision(self, link: bytes) -> Decision | None:
        """What was decided for a message; None if it is not known."""
        found = self.now.decided.get(link)
        return self.before.decided.get(link) if found is None else found

    def is_followed(self, link: bytes) -> bool:
        """Whether a message is known that stands behind this one."""
        return link in self.now.followed or link in self.before.followed

    def so_far(self, chain: Links) -> int:
        """The index of a request's first message that is not known."""
        for offset, link in enumerate(chain.of):
            if self.decision(link) is None:
                return chain.first + offset
        return chain.first + len(chain.of)

    def decisions(self, chain: Links) -> dict[int, Decision]:
        """What was decided for each message of a request, as far as it is known and edited, by index."""
        found = {}
        for offset, link in enumerate(chain.of):
            decision = self.decision(link)
            if decision is None:
                break
            if decision:
                found[chain.first + offset] = decision
        return found

    def with_decisions(self, chain: Links, made: Mapping[int, Decision], most_bytes: int) -> "Known":
        """This, with what was decided for more messages of a request; those of `chain` that are not in `made` are not
        edited.

        What is known already stays as it is: of two requests at the same time the first decides.
        """
        if self.full or all(link in self.now.decided for link in chain.of):
            return self
        whole = _decided(self, chain, made)
        fresh = {link: decision for link, decision in whole.items() if link not in self.now.decided}
        size = self.now.size + sum(map(cost, fresh.values()))
        if size <= most_bytes // 2:
            followed = self.now.followed | _parents(chain, len(whole))
            return replace(self, now=Generation({**self.now.decided, **fresh}, followed, size))
        size = sum(map(cost, whole.values()))
        if size <= most_bytes // 2:
            return Known(Generation(whole, _parents(chain, len(whole)), size), self.now)
        return _filled(chain, whole, most_bytes)


def _decided(known: Known, chain: Links, made: Mapping[int, Decision]) -> dict[bytes, Decision]:
    """The decision for each message of a request, known ones and new ones."""
    whole: dict[bytes, Decision] = {}
    for offset, link in enumerate(chain.of):
        decision = known.decision(link)
        whole[link] = made.get(chain.first + offset, ()) if decision is None else decision
    return whole


def _filled(chain: Links, whole: Mapping[bytes, Decision], most_bytes: int) -> Known:
    """One conversation alone, as far as there is room."""
    kept: dict[bytes, Decision] = {}
    size = 0
    for link, decision in whole.items():
        if size + cost(decision) > most_bytes:
            return Known(Generation(kept, _parents(chain, len(kept)), size), full=True)
        kept[link] = decision
        size += cost(decision)
    return Known(Generation(kept, _parents(chain, len(kept)), size))


def _parents(chain: Links, count: int) -> frozenset[bytes]:
    return frozenset(chain.before(chain.first + offset) for offset in range(count))


class Memory:
    """What was decided in all sessions, bounded in each and together."""

    def __init__(self, slot: Slot[Known], session_bytes: int, memory_bytes: int) -> None:
        self._slot = slot
        self._session_bytes = session_bytes
        self._memory_bytes = memory_bytes
        self.held_bytes = 0
        """Of all sessions that are remembered."""

    def get(self, session: str) -> Known | None:
        """What was decided in a session; None if it is not known, or has no name."""
        return self._slot.get(session) if session else None

    def decide(self, session: str, chain: Links, made: Mapping[int, Decision], before: Known | None = None) -> Known:
        """Keep what was decided for a request (`Known.with_decisions`); what is then known is what holds.

        `before` is what was known when the request came, in case that the session was forgotten since. Of a session
        without a name nothing is kept.
        """
        known = self.get(session) or before or Known()
        room = max(0, self._memory_bytes - self.held_bytes)
        kept = known.with_decisions(chain, made, min(self._session_bytes, known.size + room))
        if session and kept is not known:
            self._slot.put(session, kept)
            self.held_bytes += kept.size
            # Sessions are forgotten without a word.
            finalize(kept, self._forgotten, kept.size).atexit = False
        return kept

    def _forgotten(self, size: int) -> None:
        self.held_bytes -= size


def cost(decision: Decision) -> int:
    """Bytes that a decision takes."""
    return _LINK_COSTS + sum(_EDIT_COSTS + getsizeof(edit.text) for edit in decision)


def editable_from(known: Known | None, chain: Links, messages: Sequence[Any]) -> int:
    """The index of the first message that may be edited now: the provider was not sent it behind this prefix.

    - Where the request has a history of which nothing is known (after a restart, from another process), none is: not
      even what is new, since a session that is never recognised would be edited and undone in every turn.
    - What comes after the model's last answer is new.
    - Messages before that, which somebody else may have sent for this session (a turn that skipped the plugin), may be
      edited where the provider's cache holds nothing of them anyway: behind an edit, which only this plugin makes, and
      where the client has gone another way than before, from a message on that stands behind a user's.
    """
    end = chain.first + len(chain.of)
    answered = after_answers(messages)
    start = known.so_far(chain) if known is not None else chain.first
    if known is None or start == chain.first:
        return chain.first if not any(map(is_models, messages[:answered])) else end
    if start >= answered:
        return start
    is_elsewhere = known.is_followed(chain.before(start)) and any(map(is_users, messages[:start]))
    return start if is_elsewhere or known.decisions(chain) else answered

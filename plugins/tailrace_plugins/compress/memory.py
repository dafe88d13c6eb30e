"""What was decided in each session, bounded in each and together. Pure but for the store of sessions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from sys import getsizeof
from typing import Any, Final
from weakref import finalize

from tailrace.sessions import Slot
from tailrace.wire import jsonio
from tailrace_plugins.compress.chain import Decision, Links
from tailrace_plugins.compress.hidden.nouns import Inserted
from tailrace_plugins.compress.locate import after_answers, is_models, is_users
from tailrace_plugins.compress.offers import Form

_LINK_COSTS: Final = 200
"""Bytes for a link without edits: its hash, its places in a dictionary and a set (131 where these are full)."""
_NOTE_COSTS: Final = 300
_LEAST_ROOM: Final = 65_536
_EDIT_COSTS: Final = 300
"""Bytes for an edit, measured, but for its text."""


@dataclass(frozen=True, slots=True)
class Fold:
    """Messages that one summary stands for, `offset` to `end` counted from the first of the chain.

    `message` is the summary, by which `saved` tokens are fewer. `edits` are those of kept messages that were decided
    anew, by the same count: what they had referred to is gone.
    """

    offset: int
    end: int
    message: Mapping[str, Any]
    saved: int = 0
    edits: Mapping[int, Decision] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Note:
    """What happened in a conversation behind a message, the last of a request.

    `form`: that of the client's tools, from the conversation's first request on; None where they are as they came.
    `inserted`: what its client was not shown of the answer. `adopts`: the tool that brings back what was left out is
    offered from this request on. `loads`: tools that the model has loaded in its answer. `fold`: a summary that is used
    from this request on. `prepared`: one that a model has made of what stands up to this message, from an offset on, ""
    where it could not.
    """

    inserted: Inserted | None = None
    form: Form | None = None
    adopts: bool = False
    loads: tuple[str, ...] = ()
    fold: Fold | None = None
    prepared: tuple[int, str] | None = None

    def with_more(self, more: "Note") -> "Note":
        """Both; of what both say the later."""
        return Note(
            more.inserted or self.inserted,
            self.form or more.form,
            more.adopts or self.adopts,
            self.loads + tuple(name for name in more.loads if name not in self.loads),
            more.fold or self.fold,
            more.prepared or self.prepared,
        )


@dataclass(frozen=True, slots=True)
class Generation:
    """Decisions and notes by link, and the links after which another message is known. `size` is an estimate of its
    bytes.
    """

    decided: Mapping[bytes, Decision] = field(default_factory=dict)
    followed: frozenset[bytes] = frozenset()
    size: int = 0
    noted: Mapping[bytes, Note] = field(default_factory=dict)


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

    def notes(self, chain: Links) -> dict[int, Note]:
        """What is noted of the messages of a request, by index."""
        if not self.now.noted and not self.before.noted:
            return {}
        found = {}
        for offset, link in enumerate(chain.of):
            note = self.now.noted.get(link) or self.before.noted.get(link)
            if note is not None:
                found[chain.first + offset] = note
        return found

    def with_note(self, link: bytes, note: Note, most_bytes: int) -> "Known":
        """This, with something noted of a message that is known. Where there is no room, or it is forgotten by now, as
        it was: what is not noted is not done in the next turn either.
        """
        if self.full or self.decision(link) is None:
            return self
        before = self.now.noted.get(link) or self.before.noted.get(link) or Note()
        if before.inserted is not None and self.is_followed(link):
            # Somebody went on with that answer; one that was asked for again does not change what was sent.
            note = replace(note, inserted=None)
        made = before.with_more(note)
        size = self.now.size + note_cost(made) - (note_cost(before) if link in self.now.noted else 0)
        if size + self.before.size > most_bytes:
            return self
        return replace(self, now=replace(self.now, noted={**self.now.noted, link: made}, size=size))

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
        notes = {chain.of[index - chain.first]: note for index, note in self.notes(chain).items()}
        fresh = {link: decision for link, decision in whole.items() if link not in self.now.decided}
        moved = {link: note for link, note in notes.items() if link not in self.now.noted}
        size = self.now.size + sum(map(cost, fresh.values())) + sum(map(note_cost, moved.values()))
        if size <= most_bytes // 2:
            followed = self.now.followed | _parents(chain, len(whole))
            now = Generation({**self.now.decided, **fresh}, followed, size, {**self.now.noted, **moved})
            return replace(self, now=now)
        size = sum(map(cost, whole.values())) + sum(map(note_cost, notes.values()))
        if size <= most_bytes // 2:
            return Known(Generation(whole, _parents(chain, len(whole)), size, notes), self.now)
        return _filled(chain, whole, notes, most_bytes)


def _decided(known: Known, chain: Links, made: Mapping[int, Decision]) -> dict[bytes, Decision]:
    """The decision for each message of a request, known ones and new ones."""
    whole: dict[bytes, Decision] = {}
    for offset, link in enumerate(chain.of):
        decision = known.decision(link)
        whole[link] = made.get(chain.first + offset, ()) if decision is None else decision
    return whole


def _filled(chain: Links, whole: Mapping[bytes, Decision], notes: Mapping[bytes, Note], most_bytes: int) -> Known:
    """One conversation alone, as far as there is room."""
    kept: dict[bytes, Decision] = {}
    noted: dict[bytes, Note] = {}
    size = 0
    for link, decision in whole.items():
        note = notes.get(link)
        more = cost(decision) + (note_cost(note) if note is not None else 0)
        if size + more > most_bytes:
            return Known(Generation(kept, _parents(chain, len(kept)), size, noted), full=True)
        kept[link] = decision
        if note is not None:
            noted[link] = note
        size += more
    return Known(Generation(kept, _parents(chain, len(kept)), size, noted))


def _parents(chain: Links, count: int) -> frozenset[bytes]:
    return frozenset(chain.before(chain.first + offset) for offset in range(count))


class Memory:
    """What was decided in all sessions, bounded in each and together. `told` hears of each change."""

    def __init__(
        self, slot: Slot[Known], session_bytes: int, memory_bytes: int, told: Callable[[str, Known | None, Known], None]
    ) -> None:
        self._slot = slot
        self._told = told
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
        known = self.get(session) or before
        kept = (known or Known()).with_decisions(chain, made, self._room(known or Known()))
        self._keep(session, known, kept)
        return kept

    def adopt(self, session: str, known: Known) -> None:
        """Keep what was known of a session elsewhere; nobody is told."""
        self._put(session, known)

    def note(self, session: str, link: bytes, note: Note) -> bool:
        """Keep what happened behind a message (`Known.with_note`); whether there was room. Of a session that is not
        known nothing is kept.
        """
        known = self.get(session)
        if known is None:
            return False
        kept = known.with_note(link, note, self._room(known))
        self._keep(session, known, kept)
        return kept is not known

    def has_room(self, known: Known | None) -> bool:
        """Whether what happens in a session from here on can be kept, for a while at least."""
        if known is None:
            known = Known()
        return not known.full and self._room(known) - known.size >= _LEAST_ROOM

    def _room(self, known: Known) -> int:
        """Bytes that a session may take."""
        return min(self._session_bytes, known.size + max(0, self._memory_bytes - self.held_bytes))

    def _keep(self, session: str, known: Known | None, kept: Known) -> None:
        if session and kept is not known:
            self._put(session, kept)
            self._told(session, known, kept)

    def _put(self, session: str, kept: Known) -> None:
        self._slot.put(session, kept)
        self.held_bytes += kept.size
        # Sessions are forgotten without a word.
        finalize(kept, self._forgotten, kept.size).atexit = False

    def _forgotten(self, size: int) -> None:
        self.held_bytes -= size


def cost(decision: Decision) -> int:
    """Bytes that a decision takes."""
    return _LINK_COSTS + sum(_EDIT_COSTS + getsizeof(edit.text) + len(edit.whole) for edit in decision)


def note_cost(note: Note) -> int:
    """Bytes that a note takes."""
    size = _NOTE_COSTS + 60 * len(note.loads)
    if note.inserted is not None:
        parts = (*note.inserted.turns, *note.inserted.calls, *note.inserted.results)
        size += sum(2 * len(jsonio.dumps(part)) for part in parts)
    if note.fold is not None:
        size += 2 * len(jsonio.dumps(note.fold.message)) + sum(map(cost, note.fold.edits.values()))
    return size + (len(note.prepared[1]) if note.prepared is not None else 0)


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

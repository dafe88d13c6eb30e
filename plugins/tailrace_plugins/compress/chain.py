"""What was sent before in a session: the hash chain of its messages, and what was decided for each. Pure.

A message's link is a hash over it and all messages before it, as the client sent them. What comes before the
conversation (tools, instructions, leading system messages) is no part of it: where that changes, the provider has to
read everything anew, and replaying what was decided costs nothing, while undoing it would give up what was saved.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from sys import getsizeof
from typing import Any, Final
from weakref import finalize

from tailrace.sessions import Slot
from tailrace.wire import jsonio
from tailrace.wire.endpoints import Shape
from tailrace_plugins.compress.locate import Path, after_answers, is_models, is_users, lead

LINK_BYTES: Final = 16
_LINK_COSTS: Final = 200
"""Bytes for a link without edits: its hash, its places in a dictionary and a set (131 where these are full)."""
_EDIT_COSTS: Final = 260
"""Bytes for an edit, measured, but for its text."""
_MARK: Final = "cache_control"


@dataclass(frozen=True, slots=True)
class Edit:
    """A text as it is sent instead of the client's. `before` and `after` are tokens."""

    path: Path
    text: str
    before: int
    after: int
    passes: tuple[str, ...]

    @property
    def saved(self) -> int:
        """Tokens saved each time that it is sent."""
        return self.before - self.after


Decision = tuple[Edit, ...]
"""What was decided for a message; without edits it is sent as it is."""


@dataclass(frozen=True, slots=True)
class Links:
    """The links of a request: `of[i]` belongs to message `first + i`, `seed` to what is before. `sizes` are bytes."""

    first: int
    seed: bytes
    of: tuple[bytes, ...]
    sizes: tuple[int, ...]

    def before(self, index: int) -> bytes:
        """The link that message `index` follows."""
        return self.of[index - self.first - 1] if index > self.first else self.seed


def links(shape: Shape, messages: Sequence[Any]) -> Links:
    """The hash chain of a request's messages, from the first that is no system message on.

    Anthropic's `cache_control` marks are left out, since clients move them from turn to turn, and a content that is
    one text is the same as a list of that one text, which clients make of it to place a mark. Everything else of a
    message counts, as does the order of its keys. Linear in the size of the messages.
    """
    first = lead(messages)
    running = blake2b(shape.encode(), digest_size=LINK_BYTES)
    seed = running.digest()
    found: list[bytes] = []
    sizes: list[int] = []
    for index in range(first, len(messages)):
        data = jsonio.dumps(_plain(messages[index]))
        running.update(data)
        # A line end never stands in compact JSON, so that no message runs into the next.
        running.update(b"\n")
        found.append(running.copy().digest())
        sizes.append(len(data))
    return Links(first, seed, tuple(found), tuple(sizes))


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Known:
    """What was decided in a session; replaced, never changed. `size` is an estimate of its bytes.

    Once `full`, nothing is added any more, so that a message that was not edited for want of room never will be.
    """

    decided: Mapping[bytes, Decision] = field(default_factory=dict)
    followed: frozenset[bytes] = frozenset()
    """Links after which another message is known."""
    size: int = 0
    full: bool = False

    def so_far(self, chain: Links) -> int:
        """The index of a request's first message that is not known."""
        for offset, link in enumerate(chain.of):
            if link not in self.decided:
                return chain.first + offset
        return chain.first + len(chain.of)

    def decisions(self, chain: Links) -> dict[int, Decision]:
        """What was decided for each message of a request, as far as it is known and edited, by index."""
        found = {}
        for offset, link in enumerate(chain.of):
            decision = self.decided.get(link)
            if decision is None:
                break
            if decision:
                found[chain.first + offset] = decision
        return found

    def with_decisions(self, chain: Links, made: Mapping[int, Decision], most_bytes: int) -> "Known":
        """This, with what was decided for more messages of a request; those of `chain` that are not in `made` are not
        edited.

        What is known already stays as it is: of two requests at the same time the first decides. Where `most_bytes`
        would be exceeded, it is full from there on.
        """
        if self.full or self.so_far(chain) == chain.first + len(chain.of):
            return self
        decided, followed, size = dict(self.decided), set(self.followed), self.size
        for offset, link in enumerate(chain.of):
            if link in decided:
                continue
            index = chain.first + offset
            decision = made.get(index, ())
            size += cost(decision)
            if size > most_bytes:
                return replace(
                    self, decided=decided, followed=frozenset(followed), size=size - cost(decision), full=True
                )
            decided[link] = decision
            followed.add(chain.before(index))
        return replace(self, decided=decided, followed=frozenset(followed), size=size)


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
    is_elsewhere = chain.before(start) in known.followed and any(map(is_users, messages[:start]))
    return start if is_elsewhere or known.decisions(chain) else answered


def opening(payload: Mapping[str, Any], key: str) -> dict[str, Any]:
    """What a session is known by where the client names none (`derive_session`), without the marks that move."""
    messages = payload.get(key)
    # Not by system prompt and tools: clients write clocks and checksums into the one and add to the others. A session
    # too wide does no harm, since what was decided is found by the chain of messages.
    if type(messages) is not list:
        return {key: messages}
    return {key: _plain(next((message for message in messages if is_users(message)), None))}


def _plain(message: Any) -> Any:
    """A message without its marks."""
    if type(message) is not dict:
        return message
    content = message.get("content")
    if type(content) is list:
        if any(_is_marked(part) for part in content):
            content = [_unmarked(part) for part in content]
            message = {**message, "content": content}
        if len(content) == 1 and _is_bare(content[0]):
            message = {**message, "content": content[0]["text"]}
    return {key: value for key, value in message.items() if key != _MARK} if _MARK in message else message


def _is_marked(part: Any) -> bool:
    if type(part) is not dict:
        return False
    inner = part.get("content")
    return _MARK in part or (type(inner) is list and any(type(one) is dict and _MARK in one for one in inner))


def _unmarked(part: Any) -> Any:
    if not _is_marked(part):
        return part
    bare = {key: value for key, value in part.items() if key != _MARK}
    if type(inner := bare.get("content")) is list:
        bare["content"] = [_unmarked(one) for one in inner]
    return bare


def _is_bare(part: Any) -> bool:
    return (
        type(part) is dict and part.keys() == {"type", "text"} and part["type"] == "text" and type(part["text"]) is str
    )


def rough_size(messages: Iterable[Any], enough: int) -> int:
    """About how many characters messages hold; counting ends once it is `enough`."""
    size = 0
    for message in messages:
        size += _rough(message, 5)
        if size >= enough:
            break
    return size


def _rough(value: Any, levels: int) -> int:
    kind = type(value)
    if kind is str:
        return len(value)
    if not levels or (kind is not dict and kind is not list):
        return 8
    return 8 + sum(_rough(member, levels - 1) for member in (value.values() if kind is dict else value))

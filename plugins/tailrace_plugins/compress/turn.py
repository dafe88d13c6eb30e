"""One request, as it was read: whose session it goes on, and what may be edited in it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tailrace.exchange import Exchange
from tailrace.wire.endpoints import Shape
from tailrace.wire.session import derive_session
from tailrace_plugins.compress.chain import Links, opening
from tailrace_plugins.compress.locate import Found, after_answers, is_models, key_of, locate
from tailrace_plugins.compress.memory import Known, Note, editable_from
from tailrace_plugins.compress.offers import Form
from tailrace_plugins.compress.tally import Tally
from tailrace_plugins.compress.work import Conversation


@dataclass(frozen=True, slots=True)
class Turn:
    """`seen`: the index of the first message that is not known; `start`: of the first that may be edited.

    `found` has the texts of all messages from `seen` on. `is_long`: reading it takes so long that a thread is used.
    """

    session: str
    conversation: Conversation
    known: Known | None
    tally: Tally
    seen: int
    start: int
    found: Found
    size: int
    """About how many bytes the request has; exact only up to what is looked at on the event loop."""
    is_long: bool
    has_room: bool = True
    """Whether more can be noted of the session."""

    @property
    def answers(self) -> int:
        """How often the model has answered."""
        return sum(map(is_models, self.conversation.messages))

    @property
    def is_whole(self) -> bool:
        """Whether all of the conversation went through here, as far as it is known."""
        messages = self.conversation.messages
        if not self.session or not self.conversation.chain.of:
            return False
        answered = after_answers(messages)
        while answered and is_models(messages[answered - 1]):
            answered -= 1
        # The model's last answer was given to the client, and comes back with what follows it.
        return self.seen >= (self.conversation.chain.first if self.is_first else answered)

    @property
    def is_first(self) -> bool:
        """Whether the model has not answered yet."""
        return not any(map(is_models, self.conversation.messages))

    @property
    def form(self) -> Form:
        """The form of the client's tools, as it was decided in the conversation's first request: they stand before all
        messages, and stay the same whatever becomes of those.
        """
        return next((note.form for _, note in sorted(self.conversation.notes.items()) if note.form), "as-is")

    @property
    def recalls(self) -> bool:
        """Whether the tool that brings back what was left out was offered before."""
        return any(note.adopts for note in self.conversation.notes.values())

    @property
    def loaded(self) -> list[str]:
        """The tools that were loaded, in order."""
        return [name for _, note in sorted(self.conversation.notes.items()) for name in note.loads]

    @property
    def link(self) -> bytes:
        """Of its last message: what happens now is noted behind it."""
        return self.conversation.chain.of[-1]

    @property
    def new(self) -> Found:
        """The texts that may be edited."""
        return {index: found for index, found in self.found.items() if index >= self.start}


def read_turn(
    shape: Shape,
    messages: Sequence[Any],
    chain: Links,
    session: str,
    known: Known | None,
    tally: Tally,
    size: int,
    *,
    is_long: bool,
    users: bool,
    observed: bool = True,
    has_room: bool = True,
) -> Turn:
    """What is known of a request; with `users` what a user says may be edited, too, and with `observed` the results
    that come as a user's messages. Linear in its size.
    """
    seen = known.so_far(chain) if known is not None else chain.first
    notes: Mapping[int, Note] = known.notes(chain) if known is not None else {}
    edits = known.decisions(chain) if known is not None else {}
    found = locate(shape, messages, seen, users=users, observed=observed)
    conversation = Conversation(shape, messages, chain, edits, notes)
    start = editable_from(known, chain, messages)
    return Turn(session, conversation, known, tally, seen, start, found, size, is_long, has_room)


def session_of(exchange: Exchange) -> str:
    """The session's id; where the client names none, one that Anthropic's moving marks do not change.

    None ("") for what goes on from an answer that is kept at the provider: nothing of it is sent again.
    """
    if exchange.request.session_hint is not None:
        return exchange.session
    if exchange.payload.get("previous_response_id"):
        return ""
    return derive_session(exchange.tenant, None, opening(exchange.payload, key_of(exchange.endpoint.shape) or ""))

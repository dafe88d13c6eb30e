"""The new texts of one request, and what becomes of them."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from tailrace.wire.endpoints import Shape
from tailrace_plugins.compress.chain import Decision, Edit, Links
from tailrace_plugins.compress.context import SHORTEST, Context
from tailrace_plugins.compress.locate import Found, Path
from tailrace_plugins.compress.memory import Note
from tailrace_plugins.compress.passes import ContentsCache, Count, Earlier, Piece, Switches, compress
from tailrace_plugins.compress.planner import Reason, judge
from tailrace_plugins.compress.recall import id_of
from tailrace_plugins.compress.render import rendered

_log = logging.getLogger("tailrace.compress")

_INLINE_CHARS: Final = 8_192
"""Texts that are looked at on the event loop: 2 ms. More goes to a thread, which costs 0.1 ms."""

Looked = list[tuple[int, Edit | Reason]]
"""By the message's index, what became of each text."""


@dataclass(frozen=True, slots=True)
class Proposer:
    """Makes an edit of a text, or says why not. Serves all requests at once, from any thread."""

    switches: Switches
    min_saved_tokens: int
    max_piece_bytes: int
    count: Count
    """Tokens by the usual vocabulary, whatever the model: a session that is moved must not be decided anew."""

    def propose(self, piece: Piece, path: Path, earlier: Sequence[Earlier] = ()) -> Edit | Reason:
        """The edit of a text, or why there is none; `earlier` is what the model is sent before it."""
        text = piece.text
        if text.startswith("data:"):
            return "media"
        if len(text) <= self.min_saved_tokens:
            return "too-small"
        if len(text) > self.max_piece_bytes or (
            not text.isascii() and len(text.encode("utf-8", "surrogatepass")) > self.max_piece_bytes
        ):
            return "too-large"
        try:
            result = compress(piece, self.switches, self.count, earlier)
        except Exception as error:  # noqa: BLE001 - without this one, all that was edited before is still replayed
            _log.warning("a pass failed: %s", type(error).__name__)
            return "failed"
        if result is None:
            return "no-gain"
        before, after = self.count(text), self.count(result.text)
        refused = judge(before, after, self.min_saved_tokens)
        whole = result.whole if piece.id else ""
        id_, chars = piece.id if whole else "", len(text) - len(result.text)
        return refused or Edit(path, result.text, before, after, result.passes, id_, whole, chars)


@dataclass(frozen=True, slots=True)
class Conversation:
    """One request's messages, what was decided for them before, and what is noted of them."""

    shape: Shape
    messages: Sequence[Any]
    chain: Links
    edits: Mapping[int, Decision] = field(default_factory=dict)
    notes: Mapping[int, Note] = field(default_factory=dict)


@dataclass(slots=True)
class Work:
    """The texts of one request that may be edited. `with_ids`: the model can ask for what is left out of them."""

    conversation: Conversation
    found: Found
    proposer: Proposer
    lines: ContentsCache | None = None
    """None where texts are not to refer to what stands above them."""
    with_ids: bool = False
    made: dict[int, Decision] = field(default_factory=dict)
    refused: list[Reason] = field(default_factory=list)

    def refuse_all(self, reason: Reason) -> None:
        """None is looked at."""
        self.refused += [reason] * sum(map(len, self.found.values()))
        self.found = {}

    @property
    def shorter(self) -> int:
        """Characters that the edits made here save."""
        return shorter(self.made)

    @property
    def chars(self) -> int:
        """Of all texts."""
        return sum(len(piece.text) for pieces in self.found.values() for _, piece in pieces)

    def drop(self, reason: Reason) -> None:
        """None of the edits is made after all."""
        self.refused += [reason] * sum(map(len, self.made.values()))
        self.made = {}

    async def run(
        self, in_thread: Callable[[Callable[[], Looked]], Awaitable[Looked]], within_s: float, *, inline: bool
    ) -> bool:
        """Look at all of them; at none where that takes longer than `within_s`, so that what was edited before can be
        replayed. Much text goes to a thread, and all of it unless `inline`. Whether there were any, and time enough.
        """
        if not self.found:
            return False
        given_up = threading.Event()
        if self.chars <= _INLINE_CHARS and inline:
            self._take(self._look(given_up))
            return True
        try:
            async with asyncio.timeout(within_s):
                self._take(await in_thread(partial(self._look, given_up)))
        except TimeoutError:
            self.refuse_all("too-slow")
            return False
        finally:
            given_up.set()
        return True

    def _look(self, given_up: threading.Event) -> Looked:
        looked: Looked = []
        chain, shape = self.conversation.chain, self.conversation.shape
        context = Context(shape, self.lines.of) if self.lines is not None else None
        heard = 0
        edits = dict(self.conversation.edits)
        for index, pieces in self.found.items():
            if context is not None and any(len(piece.text) >= SHORTEST for _, piece in pieces):
                sent = rendered(shape, self.conversation.messages[:index], chain, edits, self.conversation.notes)
                # What stands before the conversation may change from turn to turn.
                for message in sent[max(heard, chain.first) :]:
                    context.hear(message)
                heard = len(sent)
            made: list[Edit] = []
            for path, piece in pieces:
                if given_up.is_set():
                    return looked
                if self.with_ids:
                    piece = replace(piece, id=id_of(chain.of[index - chain.first], path))
                one = self.proposer.propose(piece, path, context.texts if context is not None else ())
                if isinstance(one, Edit):
                    made.append(one)
                looked.append((index, one))
            if made:
                edits[index] = tuple(made)
        return looked

    def _take(self, looked: Looked) -> None:
        edits: dict[int, list[Edit]] = {}
        for index, made in looked:
            if isinstance(made, Edit):
                edits.setdefault(index, []).append(made)
            else:
                self.refused.append(made)
        self.made = {index: tuple(made) for index, made in edits.items()}


def shorter(edits: Mapping[int, Decision]) -> int:
    """Characters that edits save."""
    return sum(edit.chars for decision in edits.values() for edit in decision)

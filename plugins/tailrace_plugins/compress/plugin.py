"""The `compress` plugin: start reading here."""

import asyncio
import importlib.util
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, Final, TypeVar

from tailrace.exchange import Exchange, Outcome, Reply
from tailrace.plugin import CallNext, Plugin, PluginSettings, Services
from tailrace.wire.endpoints import EndpointKind, Shape
from tailrace.wire.session import derive_session
from tailrace_plugins.compress import report
from tailrace_plugins.compress.chain import Decision, Edit, Links, links, opening, rough_size
from tailrace_plugins.compress.context import SHORTEST, Context, may_be_cleared
from tailrace_plugins.compress.locate import Found, Path, history, key_of, locate, replaced
from tailrace_plugins.compress.memory import Known, Memory, editable_from
from tailrace_plugins.compress.passes import ContentsCache, Earlier, Piece, compress
from tailrace_plugins.compress.planner import Reason, judge, stays_cacheable
from tailrace_plugins.compress.report import Report
from tailrace_plugins.compress.settings import CompressSettings

T = TypeVar("T")

_log = logging.getLogger("tailrace.compress")

_INLINE_CHARS: Final = 8_192
"""Texts that are looked at on the event loop: 2 ms. More goes to a thread, which costs 0.1 ms."""
_CONTENTS_BYTES: Final = 33_554_432
_INLINE_HISTORY_BYTES: Final = 262_144
"""A request that is read on the event loop: 0.5 ms."""


class CompressPlugin(Plugin[CompressSettings]):
    """Sends tool results with fewer tokens: each decided once, when it first appears, and then always the same.

    Label: `compressed`, where anything that is sent was edited, in this turn or before. Stands aside with `nothing-new`
    (no tool result in it is new, and none was edited), `nothing-to-gain` (no new one can be made smaller),
    `short-prompt` (no provider caches it yet), `unknown-history` (it goes on from messages that this process was not
    sent), `over-budget` (the session's memory is full) or `not-understood` (its messages are in no form that is read
    here); the client's own bytes then go on. Facts: `tokens_before` and `tokens_after` of all edited texts,
    `saved_tokens`, `new_pieces`, `edited_pieces`, `passes` and `refused` (words with their counts,
    `tabular:3,minify:1`); once billed `compress.saved_input_tokens` and `compress.saved_usd`.
    """

    name: ClassVar[str] = "compress"
    Settings: ClassVar[type[PluginSettings]] = CompressSettings
    endpoints: ClassVar[frozenset[EndpointKind]] = frozenset(
        {EndpointKind.CHAT, EndpointKind.RESPONSES, EndpointKind.MESSAGES}
    )
    after: ClassVar[frozenset[str]] = frozenset(
        {"limits", "defaults", "stream", "exact_cache", "semantic_cache", "router"}
    )

    def __init__(self, settings: CompressSettings, services: Services) -> None:
        super().__init__(settings, services)
        slot = services.sessions.slot(self.name, Known)
        self._memory = Memory(slot, settings.session_bytes, settings.memory_bytes)
        self._switches = settings.switches
        self._thread = ThreadPoolExecutor(1, "compress")
        self.contents = ContentsCache(_CONTENTS_BYTES)
        """Lines of what was sent before."""
        self._warming = False
        self.is_warm = False
        """Whether the vocabulary is loaded, which must not be done on the event loop."""

    async def start(self) -> None:
        """Say what is missing: a feature that silently does less is worse than none."""
        if importlib.util.find_spec("toon_format") is None or importlib.util.find_spec("tiktoken") is None:
            _log.warning("compress: without pip install 'tailrace[compress]' tokens are estimated and tables stay JSON")

    async def stop(self) -> None:
        """Let the thread end."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Do some work in the plugin's own thread: the process's others may all be busy with somebody's files."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _aside(self, is_long: bool, work: Callable[[], T]) -> T:
        """Do some work, in the thread where it is long."""
        return await self.in_thread(work) if is_long else work()

    def _warm_up(self) -> None:
        """Load the usual vocabulary once somebody comes who has tools: before the first result is there, it stands."""
        if not self._warming:
            self._warming = True
            self.services.tasks.spawn(self._load(), "compress-vocabulary")

    async def _load(self) -> None:
        await self.in_thread(self.services.tokens.load)
        self.is_warm = True

    async def handle(self, exchange: Exchange, call_next: CallNext) -> Reply:
        """Edit what is new, replay what was edited, and send it on."""
        shape = exchange.endpoint.shape
        key = key_of(shape)
        messages = history(shape, exchange.payload)
        if shape is None or key is None or messages is None:
            exchange.stood_aside("not-understood")
            return await call_next(exchange)
        if exchange.payload.get("tools"):
            self._warm_up()
        size = _size(exchange, messages)
        is_long = size >= _INLINE_HISTORY_BYTES
        chain, session = await self._aside(is_long, lambda: (links(shape, messages), _session(exchange)))
        known = self._memory.get(session)
        seen, start, found = await self._aside(is_long, lambda: _find(shape, messages, chain, known))
        work = _Work(self, shape, messages, {index: found[index] for index in found if index >= start})
        work.refused += ["unknown-history"] * sum(len(found[index]) for index in found if index < start)
        if known is not None and known.full:
            work.refuse_all("over-budget")
        made_before = known.decisions(chain) if known else {}
        if self._switches.repeats and not may_be_cleared(exchange.payload):
            work.made_before = made_before
        saved = sum(edit.saved for decision in made_before.values() for edit in decision)
        least = self.settings.least_prompt_tokens
        if not stays_cacheable(size, saved, least):
            work.refuse_all("short-prompt")
        await work.run()
        if not stays_cacheable(size, saved + work.saved, least):
            work.drop("short-prompt")
        kept = self._memory.decide(session, chain, work.made, known)
        edits = kept.decisions(chain)
        # Another request may have been first: what it decided was sent.
        why: Reason = "over-budget" if kept.full else "was-sent"
        work.refused += [why] * sum(len(made) for index, made in work.made.items() if index not in edits)
        told = Report(edits, seen, sum(map(len, found.values())), tuple(work.refused))
        for name, value in report.facts(told).items():
            exchange.note(name, value)
        if not edits:
            exchange.stood_aside(_why_not(told))
            return await call_next(exchange)
        exchange.acted("compressed")
        exchange.on_end(partial(self._ended, exchange, told, chain))
        sent = await self._aside(is_long, lambda: replaced(shape, messages, _texts(edits)))
        return await call_next(exchange.rewrite({key: sent}))

    def propose(self, piece: Piece, earlier: Sequence[Earlier] = ()) -> Edit | Reason:
        """A text's edit, or why there is none; `earlier` is what the model is sent before it. May run in a thread; the
        place in the edit is not set yet."""
        text, settings = piece.text, self.settings
        if text.startswith("data:"):
            return "media"
        if len(text) <= settings.min_saved_tokens:
            return "too-small"
        if len(text) > settings.max_piece_bytes or (
            not text.isascii() and len(text.encode("utf-8", "surrogatepass")) > settings.max_piece_bytes
        ):
            return "too-large"
        # Always the usual vocabulary: a session that is moved to another model must not be decided anew.
        count: Callable[[str], int] = self.services.tokens.count
        try:
            result = compress(piece, self._switches, count, earlier)
        except Exception as error:  # noqa: BLE001 - without this one, all that was edited before is still replayed
            _log.warning("a pass failed: %s", type(error).__name__)
            return "failed"
        if result is None:
            return "no-gain"
        before, after = count(text), count(result.text)
        refused = judge(before, after, settings.min_saved_tokens)
        return refused or Edit((), result.text, before, after, result.passes)

    def _ended(self, exchange: Exchange, told: Report, chain: Links, outcome: Outcome) -> None:
        """Tell what was saved, once it is billed."""
        ours = [scope for scope in exchange.trail.scopes if scope.plugin == self.name]
        if ours[-1] is not exchange.scope:
            # Another model was asked in its place, and the bill is for that one.
            return
        price = self.services.prices.find(outcome.provider, outcome.model)
        saved = report.saved(told, chain, len(exchange.raw or b""), outcome, price)
        if saved is not None:
            exchange.note("compress.saved_input_tokens", saved.tokens)
            if saved.usd is not None:
                exchange.note("compress.saved_usd", saved.usd)


@dataclass(slots=True)
class _Work:
    """The new texts of one request, and what becomes of them."""

    plugin: CompressPlugin
    shape: Shape
    messages: Sequence[Any]
    found: Found
    made_before: Mapping[int, Decision] | None = None
    """What was decided for messages before; None where texts are not to refer to what stands above them."""
    made: dict[int, Decision] = field(default_factory=dict)
    refused: list[Reason] = field(default_factory=list)

    def refuse_all(self, reason: Reason) -> None:
        """None is looked at."""
        self.refused += [reason] * sum(map(len, self.found.values()))
        self.found = {}

    @property
    def saved(self) -> int:
        """Tokens that the edits made here save."""
        return sum(edit.saved for decision in self.made.values() for edit in decision)

    def drop(self, reason: Reason) -> None:
        """None of the edits is made after all."""
        self.refused += [reason] * sum(map(len, self.made.values()))
        self.made = {}

    async def run(self) -> None:
        """Look at all of them; at none where that takes too long, so that what was edited before can be replayed."""
        if not self.found:
            return
        size = sum(len(piece.text) for pieces in self.found.values() for _, piece in pieces)
        given_up = threading.Event()
        if size <= _INLINE_CHARS and self.plugin.is_warm:
            self._take(self._look(given_up))
            return
        try:
            async with asyncio.timeout(self.plugin.settings.deadline_s / 2):
                self._take(await self.plugin.in_thread(partial(self._look, given_up)))
                self.plugin.is_warm = True
        except TimeoutError:
            self.refuse_all("too-slow")
        finally:
            given_up.set()

    def _look(self, given_up: threading.Event) -> list[tuple[int, Edit | Reason]]:
        looked: list[tuple[int, Edit | Reason]] = []
        context = Context(self.shape, self.plugin.contents.of)
        heard = 0
        edits = dict(self.made_before or {})
        for index, pieces in self.found.items():
            if self.made_before is not None and any(len(piece.text) >= SHORTEST for _, piece in pieces):
                for message in replaced(self.shape, self.messages[:index], _texts(edits))[heard:]:
                    context.hear(message)
                heard = index
            made: list[Edit] = []
            for path, piece in pieces:
                if given_up.is_set():
                    return looked
                one = self.plugin.propose(piece, context.texts)
                if isinstance(one, Edit):
                    one = Edit(path, one.text, one.before, one.after, one.passes)
                    made.append(one)
                looked.append((index, one))
            if made:
                edits[index] = tuple(made)
        return looked

    def _take(self, looked: list[tuple[int, Edit | Reason]]) -> None:
        edits: dict[int, list[Edit]] = {}
        for index, made in looked:
            if isinstance(made, Edit):
                edits.setdefault(index, []).append(made)
            else:
                self.refused.append(made)
        self.made = {index: tuple(made) for index, made in edits.items()}


def _size(exchange: Exchange, messages: Sequence[Any]) -> int:
    """About how many bytes the request has; exact only up to what is looked at on the event loop."""
    return len(exchange.raw) if exchange.raw is not None else rough_size(messages, _INLINE_HISTORY_BYTES)


def _find(shape: Shape, messages: Sequence[Any], chain: Links, known: Known | None) -> tuple[int, int, Found]:
    """The first message that is not known, the first that may be edited, and the texts from the former on."""
    seen = known.so_far(chain) if known is not None else chain.first
    return seen, editable_from(known, chain, messages), locate(shape, messages, seen)


def _texts(edits: Mapping[int, Decision]) -> dict[int, dict[Path, str]]:
    return {index: {edit.path: edit.text for edit in decision} for index, decision in edits.items()}


def _session(exchange: Exchange) -> str:
    """The session's id; where the client names none, one that Anthropic's moving marks do not change.

    None ("") for what goes on from an answer that is kept at the provider: nothing of it is sent again.
    """
    if exchange.request.session_hint is not None:
        return exchange.session
    if exchange.payload.get("previous_response_id"):
        return ""
    return derive_session(exchange.tenant, None, opening(exchange.payload, key_of(exchange.endpoint.shape) or ""))


def _why_not(told: Report) -> str:
    """Why nothing was edited, in one of a few words."""
    if not told.new_pieces:
        return "nothing-new"
    if "unknown-history" in told.refused:
        return "unknown-history"
    return next((word for word in ("over-budget", "short-prompt") if word in told.refused), "nothing-to-gain")

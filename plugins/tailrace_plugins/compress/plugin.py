"""The `compress` plugin: start reading here."""

import asyncio
import importlib.util
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, Final, TypeVar

from tailrace.errors import TailraceError
from tailrace.exchange import Exchange, Outcome, Reply
from tailrace.plugin import CallNext, Plugin, PluginSettings, Services
from tailrace.prices import Price
from tailrace.savings import Ledger
from tailrace.wire.endpoints import EndpointKind, Shape
from tailrace_plugins.compress import folding, recall, report
from tailrace_plugins.compress.background import Summaries
from tailrace_plugins.compress.chain import links, rough_size
from tailrace_plugins.compress.context import may_be_cleared
from tailrace_plugins.compress.hidden.nouns import Answered, Call, Inserted
from tailrace_plugins.compress.hidden.rounds import ask
from tailrace_plugins.compress.locate import history, key_of, locate
from tailrace_plugins.compress.memory import Fold, Known, Memory, Note
from tailrace_plugins.compress.offers import Definitions, Offer, offer_of, works_on_files
from tailrace_plugins.compress.passes import ContentsCache
from tailrace_plugins.compress.planner import Reason, adoption_pays, stays_cacheable
from tailrace_plugins.compress.render import fold_of, rendered
from tailrace_plugins.compress.report import Beside, Report
from tailrace_plugins.compress.settings import CompressSettings
from tailrace_plugins.compress.tally import Tally
from tailrace_plugins.compress.turn import Turn, read_turn, session_of
from tailrace_plugins.compress.work import Conversation, Proposer, Work, shorter

T = TypeVar("T")

_log = logging.getLogger("tailrace.compress")

_INLINE_HISTORY_BYTES: Final = 262_144
"""A request that is read on the event loop: 0.5 ms."""
_CONTENTS_BYTES: Final = 33_554_432
_CHARS_PER_TOKEN: Final = 4
_RECALL_TOKENS: Final = 70
"""Of that tool's definition, about."""
_NOT_AFTER_S: Final = 1e9
"""A session that was not answered yet has been idle for ever."""


class CompressPlugin(Plugin[CompressSettings]):
    """Sends tool results with fewer tokens: each decided once, when it first appears, and then always the same.

    Label: `compressed`, where anything that is sent is smaller, in this turn or before; `offered`, where only the tool
    is offered that brings back what is left out. Stands aside with `nothing-new` (no tool result in it is new, and none
    was edited), `nothing-to-gain` (no new one can be made smaller), `short-prompt` (no provider caches it yet),
    `unknown-history` (it goes on from messages that this process was not sent), `over-budget` (the session's memory is
    full) or `not-understood` (its messages are in no form that is read here); the client's own bytes then go on.
    Facts: `tokens_before` and `tokens_after` of all edited texts, `saved_tokens`, `new_pieces`, `edited_pieces`,
    `passes` and `refused` (words with their counts, `tabular:3,minify:1`), `tools_before` and `tools_after` (tokens of
    the definitions, where they are changed), `folded_messages`, `history` (why a summary is used, or not yet),
    `recalls` (rounds that the client did not see); once billed `compress.saved_input_tokens`, `compress.saved_usd`
    (what is told to the counter, which never goes down), `net_usd` (of this request, negative where it cost), and
    `session_requests`, `session_saved_usd`, `session_billed_usd`.
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
        self._tallies = services.sessions.slot(f"{self.name}.tally", Tally)
        count: Callable[[str], int] = services.tokens.count
        self._proposer = Proposer(settings.switches, settings.min_saved_tokens, settings.max_piece_bytes, count)
        # Nothing is left out that cannot be asked for.
        nothing_out = replace(settings.switches, test_noise=False, long_results=False)
        self._careful = replace(self._proposer, switches=nothing_out)
        self._definitions = Definitions(
            settings.definitions, settings.description_chars, settings.lazy_from_tokens, count
        )
        self._summaries = Summaries(settings.history, services)
        self._contents = ContentsCache(_CONTENTS_BYTES)
        self._ledger = Ledger()
        self._thread = ThreadPoolExecutor(1, "compress")
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
        turn = await self._read(exchange, shape, messages)
        offer = await self._offer(exchange, turn)
        conversation, told = await self._decided(exchange, turn, offer)
        conversation, was_cached = await self._folded(exchange, call_next, turn, conversation, offer)
        fold = fold_of(conversation.notes)
        is_edited = bool(conversation.edits) or any(note.inserted or note.fold for note in conversation.notes.values())
        changes: dict[str, Any] = {} if offer.tools is None else {"tools": offer.tools}
        if is_edited:
            changes[key] = await self._aside(
                turn.is_long,
                lambda: rendered(shape, messages, conversation.chain, conversation.edits, conversation.notes),
            )
        for name, value in {**report.facts(told), **_facts(offer, fold)}.items():
            exchange.note(name, value)
        rounds: list[int] = []
        exchange.on_end(partial(self._ended, exchange, turn, told, offer, fold, was_cached, rounds))
        if not changes:
            exchange.stood_aside(_why_not(told))
            return await call_next(exchange)
        exchange.acted("compressed" if is_edited or offer.after < offer.before else "offered")
        asked = exchange.rewrite(changes)
        if not offer.hidden:
            return await call_next(asked)
        return await self._rounds(asked, call_next, turn, conversation, offer, rounds)

    async def _read(self, exchange: Exchange, shape: Shape, messages: list[Any]) -> Turn:
        raw = exchange.raw
        size = len(raw) if raw is not None else rough_size(messages, _INLINE_HISTORY_BYTES)
        is_long = size >= _INLINE_HISTORY_BYTES
        chain, session = await self._aside(is_long, lambda: (links(shape, messages), session_of(exchange)))
        known = self._memory.get(session)
        tally = (self._tallies.get(session) if session else None) or Tally()
        users = self.settings.prompts
        return await self._aside(
            is_long,
            lambda: read_turn(shape, messages, chain, session, known, tally, size, is_long=is_long, users=users),
        )

    async def _offer(self, exchange: Exchange, turn: Turn) -> Offer:
        """The tools of this request. Those that were not seen before take milliseconds."""
        settings = self.settings
        if not turn.is_whole or (settings.definitions == "as-is" and not settings.retrieval):
            return Offer()
        loaded = [name for _, note in sorted(turn.conversation.notes.items()) for name in note.loads]
        make = partial(
            offer_of,
            turn.conversation.shape,
            exchange.payload,
            recall=partial(self._recalls, exchange, turn) if settings.retrieval else None,
            form=settings.definitions if turn.began_here else "as-is",
            definitions=self._definitions,
            loaded=loaded,
            count=self.services.tokens.count,
        )
        try:
            tools = exchange.payload.get("tools")
            made_smaller = settings.definitions != "as-is" and isinstance(tools, list)
            is_new = made_smaller and not self._definitions.knows(turn.conversation.shape, tools or ())
            return await self._aside(is_new or not self.is_warm, make)
        except Exception as error:  # noqa: BLE001 - the client's own tools are there
            _log.warning("compress: the tools could not be made smaller: %s", type(error).__name__)
            return Offer()

    def _recalls(self, exchange: Exchange, turn: Turn) -> bool:
        """Whether the model is to be able to ask for what is left out.

        From the first request on where that is likely; later only where this very request pays for it.
        """
        notes = turn.conversation.notes
        if any(note.adopts for note in notes.values()) or (turn.began_here and works_on_files(exchange.payload)):
            return True
        most = self.settings.max_result_chars
        cut = sum(max(0, len(piece.text) - most) for pieces in turn.new.values() for _, piece in pieces)
        price = self._price(exchange)
        return adoption_pays(price, turn.tally.sent_tokens, cut // _CHARS_PER_TOKEN, _RECALL_TOKENS, turn.answers)

    async def _decided(self, exchange: Exchange, turn: Turn, offer: Offer) -> tuple[Conversation, Report]:
        """The conversation with what was decided for its new texts, and what is told of that."""
        settings, before = self.settings, turn.conversation
        is_careful = settings.retrieval and not offer.recalls
        work = Work(
            before,
            turn.new,
            self._careful if is_careful else self._proposer,
            self._contents if settings.repeats and not may_be_cleared(exchange.payload) else None,
            with_ids=offer.recalls,
        )
        work.refused += ["unknown-history"] * sum(
            len(found) for index, found in turn.found.items() if index < turn.start
        )
        if turn.known is not None and turn.known.full:
            work.refuse_all("over-budget")
        size, least = turn.size - shorter(before.edits), settings.least_prompt_tokens
        if not stays_cacheable(size, least):
            work.refuse_all("short-prompt")
        # Whatever was counted had the vocabulary loaded.
        self.is_warm |= await work.run(self.in_thread, settings.deadline_s / 2, inline=self.is_warm)
        if not stays_cacheable(size - work.shorter, least):
            work.drop("short-prompt")
        chain = before.chain
        kept = self._memory.decide(turn.session, chain, work.made, turn.known)
        edits = kept.decisions(chain)
        adopts = offer.recalls and not any(note.adopts for note in before.notes.values())
        begins = turn.is_first and (settings.retrieval or settings.definitions != "as-is")
        if turn.is_whole and (adopts or begins):
            self._memory.note(turn.session, turn.link, Note(begins=begins, adopts=adopts))
        # Another request may have been first: what it decided was sent.
        why: Reason = "over-budget" if kept.full else "was-sent"
        work.refused += [why] * sum(len(made) for index, made in work.made.items() if index not in edits)
        told = Report(edits, turn.seen, sum(map(len, turn.found.values())), tuple(work.refused))
        return replace(before, edits=edits), told

    async def _folded(
        self, exchange: Exchange, call_next: CallNext, turn: Turn, conversation: Conversation, offer: Offer
    ) -> tuple[Conversation, int | None]:
        """The conversation with a summary in place of its oldest messages, if that pays now; then also the tokens that
        the provider's cache holds of what was sent before.
        """
        settings = self.settings.history
        if not settings.enabled or not turn.is_whole or folding.length(conversation) < folding.early(settings):
            return conversation, None
        if settings.model is not None and (cut := folding.to_prepare(conversation, settings)) is not None:
            keep = partial(self._prepared, turn, conversation.chain.of[cut.end - 1 - conversation.chain.first], cut)
            self._summaries.prepare(turn.session, exchange, call_next, conversation, cut, keep)
        idle_s = self.services.clock.monotonic() - turn.tally.at if turn.tally.requests else _NOT_AFTER_S
        plan = folding.planned(conversation, settings, turn.tally, self._price(exchange), idle_s)
        if plan is None:
            return conversation, None
        exchange.note("history", plan.verdict.words)
        if not plan.verdict.pays:
            return conversation, None
        count = self.services.tokens.count
        make = partial(folding.folded, conversation, plan, settings, count, recalls=offer.recalls)
        fold = await self._redone(conversation, await self.in_thread(make))
        self._memory.note(turn.session, turn.link, Note(fold=fold))
        last = conversation.chain.first + len(conversation.chain.of) - 1
        notes = {**conversation.notes, last: conversation.notes.get(last, Note()).with_more(Note(fold=fold))}
        rules = plan.standing.rules
        return replace(conversation, notes=notes), rules.cached(turn.tally.sent_tokens) if idle_s < rules.ttl_s else 0

    async def _redone(self, conversation: Conversation, fold: Fold) -> Fold:
        """The fold, with new edits of texts that referred to what it stands for."""
        orphans = folding.orphans(conversation, fold)
        if not orphans:
            return fold
        first = conversation.chain.first
        edits = {index: decision for index, decision in conversation.edits.items() if index not in orphans}
        last = first + len(conversation.chain.of) - 1
        without = replace(conversation, edits=edits, notes={**conversation.notes, last: Note(fold=fold)})
        found = locate(conversation.shape, conversation.messages, min(orphans), users=self.settings.prompts)
        work = Work(without, {index: found[index] for index in orphans if index in found}, self._careful, None)
        await work.run(self.in_thread, self.settings.deadline_s / 4, inline=False)
        return replace(fold, edits={index - first: work.made.get(index, ()) for index in orphans})

    def _prepared(self, turn: Turn, link: bytes, cut: folding.Cut, text: str | None, usd: float) -> None:
        """A model has made a summary; what it cost is taken from what compression has saved."""
        if text is not None:
            self._memory.note(turn.session, link, Note(prepared=(cut.start - turn.conversation.chain.first, text)))
        tally = self._tallies.get(turn.session) or turn.tally
        self._tallies.put(turn.session, tally.spent(usd))
        self._ledger.usd(-usd)

    async def _rounds(
        self,
        asked: Exchange,
        call_next: CallNext,
        turn: Turn,
        conversation: Conversation,
        offer: Offer,
        rounds: list[int],
    ) -> Reply:
        """Ask, and answer what the model asks the proxy for."""
        known = [name for _, note in sorted(conversation.notes.items()) for name in note.loads]
        loads: list[str] = []
        text_of = partial(folding.text_of, conversation, conversation.edits)

        def answering(call: Call) -> Answered:
            if offer.catalogue is not None and call.name == offer.catalogue.tool.name:
                answered = offer.catalogue.answer(call, [*known, *loads])
                loads.extend(offer.catalogue.names_of(answered.tools))
                return answered
            return recall.answer(call, text_of)

        def keep(inserted: Inserted) -> None:
            self._memory.note(turn.session, turn.link, Note(inserted=inserted or None, loads=tuple(loads)))

        def counted(number: int) -> None:
            rounds.append(number)
            asked.note("recalls", number)

        rounds.append(len(asked.trail.dropped))
        return await ask(
            asked,
            call_next,
            offer.names,
            answering,
            most_rounds=recall.MOST_ROUNDS,
            keep=keep,
            counted=counted,
        )

    def _price(self, exchange: Exchange) -> Price | None:
        """What the model costs that is asked for, as far as that can be told before it is asked."""
        try:
            facts = self.services.models.find(exchange.model, exchange.endpoint)
        except TailraceError:
            return None
        return facts.price or self.services.prices.find(facts.provider, facts.model)

    def _ended(
        self,
        exchange: Exchange,
        turn: Turn,
        told: Report,
        offer: Offer,
        fold: Fold | None,
        was_cached: int | None,
        rounds: list[int],
        outcome: Outcome,
    ) -> None:
        """Tell what was saved, once it is billed."""
        ours = [scope for scope in exchange.trail.scopes if scope.plugin == self.name]
        if ours[-1] is not exchange.scope:
            # Another model was asked in its place, and the bill is for that one.
            return
        price = self.services.prices.find(outcome.provider, outcome.model)
        beside = Beside(offer.before - offer.after, fold.saved if fold is not None else 0, was_cached, 0.0)
        if len(rounds) > 1:
            mine = outcome.dropped[rounds[0] : rounds[0] + len(rounds) - 1]
            costs = [one.cost_usd for one in mine]
            beside = replace(beside, spent_usd=None if None in costs else sum(cost or 0.0 for cost in costs))
        saved = report.saved(told, turn.conversation.chain, len(exchange.raw or b""), outcome, price, beside)
        if turn.session:
            tally = self._tallies.get(turn.session) or turn.tally
            tally = tally.with_request(outcome, saved, self.services.clock.monotonic())
            self._tallies.put(turn.session, tally)
            exchange.note("session_requests", tally.requests)
            exchange.note("session_saved_usd", tally.saved_usd)
            exchange.note("session_billed_usd", tally.billed_usd)
        if saved is not None and exchange.scope is not None and exchange.scope.action == "acted":
            exchange.note("compress.saved_input_tokens", max(0, saved.tokens))
            if saved.usd is not None:
                exchange.note("net_usd", saved.usd)
                exchange.note("compress.saved_usd", self._ledger.usd(saved.usd))


def _facts(offer: Offer, fold: Fold | None) -> dict[str, int]:
    told: dict[str, int] = {}
    if offer.tools is not None:
        told |= {"tools_before": offer.before, "tools_after": offer.after}
    if fold is not None:
        told["folded_messages"] = fold.end - fold.offset
    return told


def _why_not(told: Report) -> str:
    """Why nothing was edited, in one of a few words."""
    if not told.new_pieces:
        return "nothing-new"
    if "unknown-history" in told.refused:
        return "unknown-history"
    return next((word for word in ("over-budget", "short-prompt") if word in told.refused), "nothing-to-gain")

"""The `compress` plugin: start reading here."""

import importlib.util
import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, Final

from tailrace.errors import TailraceError
from tailrace.exchange import Exchange, Reply
from tailrace.plugin import CallNext, Plugin, PluginSettings, Services
from tailrace.prices import Price
from tailrace.wire import jsonio
from tailrace.wire.endpoints import EndpointKind, Shape
from tailrace_plugins.compress import folding, recall, report
from tailrace_plugins.compress.accounts import Accounts, Rounds
from tailrace_plugins.compress.aside import Aside
from tailrace_plugins.compress.background import Summaries
from tailrace_plugins.compress.chain import links, rough_size
from tailrace_plugins.compress.context import may_be_cleared
from tailrace_plugins.compress.hidden.nouns import Answered, Call, Inserted
from tailrace_plugins.compress.hidden.rounds import ask
from tailrace_plugins.compress.kept.limits import Limits
from tailrace_plugins.compress.kept.store import Store
from tailrace_plugins.compress.locate import history, key_of, locate
from tailrace_plugins.compress.memory import Fold, Known, Memory, Note
from tailrace_plugins.compress.offers import Definitions, Form, Offer, chosen, offer_of, works_on_files
from tailrace_plugins.compress.passes import ContentsCache, could_be_cut
from tailrace_plugins.compress.planner import Reason, adoption_pays, stays_cacheable
from tailrace_plugins.compress.recall import RECALL_TOKENS
from tailrace_plugins.compress.recollection import Recollection
from tailrace_plugins.compress.render import fold_of, rendered
from tailrace_plugins.compress.report import Report
from tailrace_plugins.compress.settings import CompressSettings
from tailrace_plugins.compress.turn import Turn, read_turn, session_of
from tailrace_plugins.compress.work import Conversation, Proposer, Work, shorter

_log = logging.getLogger("tailrace.compress")

_INLINE_HISTORY_BYTES: Final = 262_144
"""A request that is read on the event loop: 0.5 ms."""
_CONTENTS_BYTES: Final = 33_554_432
_CHARS_PER_TOKEN: Final = 4


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
        self._recollection = Recollection()
        self._memory = Memory(slot, settings.session_bytes, settings.memory_bytes, self._recollection.told)
        self._accounts = Accounts(services)
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
        self._aside = Aside(services)

    async def start(self) -> None:
        """Say what is missing: a feature that silently does less is worse than none."""
        if importlib.util.find_spec("toon_format") is None or importlib.util.find_spec("tiktoken") is None:
            _log.warning("compress: without pip install 'tailrace[compress]' tokens are estimated and tables stay JSON")

        if self.settings.retrieval and not self.settings.leaves_out:
            _log.warning("compress: retrieval is on, but nothing is left out: see long_results, test_noise, history")

        if self.settings.persist:
            limits = Limits(session_bytes=4 * self.settings.session_bytes)
            self._recollection.open(Store(self.services.data_dir / self.name, limits))

    async def stop(self) -> None:
        """Write what is to be kept, and let the thread end."""
        await self._recollection.aclose()
        self._aside.close()

    async def handle(self, exchange: Exchange, call_next: CallNext) -> Reply:
        """Edit what is new, replay what was edited, and send it on."""
        shape = exchange.endpoint.shape
        key = key_of(shape)
        messages = history(shape, exchange.payload)
        if shape is None or key is None or messages is None:
            exchange.stood_aside("not-understood")
            return await call_next(exchange)
        if exchange.payload.get("tools"):
            self._aside.warm_up()
        turn = await self._read(exchange, shape, messages)
        offer = await self._offer(exchange, turn)
        conversation, told = await self._decided(exchange, turn, offer)
        try:
            conversation = await self._folded(exchange, call_next, turn, conversation, offer)
        except Exception as error:  # noqa: BLE001 - without a summary, all that was edited before is still replayed
            _log.warning("compress: a summary failed: %s", type(error).__name__)
        fold = fold_of(conversation.notes)
        if fold is not None:
            first = conversation.chain.first
            told = replace(told, edits={**told.edits, **{first + at: made for at, made in fold.edits.items()}})
        is_edited = bool(conversation.edits) or any(note.inserted or note.fold for note in conversation.notes.values())
        changes: dict[str, Any] = {} if offer.tools is None else {"tools": offer.tools}
        if is_edited:
            changes[key] = await self._aside.where(
                turn.is_long,
                lambda: rendered(shape, messages, conversation.chain, conversation.edits, conversation.notes),
            )
        for name, value in {**report.facts(told), **_facts(offer, fold)}.items():
            exchange.note(name, value)
        rounds = Rounds()
        exchange.on_end(partial(self._accounts.ended, exchange, turn, told, offer, fold, rounds))
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
        chain, session = await self._aside.where(is_long, lambda: (links(shape, messages), session_of(exchange)))
        if exchange.request.no_store:
            self._recollection.keep_private(session)
        known = await self._recollection.of(session, self._memory, chain, messages)
        tally = self._accounts.of(session)
        read = partial(
            read_turn,
            shape,
            messages,
            chain,
            session,
            known,
            tally,
            size,
            is_long=is_long,
            users=self.settings.prompts,
            observed=not exchange.payload.get("tools"),
            has_room=self._memory.has_room(known),
        )
        return await self._aside.where(is_long, read)

    async def _offer(self, exchange: Exchange, turn: Turn) -> Offer:
        """The tools of this request. Those that were not seen before take milliseconds."""
        settings, tools = self.settings, exchange.payload.get("tools")
        form = turn.form
        if turn.is_first and turn.session and turn.has_room:
            form = settings.definitions
        recalls = settings.leaves_out and settings.retrieval and self._recalls(exchange, turn)
        if not isinstance(tools, list) or not (recalls or form != "as-is"):
            return Offer()
        make = partial(
            offer_of,
            turn.conversation.shape,
            exchange.payload,
            recall=recalls,
            form=form,
            definitions=self._definitions,
            loaded=[*turn.loaded, *chosen(exchange.payload)],
            count=self.services.tokens.count,
        )
        is_new = form != "as-is" and not self._definitions.knows(turn.conversation.shape, tools)
        try:
            return await self._aside.where(is_new or (form != "as-is" and not self._aside.is_warm), make)
        except Exception as error:  # noqa: BLE001 - the client's own tools are there
            _log.warning("compress: the tools could not be made smaller: %s", type(error).__name__)
            return Offer()

    def _recalls(self, exchange: Exchange, turn: Turn) -> bool:
        """Whether the model is to be able to ask for what is left out.

        From the first request on where that is likely; later only where this very request pays for it.
        """
        if turn.recalls:
            return True
        if not (turn.is_whole and turn.has_room):
            return False
        if turn.is_first and works_on_files(exchange.payload):
            return True
        if not stays_cacheable(turn.size - shorter(turn.conversation.edits), self.settings.least_prompt_tokens):
            return False
        most = self.settings.max_result_chars
        cut = sum(could_be_cut(piece.text, most) for pieces in turn.new.values() for _, piece in pieces)
        price, tokens = self._price(exchange), turn.tally.sent_tokens
        return adoption_pays(price, tokens, cut // _CHARS_PER_TOKEN, RECALL_TOKENS, turn.answers)

    async def _decided(self, exchange: Exchange, turn: Turn, offer: Offer) -> tuple[Conversation, Report]:
        """The conversation with what was decided for its new texts, and what is told of that."""
        settings, before = self.settings, turn.conversation
        work = Work(
            before,
            turn.new,
            self._proposer_for(offer),
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
        self._aside.is_warm |= await work.run(self._aside.run, settings.deadline_s / 2, inline=self._aside.is_warm)
        if not stays_cacheable(size - work.shorter, least):
            work.drop("short-prompt")
        chain = before.chain
        kept = self._memory.decide(turn.session, chain, work.made, turn.known)
        edits = kept.decisions(chain)
        note = self._offered(exchange, turn, offer)
        if note != Note():
            self._memory.note(turn.session, turn.link, note)
        # Another request may have been first: what it decided was sent.
        why: Reason = "over-budget" if kept.full else "was-sent"
        work.refused += [why] * sum(len(made) for index, made in work.made.items() if index not in edits)
        told = Report(edits, turn.seen, sum(map(len, turn.found.values())), tuple(work.refused))
        return replace(before, edits=edits), told

    def _proposer_for(self, offer: Offer) -> Proposer:
        """Where texts may be asked for, none is left out of which the model cannot."""
        return self._careful if self.settings.retrieval and not offer.recalls else self._proposer

    def _offered(self, exchange: Exchange, turn: Turn, offer: Offer) -> Note:
        """What later turns must know of the tools that are offered here."""
        form: Form | None = self.settings.definitions if turn.is_first and offer.form else None
        if form == "lazy" and offer.catalogue is None:
            # There was nothing to gain, or the client could not have it; that stays so.
            form = "trimmed"
        loads = tuple(chosen(exchange.payload)) if offer.catalogue is not None else ()
        return Note(form=form, adopts=offer.recalls and not turn.recalls, loads=loads)

    async def _folded(
        self, exchange: Exchange, call_next: CallNext, turn: Turn, conversation: Conversation, offer: Offer
    ) -> Conversation:
        """The conversation with a summary in place of its oldest messages, if that pays now."""
        settings = self.settings.history
        if (
            not settings.enabled
            or not (turn.is_whole and turn.has_room)
            or folding.length(conversation) < folding.early(settings)
        ):
            return conversation
        cut = None
        if settings.model is not None:
            cut = await self._aside.where(turn.is_long, partial(folding.to_prepare, conversation, settings))
        if cut is not None:
            keep = partial(self._prepared, turn, conversation.chain.of[cut.end - 1 - conversation.chain.first], cut)
            self._summaries.prepare(turn.session, exchange, call_next, conversation, cut, keep)
        idle_s = turn.tally.idle_s(self.services.clock.monotonic())
        price = self._price(exchange)
        make_plan = partial(folding.planned, conversation, settings, turn.tally, price, idle_s, recalls=offer.recalls)
        plan = await self._aside.where(turn.is_long, make_plan)
        if plan is None:
            return conversation
        exchange.note("history", plan.verdict.words)
        if not plan.verdict.pays:
            return conversation
        count = self.services.tokens.count
        make = partial(folding.folded, conversation, plan, settings, count, recalls=offer.recalls)
        fold = await self._redone(conversation, await self._aside.run(make), offer)
        if not self._memory.note(turn.session, turn.link, Note(fold=fold)):
            return conversation
        last = conversation.chain.first + len(conversation.chain.of) - 1
        notes = {**conversation.notes, last: conversation.notes.get(last, Note()).with_more(Note(fold=fold))}
        return replace(conversation, notes=notes)

    async def _redone(self, conversation: Conversation, fold: Fold, offer: Offer) -> Fold:
        """The fold, with new edits of texts that referred to what it stands for."""
        orphans = folding.orphans(conversation, fold)
        if not orphans:
            return fold
        first = conversation.chain.first
        edits = {index: decision for index, decision in conversation.edits.items() if index not in orphans}
        last = first + len(conversation.chain.of) - 1
        without = replace(conversation, edits=edits, notes={**conversation.notes, last: Note(fold=fold)})
        found = locate(conversation.shape, conversation.messages, min(orphans), users=self.settings.prompts)
        texts = {index: found[index] for index in orphans if index in found}
        work = Work(without, texts, self._proposer_for(offer), self._contents, with_ids=offer.recalls)
        await work.run(self._aside.run, self.settings.deadline_s / 4, inline=False)
        return replace(fold, edits={index - first: work.made.get(index, ()) for index in orphans})

    def _prepared(self, turn: Turn, link: bytes, cut: folding.Cut, text: str | None, usd: float) -> None:
        """A model has made a summary; what it cost is taken from what compression has saved."""
        self._memory.note(turn.session, link, Note(prepared=(cut.start - turn.conversation.chain.first, text or "")))
        self._accounts.spent(turn.session, usd)

    async def _rounds(
        self,
        asked: Exchange,
        call_next: CallNext,
        turn: Turn,
        conversation: Conversation,
        offer: Offer,
        rounds: Rounds,
    ) -> Reply:
        """Ask, and answer what the model asks the proxy for."""
        known = [*turn.loaded, *chosen(asked.payload)]
        left = recall.MOST_CHARS_IN_ALL
        brought = [
            jsonio.dumps(part)
            for note in conversation.notes.values()
            if note.inserted is not None
            for part in (*note.inserted.turns, *note.inserted.results)
        ]
        text_of = partial(folding.text_of, conversation, conversation.edits)

        def answering(call: Call) -> Answered:
            nonlocal left
            if offer.catalogue is not None and call.name == offer.catalogue.tool.name:
                answered = offer.catalogue.answer(call, [*known, *rounds.loads])
                rounds.loads.extend(offer.catalogue.names_of(answered.tools))
                return answered
            answered = recall.answer(call, text_of, min(left, recall.MOST_CHARS))
            if recall.is_there(answered, brought):
                answered = recall.THERE
            brought.append(answered.text.encode())
            left -= len(answered.text)
            return answered

        def keep(inserted: Inserted) -> None:
            self._memory.note(turn.session, turn.link, Note(inserted=inserted or None, loads=tuple(rounds.loads)))

        def counted(number: int) -> None:
            rounds.count = number
            asked.note("recalls", number)

        rounds.start = len(asked.trail.dropped)
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

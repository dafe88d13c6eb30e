"""One request through the cascade: ask the cheap model, decide, and ask the strong one if need be."""

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tailrace.errors import StreamCut, TailraceError
from tailrace.exchange import Exchange, Reply
from tailrace.plugin import CallNext, Services
from tailrace.streams import Stream
from tailrace.trail import Trail
from tailrace.wire import jsonio, sse
from tailrace.wire.conversation import read_conversation
from tailrace.wire.endpoints import Shape
from tailrace.wire.sse import FrameSplitter
from tailrace.wire.usage import Usage
from tailrace_plugins.router.cascade import logprobs
from tailrace_plugins.router.cascade.asking import Samples, Unwilling, ask_cheap
from tailrace_plugins.router.cascade.confidence import Confidence, Output, Wanted, judge
from tailrace_plugins.router.cascade.gathering import hear
from tailrace_plugins.router.cascade.held import HeldEvents
from tailrace_plugins.router.cascade.pairs import MOST_ROW_BYTES, Pairs, row_of
from tailrace_plugins.router.cascade.reading import Answer, AnswerReader, read_answer
from tailrace_plugins.router.cascade.settings import CascadeSettings

_log = logging.getLogger("tailrace.router")

_MOST_HELD_BYTES: Final = 1_048_576
"""Of one stream. One that is longer is judged by its beginning, whatever was to be held whole."""
_CHARS_PER_TOKEN: Final = 4

_LIMITS: Final = ("max_completion_tokens", "max_tokens", "max_output_tokens")
_TRAIL: Final = ("answer", "watch", "provider", "model", "call_started", "call_ended", "first_chunk_at", "error_type")


@dataclass(frozen=True, slots=True)
class Cascaded:
    """What became of a request.

    `accepted`: the reply is the cheap model's. `reasons` are from `confidence.REASONS`. `held_s`: seconds by which the
    decision delayed the client: for an accepted answer from its first event (or its whole body) on, for an escalated
    one from the first call on. `dropped`: tokens of all answers that were asked for and not given to the client,
    samples included; `dropped_model`: the cheap answer's provider and model, where something was dropped.
    """

    reply: Reply
    accepted: bool
    confidence: float
    reasons: tuple[str, ...]
    held_s: float
    dropped: Usage | None = None
    dropped_model: tuple[str, str] | None = None


@dataclass(slots=True)
class _Cheap:
    """The cheap model's answer, as far as it is known, and the reply that would bring it to the client."""

    reply: Reply
    asked_bytes: int
    provider: str
    model: str
    began: float
    answer: Answer = field(default_factory=Answer)
    is_whole: bool = True
    strips: bool = False
    """Of a stream: whether there may be log probabilities in it that the client must not see."""
    held: HeldEvents | None = None
    reader: AnswerReader | None = None

    def billed(self) -> Usage:
        """The tokens it has cost so far: as the provider counted them, else as its bytes and deltas tell."""
        watch = self.reader.watch if self.reader is not None else None
        counted = watch.usage if watch is not None else self.answer.usage
        if counted is not None and self.is_whole:
            return counted
        output = watch.estimated_output_tokens if watch is not None else len(self.answer.text) // _CHARS_PER_TOKEN
        if counted is not None:
            # Anthropic counts the input when the stream begins; the output so far only at its end.
            return replace(counted, output_tokens=max(counted.output_tokens, output), estimated=True)
        return Usage(self.asked_bytes // _CHARS_PER_TOKEN, output, estimated=True)


class _Spent:
    """What was billed and not given to the client."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.total: Usage | None = None

    def add(self, provider: str, model: str, usage: Usage) -> None:
        """One more answer."""
        self._exchange.dropped(provider, model, usage)
        one = self.total
        self.total = (
            usage
            if one is None
            else Usage(
                one.input_tokens + usage.input_tokens,
                one.output_tokens + usage.output_tokens,
                one.cache_read_tokens + usage.cache_read_tokens,
                one.cache_write_tokens + usage.cache_write_tokens,
                one.reasoning_tokens + usage.reasoning_tokens,
                one.estimated or usage.estimated,
            )
        )


class Cascade:
    """Serves all requests at once: what belongs to one lives in its `run`."""

    def __init__(self, settings: CascadeSettings, services: Services) -> None:
        self.settings = settings
        self._services = services
        self._now = services.clock.monotonic
        self._unwilling = Unwilling() if settings.logprobs else None
        folder = services.data_dir / "router"
        self.pairs = Pairs(folder, settings.max_pairs_bytes, services.tasks) if settings.keep_pairs else None

    async def run(
        self,
        exchange: Exchange,
        cheap: Exchange,
        strong: Exchange,
        call_next: CallNext,
        *,
        output: Output,
        tools: frozenset[str],
    ) -> Cascaded:
        """Answer `exchange` with the cheap model's answer or, where that is doubtful, the strong model's.

        `cheap` and `strong` are the exchange rewritten to the two models; `output` and `tools` are what the client asks
        for and offers. Ask `unfit` first. Returns once it is decided; what was held of a stream is in the reply. Tells
        `exchange.dropped` of every answer that was billed and not given to the client, as soon as that is known. Raises
        the strong model's `TailraceError`, never the cheap one's. Nothing of the plugin's own may fail afterwards: the
        chain would give the client a stream whose beginning was taken out.
        """
        shape = exchange.endpoint.shape
        if shape is None:
            raise TypeError("a cascade answers requests of the four shapes that have answers")
        started = self._now()
        spent = _Spent(exchange)
        wanted = wanted_of(shape, exchange, cheap, output, tools)
        samples = Samples(self.settings.samples, cheap, call_next, self._services, spent.add)
        first: _Cheap | None = None
        try:
            try:
                first = await self._first(shape, exchange, cheap, call_next)
                confidence = await self._judged(exchange, first, wanted, samples)
            except TailraceError:
                confidence = Confidence(0.0, ("cheap-failed" if first is None else "cheap-broke",))
            await samples.end()
            if first is not None and confidence.value > 0 and confidence.value >= self.settings.accept:
                first.reply = self._kept(shape, exchange, strong, first, confidence, first.reply, accepted=True)
                return self._accepted(first, confidence, spent)
            return await self._escalated(shape, exchange, strong, call_next, first, confidence, started, spent)
        except BaseException:
            try:
                await samples.end()
            finally:
                if first is not None:
                    await first.reply.aclose()
            raise

    async def _first(self, shape: Shape, exchange: Exchange, cheap: Exchange, call_next: CallNext) -> _Cheap:
        """Ask the cheap model; a stream is made one that can be read ahead."""
        reply, strips = await ask_cheap(cheap, call_next, self._unwilling)
        provider, model = exchange.trail.provider, exchange.trail.model or cheap.model
        first = _Cheap(reply, len(exchange.body()), provider, model, self._now())
        if reply.stream is None:
            told = reply.json()
            first.answer = read_answer(shape, told) if reply.status < 300 else Answer(broken=True)
            if strips and (stripped := logprobs.without(told)) is not None:
                first.reply = reply.with_body(jsonio.dumps(stripped))
        elif reply.is_events:
            first.held = HeldEvents(shape, 1, reply.stream, self._services.tasks)
            first.reader = AnswerReader(shape)
            first.reply = replace(reply, stream=Stream(first.held))
            first.strips = strips
        else:
            first.answer = Answer(broken=True)
        return first

    async def _judged(self, exchange: Exchange, first: _Cheap, wanted: Wanted, samples: Samples) -> Confidence:
        """Read as much as the decision needs, and decide. Raises `TailraceError` where the stream broke off."""
        with exchange.waiting():
            if first.held is not None and first.reader is not None:
                first.is_whole = False
                first.is_whole = await self._hold(first.held, first.reader, first.began, wanted)
            others = await samples.answers(self.settings.hold_s) if first.is_whole else ()
        try:
            if first.reader is not None:
                first.answer = first.reader.answer()
            confidence = judge(first.answer, wanted, others, is_whole=first.is_whole)
        except Exception as error:  # noqa: BLE001 - a defect in judging lets the answer through
            _log.warning("an answer could not be judged: %s", type(error).__name__)
            confidence = Confidence(max(self.settings.accept, 0.01), ("judge-failed",))
        if first.strips and (first.answer.logprobs or not first.answer.text):
            # Text without any comes from a provider that gives none: its chunks need not be taken apart.
            first.reply = first.reply.through(logprobs.stream_without)
        return confidence

    async def _hold(self, held: HeldEvents, reader: AnswerReader, began: float, wanted: Wanted) -> bool:
        """Read until there is enough to decide by; whether that is all of the stream."""
        settings = self.settings
        splitter = FrameSplitter()
        until = began + settings.hold_s
        all_of_it = wanted.output != "text" or wanted.must_call or settings.samples > 0
        while held.held_bytes <= _MOST_HELD_BYTES:
            within_s = None
            if not (all_of_it or reader.calls_begun):
                within_s = until - self._now()
                if reader.tokens >= settings.hold_tokens or within_s <= 0:
                    return False
            try:
                piece = await held.ahead(within_s)
            except TailraceError:
                raise
            except Exception as error:
                # A defect of a plugin below: its stream is as good as cut.
                raise StreamCut("The stream broke off.") from error
            if piece is None:
                continue
            for frame in splitter.feed(piece) if piece else [splitter.rest]:
                reader.feed(sse.parse(frame))
            if not piece:
                return True
            if reader.is_over:
                with suppress(TailraceError):
                    # The stream learns that its last event was taken, and can let its connection go.
                    await held.ahead(0.0)
                return True
        return False

    def _accepted(self, first: _Cheap, confidence: Confidence, spent: _Spent, *more: str) -> Cascaded:
        reasons = (*confidence.reasons, *more)
        dropped_model = (first.provider, first.model) if spent.total is not None else None
        held_s = self._now() - first.began
        return Cascaded(first.reply, True, confidence.value, reasons, held_s, spent.total, dropped_model)

    async def _escalated(
        self,
        shape: Shape,
        exchange: Exchange,
        strong: Exchange,
        call_next: CallNext,
        first: _Cheap | None,
        confidence: Confidence,
        started: float,
        spent: _Spent,
    ) -> Cascaded:
        """Ask the strong model. Where it fails, a whole cheap answer that was only doubted is better than an error."""
        spare = first if first is not None and first.is_whole and confidence.value > 0 else None
        if first is not None and spare is None:
            spent.add(first.provider, first.model, first.billed())
            await first.reply.aclose()
        memory = _forgotten(exchange.trail)
        held_s = self._now() - started
        try:
            reply = await call_next(strong)
        except TailraceError:
            if spare is None:
                raise
            for name, value in memory.items():
                setattr(exchange.trail, name, value)
            return self._accepted(spare, confidence, spent, "strong-failed")
        except BaseException:
            if spare is not None:
                spent.add(spare.provider, spare.model, spare.billed())
            raise
        if spare is not None:
            spent.add(spare.provider, spare.model, spare.billed())
            await spare.reply.aclose()
        if first is not None:
            reply = self._kept(shape, exchange, strong, first, confidence, reply, accepted=False)
        dropped_model = (first.provider, first.model) if first is not None else None
        return Cascaded(reply, False, confidence.value, confidence.reasons, held_s, spent.total, dropped_model)

    def _kept(
        self,
        shape: Shape,
        exchange: Exchange,
        strong: Exchange,
        first: _Cheap,
        confidence: Confidence,
        reply: Reply,
        *,
        accepted: bool,
    ) -> Reply:
        """The reply, heard for the file of pairs where such is kept."""
        pairs = self.pairs
        if pairs is None or exchange.request.no_store or first.asked_bytes > MOST_ROW_BYTES:
            return reply
        whole = first.answer if first.is_whole and not first.answer.broken and first.answer.is_complete else None
        strong_model = strong.model if accepted else exchange.trail.model or strong.model

        def then(answer: Answer) -> None:
            pairs.keep(
                row_of(
                    exchange,
                    at_s=self._services.clock.wall_ns() / 1e9,
                    models=(first.model, strong_model),
                    confidence=confidence.value,
                    cheap=answer if accepted else whole,
                    strong=None if accepted else answer,
                )
            )

        return hear(shape, exchange, reply, then)


def wanted_of(shape: Shape, exchange: Exchange, cheap: Exchange, output: Output, tools: frozenset[str]) -> Wanted:
    """What the request asks of an answer. The client's own limit counts unless the cheap model's is lower."""
    conversation = read_conversation(shape, exchange.payload)
    limits = {name: cheap.payload[name] for name in _LIMITS if name in cheap.payload}
    own, given = conversation.max_tokens, read_conversation(shape, limits).max_tokens
    return Wanted(
        output=output,
        schema=_schema(exchange.payload) if output == "json_schema" else None,
        tools=tools,
        must_call=conversation.forced_tool,
        own_limit=own is not None and (given is None or given >= own),
    )


def _schema(payload: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The JSON Schema the request names: chat has it one level deeper than the others."""
    text, config = payload.get("text"), payload.get("output_config")
    for holder in (
        payload.get("response_format"),
        text.get("format") if isinstance(text, Mapping) else None,
        config.get("format") if isinstance(config, Mapping) else None,
        payload.get("output_format"),
    ):
        if isinstance(holder, Mapping):
            inner = holder.get("json_schema")
            schema = (inner if isinstance(inner, Mapping) else holder).get("schema")
            if isinstance(schema, Mapping):
                return schema
    return None


def _forgotten(trail: Trail) -> dict[str, Any]:
    """Make the trail one that no answer came on, so that the next one's facts are not mixed with it; what it was."""
    memory = {name: getattr(trail, name) for name in _TRAIL}
    trail.answer = trail.watch = None
    trail.first_chunk_at = 0.0
    trail.error_type = ""
    return memory

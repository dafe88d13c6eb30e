"""The `semantic_cache` plugin: start reading here."""

import asyncio
import logging
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from tailrace.cache.answered import has_tool_calls, usage_of
from tailrace.cache.asked import Control, header, is_ambiguous, read_control, read_tags, request_key, why_stateful
from tailrace.cache.entry import Entry, Saved
from tailrace.cache.keeping import Draft, entry_of_stream, entry_of_whole, heard_by, saved_by, why_not_shared
from tailrace.cache.selector import Selector
from tailrace.cache.serving import can_serve, note_saving, reply_from, whole_of, with_mark
from tailrace.cache.statistics import Statistics
from tailrace.embed import EmbedderUnavailable
from tailrace.errors import NotFound
from tailrace.exchange import Exchange, Outcome, Reply
from tailrace.plugin import CallNext, Plugin, PluginSettings, Services
from tailrace.wire.canonical import fingerprint
from tailrace.wire.endpoints import EndpointKind
from tailrace.wire.jsonio import has_duplicate_keys
from tailrace.wire.sse import Event
from tailrace_plugins.semantic_cache.asked import Question, question_of
from tailrace_plugins.semantic_cache.second import Second
from tailrace_plugins.semantic_cache.settings import SemanticCacheSettings
from tailrace_plugins.semantic_cache.store import Near, Store
from tailrace_plugins.semantic_cache.verifier import Verdict, candidate_floor, verify

_log = logging.getLogger("tailrace.semantic_cache")

_MOST_KEEPING: Final = 128
"""Answers being embedded and written at once; what comes then is not kept."""

_ASSEMBLED_INLINE_BYTES: Final = 32_768


def _warm_up() -> None:
    """Load what the first look-up would else wait for: word lists, and the libraries of the index."""
    verify("warm", "up", 0.0)
    try:
        from tailrace_plugins.semantic_cache.index import index  # noqa: F401
    except ImportError:
        # Without the extra; the embedder says so.
        return


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that may have the answer to another. `partition` is the identity of all that stands around it."""

    question: Question
    partition: str
    control: Control
    tags: tuple[str, ...]
    purges: int


@dataclass(frozen=True, slots=True)
class Judged:
    """A near entry and what the verifier says of it."""

    near: Near
    verdict: Verdict


class SemanticCachePlugin(Plugin[SemanticCacheSettings]):
    """Answers a question with the stored answer to one that means the same, after a verifier has agreed.

    Label: `semantic` or `miss`. Stands aside with `endpoint`, `tools`, `temperature`, `several-answers`, `history`,
    `no-question`, `not-text`, `too-long`, `not-understood`, `no-store`, `stateful`, `server-tools`, `no-route`,
    `switched-off` (shadow samples differed), `no-disk`, and `embedder-…` with the embedder's reason. Facts:
    `cache.result`, `cache.similarity`, `cache.verdict` (of the nearest), `cache.candidates`, what was saved, and
    `not_stored` with the reason.
    """

    name: ClassVar[str] = "semantic_cache"
    Settings: ClassVar[type[PluginSettings]] = SemanticCacheSettings
    endpoints: ClassVar[frozenset[EndpointKind]] = frozenset(
        {EndpointKind.CHAT, EndpointKind.RESPONSES, EndpointKind.MESSAGES}
    )
    after: ClassVar[frozenset[str]] = frozenset({"limits", "defaults", "stream", "exact_cache"})

    def __init__(self, settings: SemanticCacheSettings, services: Services) -> None:
        super().__init__(settings, services)
        self._counts = Statistics()
        self._rejected: dict[str, int] = {}
        self._store: Store | None = None
        self._keeping = 0
        self._purges = 0
        self._floor = candidate_floor(settings.max_false_hit_rate)
        self._second = Second(settings, services, self._log_off)

    async def start(self) -> None:
        """Begin to load the model, in the background: requests pass until it is there."""
        services, settings = self.services, self.settings
        disk = services.caches.disk(services.data_dir / "cache", settings.disk_bytes, self._wall_s)
        if disk is not None:
            folder = services.data_dir / "cache" / "vectors"
            args = (settings.index_bytes, services.embedder, services.tasks, self._wall_s)
            self._store = Store(self.name, disk, folder, *args)
        services.embedder.start()
        services.tasks.spawn(asyncio.to_thread(_warm_up), "semantic-warm-up")
        services.caches.announce(self.name, self)

    async def stop(self) -> None:
        """Write what must outlast a restart."""
        self.services.caches.withdraw(self)
        if self._store is not None:
            await self._store.aclose()

    def _wall_s(self) -> float:
        return self.services.clock.wall_ns() / 1e9

    async def handle(self, exchange: Exchange, call_next: CallNext) -> Reply:
        """Answer from a stored question, or ask and keep the answer."""
        asked = self._asked(exchange)
        vector = b""
        if not isinstance(asked, str) and asked.control.look and self._store is not None:
            began = self.services.clock.monotonic()
            try:
                found, vector = await self._find(asked, exchange, call_next, self._store)
            except EmbedderUnavailable as error:
                asked = f"embedder-{error.reason}"
            else:
                if found is not None:
                    return self._hit(asked, found, exchange, call_next, began)
        if isinstance(asked, str):
            self._counts.bypasses[asked] += 1
            exchange.stood_aside(asked)
            exchange.note("cache.result", "bypass")
            return with_mark(await call_next(exchange), "bypass")
        self._counts.looked_up(exchange.model, hit=False)
        exchange.acted("miss")
        exchange.note("cache.result", "miss")
        reply = await call_next(exchange)
        return with_mark(self._kept(asked, vector, exchange, reply), "miss")

    def _asked(self, exchange: Exchange) -> Asked | str:
        """What is asked of the cache, or the reason why it is not asked at all."""
        kind, payload, request = exchange.endpoint.kind, exchange.payload, exchange.request
        question = question_of(kind, payload, self.settings)
        if isinstance(question, str):
            return question
        control = read_control(header(request.headers, "cache-control"), no_store=request.no_store)
        if not (control.store or control.look):
            return "no-store"
        if why := why_stateful(kind, payload):
            return why
        if is_ambiguous(payload) or (exchange.raw is not None and has_duplicate_keys(exchange.raw, payload)):
            return "not-understood"
        if self._store is None:
            return "no-disk"
        embedder = self.services.embedder
        if embedder.state != "ready":
            return f"embedder-{embedder.state}"
        tags = read_tags(header(request.headers, "x-tailrace-cache-tags"))
        try:
            route = f"{self.services.route(exchange)} {embedder.identity}"
        except NotFound:
            return "no-route"
        given = (exchange.tenant, kind, route, question.around, request.headers)
        partition = request_key(*given, skip=request.skip, query=request.query)
        if self._second.is_off(partition):
            return "switched-off"
        return Asked(question, partition, control, tags, self._purges)

    async def _find(
        self, asked: Asked, exchange: Exchange, call_next: CallNext, store: Store
    ) -> tuple[Entry | None, bytes]:
        """The entry that answers, and the question's vector if it was needed."""
        approved = self._second.approved(asked.partition, asked.question.text)
        if store.is_empty(asked.partition):
            return None, b""
        vector = await self.services.embedder.embed(asked.question.text)
        exchange.embedded(asked.question.text, vector)
        near = await store.find(asked.partition, vector, self.settings.candidates, self._floor)
        if near is None:
            exchange.note("index", "loading")
            return None, vector
        exchange.note("cache.candidates", len(near))
        judged: list[Judged] = []
        for one in near:
            entry = one.entry
            verdict = verify(entry.question, asked.question.text, one.similarity, self.settings.max_false_hit_rate)
            judged.append(Judged(one, verdict))
            if (verdict.same or entry.key == approved) and self._servable(entry, asked, exchange):
                exchange.note("cache.similarity", round(one.similarity, 4))
                exchange.note("cache.verdict", verdict.reason if verdict.same else "judge")
                return entry, vector
        if judged:
            nearest = judged[0]
            exchange.note("cache.similarity", round(nearest.near.similarity, 4))
            exchange.note("cache.verdict", nearest.verdict.reason)
            reason = nearest.verdict.reason
            self._rejected[reason] = self._rejected.get(reason, 0) + 1
            if self._second.worth_judging(asked.partition, asked.question.text, nearest.near.similarity):
                given = (asked.partition, asked.question.text, nearest.near.entry, exchange, call_next)
                exchange.on_end(lambda _: self._second.judge(*given))
        return None, vector

    def _servable(self, entry: Entry, asked: Asked, exchange: Exchange) -> bool:
        longest_s = self.settings.ttl if asked.control.max_age_s is None else asked.control.max_age_s
        too_old = entry.age_s(self._wall_s()) > min(longest_s, self.settings.ttl)
        return entry.tenant == exchange.tenant and can_serve(entry, exchange) and not too_old

    def _hit(self, asked: Asked, entry: Entry, exchange: Exchange, call_next: CallNext, began: float) -> Reply:
        now = self._wall_s()
        saved = self._net(entry.saved, self.services.clock.monotonic() - began)
        counts = self._counts
        exchange.acted("semantic")
        exchange.note("cache.age_s", entry.age_s(now))
        note_saving(exchange, saved, "semantic")
        counts.looked_up(exchange.model, hit=True)
        counts.spared(saved)
        if self._second.samples():
            # Only then: the chain below is this request's until the client has its answer.
            exchange.on_end(lambda _: self._second.shadow(asked.partition, entry, exchange, call_next))
        similarity = exchange.scope.facts.get("cache.similarity", 0.0) if exchange.scope is not None else 0.0
        return reply_from(entry, exchange, f"semantic;score={similarity:.2f}", now)

    def _net(self, saved: Saved, own_s: float) -> Saved:
        """What a hit saves, less what finding it took, and what all look-ups since the last hit have cost."""
        usd = self._second.net_usd(saved.usd)
        return Saved(saved.input_tokens, saved.output_tokens, usd, max(0.0, saved.seconds - own_s))

    def _kept(self, asked: Asked, vector: bytes, exchange: Exchange, reply: Reply) -> Reply:
        """Have the answer kept once the client has all of it."""
        why = why_not_shared(reply, exchange) or ("" if asked.control.store else "no-store")
        if not why and len(reply.body) > self.settings.max_answer_bytes:
            why = "too-large"
        if why:
            self._not_stored(exchange, why)
            return reply
        recording: list[bytes] = []
        size = 0

        def hear(event: Event) -> None:
            nonlocal size
            size += len(event.raw)
            if size <= self.settings.max_answer_bytes:
                recording.append(event.raw)
            else:
                recording.clear()

        def tell(outcome: Outcome) -> None:
            if outcome.state != "complete" or outcome.status != 200:
                self._not_stored(exchange, "incomplete")
            elif size > self.settings.max_answer_bytes:
                self._not_stored(exchange, "too-large")
            elif self._keeping >= _MOST_KEEPING:
                self._not_stored(exchange, "busy")
            else:
                work = self._keep(asked, vector, exchange, reply, b"".join(recording), outcome)
                self.services.tasks.spawn(work, "semantic-keep")

        exchange.on_end(tell)
        return reply.tap(hear) if reply.is_events else reply

    async def _keep(
        self, asked: Asked, vector: bytes, exchange: Exchange, reply: Reply, recorded: bytes, outcome: Outcome
    ) -> None:
        store = self._store
        if store is None:
            return
        self._keeping += 1
        try:
            question = asked.question.text
            vector = vector or await self.services.embedder.embed(question)
            key = fingerprint({"partition": asked.partition, "question": question})
            draft = Draft(self.name, key, asked.tags, question, self.settings.ttl, asked.partition, vector)
            entry = await self._entry(draft, exchange, reply, recorded, outcome)
            if isinstance(entry, Entry) and await asyncio.to_thread(_calls_tools, entry, exchange):
                entry = "tools"
            if isinstance(entry, Entry) and asked.purges != self._purges:
                entry = "purged"
            if isinstance(entry, str):
                self._not_stored(exchange, entry)
                return
            await store.keep(entry)
            self._counts.stored += 1
        except EmbedderUnavailable as error:
            self._not_stored(exchange, f"embedder-{error.reason}")
        finally:
            self._keeping -= 1

    async def _entry(
        self, draft: Draft, exchange: Exchange, reply: Reply, recorded: bytes, outcome: Outcome
    ) -> Entry | str:
        usage = outcome.usage if reply.is_events else usage_of(reply.json())
        heard = heard_by(reply, exchange)
        now = self.services.clock.monotonic() if not exchange.trail.ended else exchange.trail.ended
        saved = saved_by(exchange, usage, self.services.prices, now)
        if not reply.is_events:
            return entry_of_whole(draft, exchange, reply, saved, self._wall_s())
        if len(recorded) > _ASSEMBLED_INLINE_BYTES:
            return await asyncio.to_thread(entry_of_stream, draft, exchange, recorded, heard, saved, self._wall_s())
        return entry_of_stream(draft, exchange, recorded, heard, saved, self._wall_s())

    def _not_stored(self, exchange: Exchange, why: str) -> None:
        self._counts.not_stored[why] += 1
        exchange.note("not_stored", why)

    def _log_off(self, partition: str) -> None:
        _log.warning(
            "semantic_cache: answers around the question of partition %s differed from fresh ones too often; it is no "
            "longer served. Lower max_false_hit_rate, or purge it if its answers have changed.",
            partition[:12],
        )

    async def statistics(self) -> dict[str, Any]:
        """For the admin port."""
        embedder = self.services.embedder
        told: dict[str, Any] = {**self._counts.told(), "rejected": dict(self._rejected), **self._second.told()}
        told["embedder"] = {"state": embedder.state, "model": embedder.identity, "reason": embedder.reason}
        if self._store is not None:
            told |= await self._store.totals()
        advice = self._counts.advice(self.settings.ttl)
        return {**told, "advice": advice} if advice else told

    async def purge(self, selector: Selector) -> int:
        """Forget what fits."""
        self._purges += 1
        self._second.forget()
        return await self._store.purge(selector) if self._store is not None else 0


def _calls_tools(entry: Entry, exchange: Exchange) -> bool:
    return has_tool_calls(whole_of(entry, exchange.endpoint.shape))

"""The `exact_cache` plugin: start reading here."""

import asyncio
from dataclasses import replace
from typing import Any, ClassVar, Final

from tailrace.cache.answered import usage_of
from tailrace.cache.asked import (
    header,
    is_ambiguous,
    is_deterministic,
    last_question,
    read_control,
    read_tags,
    wants_usage,
    why_stateful,
)
from tailrace.cache.entry import Entry, Saved
from tailrace.cache.flights import Flight, Landing
from tailrace.cache.keeping import Draft, entry_of_stream, entry_of_whole, heard_by, why_not_shared
from tailrace.cache.relay import Relay
from tailrace.cache.selector import Selector
from tailrace.cache.serving import can_serve, renewing, reply_from, with_mark
from tailrace.errors import NotFound
from tailrace.exchange import Exchange, Reply
from tailrace.plugin import CallNext, Plugin, PluginSettings, Services
from tailrace.streams import Stream
from tailrace.wire.endpoints import MODEL_KINDS, EndpointKind
from tailrace.wire.jsonio import has_duplicate_keys
from tailrace.wire.watch import StreamWatch
from tailrace_plugins.exact_cache import embedding
from tailrace_plugins.exact_cache.batches import inputs_of
from tailrace_plugins.exact_cache.desk import Asked, Desk
from tailrace_plugins.exact_cache.settings import ExactCacheSettings

_HASHED_INLINE_BYTES: Final = 262_144
"""A larger request is hashed in a thread: it takes over a millisecond."""

_ASSEMBLED_INLINE_BYTES: Final = 32_768
"""A longer recorded stream is put together in a thread."""

_LARGE_FRAMES_BYTES: Final = 4096
"""Of a compressed recording; a larger one is put together in a thread."""

_MOST_HAND_OVERS: Final = 2
"""How many failed leaders a request waits for before it asks for itself."""

_EVENTS: Final = {"content-type": "text/event-stream; charset=utf-8", "age": "0", "x-tailrace-cache": "exact"}


class ExactCachePlugin(Plugin[ExactCacheSettings]):
    """Answers what was asked before, from memory, disk or Redis; equal requests under way share one call.

    Label: `exact` (a hit), `shared` (the answer to an equal request under way), `part(2/5)` (some inputs of an
    embeddings batch were known), `miss`. Stands aside with `not-deterministic`, `no-store`, `stateful`, `server-tools`,
    `no-route`, `not-understood`. Facts: `cache.result`, `cache.age_s`, what was saved (`cache.saved_usd` …),
    `not_stored` with the reason where a miss was not kept.
    """

    name: ClassVar[str] = "exact_cache"
    Settings: ClassVar[type[PluginSettings]] = ExactCacheSettings
    endpoints: ClassVar[frozenset[EndpointKind]] = MODEL_KINDS
    after: ClassVar[frozenset[str]] = frozenset({"limits", "defaults", "stream"})

    def __init__(self, settings: ExactCacheSettings, services: Services) -> None:
        super().__init__(settings, services)
        self._desk = Desk(self.name, settings, services)

    async def start(self) -> None:
        """Open the store and announce it."""
        self._desk.open()
        self.services.caches.announce(self.name, self)

    async def stop(self) -> None:
        """Let go of the store."""
        self.services.caches.withdraw(self)
        await self._desk.aclose()

    async def statistics(self) -> dict[str, Any]:
        """For the admin port."""
        return await self._desk.statistics()

    async def purge(self, selector: Selector) -> int:
        """Forget what fits."""
        return await self._desk.purge(selector)

    async def handle(self, exchange: Exchange, call_next: CallNext) -> Reply:
        """Answer from the cache, wait for the same request's answer, or ask and keep what comes."""
        desk = self._desk
        asked = await self._asked(exchange)
        if isinstance(asked, str):
            desk.counts.bypasses[asked] += 1
            exchange.stood_aside(asked)
            exchange.note("cache.result", "bypass")
            return with_mark(await call_next(exchange), "bypass")
        # An embeddings request has no entry of its own, but one for each of its inputs.
        if asked.control.look and exchange.endpoint.kind is not EndpointKind.EMBEDDINGS:
            entry = desk.served(await desk.shelf.get(asked.draft.key), asked.control, exchange)
            if entry is not None:
                return await self._hit(entry, exchange, "exact")
        usage = wants_usage(exchange.endpoint.kind, exchange.payload)
        for _ in range(_MOST_HAND_OVERS if self.settings.single_flight and asked.control.look else 0):
            flight = desk.flights.find(asked.draft.key, usage=usage)
            if flight is None:
                return await self._lead(asked, exchange, call_next, desk.flights.begin(asked.draft.key, usage=usage))
            try:
                with exchange.waiting():
                    async with asyncio.timeout(self.settings.wait_s):
                        # An event stream with usage in it is not, as it is, for a client that did not ask for usage.
                        reply, hand_over = await self._shared(
                            await flight.landing(), exchange, live=flight.usage == usage
                        )
            except TimeoutError:
                break
            if reply is not None:
                return reply
            if not hand_over:
                break
        return await self._lead(asked, exchange, call_next, Flight(usage=usage))

    async def _asked(self, exchange: Exchange) -> Asked | str:
        """What is asked of the cache, or the reason why it is not asked at all."""
        kind, payload, request = exchange.endpoint.kind, exchange.payload, exchange.request
        if self.settings.when == "deterministic" and not is_deterministic(kind, payload):
            return "not-deterministic"
        control = read_control(header(request.headers, "cache-control"), no_store=request.no_store)
        if not (control.store or control.look):
            return "no-store"
        if why := why_stateful(kind, payload):
            return why
        if kind is EndpointKind.EMBEDDINGS and inputs_of(payload) is None:
            return "not-understood"
        if is_ambiguous(payload) or (exchange.raw is not None and has_duplicate_keys(exchange.raw, payload)):
            # A provider that takes the first of two spellings answers another question than the key has.
            return "not-understood"
        tags = read_tags(header(request.headers, "x-tailrace-cache-tags"))
        purges = self._desk.purges
        try:
            if exchange.raw is not None and len(exchange.raw) > _HASHED_INLINE_BYTES:
                key = await asyncio.to_thread(self._desk.key, exchange)
            else:
                key = self._desk.key(exchange)
        except NotFound:
            return "no-route"
        ttl_s = self.settings.ttl_for(kind, exchange.model)
        return Asked(Draft(self.name, key, tags, last_question(payload), ttl_s), control, purges)

    async def _hit(self, entry: Entry, exchange: Exchange, label: str) -> Reply:
        now = self._desk.wall_s()
        self._desk.count_hit(exchange, entry.saved, label)
        exchange.note("cache.age_s", entry.age_s(now))
        if len(entry.frames) > _LARGE_FRAMES_BYTES and not exchange.stream:
            # Putting a long stream together takes milliseconds.
            return await asyncio.to_thread(reply_from, entry, exchange, "exact", now)
        return reply_from(entry, exchange, "exact", now)

    async def _shared(self, landing: Landing, exchange: Exchange, *, live: bool) -> tuple[Reply | None, bool]:
        """The reply from what another request's call brought, as soon as it can be given.

        Without one: whether one of those who waited should lead next, or each ask for itself.
        """
        relay, entry, shape = landing.relay, landing.entry, exchange.endpoint.shape
        if relay is not None and live and exchange.stream and shape is not None and relay.admits:
            self._desk.count_hit(exchange, Saved(), "shared")
            reader = relay.reader(shape, _choices(exchange))
            renewal = renewing(exchange.endpoint.kind, int(self._desk.wall_s()))
            return Reply(200, _EVENTS, stream=Stream(reader), origin=self.name).through(renewal), False
        hand_over = landing.hand_over
        if relay is not None:
            entry = await relay.result()
            hand_over = entry is None and relay.error is not None
        if entry is None or entry.tenant != exchange.tenant or not can_serve(entry, exchange):
            return None, hand_over
        return await self._hit(entry, exchange, "shared"), False

    async def _lead(self, asked: Asked, exchange: Exchange, call_next: CallNext, flight: Flight) -> Reply:
        """Ask, and keep what comes; others may be waiting for it."""
        desk = self._desk
        exchange.acted("miss")
        exchange.note("cache.result", "miss")
        with desk.flights.ended_on_error(asked.draft.key, flight):
            if exchange.endpoint.kind is EndpointKind.EMBEDDINGS:
                return await embedding.answer(desk, asked, exchange, call_next, flight)
            desk.counts.looked_up(exchange.model, hit=False)
            reply = await call_next(exchange)
            return with_mark(self._keep(asked, exchange, reply, flight), "miss")

    def _keep(self, asked: Asked, exchange: Exchange, reply: Reply, flight: Flight) -> Reply:
        """Keep the answer, now or when its stream has ended; the reply to give to the client."""
        desk, shape = self._desk, exchange.endpoint.shape
        why = why_not_shared(reply, exchange) or ("" if asked.control.store else "no-store")
        if not why and len(reply.body) > self.settings.max_answer_bytes:
            why = "too-large"
        if why:
            desk.not_stored(exchange, why)
            desk.land(asked, flight, Landing())
            return reply
        if reply.stream is None or shape is None:
            saved = desk.saved(exchange, usage_of(reply.json()))
            self._settle(asked, exchange, flight, entry_of_whole(asked.draft, exchange, reply, saved, desk.wall_s()))
            return reply

        watch = heard_by(reply, exchange)

        async def then(recorded: bytes | None) -> Entry | None:
            return await self._recorded(asked, exchange, flight, recorded, watch)

        relay = Relay(reply.stream, self.services.tasks, self.settings.max_answer_bytes, then)
        flight.land(Landing(relay=relay))
        return replace(reply, stream=Stream(relay.reader(shape, _choices(exchange))))

    async def _recorded(
        self, asked: Asked, exchange: Exchange, flight: Flight, recorded: bytes | None, heard: StreamWatch | None
    ) -> Entry | None:
        """A stream has ended; not well, or too long, where there is nothing recorded."""
        desk, watch = self._desk, exchange.trail.watch
        if recorded is None:
            desk.not_stored(exchange, "incomplete")
            desk.land(asked, flight, Landing(hand_over=True))
            return None
        saved = desk.saved(exchange, watch.usage if watch is not None else None)
        given = (asked.draft, exchange, recorded, heard, saved, desk.wall_s())
        with desk.flights.ended_on_error(asked.draft.key, flight):
            if len(recorded) > _ASSEMBLED_INLINE_BYTES:
                entry = await asyncio.to_thread(entry_of_stream, *given)
            else:
                entry = entry_of_stream(*given)
        return self._settle(asked, exchange, flight, entry)

    def _settle(self, asked: Asked, exchange: Exchange, flight: Flight, entry: Entry | str) -> Entry | None:
        """Keep the entry, or count why there is none; tell those who wait."""
        if isinstance(entry, str):
            self._desk.not_stored(exchange, entry)
            self._desk.land(asked, flight, Landing())
            return None
        self._desk.store(asked, exchange, [entry])
        self._desk.land(asked, flight, Landing(entry=entry))
        return entry


def _choices(exchange: Exchange) -> int:
    """How many answers were asked for."""
    choices = exchange.payload.get("n")
    return choices if type(choices) is int else 1

"""What the cache's parts share: the store, the calls under way, the counts, and who may be served."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tailrace.cache.asked import Control, request_key
from tailrace.cache.entry import Entry, Saved
from tailrace.cache.flights import Flight, Flights, Landing
from tailrace.cache.keeping import Draft, saved_by
from tailrace.cache.selector import Selector
from tailrace.cache.serving import can_serve, note_saving
from tailrace.cache.shelf import LocalShelf, Shelf
from tailrace.cache.statistics import Statistics
from tailrace.exchange import Exchange
from tailrace.plugin import Services
from tailrace.wire.usage import Usage
from tailrace_plugins.exact_cache.settings import ExactCacheSettings


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that may be answered from the cache. `purges` is how many purges there had been when it came."""

    draft: Draft
    control: Control
    purges: int


class Desk:
    """One instance's store and counts; `open` before the first request, `aclose` after the last."""

    def __init__(self, name: str, settings: ExactCacheSettings, services: Services) -> None:
        self.name = name
        self.settings = settings
        self.services = services
        self.flights = Flights()
        self.counts = Statistics()
        self.purges = 0
        self.shelf: Shelf = LocalShelf(name, 0, None, self.wall_s)

    def open(self) -> None:
        """Open the store. A file that cannot be opened costs the memory of a restart, not the start."""
        settings, services = self.settings, self.services
        if settings.redis is not None:
            from tailrace.cache.redis import RedisShelf

            url = settings.redis.get_secret_value()
            self.shelf = RedisShelf(self.name, url, services.tasks, services.clock.monotonic, self.wall_s)
        else:
            folder = services.data_dir / "cache"
            disk = services.caches.disk(folder, settings.disk_bytes, self.wall_s) if settings.disk else None
            self.shelf = LocalShelf(self.name, settings.memory_bytes, disk, self.wall_s)

    async def aclose(self) -> None:
        """Let go of the store."""
        await self.shelf.aclose()

    def wall_s(self) -> float:
        """Seconds since the epoch."""
        return self.services.clock.wall_ns() / 1e9

    def key(self, exchange: Exchange) -> str:
        """The identity of the request as it stands. Raises `NotFound` for a model that goes nowhere."""
        request = exchange.request
        return request_key(
            exchange.tenant,
            exchange.endpoint.kind,
            self.services.route(exchange),
            exchange.payload,
            request.headers,
            skip=request.skip,
            query=request.query,
        )

    def served(self, entry: Entry | None, control: Control, exchange: Exchange) -> Entry | None:
        """The entry if it may be served: to this tenant, in the form asked for, young enough for this client."""
        if entry is None or entry.tenant != exchange.tenant or not can_serve(entry, exchange):
            return None
        age_s = entry.age_s(self.wall_s())
        # The time to live that is in force now: it may have been lowered since the answer was kept.
        longest_s = self.settings.ttl_for(exchange.endpoint.kind, exchange.model)
        if control.max_age_s is not None:
            longest_s = min(longest_s, control.max_age_s)
        return entry if age_s <= longest_s else None

    def saved(self, exchange: Exchange, usage: Usage | None) -> Saved:
        """What the call that has just been made cost."""
        return saved_by(exchange, usage, self.services.prices, self.services.clock.monotonic())

    def count_hit(self, exchange: Exchange, saved: Saved, label: str) -> None:
        """A request was answered without a call of its own."""
        counts = self.counts
        exchange.acted(label)
        counts.looked_up(exchange.model, hit=True)
        if label == "shared":
            counts.shared += 1
        self.count_saving(exchange, saved, "exact")

    def count_saving(self, exchange: Exchange, saved: Saved, result: str) -> None:
        """Something was spared."""
        self.counts.spared(saved)
        note_saving(exchange, saved, result)

    def store(self, asked: Asked, exchange: Exchange, entries: Sequence[Entry]) -> None:
        """Keep entries, unless something was purged since the request began: it might have been meant."""
        if asked.purges != self.purges:
            self.not_stored(exchange, "purged")
            return
        self.shelf.put(*entries)
        self.counts.stored += len(entries)

    def not_stored(self, exchange: Exchange, why: str) -> None:
        """A miss was not kept."""
        self.counts.not_stored[why] += 1
        exchange.note("not_stored", why)

    def land(self, asked: Asked, flight: Flight, landing: Landing) -> None:
        """The leader's last word."""
        flight.land(landing)
        self.flights.end(asked.draft.key, flight)

    async def statistics(self) -> dict[str, Any]:
        """For the admin port."""
        told = {**self.counts.told(), **await self.shelf.totals(), "in_flight": len(self.flights)}
        advice = self.counts.advice(self.settings.ttl)
        return {**told, "advice": advice} if advice else told

    async def purge(self, selector: Selector) -> int:
        """Forget what fits, and what is under way: it is answered but not kept."""
        self.purges += 1
        return await self.shelf.purge(selector)

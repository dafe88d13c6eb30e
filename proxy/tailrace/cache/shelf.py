"""Where the exact entries stand: in memory with SQLite behind, or in Redis for several processes."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, Protocol

from tailrace.cache.disk import Disk, Totals
from tailrace.cache.entry import Entry
from tailrace.cache.memory import Memory
from tailrace.cache.selector import Selector

_log = logging.getLogger("tailrace.cache")


_AT_ONCE: Final = 64
"""Look-ups before others have their turn."""


class Shelf(Protocol):
    """Keeps entries of one cache by key. None of it raises: a store that is away has no entries."""

    async def get(self, key: str) -> Entry | None:
        """The entry, if there is one that is fresh."""

    async def get_many(self, keys: Sequence[str]) -> list[Entry | None]:
        """The entries of many keys, in their order."""

    def put(self, *entries: Entry) -> None:
        """Keep entries; found by `get` from now on where the store is this process's own, soon where it is not."""

    async def purge(self, selector: Selector) -> int:
        """Delete what fits; how many."""

    async def totals(self) -> dict[str, int]:
        """Figures for the statistics: entries, bytes, evictions …"""

    async def aclose(self) -> None:
        """Write what waits and let go."""


class LocalShelf:
    """Memory in front, SQLite behind (or none: then a restart forgets everything)."""

    def __init__(self, name: str, memory_bytes: int, disk: Disk | None, wall_s: Callable[[], float]) -> None:
        self._name = name
        self._memory = Memory(memory_bytes)
        self._disk = disk
        self._wall_s = wall_s

    async def get(self, key: str) -> Entry | None:
        """From memory, else from disk."""
        now = self._wall_s()
        if self._disk is not None and self._disk.purged_elsewhere():
            self._memory.clear()
        entry = self._memory.get(key, now)
        if entry is not None:
            if self._disk is not None:
                self._disk.touch(self._name, key)
        elif self._disk is not None:
            entry = self._disk.get(self._name, key)
            if entry is not None:
                if not entry.fresh(now):
                    return None
                self._memory.put(entry)
        return entry

    async def get_many(self, keys: Sequence[str]) -> list[Entry | None]:
        """One by one, with pauses for other requests."""
        found = []
        for position, key in enumerate(keys):
            if position % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)
            found.append(await self.get(key))
        return found

    def put(self, *entries: Entry) -> None:
        """Into both."""
        for entry in entries:
            self._memory.put(entry)
            if self._disk is not None:
                self._disk.put(entry)

    async def purge(self, selector: Selector) -> int:
        """From both."""
        now = self._wall_s()
        disk = self._disk
        selector = replace(selector, cache=self._name)
        in_memory = await self._memory.remove_where(lambda entry: selector.fits(entry, now))
        if disk is None:
            return in_memory
        gone = await disk.off_loop(disk.purge, selector)
        # Once more: a look-up may have brought one back while the disk was being searched.
        await self._memory.remove_where(lambda entry: selector.fits(entry, now))
        return len(gone)

    async def totals(self) -> dict[str, int]:
        """What is in memory, and what on disk."""
        memory = self._memory
        told = {"memory_entries": len(memory), "memory_bytes": memory.bytes, "memory_evictions": memory.evictions}
        if self._disk is None:
            return {"entries": len(memory), "bytes": memory.bytes, **told}
        totals: Totals = await self._disk.off_loop(self._disk.totals, self._name)
        return {
            "entries": totals.entries,
            "bytes": totals.bytes,
            **told,
            "disk_evictions": self._disk.evictions,
            "disk_dropped": self._disk.dropped,
            "disk_failed": self._disk.failed,
        }

    async def aclose(self) -> None:
        """The disk belongs to all caches: it is closed with the proxy."""
        return

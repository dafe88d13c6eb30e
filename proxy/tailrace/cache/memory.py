"""The entries kept in memory: bounded in bytes, the least recently used go first."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from tailrace.cache.entry import Entry

_AT_ONCE: Final = 200
"""Entries looked at before others have their turn."""


class Memory:
    """Entries by key. One that alone is larger than a quarter of the bound is not kept."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self.bytes = 0
        self.evictions = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str, now: float) -> Entry | None:
        """The entry, now the most recently used; None if there is none or it is too old."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if not entry.fresh(now):
            self.remove(key)
            return None
        self._entries.move_to_end(key)
        return entry

    def put(self, entry: Entry) -> None:
        """Keep an entry; others make room."""
        self.remove(entry.key)
        size = entry.size_bytes
        if size > self._max_bytes // 4:
            return
        self._entries[entry.key] = entry
        self.bytes += size
        while self.bytes > self._max_bytes:
            _, oldest = self._entries.popitem(last=False)
            self.bytes -= oldest.size_bytes
            self.evictions += 1

    def remove(self, key: str) -> None:
        """Forget one entry."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.bytes -= entry.size_bytes

    async def remove_where(self, goes: Callable[[Entry], bool]) -> int:
        """Forget all that `goes` says yes to, with pauses for other requests; how many."""
        count = 0
        for position, (key, entry) in enumerate(list(self._entries.items())):
            if position % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)
            if goes(entry) and self._entries.get(key) is entry:
                self.remove(key)
                count += 1
        return count

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self.bytes = 0

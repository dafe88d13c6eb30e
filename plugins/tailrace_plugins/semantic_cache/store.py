"""Entries and their vectors: written to the shared file, found by nearness."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tailrace.cache.disk import Disk
from tailrace.cache.entry import Entry
from tailrace.cache.selector import Selector
from tailrace.embed import Embedder
from tailrace.tasks import Tasks

if TYPE_CHECKING:
    from tailrace_plugins.semantic_cache.index.index import VectorIndex
    from tailrace_plugins.semantic_cache.index.partition import Partition

_log = logging.getLogger("tailrace.semantic_cache")

_LOAD_S: Final = 0.05
"""How long a request waits for its partition to be loaded; a big one goes on loading without it."""


@dataclass(frozen=True, slots=True)
class Near:
    """A stored question near the one that was asked."""

    entry: Entry
    similarity: float


class Store:
    """The entries of one semantic cache. The file is the truth; the index only knows where to look."""

    def __init__(
        self,
        name: str,
        disk: Disk,
        folder: Path,
        index_bytes: int,
        embedder: Embedder,
        tasks: Tasks,
        wall_s: Callable[[], float],
    ) -> None:
        self._name = name
        self._disk = disk
        self._folder = folder
        self._index_bytes = index_bytes
        self._embedder = embedder
        self._tasks = tasks
        self._wall_s = wall_s
        self._index: VectorIndex | None = None
        self._slow: set[bytes] = set()
        """Partitions that are being loaded and take longer than a request waits."""

    def _opened(self) -> "VectorIndex | None":
        """The index, once the embedder knows how long its vectors are."""
        if self._index is None and self._embedder.dimension is not None:
            from tailrace_plugins.semantic_cache.index.index import VectorIndex

            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._index = VectorIndex(
                self._folder,
                self._embedder.identity,
                self._embedder.dimension,
                self._index_bytes,
                self._ids,
                self._vectors,
                self._tasks,
            )
        return self._index

    def _ids(self, partition: bytes) -> list[int]:
        now = self._wall_s()
        return [row_id for row_id, expires in self._disk.partition(self._name, partition.decode()) if expires > now]

    def _vectors(self, partition: bytes, ids: list[int]) -> Iterable[tuple[int, bytes]]:
        return self._disk.vectors(ids)

    def is_empty(self, partition: str) -> bool:
        """Whether there is nothing to find, so that it is no use to embed the question."""
        return not self._disk.has_partition(self._name, partition)

    async def find(self, partition: str, vector: bytes, count: int, floor: float) -> list[Near] | None:
        """The nearest entries, at least `floor` similar, the nearest first; None while they are being loaded."""
        index = self._opened()
        if index is None:
            return None
        key = partition.encode()
        loaded: Partition | None = index.peek(key)
        if loaded is None:
            if key in self._slow:
                # Somebody has waited for it in vain, and once is enough.
                return None
            try:
                async with asyncio.timeout(_LOAD_S):
                    loaded = await index.get(key)
            except TimeoutError:
                self._slow.add(key)
                self._tasks.spawn(self._loaded(index, key), "semantic-load")
                return None
        near: list[Near] = []
        now = self._wall_s()
        for row_id, similarity in loaded.search(vector, count):
            if similarity < floor:
                break
            entry = self._disk.by_id(row_id)
            if entry is None or not entry.fresh(now) or entry.partition != partition:
                index.remove(key, row_id)
                continue
            near.append(Near(entry, similarity))
            self._disk.touch(self._name, entry.key)
        return near

    async def _loaded(self, index: "VectorIndex", key: bytes) -> None:
        try:
            await index.get(key)
        finally:
            self._slow.discard(key)

    async def keep(self, entry: Entry) -> None:
        """Write the entry, then let it be found."""
        row_id = await self._disk.off_loop(self._disk.put_now, entry)
        index = self._opened()
        if row_id and index is not None:
            index.add(entry.partition.encode(), row_id, entry.vector)

    async def purge(self, selector: Selector) -> int:
        """Delete what fits."""
        gone = await self._disk.off_loop(self._disk.purge, replace(selector, cache=self._name))
        # What the index still holds of them is found out when it is looked up; files of the gone are not worth more.
        if self._index is not None and selector.everything and selector.tenant is None and selector.model is None:
            for partition in {entry.partition for entry in gone}:
                self._index.forget(partition.encode())
        return len(gone)

    async def totals(self) -> dict[str, Any]:
        """Figures for the statistics."""
        totals = await self._disk.off_loop(self._disk.totals, self._name)
        index = self._index
        told = {"entries": totals.entries, "bytes": totals.bytes}
        return {**told, "index_bytes": index.size_bytes if index is not None else 0}

    async def aclose(self) -> None:
        """Write the big indexes, so that a restart need not build them anew."""
        if self._index is not None:
            await self._index.aclose()

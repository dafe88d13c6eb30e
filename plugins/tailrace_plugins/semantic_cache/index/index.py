"""All partitions of a semantic cache: loaded when asked for, kept while there is room."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from tailrace.tasks import Tasks
from tailrace_plugins.semantic_cache.index import saved
from tailrace_plugins.semantic_cache.index.partition import EXACT_LIMIT, Partition
from tailrace_plugins.semantic_cache.index.vectors import parsed

_log = logging.getLogger("tailrace.semantic_cache")

LoadIds = Callable[[bytes], list[int]]
FetchVectors = Callable[[bytes, list[int]], Iterable[tuple[int, bytes]]]

_SMALL_LOADS: Final = 2
"""Threads that may load small partitions at once; the rest of the pool is for others."""


@dataclass(eq=False)
class _Held:
    """A partition in memory."""

    partition: Partition
    size_bytes: int
    is_evicted: bool = False
    is_forgotten: bool = False
    build: "asyncio.Task[None] | None" = None
    save: "asyncio.Task[None] | None" = None

    @property
    def is_unsaved(self) -> bool:
        return self.partition.is_graph and self.partition.saved_changes != self.partition.changes


@dataclass(eq=False)
class _Loading:
    """A partition on its way."""

    task: "asyncio.Task[Partition] | None" = None
    journal: list[tuple[int, bytes | None]] = field(default_factory=list)
    """What was added or removed after its ids were read."""
    is_stale: bool = False
    """It was forgotten meanwhile: what has been read is void."""


class VectorIndex:
    """Partitions by key, within `max_bytes` of memory; the least recently used make room.

    For one event loop. The store behind `load_ids` and `fetch` is the truth: both are called in threads, with the key
    of the partition. `load_ids` returns the ids of its live entries (a higher id is a newer entry, and no id is ever
    used again for another vector), `fetch` yields those of the given ids it knows, with their vectors. Write to the
    store first, then tell `add`. What the index lacks is only a missed hit; what it has too much of, the caller sees
    when it looks the id up.

    Folders are the caller's: one index a folder, which holds nothing else. Keys appear in no file name, only their
    SHA-256.
    """

    def __init__(
        self,
        folder: Path,
        identity: str,
        dimension: int,
        max_bytes: int,
        load_ids: LoadIds,
        fetch: FetchVectors,
        tasks: Tasks,
    ) -> None:
        if Partition.room(max_bytes, dimension) < 1:
            raise ValueError("max_bytes has no room for a single vector")
        self._folder = folder
        self._identity = identity
        self._dimension = dimension
        self._max_bytes = max_bytes
        self._load_ids = load_ids
        self._fetch = fetch
        self._tasks = tasks
        self._held: OrderedDict[bytes, _Held] = OrderedDict()
        self._loading: dict[bytes, _Loading] = {}
        self._leaving: dict[bytes, _Held] = {}
        """Evicted, and still being written."""
        self._size_bytes = 0
        # Each bounds the threads in use; apart, since a build may take minutes and a small load takes milliseconds.
        self._small_loads = asyncio.Semaphore(_SMALL_LOADS)
        self._big_loads = asyncio.Lock()
        self._builds = asyncio.Lock()
        self._saves = asyncio.Lock()
        self._is_closed = False

    @property
    def size_bytes(self) -> int:
        """Memory of all loaded partitions, estimated; at most `max_bytes`, but for what is being built or written."""
        return self._size_bytes

    def __len__(self) -> int:
        return len(self._held)

    def peek(self, partition: bytes) -> Partition | None:
        """The partition if it is loaded. Search it at once: after the next await it may have made room."""
        held = self._held.get(partition)
        if held is None:
            return None
        self._held.move_to_end(partition)
        return held.partition

    async def get(self, partition: bytes) -> Partition:
        """The partition, loaded if need be; concurrent calls share one load.

        Takes a few milliseconds for a small one, 0.5 s for 100,000 vectors with their file, and half a minute
        without. Raises what `load_ids` and `fetch` raise. A cancelled call leaves the load to go on.
        """
        found = self.peek(partition)
        if found is not None:
            return found
        loading = self._loading.get(partition)
        if loading is None:
            loading = self._loading[partition] = _Loading()
            loading.task = self._tasks.spawn(self._load(partition, loading), "semantic index: load")
        assert loading.task is not None
        return await asyncio.shield(loading.task)

    def add(self, partition: bytes, id: int, vector: bytes) -> bool:
        """Add a vector that the store has by now; False if it was left out.

        That is so when the partition is not loaded (it will be in when it is), and when it alone would outgrow
        `max_bytes`. Raises ValueError for what is no vector.
        """
        held = self._held.get(partition)
        if held is None:
            return self._note(partition, id, vector)
        if held.partition.size_bytes + Partition.bytes_per_vector(self._dimension) > self._max_bytes:
            return False
        held.partition.add(id, vector)
        self._held.move_to_end(partition)
        self._changed(partition, held)
        return True

    def remove(self, partition: bytes, id: int) -> None:
        """Take an id out that the store has no more."""
        held = self._held.get(partition)
        if held is None:
            self._note(partition, id, None)
            return
        held.partition.remove(id)
        self._changed(partition, held)

    def _note(self, partition: bytes, id: int, vector: bytes | None) -> bool:
        loading = self._loading.get(partition)
        if loading is None:
            return False
        if vector is not None:
            parsed(vector, self._dimension)
        loading.journal.append((id, vector))
        return True

    def forget(self, partition: bytes) -> None:
        """Drop the partition and its file: the store has dropped its entries."""
        held = self._held.pop(partition, None)
        if held is not None:
            held.is_forgotten = True
            self._size_bytes -= held.size_bytes
        # A file that is being written is removed when it is.
        if (leaving := self._leaving.get(partition)) is not None:
            leaving.is_forgotten = True
        if (loading := self._loading.get(partition)) is not None:
            loading.is_stale = True
            loading.journal.clear()
        saved.remove(self._path(partition))

    async def save_all(self) -> None:
        """Write each big partition that has changed since it was read or written. A disk that refuses is logged."""
        await _all([held.save for held in self._leaving.values()])
        for partition, held in list(self._held.items()):
            if held.is_unsaved:
                await self._save(partition, held)

    async def aclose(self) -> None:
        """Give up what is being loaded or built, within 0.2 s, then `save_all`. Nothing is built afterwards."""
        self._is_closed = True
        await _all([loading.task for loading in self._loading.values()])
        await _all([held.build for held in self._held.values()])
        await self.save_all()

    def _path(self, partition: bytes) -> Path:
        return self._folder / sha256(partition).hexdigest()

    async def _load(self, partition: bytes, loading: _Loading) -> Partition:
        try:
            if (leaving := self._leaving.get(partition)) is not None:
                await _all([leaving.save])
            while True:
                loading.is_stale = False
                found = await self._restored(partition)
                if not loading.is_stale:
                    break
            for id, vector in loading.journal:
                if vector is None:
                    found.remove(id)
                else:
                    found.add(id, vector)
        finally:
            del self._loading[partition]
        held = self._held[partition] = _Held(found, 0)
        self._changed(partition, held)
        return found

    async def _restored(self, partition: bytes) -> Partition:
        async with self._small_loads:
            ids = await asyncio.to_thread(self._load_ids, partition)
            room = Partition.room(self._max_bytes, self._dimension)
            if len(ids) > room:
                ids = sorted(ids)[len(ids) - room :]
            if len(ids) <= EXACT_LIMIT:
                return await asyncio.to_thread(self._restore, partition, ids)
        async with self._big_loads:
            return await asyncio.to_thread(self._restore, partition, ids)

    def _restore(self, partition: bytes, ids: list[int]) -> Partition:
        return saved.restore(
            self._path(partition),
            self._identity,
            self._dimension,
            ids,
            lambda some: self._fetch(partition, some),
            lambda: self._is_closed,
        )

    def _changed(self, partition: bytes, held: _Held) -> None:
        """See that its size counts, that it gets the form that is due, and that others make room for it."""
        size_bytes = held.partition.size_bytes
        self._size_bytes += size_bytes - held.size_bytes
        held.size_bytes = size_bytes
        if held.build is None and held.partition.needs_build and not self._is_closed:
            held.build = self._tasks.spawn(self._build(partition, held), "semantic index: build")
        while self._size_bytes > self._max_bytes and len(self._held) > 1:
            oldest = next(key for key in self._held if key != partition)
            self._evict(oldest, self._held.pop(oldest))

    def _evict(self, partition: bytes, held: _Held) -> None:
        held.is_evicted = True
        self._size_bytes -= held.size_bytes
        if held.is_unsaved:
            self._leaving[partition] = held
            held.save = self._tasks.spawn(self._leave(partition, held), "semantic index: save")

    async def _leave(self, partition: bytes, held: _Held) -> None:
        try:
            await self._save(partition, held)
        finally:
            del self._leaving[partition]

    async def _build(self, partition: bytes, held: _Held) -> None:
        def stop() -> bool:
            return self._is_closed or held.is_evicted or held.is_forgotten

        try:
            async with self._builds:
                await asyncio.to_thread(held.partition.build, stop)
        finally:
            held.build = None
        # After a failure not at once again.
        if self._held.get(partition) is held:
            self._changed(partition, held)

    async def _save(self, partition: bytes, held: _Held) -> None:
        path = self._path(partition)
        async with self._saves:
            try:
                await asyncio.to_thread(saved.save, held.partition, path, self._identity)
            except OSError as error:
                _log.warning("semantic cache: an index was not saved: %s", error.strerror or type(error).__name__)
            if held.is_forgotten:
                saved.remove(path)


async def _all(tasks: Iterable["asyncio.Task[Any] | None"]) -> None:
    """Wait for those of `tasks` that there are; whether they fail is told elsewhere."""
    await asyncio.gather(*(task for task in tasks if task is not None), return_exceptions=True)

"""Entries in SQLite: read in place, written by one thread in batches, safe to kill at any moment.

A look-up by key is a few page reads from the file system's cache (10 to 20 us measured), less than the hop to a thread
would cost; so it is done where it is asked for. Everything else happens on the writer's thread.
"""

import asyncio
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from tailrace.cache.entry import Entry
from tailrace.cache.selector import Selector
from tailrace.cache.sqlite import (
    COLUMNS,
    STEP,
    entry_of,
    is_damage,
    mark_damaged,
    open_or_anew,
    purge,
    reading,
    transaction,
    write,
)
from tailrace.errors import TailraceError

_log = logging.getLogger("tailrace.cache")

_BATCH_S: Final = 0.2
"""How long the first write of a batch waits for others: what a kill can lose, with the time to commit."""

_PENDING_BYTES: Final = 67_108_864
"""Most bytes waiting to be written; what comes then is not kept (and counted)."""

_SWEEP_S: Final = 30.0
"""How often what is too old, or too much, is deleted."""

_AT_ONCE: Final = 500
"""Rows asked for by id in one query: SQLite takes so many variables everywhere."""

_WORK_S: Final = 60.0
"""Longest wait for the writer's thread."""

_CLOSE_S: Final = 8.0
"""How long the end of the proxy waits for the last batch; longer than SQLite waits for a lock."""

Result = TypeVar("Result")
Work = Callable[[sqlite3.Connection], None]


@dataclass(frozen=True, slots=True)
class Totals:
    """What a file holds of one cache."""

    entries: int
    bytes: int


class Disk:
    """The entries of all caches of a proxy, in one file. Made for the event loop's thread; `close` at the end."""

    def __init__(self, path: Path, max_bytes: int, now: Callable[[], float] = time.time) -> None:
        """Open or make the file, putting a damaged one aside. Raises OSError where nothing can be written."""
        self._path = path
        self._max_bytes = max_bytes
        self._now = now
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._reader, self._writer = open_or_anew(path)
        self._scanner = reading(path)
        self._scanning = threading.Lock()
        self._pending: dict[tuple[str, str], Entry] = {}
        self._pending_bytes = 0
        self._used: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()
        self._work: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._purge_mark = path.with_name(f"{path.name}.purged")
        self._purged_at = 0
        self.purged_elsewhere()
        self.dropped = 0
        """Entries not kept because the disk could not keep up."""
        self.failed = 0
        """Batches that could not be written (a full disk, say)."""
        self.evictions = 0
        self._swept = 0.0
        self._grown = 0
        """Bytes written since the last sweep."""
        self._wake = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="tailrace-cache-writer", daemon=True)
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="tailrace-cache")
        self._thread.start()

    def get(self, cache: str, key: str) -> Entry | None:
        """The entry, fresh or not, whether it is on the disk already or waiting to be; None without one."""
        with self._lock:
            if (waiting := self._pending.get((cache, key))) is not None:
                return waiting
        row = self._read(f"SELECT {COLUMNS} FROM entry WHERE cache = ? AND key = ?", (cache, key))
        if not row:
            return None
        self.touch(cache, key)
        return entry_of(row[0])

    def touch(self, cache: str, key: str) -> None:
        """An entry was served: others are evicted before it. Written with the next batch."""
        with self._lock:
            self._used[cache, key] = self._now()

    def put(self, entry: Entry) -> None:
        """Have an entry written, in place of one of the same key; returns at once."""
        with self._lock:
            if self._pending_bytes > _PENDING_BYTES:
                self.dropped += 1
                return
            is_first = not self._pending
            self._pending[entry.cache, entry.key] = entry
            self._pending_bytes += entry.size_bytes
        if is_first:
            self._wake.set()

    def purge(self, selector: Selector) -> list[Entry]:
        """Delete what fits, now; the deleted entries without their bodies. Blocks: for a thread.

        Raises `TailraceError` when it cannot be done: who purges must not think that it is.
        """
        found: list[Entry] = []
        failure = self._do(lambda connection: found.extend(purge(connection, selector, self._now())))
        with suppress(OSError):
            self._purge_mark.touch(mode=0o600)
        if failure and failure != "closed":
            raise TailraceError(f"The cache's file could not be changed ({failure}).", status=503, code="store_away")
        return found

    def purged_elsewhere(self) -> bool:
        """Whether another process has purged the file since this was asked last: what was read before may be gone.

        Told by the time of a small file beside it, which costs a microsecond to look at.
        """
        try:
            at = self._purge_mark.stat().st_mtime_ns
        except OSError:
            return False
        seen, self._purged_at = self._purged_at, at
        return at != seen

    def has_partition(self, cache: str, partition: str) -> bool:
        """Whether a partition holds anything that has been written."""
        query = "SELECT 1 FROM entry WHERE cache = ? AND partition = ? AND partition != '' LIMIT 1"
        return bool(self._read(query, (cache, partition)))

    def partition(self, cache: str, partition: str) -> list[tuple[int, float]]:
        """The (id, expires) of a partition's entries that are on the disk. Blocks: for a thread."""
        query = "SELECT id, expires FROM entry WHERE cache = ? AND partition = ? AND partition != ''"
        return self._scan(query, (cache, partition))

    def vectors(self, ids: Iterable[int]) -> Iterator[tuple[int, bytes]]:
        """The vectors of entries by id; those that are gone are left out. Blocks: for a thread."""
        wanted = list(ids)
        for start in range(0, len(wanted), _AT_ONCE):
            step = wanted[start : start + _AT_ONCE]
            marks = ",".join("?" * len(step))
            yield from self._scan(f"SELECT id, vector FROM entry WHERE id IN ({marks})", step)

    def by_id(self, row_id: int) -> Entry | None:
        """The entry with this row id; None once it is deleted."""
        rows = self._read(f"SELECT {COLUMNS} FROM entry WHERE id = ?", (row_id,))
        return entry_of(rows[0]) if rows else None

    def put_now(self, entry: Entry) -> int:
        """Write an entry and return its row id; waits for the commit. Blocks: for a thread."""
        ids: list[int] = []
        self._do(lambda connection: ids.append(write(connection, entry, self._now())))
        return ids[0] if ids else 0

    def totals(self, cache: str) -> Totals:
        """How much is stored. Blocks: for a thread."""
        totals: list[Totals] = []
        query = "SELECT count(*), coalesce(sum(size), 0) FROM entry WHERE cache = ?"
        self._do(lambda connection: totals.append(Totals(*connection.execute(query, (cache,)).fetchone())))
        return totals[0] if totals else Totals(0, 0)

    def close(self) -> None:
        """Write what waits, then close. Blocks for as long as that takes."""
        if self._closed:
            return
        self._closed = True
        self._work.put(None)
        self._wake.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._thread.join(timeout=_CLOSE_S)
        self._reader.close()
        with self._scanning:
            self._scanner.close()

    def _scan(self, query: str, values: Sequence[Any]) -> list[Any]:
        """Read many rows, on a connection that the threads share: neither the loop nor the writer waits for it."""
        try:
            with self._scanning:
                return self._scanner.execute(query, values).fetchall()
        except sqlite3.Error as error:
            self._look_at(error)
            _log.warning("the cache could not be read: %s", type(error).__name__)
            return []

    def _read(self, query: str, values: tuple[Any, ...]) -> list[Any]:
        try:
            return self._reader.execute(query, values).fetchall()
        except sqlite3.Error as error:
            self._look_at(error)
            _log.warning("the cache could not be read: %s", type(error).__name__)
            return []

    def _do(self, work: Work) -> str:
        """Have work done on the writer's thread, after what was put before it, and wait for it; "" or what failed."""
        if self._closed:
            return "closed"
        done = threading.Event()
        failures = ["timeout"]

        def then(connection: sqlite3.Connection) -> None:
            try:
                work(connection)
                failures[0] = ""
            except Exception as error:
                failures[0] = type(error).__name__
                raise
            finally:
                done.set()

        self._work.put(then)
        self._wake.set()
        until = time.monotonic() + _WORK_S
        while not done.wait(timeout=0.1):
            if self._closed or time.monotonic() > until:
                break
        return failures[0]

    async def off_loop(self, work: Callable[..., Result], *given: Any) -> Result:
        """Run one of the blocking methods on a thread of the cache's own: when the disk is slow, only caches wait."""
        if self._closed:
            return work(*given)
        return await asyncio.get_running_loop().run_in_executor(self._pool, partial(work, *given))

    def _run(self) -> None:
        with closing(self._writer) as connection:
            while True:
                self._wake.wait(timeout=_SWEEP_S)
                self._wake.clear()
                if self._work.empty() and not self._closed:
                    # Whoever waits for work to be done is served at once; plain writes gather.
                    self._gather()
                self._flush(connection)
                while not self._work.empty():
                    work = self._work.get()
                    if work is None:
                        self._flush(connection)
                        return
                    # What was put before is there for whoever asks after it.
                    self._flush(connection)
                    self._guarded(connection, work)
                if self._now() - self._swept > _SWEEP_S or self._grown > self._max_bytes // 8:
                    self._guarded(connection, self._sweep)

    def _gather(self) -> None:
        """Wait until the batch is old enough, or somebody waits for an answer."""
        until = time.monotonic() + _BATCH_S
        while self._work.empty() and not self._closed and (left_s := until - time.monotonic()) > 0:
            # Woken by the next write, which joins the batch, or by somebody who waits.
            self._wake.wait(timeout=left_s)
            self._wake.clear()

    def _flush(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            pending = dict(self._pending)
            used, self._used = self._used, {}
        if not pending and not used:
            return

        def write_all(connection: sqlite3.Connection) -> None:
            now = self._now()
            with transaction(connection):
                for entry in pending.values():
                    write(connection, entry, now)
                    self._grown += entry.size_bytes
                touched = [(at, cache, key) for (cache, key), at in used.items()]
                connection.executemany("UPDATE entry SET used = ? WHERE cache = ? AND key = ?", touched)

        self._guarded(connection, write_all)
        with self._lock:
            for key, entry in pending.items():
                if self._pending.get(key) is entry:
                    del self._pending[key]
            self._pending_bytes = sum(entry.size_bytes for entry in self._pending.values())
            if self._pending:
                # What came meanwhile has woken nobody.
                self._wake.set()

    def _guarded(self, connection: sqlite3.Connection, work: Work) -> None:
        try:
            work(connection)
        except Exception as error:  # noqa: BLE001 - whatever it is, the thread must go on: everybody waits for it
            self.failed += 1
            self._look_at(error)
            _log.warning("the cache could not be written: %s", type(error).__name__)

    def _look_at(self, error: Exception) -> None:
        """Damage that shows only now is dealt with at the next start."""
        if isinstance(error, sqlite3.Error) and is_damage(error):
            mark_damaged(self._path)

    def _sweep(self, connection: sqlite3.Connection) -> None:
        """Delete what is too old, then the least recently used until the rest fits."""
        now = self._swept = self._now()
        self._grown = 0
        while True:
            query = "DELETE FROM entry WHERE id IN (SELECT id FROM entry WHERE expires <= ? LIMIT ?)"
            if connection.execute(query, (now, STEP)).rowcount < STEP:
                break
        (logical,) = connection.execute("SELECT coalesce(sum(size), 0) FROM entry").fetchone()
        taken = _taken_bytes(connection)
        # A row takes whole pages, so the file is larger than what is in it.
        keep = logical if taken <= self._max_bytes else int(logical * self._max_bytes * 0.9 / taken)
        while logical > keep:
            rows = connection.execute("SELECT id, size FROM entry ORDER BY used LIMIT ?", (STEP,)).fetchall()
            going = []
            for row_id, size in rows:
                if logical <= keep:
                    break
                going.append((row_id,))
                logical -= size
            if not going:
                break
            with transaction(connection):
                connection.executemany("DELETE FROM entry WHERE id = ?", going)
            self.evictions += len(going)
        # Each step of the statement frees one page, and only a script is stepped to its end.
        connection.executescript("PRAGMA incremental_vacuum(2000)")


def _taken_bytes(connection: sqlite3.Connection) -> int:
    """What the rows and their indexes take in the file."""
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)

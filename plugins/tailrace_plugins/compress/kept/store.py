"""Decisions in SQLite, read and written by threads of the store's own, so that only who waits for a session waits.

What cannot be stored is not lost to the process that decided it: its memory has it, and the next time that something
is added to the session, all of it is written (`_lost`). So a full queue or disk costs what it would cost without a
store, and never leaves a session with a gap.
"""

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Final

from tailrace.cache.sqlite import mark_damaged, reading, transaction
from tailrace_plugins.compress.kept import tables
from tailrace_plugins.compress.kept.changes import Change
from tailrace_plugins.compress.kept.limits import Limits as Limits
from tailrace_plugins.compress.kept.opening import clean, is_busy, is_damage, open_or_anew
from tailrace_plugins.compress.kept.tables import Bounds, Stored
from tailrace_plugins.compress.memory import Known

_log = logging.getLogger("tailrace.compress")

_BATCH_S: Final = 0.05
"""How long the first change of a batch waits for others: with the commit, what a kill can lose."""
_CLOSE_S: Final = 8.0
_MOST_SEEN: Final = 65_536
"""Sessions whose numbers are remembered; of one that is forgotten all is compared with what is stored."""


class Store:
    """What was decided in all sessions, in `decisions.sqlite` of a folder that processes of one host may share.

    Never raises: where the disk fails it is as if nothing was kept, which is logged once until it works again. Made
    for one event loop; the file is opened in the background. `now` is wall clock, which holds over a restart.
    """

    def __init__(self, folder: Path, limits: Limits | None = None, now: Callable[[], float] = time.time) -> None:
        self._path = folder / "decisions.sqlite"
        self._limits = limits or Limits()
        self._bounds = Bounds(self._limits.session_rows, self._limits.session_bytes)
        self._now = now
        self.dropped = 0
        """Changes that were not written when they came, for a full queue or a disk that failed."""
        self.swept = 0
        """Sessions deleted because they were old, or too much."""
        self.pending_bytes = 0
        """About how much waits to be written."""
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        self._settled = threading.Condition(self._lock)
        # All of these are guarded by the lock.
        self._pending: dict[bytes, list[Change]] = {}
        self._writing: frozenset[bytes] = frozenset()
        self._lost: set[bytes] = set()
        self._seen: dict[bytes, int] = {}
        self._forget: dict[bytes, int] = {}
        self._used: dict[bytes, float] = {}
        self._hurried = False
        self._closing = False
        self._failing = False
        self._writes_from = self._reads_from = float("-inf")
        """Until then the disk is left alone."""
        self._reading_since: float | None = None
        self._opened: int | None = None
        """The inode of the file that the writer has open; None while there is none."""
        self._suspect = False
        self._reader: sqlite3.Connection | None = None
        self._reads: int | None = None
        # The writer's own.
        self._connection: sqlite3.Connection | None = None
        self._grown = 0
        self._swept_at = float("-inf")
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="compress-kept-reader")
        self._thread = threading.Thread(target=self._run, name="compress-kept-writer", daemon=True)
        self._thread.start()

    async def load(self, session: str) -> Known | None:
        """What is kept of a session, with what this process has still to write of it; its time of use becomes now.

        None where nothing is, where it is more than a session may have, or one row of it cannot be read: of a session
        with a gap, what follows the gap would be decided anew, and otherwise than it was sent. Such a session is
        deleted, so that what is decided now can be kept in its place. None, too, where the disk fails or is slow.
        """
        if not session or self._closing or time.monotonic() < self._reads_from:
            return None
        name = _name(session)
        try:
            async with asyncio.timeout(self._limits.load_s):
                stored = await asyncio.get_running_loop().run_in_executor(self._pool, self._read, name)
        except TimeoutError as error:
            since = self._reading_since
            # Where many wait, one after the other, it is not the disk that is slow.
            if since is not None and time.monotonic() - since > self._limits.load_s * 0.8:
                self._failed(error, is_read=True)
            return None
        except Exception as error:  # noqa: BLE001 - whatever a damaged file leads to, no request is to fail
            self._failed(error, is_read=True)
            return None
        with self._lock:
            if stored is None:
                return None
            if stored.broken:
                self._forget[name] = stored.id
            else:
                # If this process has another number, it knows things that are not stored under this one.
                self._seen.setdefault(name, stored.id)
                self._used[name] = self._now()
            self._wake.notify()
        return stored.known

    def keep(self, session: str, before: Known | None, after: Known) -> None:
        """Have written what is known `after` but not `before`: what was there already, or None where nothing was.

        Returns at once, in constant time. Whatever `before` says, all of `after` is written where the session is not
        stored, or something of it could not be.
        """
        if not session or after is before:
            return
        name = _name(session)
        change = Change.between(before, after)
        with self._lock:
            if name in self._lost:
                change = change.whole
            changes = self._pending.get(name, [])
            size = change.size
            away = time.monotonic() < self._writes_from
            if self._closing or away or self.pending_bytes + size > self._limits.pending_bytes:
                self.dropped += 1
                self._lose((name,))
                return
            self._lost.discard(name)
            self.pending_bytes += size
            if changes and change.goes_on_from(changes[-1]):
                changes[-1] = change.behind(changes[-1])
            else:
                self._pending[name] = [*changes, change]
                self._wake.notify()

    async def aclose(self) -> None:
        """Write what waits, then close. Bounded in time."""
        with self._lock:
            is_first, self._closing = not self._closing, True
            self._wake.notify()
            self._settled.notify_all()
        if not is_first:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                # Not on the loop's threads: when the proxy ends they may all be taken.
                await asyncio.get_running_loop().run_in_executor(self._pool, self._end)
        # Loads that wait are answered: cancelled, they would look as if their requests were.
        self._pool.shutdown(wait=False)

    def _end(self) -> None:
        self._close_reader()
        self._thread.join(_CLOSE_S)

    def _read(self, name: bytes) -> Stored | None:
        """Read a session, after what this process has still to write of it. On the reader's thread."""
        self._reading_since = time.monotonic()
        try:
            with self._lock:
                if name in self._pending:
                    self._hurried = True
                    self._wake.notify()
                # Whoever waits for another session waits behind this.
                self._settled.wait_for(lambda: self._is_settled(name), self._limits.load_s / 4)
                opened = self._opened
            if opened is None or self._closing:
                return None
            if self._reader is None or self._reads != opened:
                self._close_reader()
                self._reader, self._reads = reading(self._path), opened
            return self._patiently(self._reader, name)
        except BaseException:
            self._close_reader()
            raise
        finally:
            self._reading_since = None

    def _patiently(self, reader: sqlite3.Connection, name: bytes) -> Stored | None:
        until = time.monotonic() + self._limits.load_s / 2
        while True:
            try:
                return tables.read(reader, name, self._bounds)
            except sqlite3.OperationalError as error:
                # After a kill, the first who opens the file locks the others out while it reads the log.
                if not is_busy(error) or time.monotonic() > until:
                    raise

    def _is_settled(self, name: bytes) -> bool:
        if self._closing or time.monotonic() < self._writes_from:
            return True
        return self._opened is not None and name not in self._pending and name not in self._writing

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _run(self) -> None:
        """The writer's thread: what it does alone, it does here."""
        more = True
        while more:
            try:
                self._open()
                more = self._wait()
                # Another process may have put the file aside meanwhile.
                self._open()
                self._flush()
                if more:
                    self._sweep()
            except Exception as error:  # noqa: BLE001 - whatever it is, the thread must go on: what waits is dropped
                self._failed(error)
                self._close()
                self._drop()
                more = self._rest()
        self._close()
        self._drop()

    def _open(self) -> None:
        """Have the file open that is there now."""
        if self._connection is not None and not self._suspect and not self._is_replaced():
            return
        self._close()
        self._suspect = False
        self._connection = open_or_anew(self._path)
        with self._lock:
            inode = self._path.stat().st_ino
            # The numbers of another file begin anew.
            self._seen.clear()
            self._opened = inode
            self._settled.notify_all()

    def _is_replaced(self) -> bool:
        """Whether another process has put the file aside, or somebody has deleted it."""
        try:
            return self._path.stat().st_ino != self._opened
        except OSError:
            return True

    def _close(self) -> None:
        with self._lock:
            self._opened = None
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _wait(self) -> bool:
        """Wait for a batch, or for the time to sweep; False when it is the last."""
        with self._lock:
            left_s = self._swept_at + self._limits.sweep_s - time.monotonic()
            self._wake.wait_for(
                lambda: self._pending or self._forget or self._used or self._suspect or self._closing, max(0.0, left_s)
            )
            self._wake.wait_for(lambda: self._hurried or self._closing, _BATCH_S)
            return not self._closing

    def _flush(self) -> None:
        """Write all that waits in one transaction. Raises whatever the disk does."""
        assert self._connection is not None
        with self._lock:
            pending, self._pending = self._pending, {}
            forgotten, self._forget = self._forget, {}
            used, self._used = self._used, {}
            self._writing = frozenset(pending)
            self.pending_bytes, self._hurried = 0, False
            known = {name: self._seen[name] for name in pending if name in self._seen}
        if pending or forgotten or used:
            now = self._now()
            with transaction(self._connection):
                for name, id_ in forgotten.items():
                    tables.forget(self._connection, name, id_)
                for name, changes in pending.items():
                    for change in changes:
                        seen = None if change.before is None else known.get(name)
                        known[name] = tables.write(self._connection, name, change, seen, self._bounds, now)
                        self._grown += change.size
                tables.touch(self._connection, used)
        with self._lock:
            for name, id_ in known.items():
                # The one that was written last is forgotten last.
                self._seen.pop(name, None)
                self._seen[name] = id_
            while len(self._seen) > _MOST_SEEN:
                del self._seen[next(iter(self._seen))]
            self._writing = frozenset()
            self._settled.notify_all()
            works_again, self._failing = self._failing and bool(pending), self._failing and not pending
        if works_again:
            _log.info("compress: decisions are kept on the disk again")

    def _sweep(self) -> None:
        limits = self._limits
        if time.monotonic() - self._swept_at < limits.sweep_s and self._grown <= limits.most_bytes // 8:
            return
        assert self._connection is not None
        self._swept_at, self._grown = time.monotonic(), 0
        clean(self._path, self._now())
        # If another process writes all the time, it is done the next time.
        with suppress(sqlite3.OperationalError):
            self.swept += tables.sweep(self._connection, limits.idle_s, limits.most_bytes, self._now())

    def _failed(self, error: Exception, *, is_read: bool = False) -> None:
        """The disk fails: for a while nobody waits for it."""
        if is_damage(error) and not self._is_replaced():
            # Found when the file is opened the next time, by whichever process.
            mark_damaged(self._path)
        with self._lock:
            self._reads_from = time.monotonic() + self._limits.retry_s
            if not is_read:
                self._writes_from = self._reads_from
            elif is_damage(error):
                self._suspect = True
                self._wake.notify()
            first, self._failing = not self._failing, True
            self._settled.notify_all()
        if first:
            _log.warning("compress: decisions are not kept on the disk for now: %s", type(error).__name__)

    def _rest(self) -> bool:
        """Leave the disk alone for a while; False once the store is to be closed."""
        with self._lock:
            self._wake.wait_for(lambda: self._closing, self._limits.retry_s)
            return not self._closing

    def _drop(self) -> None:
        """Let go of what was to be written. The sessions are written as a whole the next time."""
        with self._lock:
            self.dropped += len(self._pending) + len(self._writing)
            self._lose((*self._pending, *self._writing))
            self._pending, self._writing, self.pending_bytes = {}, frozenset(), 0
            self._forget, self._used = {}, {}
            self._settled.notify_all()

    def _lose(self, names: tuple[bytes, ...]) -> None:
        """With the lock held."""
        self._lost.update(names)
        if len(self._lost) > _MOST_SEEN:
            # Of a session that was not seen, all is written as well.
            self._lost.clear()
            self._seen.clear()


def _name(session: str) -> bytes:
    """Of fixed length, and free of what the client has written."""
    return blake2b(session.encode("utf-8", "surrogatepass"), digest_size=24).digest()

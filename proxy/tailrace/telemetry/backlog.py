"""A bounded queue and the one thread that empties it: whoever puts something in never waits.

One thread puts (the event loop), one takes. When the queue is full the oldest goes, and is counted.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Backlog(Generic[T]):
    """Takes items from the event loop to `take`, in batches, on a daemon thread of its own.

    At most `most` items and, where `weigh` is given, `most_bytes` are kept. A batch leaves when `batch` items are
    there, else `gather_s` after the first. What `take` raises costs its batch and nothing else.

    The thread begins with `start`: call it after any fork, since threads do not survive one. Until then items gather.
    """

    def __init__(
        self,
        name: str,
        take: Callable[[list[T]], None],
        *,
        most: int = 8192,
        batch: int = 512,
        gather_s: float = 1.0,
        most_bytes: int = 0,
        weigh: Callable[[T], int] | None = None,
    ) -> None:
        self._take = take
        self._most = most
        self._batch = batch
        self._gather_s = gather_s
        self._most_bytes = most_bytes
        self._weigh = weigh
        self._items: deque[T] = deque()
        self._some = threading.Event()
        self._enough = threading.Event()
        self._ending = False
        self._given_up = False
        # Each of these is written by one thread only, so that no lock is needed.
        self._bytes_in = self._bytes_out = self._overflowed = self._failed = 0
        self._thread = threading.Thread(target=self._run, name=f"tailrace-{name}", daemon=True)

    def __len__(self) -> int:
        return len(self._items)

    @property
    def dropped(self) -> int:
        """Items that never arrived."""
        return self._overflowed + self._failed

    def lost(self, items: int) -> None:
        """Count items that were taken and did not arrive; for `take` to call."""
        self._failed += items

    def put(self, item: T) -> None:
        """Add an item; drops the oldest if there is no room. Never waits."""
        items = self._items
        if len(items) >= self._most:
            self._drop()
        if self._weigh is not None:
            weight = self._weigh(item)
            while items and self._bytes_in - self._bytes_out + weight > self._most_bytes:
                self._drop()
            self._bytes_in += weight
        items.append(item)
        if not self._some.is_set():
            self._some.set()
        if len(items) >= self._batch and not self._enough.is_set():
            self._enough.set()

    def _drop(self) -> None:
        try:
            item = self._items.popleft()
        except IndexError:
            return
        self._overflowed += 1
        if self._weigh is not None:
            self._bytes_in -= self._weigh(item)

    def start(self) -> None:
        """Begin to take."""
        self._thread.start()

    def end(self) -> None:
        """Ask the thread to take what is left and end; see `join`."""
        self._ending = True
        self._some.set()
        self._enough.set()

    def join(self, deadline: float) -> None:
        """Wait for the thread, at most until `deadline` (monotonic); what it has not taken by then counts as lost."""
        if self._thread.ident is not None:
            self._thread.join(max(0.0, deadline - time.monotonic()))
        if self._thread.is_alive() or self._thread.ident is None:
            self._given_up = True
            while self._items:
                self._drop()

    def _run(self) -> None:
        while not self._given_up:
            self._some.wait()
            if not self._ending:
                self._enough.wait(self._gather_s)
            self._some.clear()
            self._enough.clear()
            while (batch := self._next()) and not self._given_up:
                try:
                    self._take(batch)
                except Exception:  # noqa: BLE001 - a defect in an exporter must not end the thread; it is counted
                    self.lost(len(batch))
            if self._ending and not self._items:
                return

    def _next(self) -> list[T]:
        batch: list[T] = []
        try:
            while len(batch) < self._batch:
                batch.append(self._items.popleft())
        except IndexError:
            pass
        if self._weigh is not None:
            self._bytes_out += sum(map(self._weigh, batch))
        return batch

"""Concurrent calls join into batches: what arrives while one batch is under way leaves together as the next."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import Final

from tailrace.clock import Clock
from tailrace.embed.breaker import Breaker
from tailrace.embed.embedder import EmbedderUnavailable, Reason
from tailrace.tasks import Tasks

MAX_WAITING: Final = 256
"""Texts that may wait for their batch; each costs at most 8,000 characters by default."""

_OURS: Final[frozenset[Reason]] = frozenset(
    {"timeout", "crashed", "unreachable", "refused", "rate-limited", "bad-answer", "failed"}
)
"""Failures that say something about the next call: those of the embedder, not of the text."""

Waiter = asyncio.Future[bytes]
Send = Callable[[list[str]], Awaitable[Sequence[bytes | Reason]]]
"""Embeds a batch: for each text, in order, its vector or why there is none. May raise `EmbedderUnavailable` for all."""


class Line:
    """Who waits for which text. Equal texts share one place, whether it waits or is under way. Holds no task."""

    def __init__(self, max_batch: int, max_waiting: int = MAX_WAITING) -> None:
        self._max_batch = max_batch
        self._max_waiting = max_waiting
        self._waiting: dict[str, set[Waiter]] = {}
        self._under_way: dict[str, set[Waiter]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def join(self, text: str) -> Waiter:
        """A place for `text`: the future of its vector. Raises `EmbedderUnavailable("busy")` if the line is full."""
        waiters = self._under_way.get(text)
        if waiters is None:
            waiters = self._waiting.get(text)
        if waiters is None:
            if len(self._waiting) >= self._max_waiting:
                raise EmbedderUnavailable("busy")
            waiters = self._waiting[text] = set()
        waiter: Waiter = asyncio.get_running_loop().create_future()
        waiters.add(waiter)
        return waiter

    def leave(self, text: str, waiter: Waiter) -> None:
        """Give a place up; the last one to leave takes a text that still waits out of the line."""
        for places in (self._waiting, self._under_way):
            if (waiters := places.get(text)) is not None and waiter in waiters:
                waiters.discard(waiter)
                if not waiters and places is self._waiting:
                    del places[text]

    def take(self) -> list[str]:
        """The next batch, first come first served; it is now under way."""
        batch = list(islice(self._waiting, self._max_batch))
        for text in batch:
            self._under_way[text] = self._waiting.pop(text)
        return batch

    def settle(self, text: str, result: bytes | Reason) -> None:
        """Tell all who wait for `text`, which was under way."""
        for waiter in self._under_way.pop(text, ()):
            if not waiter.done():
                if isinstance(result, bytes):
                    waiter.set_result(result)
                else:
                    waiter.set_exception(EmbedderUnavailable(result))

    def fail_waiting(self, reason: Reason) -> None:
        """Tell all whose batch has not left."""
        for waiters in self._waiting.values():
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_exception(EmbedderUnavailable(reason))
        self._waiting.clear()


class Batcher:
    """Runs a `Line` through `send`, with up to `lanes` batches under way at once."""

    def __init__(
        self,
        send: Send,
        tasks: Tasks,
        clock: Clock,
        *,
        timeout_s: float,
        max_batch: int,
        max_waiting: int = MAX_WAITING,
        lanes: int = 1,
    ) -> None:
        self._send = send
        self._tasks = tasks
        self._timeout_s = timeout_s
        self._lanes = lanes
        self._breaker = Breaker(clock)
        self._line = Line(max_batch, max_waiting)
        self._running: set[asyncio.Task[None]] = set()
        # Not len(_running): a task leaves that set a moment after it found the line empty.
        self._active = 0
        self._is_closed = False

    async def embed(self, text: str) -> bytes:
        """The vector of `text`, within `timeout_s`. Raises `EmbedderUnavailable` and nothing else."""
        if self._is_closed:
            raise EmbedderUnavailable("off")
        if not self._breaker.admits():
            raise EmbedderUnavailable("paused")
        is_good: bool | None = None
        try:
            vector = await self._wait(text)
            is_good = True
            return vector
        except EmbedderUnavailable as error:
            is_good = False if error.reason in _OURS else None
            raise
        finally:
            self._breaker.ended(is_good)

    async def _wait(self, text: str) -> bytes:
        waiter = self._line.join(text)
        if len(self._line) and self._active < self._lanes:
            self._active += 1
            task = self._tasks.spawn(self._run(), "embedding")
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await waiter
        except TimeoutError:
            raise EmbedderUnavailable("timeout") from None
        finally:
            self._line.leave(text, waiter)

    async def _run(self) -> None:
        try:
            while not self._is_closed and (batch := self._line.take()):
                await self._one(batch)
        finally:
            self._active -= 1

    async def _one(self, batch: list[str]) -> None:
        results: Sequence[bytes | Reason] = []
        try:
            results = await self._send(batch)
        except EmbedderUnavailable as error:
            results = [error.reason] * len(batch)
        finally:
            if len(results) != len(batch):
                results = ["off" if self._is_closed else "failed"] * len(batch)
            for text, result in zip(batch, results, strict=True):
                self._line.settle(text, result)

    async def aclose(self) -> None:
        """Fail all who wait with `off`, and wait for the batches under way to be given up."""
        self._is_closed = True
        self._line.fail_waiting("off")
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

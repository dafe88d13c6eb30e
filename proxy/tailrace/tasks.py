"""Background work that is kept, named, and awaited at shutdown; and deadlines that cost nothing per byte."""

import asyncio
import logging
import math
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

_log = logging.getLogger("tailrace.tasks")


class Tasks:
    """The background tasks of one running proxy.

    asyncio keeps only weak references to tasks, so a task that nobody holds may vanish in mid-work; here each is held
    until it ends, a failure is logged with the task's name, and `drain` waits for all of them.
    """

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Start `work` in the background; the caller may await or cancel the task, or forget it."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("background task %s failed: %s", task.get_name(), type(error).__name__)

    def __len__(self) -> int:
        return len(self._running)

    async def drain(self, timeout_s: float) -> None:
        """Wait for all tasks, at most `timeout_s` seconds; cancel what is left and await that too."""
        if self._running:
            await asyncio.wait(self._running, timeout=timeout_s)
        left = list(self._running)
        for task in left:
            task.cancel()
        if left:
            await asyncio.gather(*left, return_exceptions=True)


class Watchdog:
    """Cancel the current task when it makes no progress for `limit_s`, or at all after `until` (loop time).

    Like `asyncio.timeout`, but progress is told by `touch()`, which only stores a number: the timer looks at it when
    it fires. Leaving the block raises `TimeoutError` if the watchdog fired; a cancellation by somebody else goes
    through untouched. `pause()` stops the watch (time spent in a neighbour's code), `resume(limit_s)` restarts it; both
    are cheap, since one timer serves them all as long as it is not due too late.
    """

    __slots__ = ("_cancelling", "_due", "_fired", "_handle", "_limit", "_loop", "_paused", "_seen", "_task", "_until")

    def __init__(self, limit_s: float, until: float = math.inf) -> None:
        self._loop = asyncio.get_running_loop()
        self._limit = limit_s
        self._until = until
        self._seen = 0.0
        self._due = 0.0
        self._cancelling = 0
        self._fired = False
        self._paused = False
        self._handle: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[Any] | None = None

    def __enter__(self) -> Self:
        self._task = asyncio.current_task()
        if self._task is not None:
            self._cancelling = self._task.cancelling()
        self.resume(self._limit)
        return self

    def touch(self) -> None:
        """Tell that progress was made."""
        self._seen = self._loop.time()

    def pause(self) -> None:
        """Stop watching until `resume`."""
        self._paused = True

    def resume(self, limit_s: float) -> None:
        """Watch again, from now, with `limit_s` of patience. Nothing happens once the block was left."""
        if self._task is None or self._fired:
            return
        self._paused = False
        self._limit = limit_s
        self._seen = self._loop.time()
        due = min(self._seen + limit_s, self._until)
        if self._handle is None or due < self._due:
            self._arm(due)

    def _arm(self, due: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._due = due
        self._handle = self._loop.call_at(due, self._look)

    def _look(self) -> None:
        self._handle = None
        if self._paused or self._task is None:
            return
        due = min(self._seen + self._limit, self._until)
        if due > self._loop.time():
            self._arm(due)
            return
        self._fired = True
        self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        task, self._task = self._task, None
        if not self._fired or task is None:
            return
        # As asyncio.timeout does: more cancellations than at the start mean that a hang-up came as well, and it wins.
        if task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

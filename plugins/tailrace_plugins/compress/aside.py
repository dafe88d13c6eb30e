"""The plugin's own thread: for work that would keep the event loop, and for the vocabulary that tokens need."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tailrace.plugin import Services

T = TypeVar("T")


class Aside:
    """One thread of its own: the process's others may all be busy with somebody's files."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._thread = ThreadPoolExecutor(1, "compress")
        self._warming = False
        self.is_warm = False
        """Whether the vocabulary is loaded, which must not be done on the event loop."""

    async def run(self, work: Callable[[], T]) -> T:
        """Do some work in the thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def where(self, is_long: bool, work: Callable[[], T]) -> T:
        """Do some work, in the thread where it is long."""
        return await self.run(work) if is_long else work()

    def warm_up(self) -> None:
        """Load the usual vocabulary once somebody comes who has tools: before the first result is there, it stands."""
        if not self._warming:
            self._warming = True
            self._services.tasks.spawn(self._load(), "compress-vocabulary")

    def close(self) -> None:
        """Let the thread end."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _load(self) -> None:
        await self.run(self._services.tokens.load)
        self.is_warm = True

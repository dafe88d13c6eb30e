"""The simulated provider, in a thread of its own: a test that blocks its loop does not block the provider."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tailrace.sim import RunningSim, SimSettings
from tailrace.sim import running as sim_running


@dataclass
class Sim:
    """A simulated provider on another thread's loop."""

    running: RunningSim
    loop: asyncio.AbstractEventLoop

    @property
    def url(self) -> str:
        return self.running.url

    @property
    def root(self) -> str:
        return self.running.url.removesuffix("/v1")

    def _ask(self, read: Callable[[], Any]) -> Any:
        async def call() -> Any:
            return read()

        return asyncio.run_coroutine_threadsafe(call(), self.loop).result(10)

    def stats(self) -> dict[str, Any]:
        found: dict[str, Any] = self._ask(self.running.journal.stats)
        return found

    def entries(self, test_id: str | None = None, model: str | None = None) -> list[dict[str, Any]]:
        """What was received, of one model, or with one `x-test-id` header."""
        journal = self.running.journal

        def read() -> list[dict[str, Any]]:
            # Showing an entry parses and hashes its body: only those that are wanted.
            return [
                entry.shown()
                for entry in journal._entries
                if (model is None or entry.model == model)
                and (test_id is None or entry.headers.get("x-test-id") == test_id)
            ]

        found: list[dict[str, Any]] = self._ask(read)
        return found


@contextmanager
def sim_thread(**settings: Any) -> Iterator[Sim]:
    """A simulated provider without delays in a thread."""
    ready = threading.Event()
    found: list[Sim] = []
    ending: list[asyncio.Event] = []

    async def main() -> None:
        given = {"first_token_ms": 0.0, "per_token_ms": 0.0, **settings}
        async with sim_running(SimSettings(**given)) as running:
            end = asyncio.Event()
            ending.append(end)
            found.append(Sim(running, asyncio.get_running_loop()))
            ready.set()
            await end.wait()

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    assert ready.wait(20)
    yield found[0]
    found[0].loop.call_soon_threadsafe(ending[0].set)
    thread.join(10)

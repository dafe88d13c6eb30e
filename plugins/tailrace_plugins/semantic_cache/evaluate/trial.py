"""Pairs through the plugin as the proxy runs it: `a` is asked and kept, then `b` is asked."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from tailrace.cache.caches import Caches
from tailrace.chain import Chain
from tailrace.clock import SystemClock
from tailrace.embed import EmbedderSettings, make_embedder
from tailrace.plugin import Services
from tailrace.tasks import Tasks
from tailrace.testing import FakeUpstream, exchange, whole
from tailrace.testing import plugin as made
from tailrace.testing import run as run_through
from tailrace_plugins.semantic_cache.evaluate.pairs import Pair, Result
from tailrace_plugins.semantic_cache.plugin import SemanticCachePlugin

_AT_ONCE: Final = 32
_LOAD_S: Final = 120.0
_KEEP_S: Final = 30.0


class NotReady(RuntimeError):
    """The embedder could not be loaded; the text says why."""


@asynccontextmanager
async def started(
    settings: Mapping[str, Any], embedder: EmbedderSettings, folder: Path
) -> AsyncIterator[tuple[SemanticCachePlugin, Tasks]]:
    """A plugin that is ready to serve; its own tasks apart from the embedder's, so that they can be waited for."""
    clock, tasks, loading = SystemClock(), Tasks(), Tasks()
    services = Services(
        tasks=tasks, clock=clock, data_dir=folder, caches=Caches(), embedder=make_embedder(embedder, loading, clock)
    )
    plugin = made(SemanticCachePlugin, settings, services=services)
    await plugin.start()
    try:
        until = time.monotonic() + _LOAD_S
        while services.embedder.state != "ready":
            if services.embedder.state == "failed" or time.monotonic() > until:
                raise NotReady(services.embedder.reason or "the model did not load in time")
            await asyncio.sleep(0.05)
        yield plugin, tasks
    finally:
        await plugin.stop()
        await services.embedder.aclose()
        await services.caches.aclose()


async def try_all(
    pairs: Sequence[Pair], plugin: SemanticCachePlugin, tasks: Tasks, tell: Callable[[], None]
) -> list[Result]:
    """The results in the order of the pairs; `tell` is called twice for each. Each pair has a tenant of its own, so
    that none can find another's answer.
    """
    for position, pair in enumerate(pairs):
        await _ask(plugin, position, pair.a)
        # What is kept in the background goes through the model together, up to what its queue takes.
        await _settled(tasks, _AT_ONCE)
        tell()
    await _settled(tasks, 0)
    results = []
    for position, pair in enumerate(pairs):
        # One after the other: the time of each is its own.
        results.append(await _ask_again(plugin, position, pair))
        tell()
    return results


def _request(position: int, text: str) -> Any:
    payload = {"model": "evaluated", "messages": [{"role": "user", "content": text}]}
    return exchange(payload, tenant=f"pair-{position}", clock=SystemClock())


async def _ask(plugin: SemanticCachePlugin, position: int, text: str) -> None:
    await run_through(plugin, _request(position, text), whole(_ANSWER), clock=SystemClock())


async def _ask_again(plugin: SemanticCachePlugin, position: int, pair: Pair) -> Result:
    asked = _request(position, pair.b)
    upstream = FakeUpstream(whole(_ANSWER))
    chain = Chain([plugin], upstream, SystemClock())
    began = time.perf_counter()
    await chain.run(asked)
    seconds = time.perf_counter() - began
    scope = asked.trail.scopes[0]
    # What was asked is not kept: the next pair must find the store as it was.
    reason = scope.facts.get("cache.verdict") or scope.label
    return Result(pair, not upstream.got, str(reason), scope.facts.get("cache.similarity"), seconds)


async def _settled(tasks: Tasks, most: int) -> None:
    """Wait until no more than `most` background tasks are left."""
    until = time.monotonic() + _KEEP_S
    while len(tasks) > most and time.monotonic() < until:  # noqa: ASYNC110 - a condition nobody signals
        await asyncio.sleep(0.002)


_ANSWER: Final = {
    "id": "chatcmpl-evaluated",
    "object": "chat.completion",
    "created": 1,
    "model": "evaluated",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "An answer."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}

"""A semantic cache to test with: an embedder that is told its vectors, a store in a folder, requests in one line."""

import asyncio
from array import array
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from math import cos, sin
from pathlib import Path
from typing import Any

from tailrace.clock import SystemClock
from tailrace.embed import EmbedderUnavailable
from tailrace.plugin import Services
from tailrace.testing import exchange, plugin, services
from tailrace_plugins.semantic_cache.plugin import SemanticCachePlugin

DIMENSION = 8


def at(angle: float) -> bytes:
    """A vector of length 1: two of them have the cosine of the difference of their angles."""
    return array("f", [cos(angle), sin(angle), *[0.0] * (DIMENSION - 2)]).tobytes()


class ToldEmbedder:
    """Knows the angle of each text; all others are far away. `fails` makes it raise."""

    def __init__(self, angles: dict[str, float] | None = None) -> None:
        self.angles = angles or {}
        self.identity = "told:1"
        self.model = "told"
        self.state = "ready"
        self.reason = ""
        self.dimension: int | None = DIMENSION
        self.spent_tokens = 0
        self.fails: str = ""
        self.asked: list[str] = []

    def start(self) -> None:
        pass

    async def embed(self, text: str) -> bytes:
        self.asked.append(text)
        if self.fails:
            raise EmbedderUnavailable(self.fails)  # type: ignore[arg-type]
        return at(self.angles.get(text, 0.0))

    async def aclose(self) -> None:
        self.state = "off"


def answer(text: str = "An answer.", **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        "id": "chatcmpl-00000001",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
        **more,
    }


def asking(text: str, *, tenant: str = "tenant", headers: dict[str, str] | None = None, **more: Any) -> Any:
    """A chat request whose last user message is `text`."""
    payload = {"model": "gpt-4o", "messages": [{"role": "user", "content": text}], **more}
    return exchange(payload, tenant=tenant, headers=headers, clock=SystemClock())


@asynccontextmanager
async def caching(
    folder: Path, embedder: ToldEmbedder | None = None, settings: dict[str, Any] | None = None
) -> AsyncIterator[tuple[SemanticCachePlugin, Services]]:
    """A started plugin; what it keeps is on the disk when `kept` returns."""
    lent = replace(services(clock=SystemClock(), data_dir=folder), embedder=embedder or ToldEmbedder())
    made = plugin(SemanticCachePlugin, settings, services=lent)
    await made.start()
    try:
        yield made, lent
    finally:
        await made.stop()
        await lent.tasks.drain(5.0)
        await lent.caches.aclose()


async def kept(lent: Services) -> None:
    """Wait until what happens in the background is done."""
    await until(lambda: len(lent.tasks) == 0)


async def until(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    """Wait for a condition, or fail."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)

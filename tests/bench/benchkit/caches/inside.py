"""Measures what HTTP would hide or take too long for: `python -m benchkit.caches.inside JSON`, on the subject core.

`{"what": "opening", "file": …}`: the time to open a file of the caches.
`{"what": "pieces", "data": …, "questions": […]}`: embedding, search and verifier, of which a semantic hit consists.
`{"what": "endless", "data": …, "entries": …}`: the memory of an exact cache under so many distinct requests.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import psutil

from benchkit import payload
from benchkit.caches.filling import partition_in
from benchkit.caches.plan import nearest_rank
from benchkit.caches.questions import answer
from benchkit.caches.scratch import Teller
from tailrace.cache.caches import Caches
from tailrace.cache.disk import Disk
from tailrace.clock import SystemClock
from tailrace.embed import EmbedderSettings, make_embedder
from tailrace.exchange import Exchange, Reply
from tailrace.plugin import Services
from tailrace.tasks import Tasks
from tailrace.testing import exchange, plugin

_OPENINGS = 5
_LOAD_S = 120.0
_CANDIDATES = 6
_AT_ONCE = 2_000
MARKS = (100_000, 250_000, 500_000, 1_000_000)


def opening(file: Path) -> None:
    """Open the file several times; the worst counts, as the first may find nothing in the system's memory."""
    seconds = []
    entries = 0
    for _ in range(_OPENINGS):
        began = time.perf_counter()
        disk = Disk(file, 1 << 30)
        disk.get("exact_cache", "none")
        seconds.append(time.perf_counter() - began)
        entries = disk.totals("exact_cache").entries
        disk.close()
    Teller.result(first_ms=seconds[0] * 1000, worst_ms=max(seconds) * 1000, entries=entries)


async def pieces(data: Path, questions: list[str]) -> None:
    """The parts of a semantic hit, one by one, on the same data."""
    from tailrace_plugins.semantic_cache.index import saved
    from tailrace_plugins.semantic_cache.verifier import candidate_floor, verify

    tell = Teller(len(questions))
    embedder = make_embedder(EmbedderSettings(), Tasks(), SystemClock())
    embedder.start()
    until = time.monotonic() + _LOAD_S
    while embedder.state != "ready" and time.monotonic() < until:
        await asyncio.sleep(0.05)
    file = data / "cache" / "cache.sqlite"
    key, _ = partition_in(file)
    disk = Disk(file, 1 << 30)
    path = data / "cache" / "vectors" / sha256(key.encode()).hexdigest()
    ids = [row_id for row_id, _ in disk.partition("semantic_cache", key)]
    began = time.perf_counter()
    partition = saved.restore(path, embedder.identity, embedder.dimension or 0, ids, disk.vectors)
    restored_s = time.perf_counter() - began
    times: dict[str, list[float]] = {"embedding": [], "search": [], "entries": [], "verifier": []}
    similar = 0
    searched: list[tuple[bytes, set[int]]] = []
    # As the plugin does at its start.
    verify("warm", "up", 0.0)
    gc.disable()
    for number, question in enumerate(questions):
        marks = [time.perf_counter()]
        vector = await embedder.embed(question)
        marks.append(time.perf_counter())
        near = partition.search(vector, _CANDIDATES)
        marks.append(time.perf_counter())
        entries = [disk.by_id(row_id) for row_id, similarity in near if similarity >= candidate_floor(0.01)]
        marks.append(time.perf_counter())
        for entry, (_, similarity) in zip(entries, near, strict=False):
            if entry is None or verify(entry.question, question, similarity, 0.01).same:
                break
        marks.append(time.perf_counter())
        for name, start, end in zip(times, marks, marks[1:], strict=False):
            times[name].append((end - start) * 1000)
        similar += len(entries)
        searched.append((vector, {row_id for row_id, _ in near}))
        tell.done(number)
    found: dict[str, Any] = {f"{name}_p50_ms": nearest_rank(values, 0.5) for name, values in times.items()}
    found |= {f"{name}_p95_ms": nearest_rank(values, 0.95) for name, values in times.items()}
    recall = recall_of(searched, list(disk.vectors(ids)))
    disk.close()
    await embedder.aclose()
    is_graph, size_mb = partition.is_graph, partition.size_bytes / 1e6
    tell.result(**found, restored_s=restored_s, vectors=len(partition), is_graph=is_graph, index_mb=size_mb,
                candidates=similar / max(1, len(questions)), recall=recall)  # fmt: skip


def recall_of(searched: list[tuple[bytes, set[int]]], stored: list[tuple[int, bytes]]) -> float:
    """For which share of the searches the nearest of all stored vectors is among the ids that were found."""
    import numpy as np

    matrix = np.frombuffer(b"".join(vector for _, vector in stored), "<f4").reshape(len(stored), -1)
    nearest = [stored[int((matrix @ np.frombuffer(vector, "<f4")).argmax())][0] for vector, _ in searched]
    return sum(one in found for one, (_, found) in zip(nearest, searched, strict=True)) / max(1, len(searched))


async def endless(folder: Path, count: int) -> None:
    """Distinct requests through the plugin, each a miss that is kept; the memory at each mark."""
    from tailrace_plugins.exact_cache.plugin import ExactCachePlugin

    services = Services(data_dir=folder, caches=Caches(), clock=SystemClock(), route=lambda _: "bench")
    cache = plugin(ExactCachePlugin, {}, services=services)
    await cache.start()
    disk = services.caches.disk(folder / "cache", 0, time.time)
    assert disk is not None
    before, after = payload.request_parts(0, "key", temperature=0)
    before = before.partition(b"\r\n\r\n")[2]
    body_before, body_after = payload.split_serial(answer(0).replace(b"Filler 000000000000", b"of ticket-000000000000"))
    tell = Teller(count)
    rss: dict[str, float] = {}
    process = psutil.Process()
    misses = 0
    began = time.monotonic()
    marks = {mark for mark in MARKS if mark <= count} | {count, count // 4}
    serial = b""

    async def provider(_: Exchange) -> Reply:
        return Reply(200, {"content-type": "application/json"}, body_before + serial + body_after)

    for number in range(1, count + 1):
        serial = b"%012d" % number
        reply = await cache.handle(exchange(before + serial + after, clock=services.clock), provider)
        misses += reply.headers.get("x-tailrace-cache") == "miss"
        if number % 64 == 0:
            await asyncio.sleep(0)
            tell.done(number)
        if number % _AT_ONCE == 0:
            # Without HTTP requests come faster than one core can write, and what it cannot write is dropped.
            await asyncio.to_thread(disk.totals, "")
        if number in marks:
            rss[str(number)] = process.memory_info().rss / 1e6
    seconds = time.monotonic() - began
    told = await cache.statistics()
    await cache.stop()
    await services.caches.aclose()
    file_mb = (folder / "cache" / "cache.sqlite").stat().st_size / 1e6
    kept = {name: told[name] for name in ("stored", "entries", "memory_bytes", "disk_dropped", "disk_evictions")}
    tell.result(rss_mb=rss, misses=misses, seconds=seconds, file_mb=file_mb, **kept, failed=told["disk_failed"])


if __name__ == "__main__":
    asked = orjson.loads(sys.argv[1])
    if asked["what"] == "opening":
        opening(Path(asked["file"]))
    elif asked["what"] == "pieces":
        asyncio.run(pieces(Path(asked["data"]), asked["questions"]))
    else:
        asyncio.run(endless(Path(asked["data"]), asked["entries"]))

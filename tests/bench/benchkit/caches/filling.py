"""Fills a cache's file without asking: `python -m benchkit.caches.filling JSON`.

`{"what": "exact"|"semantic", "file": …, "entries": …}`. Through the classes the proxy uses, so that the file is one of
the proxy's own. A semantic file must hold the questions the proxy has been asked: the others go into their partition.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import orjson

from benchkit import payload
from benchkit.caches.plan import REAL
from benchkit.caches.questions import answer, others
from benchkit.caches.scratch import Teller
from tailrace.cache.disk import Disk
from tailrace.cache.entry import Entry, Saved
from tailrace.cache.sqlite import reading

_DAY_S = 86_400.0
_AT_ONCE = 2_000
_DISK_BYTES = 1 << 30


def entry(cache: str, serial: int, now: float, tenant: str) -> Entry:
    """A filler without a question."""
    saved = Saved(420, 96, 0.0001, 1.5)
    key = f"f{serial:063d}"
    return Entry(cache, key, tenant, "chat", payload.MODEL, now, now + 7 * _DAY_S, answer(serial), saved=saved)


def partition_in(file: Path) -> tuple[str, str]:
    """The largest semantic partition in a file, and its tenant."""
    query = (
        "SELECT partition, tenant FROM entry WHERE cache = 'semantic_cache' AND partition != '' "
        "GROUP BY partition, tenant ORDER BY count(*) DESC LIMIT 1"
    )
    connection = reading(file)
    try:
        found: tuple[str, str] | None = connection.execute(query).fetchone()
    finally:
        connection.close()
    if found is None:
        raise RuntimeError(f"{file} holds no questions")
    return found


def fill(file: Path, entries: Iterator[Entry], tell: Teller, before: int = 0) -> int:
    """Write the entries; how many of them are in the file."""
    disk = Disk(file, _DISK_BYTES)
    count = 0
    cache = ""
    try:
        for one in entries:
            cache = one.cache
            disk.put(one)
            count += 1
            if count % _AT_ONCE == 0:
                # Waits until all that was put before is written.
                disk.totals("")
                tell.done(before + count)
        return disk.totals(cache).entries
    finally:
        disk.close()


def exact(file: Path, count: int) -> None:
    """Entries of the exact cache."""
    now = time.time()
    tell = Teller(count)
    made = (entry("exact_cache", serial, now, "filler") for serial in range(count))
    tell.result(entries=fill(file, made, tell))


def semantic(file: Path, count: int) -> None:
    """Entries of the semantic cache, in the partition that is there."""
    from benchkit.caches.vectors import vectors_for

    now = time.time()
    partition, tenant = partition_in(file)
    real = min(REAL, count)
    tell = Teller(real + count)
    texts = list(others(count))
    vectors = vectors_for(texts, REAL, tell.done)

    def made() -> Iterator[Entry]:
        for serial, (text, vector) in enumerate(zip(texts, vectors, strict=True)):
            bare = entry("semantic_cache", serial, now, tenant)
            yield replace(bare, question=text, partition=partition, vector=vector.tobytes())

    tell.result(entries=fill(file, made(), tell, real), real=real)


if __name__ == "__main__":
    asked = orjson.loads(sys.argv[1])
    {"exact": exact, "semantic": semantic}[asked["what"]](Path(asked["file"]), asked["entries"])

"""The memory of an exact cache under a million distinct requests."""

from __future__ import annotations

from pathlib import Path

from benchkit.caches import scratch
from benchkit.caches.exact import BROKEN
from benchkit.caches.plan import Book, CachePlan, Shares, Tell
from benchkit.machine import Cores

ENDLESS_S = 200.0


def endless(folder: Path, cores: Cores, plan: CachePlan, book: Book, tell: Tell) -> None:
    """Drive the plugin in a process of its own."""
    label = f"{plan.in_all:,} distinct requests"
    tell(label, 0)
    shares = Shares(tell, ENDLESS_S * plan.in_all / 1e6)
    try:
        found = scratch.run("inside", cores, folder, shares, 3600.0, what="endless", data=folder, entries=plan.in_all)
    except BROKEN as error:
        book.wrong(label, str(error))
        return
    shares(1.0)
    rss: dict[str, float] = found["rss_mb"]
    for mark, value in rss.items():
        book.write(f"endless rss {mark}", value)
    at = {int(mark): value for mark, value in rss.items()}
    quarter = at[plan.in_all // 4]
    book.write("endless growth", max(at[mark] for mark in at if mark >= plan.in_all // 4) - quarter)
    kept = f"{found['stored']:,} stored, {found['entries']:,} left on disk, {found['disk_evictions']:,} made room"
    book.notes["endless"] = (
        f"{kept}, {found['memory_bytes'] / 1e6:.0f} MB in memory, a file of {found['file_mb']:,.0f} MB, {found['seconds']:.0f} s"
    )
    if found["misses"] != plan.in_all or found["failed"]:
        book.wrong(label, f"{found['misses']} misses, {found['failed']} failed writes")
    if found["disk_dropped"]:
        book.notes["endless, not written"] = f"{found['disk_dropped']:,}: the disk could not keep up"

"""From the book to tables and verdicts. Pure."""

from __future__ import annotations

import operator
from collections.abc import Sequence

from rich.table import Table

from benchkit.caches.plan import Book
from benchkit.report import Figure, Verdict, at_most, number, quotient, shown

Cells = list[str]

HITS = (
    ("whole answer, 1 connection, p50 ms", "whole p50"),
    ("    p99 ms", "whole p99"),
    ("stream, 1 connection, to its end, p50 ms", "stream p50"),
    ("    p99 ms", "stream p99"),
    ("    first event, p50 ms", "first event p50"),
    ("many connections, requests/s", "per_s"),
    ("    CPU us/request", "cpu"),
    ("    p50 ms", "many p50"),
    ("    p99 ms", "many p99"),
)

MISSES = (
    ("exact: whole answer, p50 ms", "miss tailrace whole p50", "miss off whole p50"),
    ("    p99 ms", "miss tailrace whole p99", "miss off whole p99"),
    ("    CPU us/request", "miss tailrace whole cpu", "miss off whole cpu"),
    ("exact: stream, to its end, p50 ms", "miss tailrace stream p50", "miss off stream p50"),
    ("    first event, p50 ms", "miss tailrace first event p50", "miss off first event p50"),
    ("    CPU us/stream", "miss tailrace stream cpu", "miss off stream cpu"),
    ("semantic: empty partition, p50 ms", "empty balanced p50", "empty unsemantic p50"),
    ("    against no cache at all", "empty balanced p50", "empty off p50"),
    ("semantic: text too long, p50 ms", "too long balanced p50", "too long unsemantic p50"),
    ("    against no cache at all", "too long balanced p50", "too long off p50"),
    ("semantic: no pause between misses, p50 ms", "loop balanced p50", "loop unsemantic p50"),
    ("    p95 ms", "loop balanced p95", "loop unsemantic p95"),
)

STORE = (
    ("hit from disk after a restart, p50 ms", "disk p50"),
    ("    p99 ms", "disk p99"),
    ("opening the full file, ms (worst of 5)", "opening ms"),
    ("start of a proxy with it, s", "start with a full file s"),
    ("semantic hit, p50 ms", "semantic p50"),
    ("    p95 ms", "semantic p95"),
    ("    share of the reworded questions that hit", "semantic hit share"),
    ("    of it: embedding, p50 ms", "embedding p50"),
    ("    of it: search, p50 ms", "search p50"),
    ("    search, p95 ms", "search p95"),
    ("    share of searches that find the nearest", "recall"),
    ("    of it: reading the candidates, p50 ms", "entries p50"),
    ("    of it: verifier, p50 ms", "verifier p50"),
    ("index built from the vectors on disk, s", "building s"),
    ("    a request to this partition meanwhile, p50 ms", "while building same p50"),
    ("    any other request meanwhile, p50 ms", "while building other p50"),
    ("    p95 ms", "while building other p95"),
    ("index read from its file, s", "reading s"),
    ("proxy before the index is read, RSS MB", "reading rss before"),
    ("    after the questions", "reading rss after"),
    ("    at the most", "reading rss peak"),
    ("proxy before the index is built, RSS MB", "building rss before"),
    ("    after", "building rss after"),
    ("    at the most", "building rss peak"),
    ("embedding process, before, RSS MB", "reading embedding rss before"),
    ("    after the questions", "reading embedding rss after"),
)


def hit_cells(book: Book) -> list[Cells]:
    """Tailrace beside LiteLLM."""
    rows = []
    for title, name in HITS:
        ours, theirs = f"tailrace {name}", f"litellm {name}"
        rows.append([title, shown(book.read(ours)), shown(book.read(theirs)), _percent(_share(book, name))])
    return rows


def miss_cells(book: Book) -> list[Cells]:
    """With and without."""
    rows = []
    for title, with_it, without in MISSES:
        added = book.combined(with_it, without, operator.sub)
        rows.append(
            [title, shown(book.read(with_it)), shown(book.read(without)), number(added.median) if added else "-"]
        )
    return rows


def store_cells(book: Book) -> list[Cells]:
    """Single figures, and the memory under distinct requests."""
    rows = [[title, shown(book.read(name))] for title, name in STORE]
    marks = sorted(int(name.rpartition(" ")[2]) for name in book.figures if name.startswith("endless rss "))
    rows += [
        [f"exact cache after {mark:,} distinct requests, RSS MB", shown(book.read(f"endless rss {mark}"))]
        for mark in marks
    ]
    return rows


def verdicts(book: Book, entries: int) -> list[Verdict]:
    """What issue 3 asks for."""
    growth = [_growth(book, name, "rss after") for name in ("reading", "building")]
    grown = max((one for one in growth if one is not None), key=lambda one: one.median, default=None)
    full = f"at {entries:,} entries"
    return [
        at_most("exact hit, whole, p50", 1.0, "ms", book.read("tailrace whole p50"), strictly=True),
        at_most("exact hit, whole, of LiteLLM's", 5.0, "%", _share(book, "whole p50"), strictly=True),
        at_most("exact hit, stream, p50", 1.0, "ms", book.read("tailrace stream p50"), strictly=True),
        at_most("exact hit, stream, of LiteLLM's", 5.0, "%", _share(book, "stream p50"), strictly=True),
        at_most(f"opening the file {full}", 1000, "ms", book.read("opening ms"), strictly=True),
        at_most("exact cache, added to a miss, whole", 0.2, "ms", _added(book, MISSES[0]), strictly=True),
        at_most("exact cache, added to a miss, first event", 0.2, "ms", _added(book, MISSES[4]), strictly=True),
        at_most("exact cache, added to a miss, whole stream", 0.2, "ms", _added(book, MISSES[3]), strictly=True),
        at_most(f"semantic hit {full}, p50", 15, "ms", book.read("semantic p50"), strictly=True),
        at_most(f"index search {full}, p50", 1.0, "ms", book.read("search p50"), strictly=True),
        at_most("semantic cache, added to a miss, empty partition", 0.2, "ms", _added(book, MISSES[6]), strictly=True),
        at_most("semantic cache, added to a miss, text too long", 0.2, "ms", _added(book, MISSES[8]), strictly=True),
        at_most(f"RSS growth by the semantic index {full}", 600, "MB", grown, strictly=True),
        at_most("RSS growth over the last three quarters of all requests", 10, "MB", book.read("endless growth")),
    ]


def _share(book: Book, name: str) -> Figure | None:
    return book.combined(f"tailrace {name}", f"litellm {name}", lambda left, right: 100 * quotient(left, right))


def _added(book: Book, row: tuple[str, str, str]) -> Figure | None:
    return book.combined(row[1], row[2], operator.sub)


def _growth(book: Book, name: str, after: str) -> Figure | None:
    return book.combined(f"{name} {after}", f"{name} rss before", operator.sub)


def _percent(value: Figure | None) -> str:
    if value is None:
        return "-"
    return f"{number(value.median)}%" if value.median < 100 else f"{number(value.median / 100)} x"


def table(title: str, headings: Sequence[str], cells: list[Cells]) -> Table:
    """A table whose first column is text."""
    out = Table(title=title, title_justify="left")
    for at, heading in enumerate(headings):
        out.add_column(heading, justify="right" if at else "left")
    for row in cells:
        out.add_row(*row)
    return out

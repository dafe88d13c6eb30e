"""Sessions that grow; and a process that keeps or loads them: `python kept_kit.py keep|load|many FOLDER`."""

import asyncio
import os
import sys
import time
from hashlib import blake2b
from pathlib import Path

from tailrace_plugins.compress.chain import Edit, Links
from tailrace_plugins.compress.hidden.nouns import Inserted
from tailrace_plugins.compress.kept.store import Limits, Store
from tailrace_plugins.compress.memory import Fold, Known, Note

LOTS = 1 << 30
# A machine that is busy is no disk that fails.
QUICK = Limits(retry_s=0.2, load_s=60.0)


def link(name, number):
    return blake2b(f"{name}/{number}".encode(), digest_size=16).digest()


def chain(count, name="a"):
    return Links(0, link(name, -1), tuple(link(name, number) for number in range(count)), (100,) * count)


def edit(number, text="short"):
    return Edit((0, number), f"{text} {number}", 100, 10, ("minify", "tabular"), "k12ab34", "a longer text")


def turn(known, count, name="a", most=LOTS, text="short"):
    """Known, with a decision for each of the first `count` messages: every second one is edited."""
    made = {number: (edit(number, text),) for number in range(1, count, 2)}
    return (known or Known()).with_decisions(chain(count, name), made, most)


def noted(known, number, note, name="a"):
    return known.with_note(link(name, number), note, LOTS)


INSERTED = Inserted(({"role": "assistant", "b": 1, "a": [1.5, None]},), ({"id": "c"},), ({"r": "x"},), True)
NOTE = Note(
    inserted=INSERTED,
    adopts=True,
    loads=("t1", "t2"),
    fold=Fold(1, 3, {"role": "user", "content": "s"}, 9, {4: (edit(4),)}),
    prepared=(2, "p"),
)


def same(one, other):
    """Whether two say the same of all messages, however they are spread over generations."""
    if one is None or other is None:
        return one is other
    return contents(one) == contents(other) and one.full == other.full


def contents(known):
    both = (known.before, known.now)
    return (
        {key: value for one in both for key, value in one.decided.items()},
        {key: value for one in both for key, value in one.noted.items()},
        frozenset().union(*(one.followed for one in both)),
    )


async def until(condition, deadline_s=20.0):
    """Wait until something holds, which may be awaited."""
    end = time.monotonic() + deadline_s
    while True:
        found = condition()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        assert time.monotonic() < end, "it never came"
        await asyncio.sleep(0.01)


async def _keep(folder):
    """Sessions that grow for ever; what another store has seen is told as sure."""
    store, other = Store(folder, QUICK), Store(folder, QUICK)
    known = {name: await store.load(name) for name in ("s0", "s1", "s2", "s3", "s4")}
    for number in range(10**9):
        name = f"s{number % 5}"
        before = known[name]
        count = 2 + (before.so_far(chain(10_000, name)) if before else 0)
        after = noted(turn(before, count, name, text=name * 200), count - 1, Note(adopts=True), name)
        store.keep(name, before, after)
        known[name] = after
        if number % 20 == 19:
            await until(lambda name=name, after=after: _sees(other, name, after))
            os.write(1, b"%s %d\n" % (name.encode(), count))
        await asyncio.sleep(0.0005)


async def _sees(store, name, known):
    return same(await store.load(name), known)


async def _load(folder, name):
    store = Store(folder, QUICK)
    loaded = await until(lambda: store.load(name))
    count = sum(link(name, number) in loaded.now.decided for number in range(10_000))
    os.write(1, b"%d %d\n" % (count, same(loaded, turn(None, count, name))))
    await store.aclose()


async def _many(folder, mine):
    """Keep many sessions of one's own, and grow one that others grow, too."""
    store = Store(folder, QUICK)
    shared = None
    for number in range(1, 101):
        store.keep(f"{mine}-{number}", None, turn(None, 5, f"{mine}-{number}"))
        grown = turn(shared, 2 * number, "shared", text=mine)
        store.keep("shared", shared, grown)
        shared = grown
        await asyncio.sleep(0.001)
    await store.aclose()
    os.write(1, b"%d\n" % store.dropped)


if __name__ == "__main__":
    work = {"keep": _keep, "load": _load, "many": _many}[sys.argv[1]]
    asyncio.run(work(Path(sys.argv[2]), *sys.argv[3:]))

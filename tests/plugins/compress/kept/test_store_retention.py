"""A store deletes what is old, or too much, by itself."""

import asyncio
from dataclasses import replace

from kept_kit import QUICK, turn, until


class Wall:
    def __init__(self):
        self.at = 1_800_000_000.0

    def __call__(self):
        return self.at


async def test_a_store_sweeps_by_itself(open_store, tmp_path):
    wall = Wall()
    store = open_store(replace(QUICK, sweep_s=0.05, idle_s=100), wall)
    for name in ("old", "used"):
        store.keep(name, None, turn(None, 4))
        assert await store.load(name)
    wall.at += 90
    assert await store.load("used")
    wall.at += 20
    await until(lambda: store.swept == 1)
    assert await store.load("used") and await store.load("old") is None
    wall.at -= 1_000_000
    store.keep("new", None, turn(None, 4))
    assert await store.load("new")
    await asyncio.sleep(0.2)
    assert store.swept == 1 and await store.load("used"), "a clock that was put back"


async def test_a_store_stays_small(open_store, tmp_path):
    store = open_store(replace(QUICK, most_bytes=1_000_000, sweep_s=1000))
    for number in range(60):
        store.keep(f"s{number}", None, turn(None, 40, text=f"{number} " * 1000))
        assert await store.load(f"s{number}")
    await until(lambda: store.swept)
    assert await store.load("s59") and await store.load("s0") is None
    assert (tmp_path / "compress/decisions.sqlite").stat().st_size < 2_000_000

import asyncio
import time

import pytest

from tailrace.clock import Clock
from tailrace.testing import ManualClock, VirtualLoop, virtual_time


def test_manual_clock():
    clock = ManualClock(5.0, 7)
    fits: Clock = clock
    clock.advance(1.5)
    assert (fits.monotonic(), fits.wall_ns()) == (6.5, 1_500_000_007)
    with pytest.raises(ValueError, match="back"):
        clock.advance(-1)


def test_hours_pass_in_order_and_in_no_time():
    async def wait():
        loop = asyncio.get_running_loop()
        began, seen = loop.time(), []

        async def after(seconds):
            await asyncio.sleep(seconds)
            seen.append((seconds, round(loop.time() - began, 6)))

        await asyncio.gather(after(7200), after(0.25), after(3600))
        assert loop.clock.monotonic() == loop.time()
        return seen

    began = time.monotonic()
    assert virtual_time(wait)() == [(0.25, 0.25), (3600, 3600.0), (7200, 7200.0)]
    assert time.monotonic() - began < 60, "the machine's clock was waited for"


def test_timeouts_fire_at_their_time():
    @virtual_time
    async def stuck():
        loop = asyncio.get_running_loop()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await loop.create_future()
        return loop.time()

    assert stuck() == pytest.approx(ManualClock().monotonic() + 30)


@virtual_time
async def test_threads_still_reach_the_loop():
    assert await asyncio.to_thread(lambda: 3) == 3


def test_a_test_that_waits_for_nothing_is_told(monkeypatch):
    monkeypatch.setattr("tailrace.testing.clock._REAL_PATIENCE_S", 0.01)
    loop = VirtualLoop()
    waiting = loop.create_future()
    with pytest.raises(RuntimeError, match="everything waits"):
        loop.run_until_complete(waiting)
    loop.close()


@virtual_time
async def test_arguments_and_results_go_through():
    @virtual_time
    async def add(a, b=0):
        return a + b

    assert await asyncio.to_thread(add, 1, b=2) == 3

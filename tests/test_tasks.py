"""Deadlines that fire, are put off, and never eat somebody else's cancellation; tasks that are kept."""

import asyncio
import gc
import logging

import pytest

from tailrace.tasks import Tasks, Watchdog
from tailrace.testing import virtual_time


def now():
    return asyncio.get_running_loop().time()


@virtual_time
async def test_it_fires():
    began = now()
    with pytest.raises(TimeoutError), Watchdog(5):
        await asyncio.sleep(100)
    assert now() - began == pytest.approx(5)
    assert asyncio.current_task().cancelling() == 0
    await asyncio.sleep(1)


@virtual_time
async def test_it_does_not_fire_after_the_block():
    with Watchdog(5):
        await asyncio.sleep(4.9)
    await asyncio.sleep(100)


@virtual_time
async def test_progress_puts_it_off():
    began = now()
    with pytest.raises(TimeoutError), Watchdog(5) as watch:
        for _ in range(10):
            await asyncio.sleep(4)
            watch.touch()
        await asyncio.sleep(100)
    assert now() - began == pytest.approx(45)


@virtual_time
async def test_progress_does_not_put_off_the_end():
    began = now()
    with pytest.raises(TimeoutError), Watchdog(5, until=now() + 12) as watch:
        while True:
            await asyncio.sleep(4)
            watch.touch()
    assert now() - began == pytest.approx(12)


@virtual_time
async def test_pause_and_resume():
    began = now()
    with pytest.raises(TimeoutError), Watchdog(5) as watch:
        await asyncio.sleep(4)
        watch.pause()
        watch.pause()
        await asyncio.sleep(1000)
        watch.resume(3)
        await asyncio.sleep(2)
        watch.resume(3)
        await asyncio.sleep(100)
    assert now() - began == pytest.approx(4 + 1000 + 2 + 3)


@virtual_time
async def test_nothing_happens_once_it_is_left():
    with Watchdog(5) as watch:
        pass
    watch.resume(1)
    await asyncio.sleep(10)


@virtual_time
async def test_a_cancellation_by_somebody_else_goes_through():
    async def work():
        with Watchdog(50):
            await asyncio.sleep(100)

    task = asyncio.get_running_loop().create_task(work())
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("first", ["watchdog", "hang-up"])
@virtual_time
async def test_a_hang_up_in_the_same_moment_wins(first):
    loop = asyncio.get_running_loop()
    task = None

    async def work():
        # Whichever timer fires first, both have fired before the task is run again.
        if first == "hang-up":
            loop.call_later(5, task.cancel)
        with Watchdog(5):
            if first == "watchdog":
                loop.call_later(5, task.cancel)
            await asyncio.sleep(100)

    task = loop.create_task(work())
    with pytest.raises(asyncio.CancelledError):
        await task


@virtual_time
async def test_nested_the_inner_one_fires():
    with Watchdog(50):
        with pytest.raises(TimeoutError), Watchdog(5):
            await asyncio.sleep(100)
        await asyncio.sleep(10)


@virtual_time
async def test_nested_the_outer_one_fires():
    inner = []
    with pytest.raises(TimeoutError), Watchdog(5):
        try:
            with Watchdog(50):
                await asyncio.sleep(100)
        except BaseException as error:
            inner.append(type(error))
            raise
    assert inner == [asyncio.CancelledError]


@virtual_time
async def test_nested_both_fire_at_once():
    inner = []
    with pytest.raises(TimeoutError), Watchdog(5):
        try:
            with Watchdog(5):
                await asyncio.sleep(100)
        except BaseException as error:
            inner.append(type(error))
            raise
    assert inner == [asyncio.CancelledError], "the inner one took the outer one's timeout for its own"
    assert asyncio.current_task().cancelling() == 0


@virtual_time
async def test_fired_but_completed():
    """Work that swallows the cancellation and ends well is no timeout, and leaves nothing behind."""
    with Watchdog(5):
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            pass
    assert asyncio.current_task().cancelling() == 0
    await asyncio.sleep(1)


@virtual_time
async def test_fired_but_failed_otherwise():
    with pytest.raises(KeyError), Watchdog(5):
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            raise KeyError from None
    assert asyncio.current_task().cancelling() == 0


@virtual_time
async def test_within_asyncios_timeout():
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(5):
            with Watchdog(50):
                await asyncio.sleep(100)
    with pytest.raises(TimeoutError), Watchdog(5):
        async with asyncio.timeout(50):
            await asyncio.sleep(100)
    assert asyncio.current_task().cancelling() == 0


# Background tasks.


@virtual_time
async def test_tasks_are_held_until_they_end():
    tasks = Tasks()
    done = []

    async def work():
        await asyncio.sleep(5)
        done.append(True)

    tasks.spawn(work(), "work")
    gc.collect()
    assert len(tasks) == 1
    await asyncio.sleep(6)
    assert (done, len(tasks)) == ([True], 0)


@virtual_time
async def test_drain_waits_then_cancels():
    tasks, ended = Tasks(), []

    async def work(seconds):
        try:
            await asyncio.sleep(seconds)
            ended.append(seconds)
        except asyncio.CancelledError:
            await asyncio.sleep(0.5)
            ended.append(-seconds)
            raise

    for seconds in (1, 3, 100):
        tasks.spawn(work(seconds), "work")
    began = now()
    await tasks.drain(5)
    assert (ended, len(tasks)) == ([1, 3, -100], 0)
    assert now() - began == pytest.approx(5.5)
    await tasks.drain(5)
    assert now() - began == pytest.approx(5.5)


async def test_a_failure_is_named_and_its_text_is_not(caplog):
    tasks = Tasks()

    async def work():
        raise ValueError("a prompt")

    with caplog.at_level(logging.ERROR, "tailrace.tasks"):
        tasks.spawn(work(), "sweeper")
        await tasks.drain(5)
    assert [record.getMessage() for record in caplog.records] == ["background task sweeper failed: ValueError"]


@virtual_time
async def test_drain_after_a_failure_and_a_cancellation():
    tasks = Tasks()

    async def work():
        await asyncio.sleep(100)

    task = tasks.spawn(work(), "work")
    task.cancel()
    await tasks.drain(1)
    assert len(tasks) == 0 and task.cancelled()

import asyncio

import pytest

from tailrace.errors import StreamCut
from tailrace.tasks import Tasks
from tailrace.testing import virtual_time
from tailrace.wire.sse import Event
from tailrace_plugins.stream.inbox import Inbox

A, B, C = (Event(raw, raw) for raw in (b"a", b"b", b"c"))


async def script(*steps):
    for step in steps:
        if isinstance(step, Event):
            yield step
        elif isinstance(step, Exception):
            raise step
        else:
            await asyncio.sleep(step)


@virtual_time
async def test_events_come_together_and_none_is_lost_to_a_timeout():
    inbox = Inbox(script(A, B, 10, C), Tasks())
    assert await inbox.take(None) == [A, B]
    assert await inbox.take(3) == []
    assert await inbox.take(0) == []
    assert not inbox.over
    assert await inbox.take(None) == [C]
    assert await inbox.take(None) == []
    assert inbox.over
    assert inbox.failure is None


@virtual_time
async def test_a_failure_is_told_after_what_came_before_it():
    tasks = Tasks()
    cut = StreamCut("cut")
    inbox = Inbox(script(A, cut), tasks)
    assert await inbox.take(None) == [A]
    assert await inbox.take(None) == []
    assert inbox.over
    assert inbox.failure is cut
    await tasks.drain(1)
    assert len(tasks) == 0


@virtual_time
async def test_it_reads_only_a_little_ahead():
    given = []

    async def endless(size):
        while True:
            given.append(1)
            yield Event(b"x" * size, b"")

    for size, most in ((10, 65), (40_000, 2)):
        given.clear()
        inbox = Inbox(endless(size), Tasks())
        for _ in range(5):
            await asyncio.sleep(1)
        assert len(given) == most
        assert len(await inbox.take(None)) == most
        await asyncio.sleep(1)
        assert len(given) == 2 * most
        inbox.close()


@virtual_time
async def test_closing_ends_the_reading():
    closed = []

    async def waiting():
        try:
            yield A
            await asyncio.sleep(10**6)
        finally:
            closed.append(True)

    tasks = Tasks()
    inbox = Inbox(waiting(), tasks)
    assert await inbox.take(None) == [A]
    inbox.close()
    await tasks.drain(1)
    assert closed == [True]
    assert inbox.over
    assert isinstance(inbox.failure, StreamCut), "an end that was forced is no end of the answer"


@virtual_time
async def test_a_cancelled_owner_can_come_back():
    inbox = Inbox(script(5, A), Tasks())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await inbox.take(None)
    assert await inbox.take(None) == [A]

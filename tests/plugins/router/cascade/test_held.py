import asyncio

import pytest
from stream_kit import Script

from tailrace.errors import StreamCut
from tailrace.streams import Stage, Stream
from tailrace.tasks import Tasks
from tailrace.testing import chat_text, virtual_time
from tailrace.testing.upstream import FakeEvents
from tailrace_plugins.router.cascade.held import HeldEvents

FRAMES = chat_text("a", "b", "c")


def held(*steps, wrap=None):
    source = FakeEvents("chat", steps or FRAMES)
    stream = Stream(source) if wrap is None else Stream(source).with_stage(Stage(wrap=wrap))
    return source, HeldEvents("chat", 1, stream, Tasks())


async def rest(events):
    return [piece async for piece in Stream(events).open()]


@virtual_time
@pytest.mark.parametrize("ahead", range(8))
async def test_whatever_was_read_ahead_the_client_gets_all_of_it(ahead):
    source, events = held()
    read = [await events.ahead(None) for _ in range(ahead)]
    assert read == [*FRAMES, b"", b""][:ahead] and events.held_bytes == sum(map(len, read))
    assert await rest(events) == FRAMES
    await events.aclose()
    assert source.closed and source.watch.done


@virtual_time
async def test_a_read_that_is_too_slow_goes_on():
    source, events = held(FRAMES[0], 10.0, *FRAMES[1:])
    assert await events.ahead(1) == FRAMES[0]
    assert await events.ahead(1) is None
    assert await events.ahead(2) is None
    assert await rest(events) == FRAMES
    assert asyncio.get_running_loop().time() == pytest.approx(1010, abs=0.1)


@virtual_time
async def test_a_break_is_told_at_its_place():
    error = StreamCut("x")
    _, events = held(FRAMES[0], error)
    await events.ahead(None)
    with pytest.raises(StreamCut):
        await events.ahead(None)
    pieces = Stream(events).open()
    assert await anext(pieces) == FRAMES[0]
    with pytest.raises(StreamCut) as caught:
        await anext(pieces)
    assert caught.value is error


@virtual_time
async def test_nothing_more_is_read_than_the_client_takes():
    source = Script(*FRAMES)
    events = HeldEvents("chat", 1, Stream(source), Tasks())
    await events.ahead(None)
    pieces = Stream(events).open()
    assert [await anext(pieces), await anext(pieces)] == FRAMES[:2] and source.pieces == FRAMES[2:]


@virtual_time
async def test_closing_ends_a_read_that_is_under_way():
    ended = []

    async def wrap(events):
        try:
            async for event in events:
                yield event
        finally:
            ended.append(True)

    source, events = held(FRAMES[0], 1e9, wrap=wrap)
    tasks = events._tasks
    assert await events.ahead(1) and await events.ahead(1) is None
    await events.aclose()
    await events.aclose()
    assert source.closed and ended and not len(tasks)


@virtual_time
async def test_closing_does_not_wait_for_what_cannot_be_ended():
    class Stubborn(FakeEvents):
        async def read(self):
            while True:
                try:
                    await asyncio.sleep(30)
                    return b""
                except asyncio.CancelledError:
                    pass

    source = Stubborn("chat", [])
    events = HeldEvents("chat", 1, Stream(source), Tasks())
    assert await events.ahead(1) is None
    before = asyncio.get_running_loop().time()
    await events.aclose()
    assert source.closed and asyncio.get_running_loop().time() - before == pytest.approx(1)


@virtual_time
async def test_a_wrap_that_fails_behind_the_end_does_no_harm():
    async def wrap(events):
        async for event in events:
            yield event
        raise KeyError("late")

    source, events = held(wrap=wrap)
    assert b"".join(await rest(events)) == b"".join(FRAMES)
    await events.aclose()
    assert source.closed

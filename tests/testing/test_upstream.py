import asyncio

import pytest

from tailrace.errors import StreamCut, TailraceError
from tailrace.testing import FakeUpstream, chat_text, events, exchange, failing, hanging, virtual_time, whole

ASKED = {"model": "m"}


@virtual_time
async def test_answers_come_in_turn_and_the_last_stays():
    upstream = FakeUpstream(whole({"n": 1}), whole({"n": 2}, status=201, headers={"x": "y"}, origin="cache"))
    replies = [await upstream(exchange(ASKED)) for _ in range(3)]
    assert [reply.json()["n"] for reply in replies] == [1, 2, 2]
    assert (replies[1].status, replies[1].headers["x"], replies[1].origin) == (201, "y", "cache")
    assert len(upstream.got) == 3
    with pytest.raises(ValueError, match="at least one"):
        FakeUpstream()


@virtual_time
async def test_a_stream_takes_its_time():
    loop = asyncio.get_running_loop()
    began = loop.time()
    upstream = FakeUpstream(events(b": c\n\n", 3.0, *chat_text("a"), after_s=2))
    reply = await upstream(exchange(ASKED))
    times = [loop.time() - began async for _ in reply.stream.open()]
    assert times[0] == pytest.approx(2)
    assert times[1:] == pytest.approx([5] * 4)
    assert not upstream.all_closed
    await reply.aclose()
    assert upstream.all_closed


@virtual_time
async def test_bytes_left_are_counted():
    upstream = FakeUpstream(events(*chat_text("a")))
    reply = await upstream(exchange(ASKED))
    await anext(reply.stream.open())
    await reply.aclose()
    assert upstream.sources[0].left == sum(map(len, chat_text("a")[1:]))


@virtual_time
async def test_a_stream_may_break_off():
    reply = await FakeUpstream(events(chat_text("a")[1], StreamCut("cut")))(exchange(ASKED))
    with pytest.raises(StreamCut):
        [piece async for piece in reply.stream.open()]
    short = await FakeUpstream(events(chat_text("a")[1]))(exchange(ASKED))
    with pytest.raises(StreamCut):
        [piece async for piece in short.stream.open()]


@virtual_time
async def test_failing_and_hanging():
    with pytest.raises(TailraceError):
        await FakeUpstream(failing())(exchange(ASKED))
    with pytest.raises(KeyError):
        await FakeUpstream(failing(KeyError("x"), after_s=1))(exchange(ASKED))
    upstream = FakeUpstream(hanging())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1000):
            await upstream(exchange(ASKED))
    assert upstream.cancelled == 1

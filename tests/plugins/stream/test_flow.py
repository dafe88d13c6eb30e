import asyncio

from tailrace.testing import chat_chunk, chat_text, services, virtual_time
from tailrace.wire import sse
from tailrace_plugins.stream.coalesce import Coalescer
from tailrace_plugins.stream.flow import Flow, Parts
from tailrace_plugins.stream.keepalive import PING, KeepAlive
from tailrace_plugins.stream.pacing import Pacer
from tailrace_plugins.stream.text_only import TextOnly


async def script(*steps):
    for step in steps:
        if isinstance(step, bytes):
            yield sse.parse(step)
        else:
            await asyncio.sleep(step)


async def drain(flow, *steps):
    """What came out, with its time."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    return [
        (round(loop.time() - began, 6), item if isinstance(item, bytes) else item.raw)
        async for item in flow(script(*steps))
    ]


@virtual_time
async def test_held_text_goes_out_when_nothing_more_comes():
    flow = Flow("chat", Parts(coalescer=Coalescer("chat", None, 0.1)), services())
    out = await drain(flow, *map(chat_chunk, "abc"), 30.0, chat_chunk(finish="stop"))
    assert [time for time, _ in out] == [0, 0.1, 30]
    assert sse.parse(out[1][1]).json["choices"][0]["delta"] == {"content": "bc"}


@virtual_time
async def test_held_text_goes_out_at_the_end():
    flow = Flow("chat", Parts(coalescer=Coalescer("chat", None, 0.1)), services())
    out = await drain(flow, *map(chat_chunk, "abc"))
    assert [time for time, _ in out] == [0, 0]


@virtual_time
async def test_pings_fill_silences_only():
    flow = Flow("chat", Parts(keep_alive=KeepAlive(5, services().clock.monotonic(), 5)), services())
    a, b, c = map(chat_chunk, "abc")
    out = await drain(flow, 4.0, a, 12.0, b, 4.9, c)
    assert out == [(4, a), (9, PING), (14, PING), (16, b), (20.9, c)]


@virtual_time
async def test_a_replay_is_paced_and_not_coalesced():
    parts = Parts(coalescer=Coalescer("chat", None, 5), pacer=Pacer("chat", chars_per_s=2), is_replay=lambda: True)
    out = await drain(Flow("chat", parts, services()), *map(chat_chunk, "abc"))
    assert out == [(0, chat_chunk("a")), (0.5, chat_chunk("b")), (1, chat_chunk("c"))]


@virtual_time
async def test_anything_else_is_not_paced():
    parts = Parts(pacer=Pacer("chat", chars_per_s=2), is_replay=lambda: False)
    out = await drain(Flow("chat", parts, services()), *map(chat_chunk, "abc"))
    assert [time for time, _ in out] == [0, 0, 0]


class Breaks(TextOnly):
    def take(self, event):
        if b"three" in event.raw:
            raise KeyError("a defect")
        return super().take(event)


@virtual_time
async def test_a_defect_costs_the_shaping_and_no_event(caplog):
    frames = chat_text(*("one", "two", "and", "three", "four", "five"))
    parts = Parts(text_only=Breaks("chat"), coalescer=Coalescer("chat", None, 60))
    out = [raw for _, raw in await drain(Flow("chat", parts, services()), *frames)]
    assert out[1:] == frames[2:], "what was held back comes as it was, then all the rest"
    assert "KeyError" in caplog.text


@virtual_time
async def test_leaving_ends_the_reading():
    lent = services()
    flow = Flow("chat", Parts(keep_alive=KeepAlive(5, lent.clock.monotonic(), 0)), lent)
    pieces = flow(script(10**6))
    assert await anext(pieces) == PING
    assert len(lent.tasks) == 1
    await pieces.aclose()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(lent.tasks) == 0

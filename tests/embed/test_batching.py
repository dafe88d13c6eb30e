"""Calls that join into batches, share a place, leave it, and are told why when there is no vector."""

import asyncio

import pytest

from tailrace.clock import SystemClock
from tailrace.embed import EmbedderUnavailable
from tailrace.embed.batching import Batcher, Line
from tailrace.tasks import Tasks
from tailrace.testing import virtual_time


class Backend:
    """Answers batches when it is let."""

    def __init__(self, is_open: bool = True) -> None:
        self.batches: list[list[str]] = []
        self.open = asyncio.Event()
        self.error: Exception | None = None
        if is_open:
            self.open.set()

    async def send(self, texts):
        self.batches.append(texts)
        await self.open.wait()
        if self.error is not None:
            raise self.error
        return ["too-long" if text == "long" else text.encode() for text in texts]


class LoopClock(SystemClock):
    """The virtual loop's time."""

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


def batcher(backend, **options):
    return Batcher(backend.send, Tasks(), LoopClock(), **{"timeout_s": 2.0, "max_batch": 32, **options})


async def spin(times: int = 5):
    for _ in range(times):
        await asyncio.sleep(0)


@virtual_time
async def test_what_arrives_meanwhile_leaves_together():
    backend = Backend(is_open=False)
    ours = batcher(backend)
    first = asyncio.create_task(ours.embed("a"))
    await spin()
    rest = [asyncio.create_task(ours.embed(text)) for text in "bcd"]
    await spin()
    backend.open.set()
    assert await asyncio.gather(first, *rest) == [b"a", b"b", b"c", b"d"]
    assert backend.batches == [["a"], ["b", "c", "d"]]


@virtual_time
async def test_the_next_batch_starts_after_the_line_was_empty():
    backend = Backend()
    ours = batcher(backend)
    for text in "abc":
        assert await ours.embed(text) == text.encode()
    assert backend.batches == [["a"], ["b"], ["c"]]


@virtual_time
async def test_batches_are_bounded():
    backend = Backend()
    ours = batcher(backend, max_batch=3)
    await asyncio.gather(*(ours.embed(str(n)) for n in range(8)))
    assert [len(batch) for batch in backend.batches] == [3, 3, 2]


@virtual_time
async def test_lanes():
    backend = Backend(is_open=False)
    ours = batcher(backend, lanes=2, max_batch=1)
    calls = [asyncio.create_task(ours.embed(text)) for text in "abc"]
    await spin()
    assert backend.batches == [["a"], ["b"]]
    backend.open.set()
    assert await asyncio.gather(*calls) == [b"a", b"b", b"c"]


@virtual_time
async def test_equal_texts_share_one_place():
    backend = Backend(is_open=False)
    ours = batcher(backend)
    calls = [asyncio.create_task(ours.embed("a")) for _ in range(3)]
    await spin()
    calls.append(asyncio.create_task(ours.embed("a")))
    await spin()
    backend.open.set()
    assert await asyncio.gather(*calls) == [b"a"] * 4
    assert backend.batches == [["a"]]


@virtual_time
async def test_a_cancelled_call_frees_its_place_and_no_other():
    backend = Backend(is_open=False)
    ours = batcher(backend, max_waiting=2)
    first = asyncio.create_task(ours.embed("a"))
    await spin()
    b1, b2, c = (asyncio.create_task(ours.embed(text)) for text in "bbc")
    await spin()
    with pytest.raises(EmbedderUnavailable, match="busy"):
        await ours.embed("d")
    b1.cancel()
    c.cancel()
    await spin()
    d = asyncio.create_task(ours.embed("d"))
    await spin()
    backend.open.set()
    assert await asyncio.gather(first, b2, d) == [b"a", b"b", b"d"]
    assert backend.batches == [["a"], ["b", "d"]]


@virtual_time
async def test_nobody_waits_longer_than_the_timeout():
    backend = Backend(is_open=False)
    ours = batcher(backend)
    began = asyncio.get_running_loop().time()
    results = await asyncio.gather(*(ours.embed(text) for text in "aab"), return_exceptions=True)
    assert [one.reason for one in results] == ["timeout"] * 3
    assert asyncio.get_running_loop().time() - began == pytest.approx(2)
    backend.open.set()
    await spin()
    assert await ours.embed("c") == b"c"


@virtual_time
async def test_one_text_without_a_vector_leaves_its_neighbours_theirs():
    ours = batcher(Backend())
    results = await asyncio.gather(*(ours.embed(text) for text in ("a", "long", "b")), return_exceptions=True)
    assert results[0] == b"a" and results[2] == b"b" and results[1].reason == "too-long"


@virtual_time
async def test_a_failed_batch_fails_only_itself():
    backend = Backend()
    backend.error = EmbedderUnavailable("crashed")
    ours = batcher(backend)
    with pytest.raises(EmbedderUnavailable, match="crashed"):
        await ours.embed("a")
    backend.error = None
    assert await ours.embed("a") == b"a"


@virtual_time
async def test_after_failures_in_a_row_nobody_waits():
    backend = Backend(is_open=False)
    ours = batcher(backend)
    for n in range(5):
        with pytest.raises(EmbedderUnavailable, match="timeout"):
            await ours.embed(str(n))
    began = asyncio.get_running_loop().time()
    with pytest.raises(EmbedderUnavailable, match="paused"):
        await ours.embed("a")
    assert asyncio.get_running_loop().time() == began
    backend.open.set()
    await asyncio.sleep(1)
    assert await ours.embed("a") == b"a" and await ours.embed("b") == b"b"


@virtual_time
async def test_a_probe_that_is_cancelled_leaves_the_way_open_for_another():
    backend = Backend(is_open=False)
    ours = batcher(backend)
    for n in range(5):
        with pytest.raises(EmbedderUnavailable, match="timeout"):
            await ours.embed(str(n))
    await asyncio.sleep(1)
    probe = asyncio.create_task(ours.embed("a"))
    await spin()
    with pytest.raises(EmbedderUnavailable, match="paused"):
        await ours.embed("b")
    probe.cancel()
    await spin()
    backend.open.set()
    assert await ours.embed("c") == b"c"


@virtual_time
async def test_texts_without_a_vector_pause_nothing():
    ours = batcher(Backend())
    for _ in range(10):
        with pytest.raises(EmbedderUnavailable, match="too-long"):
            await ours.embed("long")


@virtual_time
async def test_a_defect_is_no_endless_wait():
    backend = Backend()
    backend.error = KeyError("a defect")
    ours = batcher(backend)
    with pytest.raises(EmbedderUnavailable, match="failed"):
        await ours.embed("a")


@virtual_time
async def test_closing_tells_all():
    backend = Backend(is_open=False)
    ours = batcher(backend, max_batch=1)
    calls = [asyncio.create_task(ours.embed(text)) for text in "ab"]
    await spin()
    await ours.aclose()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [one.reason for one in results] == ["off", "off"]
    with pytest.raises(EmbedderUnavailable, match="off"):
        await ours.embed("c")
    await ours.aclose()


async def test_the_line_forgets_who_left_under_way():
    line = Line(2)
    waiter = line.join("a")
    assert line.take() == ["a"] and len(line) == 0
    line.leave("a", waiter)
    again = line.join("a")
    line.settle("a", b"v")
    assert await again == b"v" and not waiter.done()

import asyncio

import pytest
from cache_kit import entry

from tailrace.cache.relay import Relay
from tailrace.errors import StreamCut, TailraceError
from tailrace.streams import Stage, Stream
from tailrace.tasks import Tasks
from tailrace.testing import chat_chunk, chat_text, virtual_time
from tailrace.testing.upstream import FakeEvents

TEXT = chat_text("Hel", "lo")
RAW = b"".join(TEXT)
BIG = chat_chunk("x" * 100_000)
MADE = entry()


class Kit:
    """A relay over these steps, and what its `then` was given."""

    def __init__(self, *steps, most_bytes=1 << 20, wraps=(), then_fails=False):
        self.source = FakeEvents("chat", steps)
        self.given = []
        self.then_fails = then_fails
        self.tasks = Tasks()
        stream = Stream(self.source)
        for wrap in wraps:
            stream = stream.with_stage(Stage(wrap=wrap))
        self.relay = Relay(stream, self.tasks, most_bytes, self._then)

    async def _then(self, recorded):
        self.given.append(recorded)
        if self.then_fails:
            raise RuntimeError("a defect")
        return MADE if recorded is not None else None

    def join(self):
        return Reading(self.relay)

    async def idle(self):
        for _ in range(20):
            await asyncio.sleep(0)


class Reading:
    """One reader, as the delivery to a client reads: closed at the end, whatever happens."""

    def __init__(self, relay):
        self.reader = relay.reader("chat")
        self.got = []

    async def take(self, count=10**9):
        """Read so many pieces, or all; the error it ended with."""
        try:
            while count:
                self.got.append(await self.reader.__anext__())
                count -= 1
        except StopAsyncIteration:
            await self.reader.aclose()
        except TailraceError as error:
            await self.reader.aclose()
            return error
        return None

    @property
    def raw(self):
        return b"".join(self.got)


@virtual_time
async def test_one_reader_gets_what_comes_and_all_is_told():
    kit = Kit(TEXT[0], 1.0, *TEXT[1:])
    one = kit.join()
    assert kit.relay.admits and await one.take() is None
    assert one.raw == RAW and kit.given == [RAW] and kit.source.closed
    assert await kit.relay.result() is MADE and await kit.relay.result() is MADE
    await kit.idle()
    assert kit.relay.over and not kit.relay.admits and not len(kit.tasks)


@virtual_time
async def test_who_comes_later_gets_it_from_its_start():
    kit = Kit(TEXT[0], 1.0, TEXT[1], 1.0, *TEXT[2:])
    first = kit.join()
    await first.take(2)
    second = kit.join()
    await asyncio.gather(first.take(), second.take(3))
    third = kit.join() if kit.relay.admits else None
    await second.take()
    assert first.raw == second.raw == RAW and third is None
    assert second.got[0] == TEXT[0] and kit.given == [RAW]


@virtual_time
async def test_a_hundred_readers():
    kit = Kit(*(step for frame in TEXT for step in (frame, 0.1)))
    readings = [kit.join() for _ in range(100)]
    assert set(await asyncio.gather(*(one.take() for one in readings))) == {None}
    assert all(one.raw == RAW for one in readings) and len(kit.given) == 1


@virtual_time
async def test_a_slow_reader_holds_up_nobody():
    kit = Kit(*[BIG] * 8, *TEXT)
    slow, fast = kit.join(), kit.join()
    await slow.take(1)
    assert await fast.take() is None and len(fast.raw) == len(BIG) * 8 + len(RAW)
    assert await slow.take() is None and slow.raw == fast.raw
    assert len(kit.given) == 1


@virtual_time
async def test_it_reads_ahead_only_so_far():
    kit = Kit(*[BIG] * 8, *TEXT)
    one = kit.join()
    await kit.idle()
    taken = 8 * len(BIG) - sum(len(step) for step in kit.source._steps[: -len(TEXT)])
    assert 262_144 < taken < 400_000, "no more than a piece beyond a quarter of a mebibyte"
    assert await one.take() is None and kit.given[0] == one.raw


@virtual_time
async def test_the_first_leaves_and_the_others_stay():
    kit = Kit(TEXT[0], 1.0, *TEXT[1:])
    leader, follower = kit.join(), kit.join()
    await leader.take(1)
    await leader.reader.aclose()
    assert not kit.source.closed
    assert await follower.take() is None and follower.raw == RAW and kit.given == [RAW]


@virtual_time
async def test_a_follower_leaves():
    kit = Kit(TEXT[0], 1.0, *TEXT[1:])
    leader, follower = kit.join(), kit.join()
    await follower.take(1)
    await follower.reader.aclose()
    await follower.reader.aclose()
    assert await leader.take() is None and leader.raw == RAW and kit.given == [RAW]


@virtual_time
async def test_all_leave_and_the_stream_is_let_go():
    kit = Kit(TEXT[0], 1000.0, *TEXT[1:])
    readings = [kit.join(), kit.join()]
    for one in readings:
        await one.take(1)
    for one in readings:
        await one.reader.aclose()
    assert await kit.relay.result() is None
    assert kit.source.closed and kit.given == [None] and not kit.relay.admits
    await kit.idle()
    assert not len(kit.tasks)


@virtual_time
async def test_the_only_reader_leaves_before_anything_was_read():
    kit = Kit(*TEXT)
    await kit.join().reader.aclose()
    assert await kit.relay.result() is None
    assert kit.source.closed and kit.given == [None]


@virtual_time
async def test_all_leave_while_it_waits_for_room():
    kit = Kit(*[BIG] * 8, *TEXT)
    one = kit.join()
    await one.take(1)
    await kit.idle()
    await one.reader.aclose()
    assert await kit.relay.result() is None and kit.source.closed and kit.source.left


@pytest.mark.parametrize("error", [StreamCut("It broke off."), RuntimeError("a defect")])
def test_it_breaks_off_and_everyone_is_told(error):
    @virtual_time
    async def broken():
        kit = Kit(TEXT[0], 1.0, TEXT[1], 1.0, error)
        readings = [kit.join() for _ in range(3)]
        told = await asyncio.gather(*(one.take() for one in readings))
        assert all(isinstance(one, TailraceError) for one in told)
        assert len({id(one) for one in told}) == 3, "each its own: traces are written into it"
        assert all(one.raw == b"".join(TEXT[:2]) for one in readings)
        assert kit.given == [None] and await kit.relay.result() is None and kit.source.closed
        assert not kit.relay.admits

    broken()


@virtual_time
async def test_an_end_without_its_end_is_a_cut():
    kit = Kit(*TEXT[:2])
    one = kit.join()
    assert isinstance(await one.take(), StreamCut)
    assert kit.given == [None]


@virtual_time
async def test_nothing_at_all_is_a_cut():
    kit = Kit()
    assert isinstance(await kit.join().take(), StreamCut) and kit.given == [None]


@virtual_time
async def test_one_that_grows_too_large_goes_on_to_those_it_has():
    kit = Kit(*[BIG] * 20, *TEXT, most_bytes=250_000)
    one, other = kit.join(), kit.join()
    assert kit.relay.admits
    await asyncio.gather(one.take(4), other.take(4))
    assert not kit.relay.admits
    assert await asyncio.gather(one.take(), other.take()) == [None, None]
    assert one.raw == other.raw == BIG * 20 + RAW
    assert kit.given == [None] and await kit.relay.result() is None


@virtual_time
async def test_one_that_is_too_large_is_not_kept_in_memory():
    kit = Kit(*[BIG] * 30, *TEXT, most_bytes=250_000)
    one = kit.join()
    held = []
    for _ in range(30):
        await one.take(1)
        await kit.idle()
        held.append(sum(map(len, kit.relay._pieces)))
    assert max(held) < 262_144 + 3 * len(BIG)
    await one.take()


@virtual_time
async def test_it_goes_as_fast_as_the_slowest_once_it_is_too_large():
    kit = Kit(*[BIG] * 20, *TEXT, most_bytes=250_000)
    slow, fast = kit.join(), kit.join()
    waiting = asyncio.get_running_loop().create_task(fast.take())
    await kit.idle()
    assert not waiting.done() and len(fast.raw) < 800_000
    await slow.reader.aclose()
    assert await waiting is None and len(fast.raw) == 20 * len(BIG) + len(RAW)


@virtual_time
async def test_the_wraps_below_are_applied_once():
    async def doubled(events):
        async for event in events:
            yield event
            if not event.is_done:
                yield b": more\n\n"

    kit = Kit(*TEXT, wraps=[doubled])
    readings = [kit.join(), kit.join()]
    await asyncio.gather(*(one.take() for one in readings))
    assert readings[0].raw == readings[1].raw == kit.given[0]
    assert readings[0].raw.count(b": more") == len(TEXT) - 1


@virtual_time
async def test_a_last_piece_that_is_large_is_kept_too():
    """Its reader leaves with `[DONE]`, before the relay has seen that nothing follows."""
    raw = b"".join([*[BIG] * 3, *TEXT])
    kit = Kit(raw)
    one = kit.join()
    assert await one.take() is None and one.raw == raw
    assert await kit.relay.result() is MADE


@virtual_time
async def test_who_waits_for_a_result_is_told_even_if_nothing_could_be_made_of_it():
    kit = Kit(*TEXT, then_fails=True)
    one = kit.join()
    assert await one.take() is None
    assert await kit.relay.result() is None

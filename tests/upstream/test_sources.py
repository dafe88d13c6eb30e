"""Bodies under deadlines: when a silence is one, when an end is one."""

import asyncio
import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from tailrace.errors import StreamCut, UpstreamError, UpstreamTimeout
from tailrace.tasks import Tasks
from tailrace.testing import chat_text, virtual_time
from tailrace.upstream.http1 import Truncated
from tailrace.upstream.policy import AttemptFailed
from tailrace.upstream.sources import Body, ProviderBytes, ProviderEvents, read_whole


class Steps:
    """A response made of steps: bytes come, numbers are silence, an exception breaks it off."""

    def __init__(self, *steps, encoding=None):
        self.steps = list(steps)
        self.headers = CIMultiDict({} if encoding is None else {"Content-Encoding": encoding})
        self.closed = False
        self.at_end = False
        self.broken = asyncio.get_running_loop().create_future()

    @property
    def ready(self):
        return self.closed or not self.steps or not isinstance(self.steps[0], (int, float))

    async def readany(self):
        while self.steps and not self.closed:
            step = self.steps.pop(0)
            if isinstance(step, Exception):
                raise step
            if isinstance(step, bytes):
                return step
            done, _ = await asyncio.wait([self.broken], timeout=step)
            if done:
                raise Truncated("given up")
        self.at_end = not self.closed
        return b""

    def close(self):
        self.closed = True
        if not self.broken.done():
            self.broken.set_result(None)

    spoil = close


def body(response, idle_s=60.0, left_s=600.0, **more):
    return Body(response, idle_s, asyncio.get_running_loop().time() + left_s, **more)


async def everything(made):
    got = []
    while piece := await made.read():
        got.append(piece)
    return got


@virtual_time
async def test_pieces_come_as_they_are():
    response = Steps(b"a", 59.0, b"b", 59.0, b"c")
    made = body(response)
    assert await everything(made) == [b"a", b"b", b"c"]
    assert made.at_end and not made.decodes and not response.closed
    made.disarm()


@virtual_time
async def test_a_silence_is_a_timeout():
    response = Steps(b"a", 61.0, b"b")
    made, loop = body(response), asyncio.get_running_loop()
    assert await made.read() == b"a"
    began = loop.time()
    with pytest.raises(UpstreamTimeout, match="nothing for 60 s"):
        await made.read()
    assert loop.time() - began == pytest.approx(60)
    assert response.closed


@virtual_time
async def test_the_whole_has_its_deadline_though_bytes_come():
    response = Steps(*[b"a", 10.0] * 20)
    made, loop = body(response, left_s=95.0), asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(UpstreamTimeout, match="whole request"):
        await everything(made)
    assert loop.time() - began == pytest.approx(95)
    assert response.closed


@virtual_time
async def test_the_deadline_also_holds_while_nobody_reads():
    response = Steps(b"a", b"b")
    made = body(response, left_s=95.0)
    assert await made.read() == b"a"
    await asyncio.sleep(100)
    assert response.closed
    with pytest.raises(UpstreamTimeout, match="whole request"):
        await made.read()


@virtual_time
async def test_waiting_for_the_client_is_no_silence():
    made = body(Steps(b"a", b"b", 30.0, b"c"))
    assert await made.read() == b"a"
    await asyncio.sleep(500)
    assert await made.read() == b"b"
    assert await made.read() == b"c"
    made.disarm()


@virtual_time
async def test_waiting_for_the_client_is_no_silence_just_before_the_timer_looks():
    made = body(Steps(b"a", 30.0, b"b"))
    assert await made.read() == b"a"
    await asyncio.sleep(59)
    assert await made.read() == b"b"


@virtual_time
async def test_a_cut_is_told_after_the_good_bytes():
    made = body(Steps(b"a", Truncated("x")))
    assert await made.read() == b"a"
    with pytest.raises(StreamCut):
        await made.read()
    made.close()


# Encodings nobody asked for.

TEXT = b"the answer " * 100


@pytest.mark.parametrize(
    ("encoding", "encoded"),
    [
        (None, TEXT),
        ("identity", TEXT),
        ("", TEXT),
        ("gzip", gzip.compress(TEXT)),
        ("X-GZIP", gzip.compress(TEXT)),
        ("Deflate", zlib.compress(TEXT)),
    ],
    ids=["none", "identity", "empty", "gzip", "x-gzip", "deflate"],
)
@given(cuts=st.lists(st.integers(1, 30), max_size=5))
def test_encodings_are_taken_off(encoding, encoded, cuts):
    @virtual_time
    async def check():
        pieces, rest = [], encoded
        for cut in cuts:
            pieces, rest = [*pieces, rest[:cut]], rest[cut:]
        made = body(Steps(*[p for p in [*pieces, rest] if p], encoding=encoding))
        assert b"".join(await everything(made)) == TEXT
        assert made.decodes is (encoding not in (None, "identity", ""))
        made.disarm()

    check()


@pytest.mark.parametrize(
    "encoded",
    [gzip.compress(TEXT)[:-12], gzip.compress(TEXT)[:9], b"not gzip at all", b""],
    ids=["short", "head", "none", ""],
)
@virtual_time
async def test_a_damaged_encoding_is_a_cut(encoded):
    made = body(Steps(*[encoded] if encoded else [], encoding="gzip"))
    with pytest.raises(StreamCut):
        await everything(made)
    made.close()


@virtual_time
async def test_opaque_bytes_stay_encoded():
    made = body(Steps(gzip.compress(TEXT), encoding="gzip"), decode=False)
    assert gzip.decompress(b"".join(await everything(made))) == TEXT
    made.disarm()


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, br"])
@virtual_time
async def test_an_unknown_encoding_is_refused(encoding):
    with pytest.raises(AttemptFailed) as caught:
        body(Steps(b"x", encoding=encoding))
    assert (caught.value.kind, caught.value.error_type) == ("bad-answer", "encoding")


@virtual_time
async def test_gzip_in_two_members():
    made = body(Steps(gzip.compress(b"one") + gzip.compress(b"two"), encoding="gzip"))
    assert b"".join(await everything(made)) == b"onetwo"


@virtual_time
async def test_a_bomb_comes_out_in_pieces():
    made = body(Steps(zlib.compress(b"\0" * 8_000_000, 9), encoding="deflate"))
    pieces = await everything(made)
    assert sum(map(len, pieces)) == 8_000_000
    assert max(map(len, pieces)) <= 1_048_576, "more than the design's 1 MiB is in memory for one stream"


# Whole bodies.


@pytest.mark.parametrize(("most", "fits"), [(5, True), (6, True), (4, False)])
@virtual_time
async def test_read_whole_is_bounded(most, fits):
    response = Steps(b"he", b"llo")
    made = body(response)
    if fits:
        assert await read_whole(made, most) == b"hello"
        return
    with pytest.raises(UpstreamError, match="larger than 4 bytes") as caught:
        await read_whole(made, most)
    assert (caught.value.code, response.closed) == ("answer_too_large", True)


# Event streams.


def events(response, **more):
    tasks = Tasks()
    return ProviderEvents("chat", body(response, **more), tasks), tasks


@virtual_time
async def test_a_finished_stream_lets_its_connection_end_properly():
    response = Steps(b"".join(chat_text("Hi")), 0.5)
    source, tasks = events(response)
    async for _ in source:
        pass
    await source.aclose()
    await source.aclose()
    await tasks.drain(5)
    assert response.at_end and not response.closed


@pytest.mark.parametrize("rest", [(b"data: [DONE]\n\n",), (0.2, b"garbage"), (5.0,), (Truncated("x"),)])
@virtual_time
async def test_a_connection_that_goes_on_after_the_end_is_closed(rest):
    response = Steps(b"".join(chat_text("Hi")), *rest)
    source, tasks = events(response)
    got = b"".join([piece async for piece in source])
    assert got.count(b"[DONE]") == 1 and b"garbage" not in got
    await source.aclose()
    await tasks.drain(5)
    assert response.closed


@virtual_time
async def test_a_stream_left_in_the_middle_is_closed_at_once():
    response = Steps(chat_text("Hi")[0], 50.0)
    source, tasks = events(response)
    assert await anext(source)
    await source.aclose()
    assert response.closed and len(tasks) == 0


@virtual_time
async def test_opaque_bytes():
    response = Steps(b"a", b"b")
    source = ProviderBytes(body(response))
    assert [piece async for piece in source] == [b"a", b"b"]
    await source.aclose()
    assert not response.closed
    left = Steps(b"a", 5.0)
    source = ProviderBytes(body(left))
    assert await anext(source) == b"a"
    await source.aclose()
    assert left.closed

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stream_kit import TEXT, WHOLE, Script, at, pieces_of, same, until_it_breaks

from tailrace.errors import StreamCut, UpstreamTimeout
from tailrace.streams import HOLD_BYTES, Source, Stream, Tap
from tailrace.testing import chat_chunk, chat_text, data
from tailrace.wire import sse

# Bytes go through.


@pytest.mark.parametrize("wraps", [[], [same], [same, same]])
async def test_bytes_are_the_same_at_every_split(wraps):
    for cut in range(len(WHOLE) + 1):
        source = Script(*filter(None, (WHOLE[:cut], WHOLE[cut:])))
        assert b"".join(await pieces_of(at(source, *wraps))) == WHOLE
        assert source.watch.done
        assert source.watch.finish_reasons == ["stop"]


@given(
    st.sampled_from(
        [WHOLE, WHOLE.replace(b"\n", b"\r\n"), WHOLE.replace(b"\n", b"\r"), b"\xef\xbb\xbf: c\n\n" + WHOLE]
    ),
    st.lists(st.integers(1, 60), max_size=40),
    st.booleans(),
)
def test_bytes_are_the_same_in_any_pieces(stream, sizes, wrapped):
    pieces, start = [], 0
    for size in sizes:
        pieces.append(stream[start : start + size])
        start += size
    source = Script(*filter(None, [*pieces, stream[start:]]))
    heard = []
    out = asyncio.run(pieces_of(at(source, Tap(heard.append), *([same] if wrapped else []))))
    # Behind [DONE] only line ends are left over: the LF of a last CRLF may come too late to be passed on.
    assert b"".join(out).rstrip() == stream.rstrip()
    assert [event.data for event in heard] == [sse.parse(frame).data for frame in TEXT]


async def test_without_stages_the_pieces_themselves_go_on():
    first, second = TEXT[0] + TEXT[1], TEXT[2] + TEXT[3] + TEXT[4]
    out = await pieces_of(at(Script(first, second)))
    assert out[0] is first
    assert out == [first, second]


async def test_a_source_without_events_goes_on_as_it_is():
    class Raw(Source):
        async def __anext__(self):
            raise StopAsyncIteration

        async def aclose(self): ...

    raw = Raw()
    assert Stream(raw).open() is raw
    assert not Stream(raw).is_events


# Incomplete events are held back.


async def test_half_an_event_waits_for_the_rest():
    half = len(TEXT[0]) + 10
    source = Script(WHOLE[:half], WHOLE[half:])
    assert await pieces_of(at(source)) == [TEXT[0], WHOLE[len(TEXT[0]) :]]


async def test_a_cut_leaves_no_half_event():
    source = Script(TEXT[0] + TEXT[1][:20], StreamCut("cut"))
    pieces, error = await until_it_breaks(at(source))
    assert pieces == [TEXT[0]]
    assert isinstance(error, StreamCut)


async def test_a_big_event_goes_on_piece_by_piece():
    big = chat_chunk("x" * (3 * HOLD_BYTES))
    step = HOLD_BYTES // 2
    cut = [big[start : start + step] for start in range(0, len(big), step)]
    source = Script(*cut, *TEXT[1:])
    out = await pieces_of(at(source))
    assert b"".join(out) == big + b"".join(TEXT[1:])
    assert max(map(len, out)) <= HOLD_BYTES + step
    heard = []
    assert b"".join(await pieces_of(at(Script(*cut, *TEXT[1:]), Tap(heard.append), same))) == b"".join(out)
    assert len(heard[0].json["choices"][0]["delta"]["content"]) == 3 * HOLD_BYTES


async def test_after_a_big_event_holding_begins_again():
    big = chat_chunk("x" * (2 * HOLD_BYTES))
    half = len(TEXT[1]) // 2
    for rest in ([big[-5:] + TEXT[1][:half]], [big[-5:], TEXT[1][:half]]):
        source = Script(big[:-5], *rest, TEXT[1][half:], *TEXT[2:])
        out = await pieces_of(at(source))
        assert out[:3] == [big[:-5], big[-5:], TEXT[1]]


# The end.


@pytest.mark.parametrize("extra", [b"", sse.DONE, b"junk", b'data: {"after":1}\n\n'])
@pytest.mark.parametrize("apart", [False, True])
async def test_nothing_follows_the_first_done(extra, apart):
    source = Script(*TEXT[:-1], *filter(None, [TEXT[-1], extra] if apart else [TEXT[-1] + extra]))
    assert b"".join(await pieces_of(at(source))) == WHOLE


async def test_done_within_a_text_is_text():
    frames = chat_text("data: [DONE]\n\n", "[DONE]")
    assert b"".join(await pieces_of(at(Script(*frames)))) == b"".join(frames)


@pytest.mark.parametrize(
    ("pieces", "complete"),
    [
        pytest.param(TEXT[:-1], True, id="a finish reason without [DONE]"),
        pytest.param([*TEXT[:-2], sse.DONE], True, id="[DONE] without a finish reason"),
        pytest.param([TEXT[0], data({"error": {"message": "x"}})], True, id="an error"),
        pytest.param([*TEXT[:-1], b"data: [DONE]\n"], True, id="no last blank line"),
        pytest.param([*TEXT[:2], TEXT[-2][:-2]], True, id="no blank line behind the finish reason"),
        pytest.param(TEXT[:-2], False, id="text only"),
        pytest.param([], False, id="nothing"),
        pytest.param([b": ping\n\n"], False, id="comments only"),
        pytest.param([TEXT[0], TEXT[-2][:30]], False, id="half a finish reason"),
    ],
)
@pytest.mark.parametrize("wraps", [[], [same]])
async def test_which_ends_are_cuts(pieces, complete, wraps):
    out, error = await until_it_breaks(at(Script(*pieces), *wraps))
    assert isinstance(error, StreamCut) is not complete
    if complete:
        assert b"".join(out) == b"".join(pieces)


async def test_every_choice_must_finish():
    finish = [chat_chunk(finish="stop", index=index) for index in range(2)]
    assert (await until_it_breaks(at(Script(finish[0], choices=2))))[1]
    assert (await until_it_breaks(at(Script(*finish, choices=2))))[1] is None


async def test_typed_streams_end_by_their_own_word():
    delta = data({"type": "content_block_delta", "delta": {"type": "text_delta", "text": "a"}}, "content_block_delta")
    stop = data({"type": "message_stop"}, "message_stop")
    assert (await until_it_breaks(at(Script(delta, stop, shape="messages"))))[1] is None
    assert (await until_it_breaks(at(Script(delta, shape="messages"))))[1]


@pytest.mark.parametrize("wraps", [[], [same], [same, same]])
@pytest.mark.parametrize("error", [StreamCut("cut"), UpstreamTimeout("idle")])
async def test_what_breaks_the_source_comes_out(error, wraps):
    pieces, found = await until_it_breaks(at(Script(TEXT[0], error), *wraps))
    assert (pieces, found) == ([TEXT[0]], error)


# The first event.


async def test_the_first_event_is_looked_at_and_kept():
    source = Script(b": ping\n\n", TEXT[0][:10], TEXT[0][10:], *TEXT[1:])
    first = await source.first_event()
    assert first.raw == TEXT[0]
    assert b"".join(await pieces_of(at(source))) == b": ping\n\n" + WHOLE
    assert source.watch.finish_reasons == ["stop"]


async def test_streams_without_a_first_event():
    with pytest.raises(StreamCut):
        await Script().first_event()
    assert await Script(b": ping\n\n").first_event() is None
    with pytest.raises(UpstreamTimeout):
        await Script(UpstreamTimeout("idle")).first_event()

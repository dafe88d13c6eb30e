import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailrace.errors import StreamCut, UpstreamTimeout
from tailrace.streams import HOLD_BYTES, EventSource, Source, Stage, Stream, Tap
from tailrace.testing import chat_chunk, chat_text, data, virtual_time
from tailrace.wire import sse

"""Marks a defect of the core that is known: the mark must go when the defect does."""

TEXT = chat_text("Hel", "lo")
WHOLE = b"".join(TEXT)
SPELLINGS = [WHOLE, WHOLE.replace(b"\n", b"\r\n"), WHOLE.replace(b"\n", b"\r"), b"\xef\xbb\xbf: c\n\n" + WHOLE]


class Script(EventSource):
    """A source from a list of pieces; an exception among them is raised."""

    def __init__(self, *pieces, shape="chat", choices=1):
        super().__init__(shape, choices)
        self.pieces = list(pieces)
        self.closed = False

    async def read(self):
        if not self.pieces:
            return b""
        piece = self.pieces.pop(0)
        if isinstance(piece, Exception):
            raise piece
        return piece

    async def aclose(self):
        self.closed = True


def at(source, *stages):
    stream = Stream(source)
    for stage in stages:
        stream = stream.with_stage(Stage(wrap=stage) if not isinstance(stage, Tap) else Stage(tap=stage))
    return stream


async def pieces_of(stream):
    return [piece async for piece in stream.open()]


async def until_it_breaks(stream):
    """The pieces, and the error they ended with."""
    pieces = []
    try:
        async for piece in stream.open():
            pieces.append(piece)
    except Exception as error:
        return pieces, error
    return pieces, None


async def same(events):
    async for event in events:
        yield event


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


# Taps.


async def test_taps_hear_after_the_piece_went_out():
    heard = []
    pieces = at(Script(*TEXT), Tap(lambda event: heard.append(event.raw))).open()
    for count, frame in enumerate(TEXT):
        assert await anext(pieces) == frame
        assert heard == TEXT[:count]
    with pytest.raises(StopAsyncIteration):
        await anext(pieces)
    assert heard == TEXT


async def test_a_tap_above_a_wrap_hears_what_went_out():
    async def shout(events):
        async for event in events:
            yield event.raw.replace(b"Hel", b"HEL")

    below, above = [], []
    pieces = at(Script(*TEXT), Tap(below.append), shout, Tap(above.append)).open()
    await anext(pieces)
    assert (await anext(pieces)) == TEXT[1].replace(b"Hel", b"HEL")
    assert len(above) == 1, "the last one is on its way"
    async for _ in pieces:
        pass
    assert b"Hel" in below[1].raw
    assert b"HEL" in above[1].raw
    assert len(below) == len(above) == len(TEXT)


async def test_comments_are_not_heard():
    heard = []
    await pieces_of(at(Script(b": ping\n\n", *TEXT), Tap(heard.append)))
    await pieces_of(at(Script(b": ping\n\n", *TEXT), same, Tap(heard.append)))
    assert len(heard) == 2 * len(TEXT)


@pytest.mark.parametrize("wraps", [[], [same]])
async def test_a_failing_tap_hears_no_more_and_harms_nobody(wraps, caplog):
    calls, heard = [], []

    def fails(event):
        calls.append(event)
        raise KeyError("secret")

    out = await pieces_of(at(Script(*TEXT), *wraps, Tap(fails), Tap(heard.append)))
    assert out == TEXT
    assert len(calls) == 1
    assert len(heard) == len(TEXT)
    assert "KeyError" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("pieces", [[*TEXT[:-1], b"data: [DONE]\n"], [*TEXT[:-2], TEXT[-2][:-1]]])
async def test_the_last_event_is_heard_without_its_blank_line(pieces):
    heard, heard_by_wrap = [], []
    await pieces_of(at(Script(*pieces), Tap(heard_by_wrap.append), same))
    await pieces_of(at(Script(*pieces), Tap(heard.append)))
    assert [event.data for event in heard] == [event.data for event in heard_by_wrap]


# Wraps.


async def test_wraps_run_from_the_inside_out():
    def adds(word):
        async def wrap(events):
            async for event in events:
                yield event
            yield sse.comment(word)

        return wrap

    out = await pieces_of(at(Script(*TEXT), adds("inner"), adds("outer")))
    assert out[-2:] == [b": inner\n\n", b": outer\n\n"]


async def test_a_wrap_may_drop_add_and_replace():
    async def edit(events):
        async for event in events:
            if b"Hel" in event.data:
                continue
            yield event
            if b"lo" in event.data:
                yield data({"extra": 1}) + data({"extra": 2})

    heard = []
    out = b"".join(await pieces_of(at(Script(*TEXT), edit, same, Tap(heard.append))))
    assert b"Hel" not in out
    assert [event.json for event in heard if event.json and "extra" in event.json] == [{"extra": 1}, {"extra": 2}]


def failing_at(word):
    """A wrap that fails when it sees `word`."""

    async def wrap(events):
        async for event in events:
            if word in event.data:
                raise KeyError("secret")
            yield event

    return wrap


@pytest.mark.parametrize("word", [b"role", b"lo", b"DONE"])
async def test_a_wrap_that_fails_is_left_out(word, caplog):
    out = await pieces_of(at(Script(*TEXT), same, failing_at(word), same))
    assert out == TEXT
    assert "KeyError" in caplog.text
    assert "secret" not in caplog.text


async def test_a_wrap_that_fails_at_its_first_or_last_breath():
    async def first(events):
        raise KeyError
        yield

    async def last(events):
        async for event in events:
            yield event
        raise KeyError

    assert await pieces_of(at(Script(*TEXT), first)) == TEXT
    assert await pieces_of(at(Script(*TEXT), last)) == TEXT


async def test_a_wrap_that_fails_with_events_in_hand_gives_them_back():
    async def gathers(events):
        held = []
        async for event in events:
            held.append(event)
            if len(held) == 3:
                raise KeyError
        yield b""

    assert await pieces_of(at(Script(*TEXT), gathers)) == TEXT


async def test_a_wrap_that_hides_a_cut_does_not():
    async def hides(events):
        try:
            async for event in events:
                yield event
        except StreamCut:
            raise KeyError from None

    error = StreamCut("cut")
    assert (await until_it_breaks(at(Script(TEXT[0], error), hides)))[1] is error


async def test_a_wrap_may_give_out_an_event_in_two_parts():
    async def parts(events):
        async for event in events:
            yield event.raw[:9]
            yield event.raw[9:]

    assert b"".join(await pieces_of(at(Script(*TEXT), parts))) == WHOLE
    assert b"".join(await pieces_of(at(Script(*TEXT), parts, same))) == WHOLE


async def test_a_tap_hears_every_event_of_a_piece():
    async def doubles(events):
        async for event in events:
            yield event.raw + event.raw

    heard = []
    await pieces_of(at(Script(*TEXT), doubles, Tap(heard.append)))
    assert len(heard) == 2 * len(TEXT)


async def test_a_wrap_that_fails_loses_nothing_it_held_back():
    async def one_late(events):
        held = None
        async for event in events:
            if b"lo" in event.data:
                raise KeyError
            if held is not None:
                yield held
            held = event
        yield held

    assert b"".join(await pieces_of(at(Script(*TEXT), one_late))) == WHOLE


async def test_leaving_in_the_middle_ends_the_wrap():
    ended = []

    async def wrap(events):
        try:
            async for event in events:
                yield event
        finally:
            ended.append(True)

    source = Script(*TEXT)
    stream = at(source, wrap)
    pieces = stream.open()
    await anext(pieces)
    await pieces.aclose()
    await stream.aclose()
    for _ in range(5):
        await asyncio.sleep(0)
    assert ended == [True]
    assert source.closed


@virtual_time
async def test_back_pressure_reaches_the_source():
    source = Script(*TEXT * 50)
    pieces = at(source, same, same).open()
    await anext(pieces)
    await asyncio.sleep(60)
    assert len(source.pieces) == len(TEXT) * 50 - 1, "nothing is read that nobody asked for"

import asyncio

import pytest
from stream_kit import TEXT, WHOLE, Script, at, pieces_of, same, until_it_breaks

from tailrace.errors import StreamCut, TailraceError
from tailrace.streams import HEARD_BYTES, Tap
from tailrace.testing import data, virtual_time
from tailrace.wire import sse

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


async def test_a_wrap_that_ends_early_does_not_end_the_stream():
    async def first_only(events):
        async for event in events:
            yield event
            return

    assert b"".join(await pieces_of(at(Script(*TEXT), first_only))) == WHOLE


async def test_a_wrap_may_refuse_in_band():
    async def guard(events):
        async for event in events:
            yield event
            raise TailraceError("not for you", status=403)

    pieces, error = await until_it_breaks(at(Script(*TEXT), guard))
    assert pieces == [TEXT[0]]
    assert isinstance(error, TailraceError) and error.status == 403


@pytest.mark.parametrize("size", [HEARD_BYTES + 200_000, 3 * HEARD_BYTES])
async def test_an_event_too_large_to_hear_goes_through_and_what_follows_is_heard(size):
    big = b'data: {"x":"' + b"y" * size + b'"}\n\n'
    parts = [big[start : start + 65536] for start in range(0, len(big), 65536)]
    heard = []
    source = Script(TEXT[0], *parts, *TEXT[1:])
    pieces = await pieces_of(at(source, Tap(heard.append)))
    assert b"".join(pieces) == TEXT[0] + big + b"".join(TEXT[1:])
    assert [event.raw for event in heard] == [TEXT[0], *TEXT[1:]]
    assert source.watch.done


async def test_the_gate_opens_before_the_memory_is_full():
    source = Script(*[b": " + b"c" * 65536 + b"\n\n"] * 40, *TEXT)
    event = await source.first_event()
    assert event is not None and event.json is None
    assert b"".join(await pieces_of(at(source))).endswith(WHOLE)

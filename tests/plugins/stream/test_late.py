import asyncio

import pytest

from tailrace.errors import StreamCut, TailraceError, UpstreamError
from tailrace.exchange import Reply
from tailrace.tasks import Tasks
from tailrace.testing import FakeUpstream, chat_text, events, exchange, failing, hanging, virtual_time, whole
from tailrace.wire.assemble import assembler
from tailrace.wire.sse import FrameSplitter, parse
from tailrace_plugins.stream.late import Asked, LateEvents

ASKED = {"model": "m", "stream": True}
BODY = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}


def asked(answer, tasks=None):
    upstream = FakeUpstream(answer)
    return upstream, Asked(exchange(ASKED), upstream, tasks or Tasks())


async def read(source):
    return b"".join([piece async for piece in source])


@virtual_time
async def test_in_time_or_not():
    _, quick = asked(events(*chat_text("a"), after_s=1))
    assert (await quick.within(2)).is_events
    _, slow = asked(events(*chat_text("a"), after_s=3))
    assert await slow.within(2) is None
    assert (await slow.reply()).is_events


@virtual_time
async def test_errors_come_out_as_they_are(caplog):
    error = StreamCut("x")
    tasks = Tasks()
    _, early = asked(failing(error), tasks)
    with pytest.raises(StreamCut) as caught:
        await early.within(2)
    assert caught.value is error
    assert not caplog.records, "an answer that is an error is no failed task"


@virtual_time
async def test_giving_up_cancels_the_call_or_closes_its_reply():
    upstream, hangs = asked(hanging())
    assert await hangs.within(2) is None
    await hangs.give_up()
    await hangs.give_up()
    assert upstream.cancelled == 1
    upstream, came = asked(events(*chat_text("a")))
    await came.within(2)
    await came.give_up()
    assert upstream.all_closed


@virtual_time
async def test_a_client_that_leaves_while_it_waits():
    upstream, hangs = asked(hanging())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await hangs.within(60)
    assert upstream.cancelled == 1


@virtual_time
async def test_a_late_stream_is_byte_for_byte_the_providers():
    upstream, call = asked(events(*chat_text("a", "b"), after_s=9, origin="cache"))
    source = LateEvents("chat", call, ASKED)
    assert await read(source) == b"".join(chat_text("a", "b"))
    assert source.origin == "cache"
    await source.aclose()
    assert upstream.all_closed


@pytest.mark.parametrize("wants_usage", [False, True])
def test_a_late_whole_answer_becomes_the_promised_stream(wants_usage):
    @virtual_time
    async def ask():
        _, call = asked(whole(BODY))
        return await read(LateEvents("chat", call, {**ASKED, "stream_options": {"include_usage": wants_usage}}))

    gathered = assembler("chat")
    frames = FrameSplitter().feed(ask())
    for frame in frames[:-1]:
        gathered.feed(parse(frame).json)
    assert parse(frames[-1]).is_done
    expected = BODY if wants_usage else {name: value for name, value in BODY.items() if name != "usage"}
    assert gathered.result() == expected


@pytest.mark.parametrize(
    ("answer", "status", "code", "message"),
    [
        (whole({"error": {"message": "no", "type": "t", "code": "c"}}, status=429), 429, "c", "no"),
        (whole(b"<html>", status=503), 503, "upstream_error", "no stream"),
        (whole(b"<html>"), 400, "upstream_error", "no stream"),
        (whole({"choices": 7}), 502, "upstream_error", "cannot be told"),
        (failing(UpstreamError("away", code="gone")), 502, "gone", "away"),
        (failing(KeyError("secret")), 500, "internal_error", "failed to serve"),
        (events(chat_text("a")[1]), 502, "upstream_cut", "ended before"),
    ],
)
def test_a_late_failure_is_an_error_to_be_told_in_band(answer, status, code, message):
    @virtual_time
    async def ask():
        _, call = asked(answer)
        with pytest.raises(TailraceError, match=message) as caught:
            await read(LateEvents("chat", call, ASKED))
        return caught.value

    error = ask()
    assert (error.status, error.code) == (status, code)
    assert "secret" not in str(error)


@virtual_time
async def test_a_late_error_stream_keeps_its_status():
    async def answer(exchange):
        reply = await FakeUpstream(events(*chat_text("a")))(exchange)
        return Reply(500, reply.headers, stream=reply.stream)

    call = Asked(exchange(ASKED), answer, Tasks())
    with pytest.raises(TailraceError) as caught:
        await read(LateEvents("chat", call, ASKED))
    assert caught.value.status == 500

"""One attempt: what counts as an answer, what is told of it, and that its connection is always let go of."""

import asyncio

import pytest

from tailrace.errors import StreamCut, TailraceError
from tailrace.testing import chat_text, data, exchange
from tailrace.wire.endpoints import CHAT, MODELS
from tailrace.wire.whole import read_whole as read_facts

SSE = "content-type: text/event-stream"
GOOD = (
    b'{"id":"r","model":"real","choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":4}}'
)


def stream(*frames):
    return b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n\r\n" + b"".join(frames)


def once(raw):
    """One request a connection, ended by its close."""

    async def script(link):
        await link.request()
        await link.send(raw)

    return script


def asking(**payload):
    return exchange({"model": "m", **payload})


async def refused(made, ask):
    with pytest.raises(TailraceError) as caught:
        await made(ask)
    return caught.value


async def read(reply):
    pieces = []
    try:
        async for piece in reply.stream.open():
            pieces.append(piece)
    except TailraceError as error:
        return b"".join(pieces), error
    finally:
        await reply.aclose()
    return b"".join(pieces), None


async def test_a_whole_answer(peer, upstream, answer):
    provider = await peer(answer(200, GOOD, "X-Request-Id: r1", "set-cookie: a=b", "connection: x-hop", "x-hop: 1"))
    ask = asking()
    reply = await upstream({"a": provider})(ask)
    assert (reply.status, reply.body, reply.stream) == (200, GOOD, None)
    assert dict(reply.headers) == {"X-Request-Id": "r1"}
    usage = read_facts(*ask.trail.answer).usage
    assert (usage.input_tokens, usage.output_tokens) == (3, 4)
    assert ask.trail.first_chunk_at > 0
    record = ask.trail.attempts[0]
    assert (record.url, record.host, record.status) == (
        f"http://127.0.0.1:{provider.port}/v1/chat/completions", "127.0.0.1", 200,
    )  # fmt: skip


@pytest.mark.parametrize("propagate", [True, False])
async def test_the_trace_goes_on_with_the_attempt_as_parent(peer, upstream, answer, propagate):
    provider = await peer(answer(200, GOOD))
    settings = {"base_url": f"http://127.0.0.1:{provider.port}", "propagate_trace": propagate}
    ask = exchange({"model": "m"}, headers={"traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01", "baggage": "x=y"})
    await upstream({"a": settings})(ask)
    span = ask.trail.attempts[0].span_id
    lines = [line for line in provider.got[0].split(b"\r\n") if line.lower().startswith((b"trace", b"baggage"))]
    assert lines == ([f"traceparent: 00-{1:032x}-{span:016x}-01".encode()] if propagate else [])


async def test_a_stream_is_passed_byte_for_byte(peer, upstream):
    frames = [b": ping\n\n", *chat_text("He", "llo")]
    provider = await peer(once(stream(*frames)))
    reply = await upstream({"a": provider})(asking(stream=True))
    assert reply.is_events and reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert await read(reply) == (b"".join(frames), None)


@pytest.mark.parametrize(
    ("frames", "status", "code"),
    [
        ([data({"error": {"message": "m", "code": "rate_limit_exceeded"}})], 429, "rate_limit_exceeded"),
        ([b": ping\n\n", data({"error": {"message": "m", "type": "overloaded_error"}})], 503, "overloaded_error"),
        ([], 502, "upstream_cut"),
        ([b": ping\n\n"], 502, None),
    ],
    ids=["429", "529", "empty", "comments"],
)
async def test_the_first_event_gate(peer, upstream, until, frames, status, code):
    provider = await peer(once(stream(*frames)))
    error = await refused(upstream({"a": provider}, upstream={"retries": 0}), asking(stream=True))
    assert error.status == status
    assert code is None or error.code == code
    await until(lambda: not provider.running)


async def test_a_cut_after_the_first_event_is_told_in_its_place(peer, upstream):
    provider = await peer(once(stream(chat_text("Hi")[0])))
    got, broke = await read(await upstream({"a": provider})(asking(stream=True)))
    assert (got, type(broke)) == (chat_text("Hi")[0], StreamCut)


async def test_usage_is_asked_for_and_hidden(peer, upstream):
    usage = data({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}})
    *text, done = chat_text("Hi")
    provider = await peer(once(stream(*text, usage, done)))
    made = upstream({"a": provider}, upstream={"stream_usage": "always"})
    ask = asking(stream=True)
    assert await read(await made(ask)) == (b"".join([*text, done]), None)
    assert b'"include_usage":true' in provider.got[0]
    assert ask.trail.watch.usage.output_tokens == 2
    asked = asking(stream=True, stream_options={"include_usage": True})
    assert await read(await made(asked)) == (b"".join([*text, usage, done]), None)


async def test_an_error_with_a_body_that_breaks_off_keeps_its_status(peer, upstream):
    provider = await peer(once(b"HTTP/1.1 422 X\r\ncontent-length: 99\r\n\r\n{"))
    assert (await refused(upstream({"a": provider}), asking())).status == 422


async def test_an_answer_that_is_too_large(peer, upstream, answer, until):
    provider = await peer(answer(200, b'{"x":"' + b"y" * 5000 + b'"}'))
    made = upstream({"a": provider}, upstream={"max_answer_bytes": 4999, "retries": 0})
    assert (await refused(made, asking())).code == "answer_too_large"
    fits = upstream({"a": provider}, upstream={"max_answer_bytes": 5008})
    assert (await fits(asking())).status == 200


async def test_opaque_answers_pass_as_they_come(peer, upstream, answer):
    provider = await peer(answer(200, b"\x1f\x8bnot really", "content-encoding: gzip", "content-type: audio/mpeg"))
    ask = exchange({}, endpoint=MODELS, headers={"accept-encoding": "gzip"})
    reply = await upstream({"a": provider})(ask)
    assert {n.lower(): v for n, v in reply.headers.items()} == {
        "content-encoding": "gzip", "content-type": "audio/mpeg", "content-length": "12",
    }  # fmt: skip
    assert await read(reply) == (b"\x1f\x8bnot really", None)


# Whatever happens, one place in the pool serves the next request.


def settings(provider):
    return {"a": {"base_url": f"http://127.0.0.1:{provider.port}/v1", "max_connections": 1}}


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 500 X\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 302 X\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-encoding: gzip\r\n\r\nabc",
        stream(b"data: [DONE]\n\n"),
        stream(data({"error": {"message": "m"}})),
        pytest.param(
            b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-encoding: br\r\n\r\nabc",
        ),
    ],
    ids=["500", "redirect", "not-json", "cut", "not-gzip", "only-done", "in-band", "br"],
)
async def test_a_failed_attempt_gives_its_place_back(peer, upstream, answer, raw):
    async def bad(link):
        await link.request()
        await link.send(raw)
        while b": 99" not in raw and b"event-stream" not in raw:
            await link.request()
            await link.send(answer(200, GOOD))

    provider = await peer(bad, answer(200, GOOD))
    made = upstream(settings(provider), upstream={"retries": 0, "connect_s": 0.3})
    try:
        reply = await made(asking(stream=b"event-stream" in raw))
        await reply.aclose()
    except TailraceError:
        pass
    assert (await made(asking())).status == 200


@pytest.mark.parametrize("when", ["before-head", "before-event", "in-stream"])
async def test_a_client_that_leaves_gives_its_place_back(peer, upstream, answer, until, when):
    first = chat_text("Hi")[0]

    async def slow(link):
        await link.request()
        if when != "before-head":
            await link.send(stream(b": ping\n\n" if when == "before-event" else first))
        await link.closed()

    provider = await peer(slow, answer(200, GOOD))
    made = upstream(settings(provider), upstream={"connect_s": 2})
    task = asyncio.create_task(made(asking(stream=True)))
    await until(lambda: provider.accepted == 1)
    if when == "in-stream":
        reply = await task
        pieces = reply.stream.open()
        assert await anext(pieces) == first
        await reply.aclose()
    else:
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await until(lambda: not provider.running, "the end of the connection")
    assert (await made(asking())).status == 200
    assert CHAT.reads_json

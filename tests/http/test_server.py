"""aiohttp's server with its gaps closed."""

import asyncio
import logging

import orjson
import pytest
from aiohttp import web

from tailrace.http.server import Server

SECRET = b"Bearer sk-do-not-show"


async def echo(request):
    return web.Response(body=await request.read())


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.1\nhost: h\nauthorization: " + SECRET + b"\n\n",
        b"GARBAGE " + SECRET + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\nx: "
        + SECRET
        + b"\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx",
        b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost : h\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: h\r\nx: " + b"a" * 20_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nhost: h\r\n\r\n",
    ],
    ids=["bare-lf", "garbage", "cl-te", "cl-cl", "cl-minus", "te", "space", "header", "url"],
)
async def test_what_is_no_request_gets_an_object_and_leaves_no_trace(listen, caplog, raw):
    with caplog.at_level(logging.DEBUG):
        answer = await (await listen(echo))(raw)
    head, _, body = answer.partition(b"\r\n\r\n")
    # aiohttp answers in 1.0 what it could not parse, which closes the connection.
    assert head.startswith((b"HTTP/1.0 400", b"HTTP/1.1 400"))
    assert b"x-request-id: req_" in head.lower()
    assert orjson.loads(body)["error"]["code"] == "bad_http"
    assert b"sk-" not in answer and "sk-" not in caplog.text


async def test_a_failure_inside_is_told_without_its_text(listen, caplog):
    async def fail(request):
        raise ValueError("a prompt")

    with caplog.at_level(logging.DEBUG):
        answer = await (await listen(fail))(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n")
    assert (
        answer.startswith(b"HTTP/1.1 500")
        and orjson.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "internal"
    )
    assert b"prompt" not in answer and "prompt" not in caplog.text


async def test_a_head_that_does_not_come_is_swept(listen):
    send = await listen(echo, header_timeout_s=0.05)
    sweeping = asyncio.get_running_loop().create_task(send.server.sweep())
    try:
        for beginning in (b"", b"GET / HTTP/1.1\r\nhost: h\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", send.port)
            writer.write(beginning)
            assert await asyncio.wait_for(reader.read(), 10) == b""
            writer.close()
    finally:
        sweeping.cancel()


async def test_a_slow_body_is_not_a_slow_head(listen):
    served = asyncio.Event()

    async def slow(request):
        served.set()
        return await echo(request)

    send = await listen(slow, header_timeout_s=10)
    reader, writer = await asyncio.open_connection("127.0.0.1", send.port)
    writer.write(b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 4\r\n\r\nab")
    try:
        await asyncio.wait_for(served.wait(), 10)
        [connection] = send.server.connections
        assert connection.head_since == 0.0, "the sweep would take the body for a head"
        writer.write(b"cd")
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        assert head.startswith(b"HTTP/1.1 200") and await reader.readexactly(4) == b"abcd"
    finally:
        writer.close()


def test_the_c_parser_is_asserted(monkeypatch):
    class HttpRequestParserPy:
        pass

    monkeypatch.setattr("tailrace.http.server.HttpRequestParser", HttpRequestParserPy)
    with pytest.raises(RuntimeError, match="C parser"):
        Server(echo, header_timeout_s=1, keep_alive_s=1)

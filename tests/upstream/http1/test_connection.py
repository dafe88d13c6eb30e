"""One connection's answers, cut and framed in every way a provider may."""

import asyncio

import pytest

from tailrace.upstream.http1 import BadHttp, Disconnected, Truncated

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx-a: 1\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3;ext=1\r\nllo\r\n0\r\nx-trailer: t\r\n\r\n"
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + OK
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\nhello"
EMPTY = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
NOT_MODIFIED = b"HTTP/1.1 304 Not Modified\r\ncontent-length: 99\r\n\r\n"


def then_close(raw):
    async def script(link):
        await link.request()
        await link.send(raw)

    return script


def in_pieces(raw, cut):
    async def script(link):
        while True:
            await link.request()
            await link.send(raw[:cut], raw[cut:])

    return script


@pytest.mark.parametrize(
    ("raw", "body", "status"),
    [
        (OK, b"hello", 200),
        (CHUNKED, b"hello", 200),
        (INTERIM, b"hello", 200),
        (EMPTY, b"", 200),
        (NO_CONTENT, b"", 204),
        (NOT_MODIFIED, b"", 304),
    ],
    ids=["length", "chunked", "interim", "empty", "204", "304"],
)
async def test_an_answer_is_the_same_however_it_is_cut(peer, pool, ask, read, raw, body, status):
    for cut in range(1, len(raw)):
        provider = await peer(in_pieces(raw, cut))
        connections = pool(provider)
        for _ in range(2):
            response = await ask(connections)
            assert (response.status, await read(response)) == (status, (body, None)), cut
            assert response.at_end
            assert "link" not in response.headers and "x-trailer" not in response.headers
        assert provider.accepted == 1, f"the connection was not kept (cut at {cut})"


async def test_headers_come_as_they_were_sent(peer, pool, ask):
    provider = await peer(
        b"HTTP/1.1 418 Odd\r\nX-Two: a\r\nx-two: b\r\ncontent-TYPE: Text/Event-Stream; x=y\r\nx-u: \xc3\xa9\xff\r\n"
        b"content-length: 0\r\n\r\n"
    )
    response = await ask(pool(provider))
    assert response.status == 418
    assert response.headers.getall("X-TWO") == ["a", "b"]
    assert response.content_type == "text/event-stream"
    assert response.headers["x-u"].encode("utf-8", "surrogateescape") == b"\xc3\xa9\xff"


@pytest.mark.parametrize("method", ["HEAD", "GET"])
async def test_a_head_request_has_no_body(peer, pool, ask, read, method):
    head, _, body = OK.partition(b"hello")
    provider = await peer(head if method == "HEAD" else OK)
    response = await ask(pool(provider), method, body=None)
    assert response.headers["content-length"] == "5"
    assert await read(response) == (b"" if method == "HEAD" else b"hello", None)
    assert body == b""


@pytest.mark.parametrize(
    ("raw", "body", "error"),
    [
        (UNTIL_CLOSE, b"hello", None),
        (b"HTTP/1.0 200 OK\r\n\r\nhello", b"hello", None),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello", b"hello", Truncated),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n", b"hello", Truncated),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nhello", b"hello", Truncated),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n", b"hello", Truncated),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhelloGARBAGE", b"hello", None),
    ],
    ids=["end", "1.0", "length", "chunk-end", "chunk-middle", "framing", "surplus"],
)
async def test_good_bytes_come_first_and_the_end_is_judged(peer, pool, ask, read, raw, body, error):
    provider = await peer(then_close(raw))
    got, broke = await read(await ask(pool(provider)))
    assert got == body
    assert broke is None if error is None else isinstance(broke, error)


async def test_a_reset_is_no_end(peer, pool, ask, read):
    go = asyncio.Event()

    async def script(link):
        await link.request()
        await link.send(UNTIL_CLOSE)
        await go.wait()
        link.reset()

    response = await ask(pool(await peer(script)))
    assert await response.readany() == b"hello"
    go.set()
    got, broke = await read(response)
    assert got == b"" and isinstance(broke, Truncated)


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"", Disconnected),
        (b"HTTP/1.1 200", Truncated),
        (b"HTTP/1.1 200 OK\r\nx: y\r\n", Truncated),
        (b"SSH-2.0-OpenSSH_9.6\r\n", BadHttp),
        (b"<html>hello</html>", BadHttp),
        (b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nxx", BadHttp),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello", BadHttp),
        (b"HTTP/1.1 200 OK\r\nx-a: " + b"a" * 300_000, BadHttp),
        (b"HTTP/1.1 103 Hints\r\n\r\n" * 20_000, BadHttp),
    ],
    ids=["nothing", "half-line", "half-head", "ssh", "html", "upgrade", "two-lengths", "huge-head", "endless-interim"],
)
async def test_what_is_no_answer(peer, pool, ask, until, raw, error):
    provider = await peer(then_close(raw))
    connections = pool(provider, most=1)
    for _ in range(2):
        with pytest.raises(error):
            await ask(connections)
    await until(lambda: not provider.running)
    assert provider.accepted == 2, "the place was not given back, or a broken connection was used again"


@pytest.mark.parametrize("first", [OK, CHUNKED, EMPTY], ids=["length", "chunked", "empty"])
async def test_a_second_answer_nobody_asked_for_changes_nothing(peer, pool, ask, read, first):
    evil = b"HTTP/1.1 403 Evil\r\ncontent-length: 4\r\nx-evil: 1\r\n\r\nevil"

    async def script(link):
        await link.request()
        await link.send(first + evil)
        await link.closed()

    provider = await peer(script, OK)
    connections = pool(provider)
    response = await ask(connections)
    got = await read(response)
    assert (response.status, got) == (200, (b"" if first is EMPTY else b"hello", None))
    assert await read(await ask(connections)) == (b"hello", None)
    assert provider.accepted == 2, "a connection that sent bytes nobody asked for was used again"


async def test_the_start_of_an_answer_nobody_asked_for_ends_the_connection(peer, pool, ask, read):
    async def script(link):
        await link.request()
        await link.send(OK + b"HTTP/1.1 2")
        await link.request()
        await link.send(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate")

    provider = await peer(script, OK)
    connections = pool(provider)
    assert await read(await ask(connections)) == (b"hello", None)
    assert await read(await ask(connections)) == (b"hello", None)
    assert provider.accepted == 2


async def test_bytes_that_come_later_end_an_idle_connection(peer, pool, ask, read, until):
    go = asyncio.Event()

    async def script(link):
        await link.request()
        await link.send(OK)
        await go.wait()
        await link.send(b"HTTP/1.1 500 X\r\ncontent-length: 0\r\n\r\n")
        await link.closed()

    provider = await peer(script, OK)
    connections = pool(provider)
    assert await read(await ask(connections)) == (b"hello", None)
    go.set()
    await until(lambda: not provider.running, "the end of the connection")
    assert await read(await ask(connections)) == (b"hello", None)
    assert provider.accepted == 2


async def test_an_unread_answer_makes_the_provider_wait(peer, pool, ask, until):
    sent = 0
    piece = b"x" * 65536
    total = 1024

    async def script(link):
        nonlocal sent
        await link.request()
        await link.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (len(piece) * total))
        for _ in range(total):
            link.writer.write(piece)
            await link.writer.drain()
            sent += 1

    provider = await peer(script)
    response = await ask(pool(provider))
    # Until nothing moves any more: several turns in which not a piece was sent.
    still, last = 0, -1
    while still < 50:
        await asyncio.sleep(0.002)
        still, last = (still + 1, last) if sent == last else (0, sent)
    assert sent < total, "everything was taken though nobody read"
    first = await response.readany()
    assert len(first) <= 1_048_576, "more than the design's 1 MiB was buffered"
    size = len(first)
    while got := await response.readany():
        size += len(got)
    assert (size, response.at_end) == (len(piece) * total, True)


async def test_an_early_answer_during_an_upload(peer, pool, ask, read, until):
    """The answer is delivered, the rest of the upload is dropped, the connection is not used again."""
    stopped = asyncio.Event()

    async def upload():
        try:
            while True:
                yield b"x" * 1000
                await asyncio.sleep(0)
        finally:
            stopped.set()

    async def script(link):
        await link.head()
        await link.send(b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig")
        await link.closed()

    provider = await peer(script, OK)
    connections = pool(provider, most=1)
    response = await ask(connections, body=upload())
    assert response.status == 413
    assert await read(response) == (b"big", None)
    await asyncio.wait_for(stopped.wait(), 10)
    assert await read(await ask(connections)) == (b"hello", None)
    assert provider.accepted == 2


async def test_an_upload_is_sent_as_it_comes(peer, pool, ask, read):
    async def upload():
        yield b"one"
        yield b""
        yield b"two!"

    provider = await peer(OK)
    connections = pool(provider)
    assert await read(await ask(connections, body=upload())) == (b"hello", None)
    assert provider.got[0].endswith(b"transfer-encoding: chunked\r\n\r\n3\r\none\r\n4\r\ntwo!\r\n0\r\n\r\n")
    assert await read(await ask(connections, body=upload(), headers={"content-length": "7"})) == (b"hello", None)
    assert provider.got[1].endswith(b"\r\n\r\nonetwo!") and b"chunked" not in provider.got[1]
    assert provider.accepted == 1


async def test_an_upload_waits_for_a_slow_provider(peer, pool, ask, read):
    given = 0
    total = 512

    async def upload():
        nonlocal given
        for _ in range(total):
            given += 1
            yield b"y" * 65536

    go = asyncio.Event()

    async def script(link):
        head = await link.head()
        assert b"chunked" in head
        await go.wait()
        await link.reader.readuntil(b"\r\n0\r\n\r\n")
        await link.send(OK)

    provider = await peer(script, limit=2**27)
    waiting = asyncio.create_task(ask(pool(provider), body=upload()))
    still, last = 0, -1
    while still < 50:
        await asyncio.sleep(0.002)
        still, last = (still + 1, last) if given == last else (0, given)
    # The peer's own stream buffer (twice its limit) is the only one that large here.
    go.set()
    assert await read(await waiting) == (b"hello", None)
    assert given == total


async def test_an_upload_that_fails_is_told_and_closes_the_connection(peer, pool, ask, until):
    class Stopped(Exception):
        pass

    async def upload():
        yield b"one"
        raise Stopped

    async def script(link):
        await link.closed()

    provider = await peer(script)
    connections = pool(provider, most=1)
    for _ in range(2):
        with pytest.raises(Stopped):
            await ask(connections, body=upload())
    await until(lambda: not provider.running)


async def test_a_closed_response_reads_as_ended_and_frees_its_place(peer, pool, ask, until):
    async def script(link):
        await link.request()
        await link.send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello")
        await link.closed()

    provider = await peer(script)
    connections = pool(provider, most=1)
    for _ in range(3):
        response = await ask(connections)
        assert await response.readany() == b"hello"
        response.close()
        response.close()
        assert await response.readany() == b""
    await until(lambda: not provider.running)
    assert provider.accepted == 3


async def test_closing_the_pool_never_looks_like_the_end_of_an_answer(peer, pool, ask, read, until):
    async def script(link):
        await link.request()
        await link.send(UNTIL_CLOSE)
        await link.closed()

    connections = pool(await peer(script))
    response = await ask(connections)
    await asyncio.sleep(0)
    await connections.aclose()
    got, broke = await read(response)
    assert got in (b"", b"hello") and isinstance(broke, Truncated)

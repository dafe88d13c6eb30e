"""What a client sends: bounded in bytes, in silence, in slowness."""

import asyncio
import gzip
import zlib

import pytest
from aiohttp import web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.streams import StreamReader

from tailrace.errors import BadRequest, RequestTimeout, TailraceError
from tailrace.http.body import checked, paced, parse_object, read_body
from tailrace.testing import virtual_time


@pytest.fixture
async def post(listen):
    """Send a body with these headers; the status, and what was read or the error's code."""

    async def handle(request):
        try:
            return web.Response(body=await read_body(request, 100, 5.0))
        except TailraceError as error:
            return web.Response(status=error.status, text=str(error.code))

    send = await listen(handle)

    async def to_server(body, *headers):
        lines = ["POST /x HTTP/1.1", "host: h", *headers]
        if not any(line.startswith(("transfer-encoding", "content-length")) for line in headers):
            lines.append(f"content-length: {len(body)}")
        answer = await send("\r\n".join([*lines, "", ""]).encode() + body)
        head, _, read = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), read

    return to_server


def chunked(*pieces):
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


LARGE = (413, b"request_too_large")


@pytest.mark.parametrize(("size", "fits"), [(0, True), (99, True), (100, True), (101, False), (100_000, False)])
async def test_exact_to_the_byte(post, size, fits):
    body = b"x" * size
    expected = (200, body) if fits else LARGE
    assert await post(body) == expected
    assert (
        await post(chunked(*[b"x"] * size) if size < 200 else chunked(body), "transfer-encoding: chunked") == expected
    )
    assert await post(gzip.compress(body), "content-encoding: gzip") == expected
    assert await post(zlib.compress(body), "content-encoding: Deflate") == expected


async def test_a_declared_size_is_refused_before_the_body_comes(post):
    assert await post(b"", "content-length: 101") == LARGE


async def test_a_bomb_is_no_larger_than_anything_else(post):
    bomb = zlib.compress(b"\0" * 50_000, 9)
    assert len(bomb) <= 100
    assert await post(bomb, "content-encoding: deflate") == LARGE


@pytest.mark.parametrize(
    ("body", "encoding", "expected"),
    [
        (b"x", "identity", (200, b"x")),
        (b"x", "", (200, b"x")),
        (gzip.compress(b"x"), " X-GZIP ", (200, b"x")),
        (b"x", "br", (415, b"bad_request")),
        (b"x", "gzip, gzip", (415, b"bad_request")),
        (b"not gzip", "gzip", (400, b"invalid_encoding")),
        (gzip.compress(b"x" * 50)[:-9], "gzip", (400, b"invalid_encoding")),
        (b"", "gzip", (400, b"invalid_encoding")),
    ],
    ids=["identity", "empty", "x-gzip", "br", "twice", "not-gzip", "cut", "nothing"],
)
async def test_encodings(post, body, encoding, expected):
    assert await post(body, f"content-encoding: {encoding}") == expected


# Pace.


class Still(asyncio.Transport):
    """A connection on which nothing happens."""

    def pause_reading(self):
        pass

    def resume_reading(self):
        pass


def reader(*steps):
    """A body that comes in as told: bytes, seconds of silence, and its end."""
    loop = asyncio.get_running_loop()
    protocol = BaseProtocol(loop)
    protocol.connection_made(Still())
    made = StreamReader(protocol, 2**16, loop=loop)

    async def feed():
        for step in steps:
            if isinstance(step, bytes):
                made.feed_data(step)
                await asyncio.sleep(0)
            else:
                await asyncio.sleep(step)
        made.feed_eof()

    return made, loop.create_task(feed())


async def collect(*steps, idle_s=30.0, busy_s=0.0):
    source, feeding = reader(*steps)
    got = []
    try:
        async for piece in paced(source, idle_s):
            got.append(piece)
            await asyncio.sleep(busy_s)
    finally:
        feeding.cancel()
    return got


@virtual_time
async def test_a_steady_body():
    assert await collect(b"a", 29.0, b"b" * 1024 * 40, 29.0, b"c" * 1024 * 40) == [b"a", b"b" * 40960, b"c" * 40960]


@virtual_time
async def test_a_silence():
    began = asyncio.get_running_loop().time()
    with pytest.raises(RequestTimeout, match="stopped coming in for 30 s"):
        await collect(b"a", 31.0, b"b")
    assert asyncio.get_running_loop().time() - began == pytest.approx(30)


@virtual_time
async def test_a_trickle():
    began = asyncio.get_running_loop().time()
    with pytest.raises(RequestTimeout, match="1 KB/s"):
        await collect(*[b"x", 1.0] * 100)
    # 10 s of grace, and the first byte after it.
    assert 10 <= asyncio.get_running_loop().time() - began <= 12


@virtual_time
async def test_just_fast_enough():
    got = await collect(*[b"x" * 1024, 1.0] * 60)
    assert sum(map(len, got)) == 60 * 1024


@virtual_time
async def test_a_slow_provider_is_not_the_clients_slowness():
    assert len(await collect(b"x", b"y", b"z", busy_s=20.0)) >= 1


# As JSON.


@pytest.mark.parametrize("large", [False, True], ids=["small", "off-loop"])
async def test_an_object(large):
    pad = b" " * (2**20 if large else 0)
    assert await parse_object(b'{"a": 1, "a": 2}' + pad, refuse_twice=False) == {"a": 2}
    for wrong in (b"", b"[]", b"1", b"{", b'{"a": NaN}', b"\xef\xbb\xbf{}", b'"\\ud800"', b"[" * 5000):
        with pytest.raises(BadRequest) as caught:
            await parse_object(wrong + pad, refuse_twice=False)
        assert caught.value.code == "invalid_json" and len(caught.value.message) < 200


@pytest.mark.parametrize(
    ("raw", "twice"),
    [
        (b'{"model":"a","model":"b"}', True),
        (b'{"model":"a","mod\\u0065l":"b"}', True),
        (b'{"model":"a","\\u006dodel":"b"}', True),
        (b'{"model":"a","messages":[{"model":"b"}]}', False),
        (b'{"model":"a","text":"\\"model\\""}', False),
        (b'{"model":"a","text":"\\u0041"}', False),
        (b'{"model":"a"}', False),
    ],
)
async def test_a_model_named_twice(raw, twice):
    assert (await parse_object(raw, refuse_twice=False))["model"] in ("a", "b")
    if twice:
        with pytest.raises(BadRequest) as caught:
            await parse_object(raw, refuse_twice=True)
        assert caught.value.code == "duplicate_key"
    else:
        assert (await parse_object(raw, refuse_twice=True))["model"] == "a"


@pytest.mark.parametrize(
    ("payload", "param"),
    [
        ({"model": "m"}, None),
        ({"model": "m", "stream": True}, None),
        ({"model": "m", "stream": None}, None),
        ({}, "model"),
        ({"model": ""}, "model"),
        ({"model": None}, "model"),
        ({"model": 5}, "model"),
        ({"model": ["m"]}, "model"),
        ({"model": "m", "stream": 1}, "stream"),
        ({"model": "m", "stream": "true"}, "stream"),
    ],
)
def test_checked(payload, param):
    if param is None:
        checked(payload, needs_model=True)
        return
    with pytest.raises(BadRequest) as caught:
        checked(payload, needs_model=True)
    assert (caught.value.param, caught.value.status) == (param, 400)


def test_checked_where_no_model_is_needed():
    checked({}, needs_model=False)
    with pytest.raises(BadRequest):
        checked({"model": 5}, needs_model=False)

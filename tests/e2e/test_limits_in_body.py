"""Limits on what comes in: the size of a body, its encoding, what its JSON may hold."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest
from e2e_kit import (
    Serve,
    Served,
    Sim,
    chat,
    fresh,
    is_anthropic_error,
    is_openai_error,
    proxy_config,
    raw_answer,
    send,
    split_answer,
)
from e2e_kit.limits import MOST, small_config


@pytest.fixture(scope="module")
def small(shared_serve: Serve, shared_sim: Sim) -> Served:
    """Small bounds."""
    return shared_serve(small_config(shared_sim.url))


@pytest.fixture(scope="module")
def plain(shared_serve: Serve, shared_sim: Sim) -> Served:
    return shared_serve(proxy_config(shared_sim.url))


def body_of(size: int, model: str = "gpt-4o") -> bytes:
    """A chat request of exactly so many bytes."""
    raw = orjson.dumps(chat(model, "@"))
    return raw.replace(b"@", b"x" * (size - len(raw) + 1))


async def pieces(data: bytes, size: int = 4096) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


# Size.


@pytest.mark.parametrize("framing", ["length", "chunked", "gzip", "deflate", "gzip-chunked"])
@pytest.mark.parametrize("over", [-1, 0, 1])
async def test_the_body_bound_is_exact(
    http: aiohttp.ClientSession, small: Served, shared_sim: Sim, framing: str, over: int
) -> None:
    raw = body_of(MOST + over)
    assert len(raw) == MOST + over
    test_id = fresh()
    headers: dict[str, str] = {"x-test-id": test_id, "content-type": "application/json"}
    if framing.startswith("gzip"):
        headers["content-encoding"] = "gzip"
        raw = gzip.compress(raw)
    elif framing == "deflate":
        headers["content-encoding"] = "deflate"
        raw = zlib.compress(raw)
    data: Any = pieces(raw) if framing.endswith("chunked") else raw
    answer = await send(http, small.url + "/chat/completions", data=data, headers=headers, method="POST")
    assert answer.status == (413 if over > 0 else 200), answer.body
    if over > 0:
        assert is_openai_error(answer.json()) and answer.headers["x-request-id"]
        assert not shared_sim.entries(test_id)
    else:
        [entry] = shared_sim.entries(test_id)
        assert entry["body_bytes"] == MOST + over


async def test_413_in_anthropics_shape(http: aiohttp.ClientSession, small: Served) -> None:
    answer = await send(http, small.url + "/messages", data=body_of(MOST + 1))
    assert answer.status == 413
    assert is_anthropic_error(answer.json())
    assert answer.json()["error"]["type"] == "request_too_large"


async def test_gzip_bomb(http: aiohttp.ClientSession, small: Served) -> None:
    bomb = gzip.compress(b"[" * 100_000_000, 9)
    assert len(bomb[:MOST]) <= MOST < 100_000_000
    before = small.rss_bytes()
    answer = await send(http, small.url + "/chat/completions", data=bomb[:MOST], headers={"content-encoding": "gzip"})
    assert answer.status == 413
    assert small.rss_bytes() - before < 30_000_000


@pytest.mark.parametrize(
    ("encoding", "data", "status"),
    [
        ("gzip", b"not gzip at all", 400),
        ("gzip", gzip.compress(b'{"model":"m"}', mtime=0)[:-5], 400),
        ("deflate", b"\x00\x01", 400),
        ("br", b"x", 415),
        ("gzip, gzip", b"x", 415),
        ("zstd", b"x", 415),
    ],
)
async def test_bad_encodings(
    http: aiohttp.ClientSession, small: Served, encoding: str, data: bytes, status: int
) -> None:
    answer = await send(http, small.url + "/chat/completions", data=data, headers={"content-encoding": encoding})
    assert answer.status == status
    assert is_openai_error(answer.json())


EXPECTING = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"


async def test_expect_continue_is_refused_before_the_upload(small: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", small.port)
    writer.write(EXPECTING % (MOST + 1))
    raw = await raw_answer(reader, 3)
    status, headers, body = split_answer(raw)
    assert status == 413 and b"100 Continue" not in raw
    assert is_openai_error(orjson.loads(body)) and headers["x-request-id"]
    writer.close()


async def test_expect_continue_is_answered(small: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", small.port)
    raw = body_of(3000)
    writer.write(EXPECTING % len(raw))
    assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 3) == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(raw)
    assert split_answer(await raw_answer(reader))[0] == 200
    # And once more on the same connection.
    writer.write(EXPECTING % len(raw))
    assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 3) == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(raw)
    assert split_answer(await raw_answer(reader))[0] == 200
    writer.close()


async def test_unknown_expectation_is_417(small: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", small.port)
    writer.write((EXPECTING % 10).replace(b"100-continue", b"coffee"))
    assert split_answer(await raw_answer(reader, 3))[0] == 417
    writer.close()


async def test_too_large_a_body_is_answered_though_the_client_goes_on_sending(small: Served) -> None:
    """The answer must not be lost in a reset, and the rest must not be taken for a request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", small.port)
    writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n")
    sent = 0
    try:
        while sent < 1_000_000:
            writer.write(b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n" * 100)
            await writer.drain()
            sent += 3700
    except ConnectionError:
        pass
    raw = await raw_answer(reader, 5)
    assert split_answer(raw)[0] == 413
    assert raw.count(b"HTTP/1.1 ") == 1
    writer.close()


# What JSON may hold.


@pytest.mark.parametrize("opening", [(b"[", b"]"), (b'{"a":', b"}")])
async def test_json_depth(http: aiohttp.ClientSession, plain: Served, opening: tuple[bytes, bytes]) -> None:
    for depth, status in ((127, 200), (128, 200), (129, 400), (1000, 400), (20_000, 400)):
        levels = depth - 1
        inner = opening[0] * levels + (b"1" if opening[0] != b"[" else b"") + opening[1] * levels
        raw = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}],"metadata":%b}' % inner
        answer = await send(http, plain.url + "/chat/completions", data=raw)
        assert answer.status == status, depth
        if status == 400:
            assert answer.json()["error"]["code"] == "invalid_json"


@pytest.mark.parametrize(
    "value",
    [
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"1e999",
        b"-1e999",
        b'"\\ud800"',
        b'"\\udfff\\ud800"',
        b'"\xed\xa0\x80"',
        b"01",
        b"'x'",
        b'"\x01"',
        b"[1,]",
        b"/**/1",
    ],
)
async def test_values_that_break_later(
    http: aiohttp.ClientSession, plain: Served, shared_sim: Sim, value: bytes
) -> None:
    test_id = fresh()
    raw = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}],"metadata":{"a":%b}}' % value
    answer = await send(http, plain.url + "/chat/completions", data=raw, headers={"x-test-id": test_id})
    assert answer.status == 400
    assert is_openai_error(answer.json())
    assert not shared_sim.entries(test_id)


async def test_integers_beyond_64_bits_go_on_unchanged(
    http: aiohttp.ClientSession, plain: Served, shared_sim: Sim
) -> None:
    test_id = fresh()
    big = b"123456789012345678901234567890"
    raw = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}],"metadata":{"a":%b}}' % big
    answer = await send(http, plain.url + "/chat/completions", data=raw, headers={"x-test-id": test_id})
    assert answer.status == 200
    assert shared_sim.entries(test_id)[0]["body_bytes"] == len(raw)

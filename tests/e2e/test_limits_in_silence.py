"""Limits on what comes in: silence and slowness."""

import asyncio
import time

import aiohttp
import orjson
import pytest
from e2e_kit import (
    Serve,
    Served,
    Sim,
    is_openai_error,
    proxy_config,
    raw_answer,
    split_answer,
)
from e2e_kit.limits import small_config


@pytest.fixture(scope="module")
def small(shared_serve: Serve, shared_sim: Sim) -> Served:
    """Small bounds."""
    return shared_serve(small_config(shared_sim.url))


@pytest.fixture(scope="module")
def plain(shared_serve: Serve, shared_sim: Sim) -> Served:
    return shared_serve(proxy_config(shared_sim.url))


@pytest.mark.parametrize("path", [b"chat/completions", b"files"])
@pytest.mark.parametrize("framing", [b"Content-Length: 5000", b"Transfer-Encoding: chunked"])
async def test_half_a_body_then_silence_is_408(
    small: Served, http: aiohttp.ClientSession, path: bytes, framing: bytes
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", small.port)
    body = b'5\r\n{"mod\r\n' if b"chunked" in framing else b'{"mod'
    writer.write(
        b"POST /v1/" + path + b" HTTP/1.1\r\nHost: x\r\nX-Sim-Fault: fault-hang\r\n" + framing + b"\r\n\r\n" + body
    )
    status, headers, told = split_answer(await raw_answer(reader, 5))
    assert status == 408 and is_openai_error(orjson.loads(told)) and headers["x-request-id"]
    writer.close()


async def test_body_that_trickles_is_408(plain: Served) -> None:
    """Never silent for long, but far below the least rate: given up after its ten seconds of grace."""
    reader, writer = await asyncio.open_connection("127.0.0.1", plain.port)
    writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 50000\r\n\r\n")
    began = time.monotonic()
    answered = asyncio.get_running_loop().create_task(raw_answer(reader, 25))
    while not answered.done():
        writer.write(b"x" * 20)
        await asyncio.wait([answered], timeout=0.2)
    assert split_answer(answered.result())[0] == 408
    assert 9 < time.monotonic() - began < 16
    writer.close()


@pytest.mark.parametrize("sent", [b"", b"GET /v1/mod", b"GET /v1/models HTTP/1.1\r\nHost: x\r\nX-A: "])
async def test_head_that_does_not_come_is_given_up(small: Served, sent: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", small.port)
    writer.write(sent)
    await asyncio.wait_for(reader.read(-1), 4)
    writer.close()


async def test_head_that_trickles_is_given_up(small: Served) -> None:
    """Each byte in time, the head as a whole not."""
    reader, writer = await asyncio.open_connection("127.0.0.1", small.port)
    ended = asyncio.get_running_loop().create_task(reader.read(-1))
    writer.write(b"GET /v1/models HTTP/1.1\r\n")
    began = time.monotonic()
    while not ended.done() and time.monotonic() - began < 6:
        writer.write(b"X-A: b\r\n")
        await asyncio.wait([ended], timeout=0.1)
    assert ended.done()
    await asyncio.gather(ended, return_exceptions=True)
    writer.close()


async def test_second_head_on_a_kept_connection_is_given_up_too(small: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", small.port)
    writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b"ok\n")
    writer.write(b"GET /v1/mod")
    await asyncio.wait_for(reader.read(-1), 4)
    writer.close()


async def test_kept_connection_outlives_the_head_timeout(small: Served, http: aiohttp.ClientSession) -> None:
    """Idle between requests is not a slow head, also after a request whose body nobody needed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", small.port)
    for _ in range(2):
        writer.write(b"GET /v1/models/m HTTP/1.1\r\nHost: x\r\n\r\n")
        _, headers, _ = split_answer(await reader.readuntil(b"\r\n\r\n"))
        await reader.readexactly(int(headers["content-length"]))
        # Longer than header_timeout_s and its sweep: nothing may come, not even the end.
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 1.3)
    writer.close()

"""Limits: large bodies, either way, are not held and do not hold up others."""

import asyncio
import io
import socket
import time
from collections.abc import AsyncIterator

import aiohttp
import orjson
import pytest
from e2e_kit import (
    SECRET,
    RawRequest,
    Serve,
    Served,
    Sim,
    chat,
    is_openai_error,
    proxy_config,
    raw_provider,
    send,
    until,
    whole,
)


@pytest.fixture(scope="module")
def plain(shared_serve: Serve, shared_sim: Sim) -> Served:
    return shared_serve(proxy_config(shared_sim.url))


async def test_large_upload_is_not_held(http: aiohttp.ClientSession, plain: Served) -> None:
    size = 100_000_000
    piece = b"x" * 250_000

    async def parts() -> AsyncIterator[bytes]:
        yield b'--sep\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
        yield b'--sep\r\nContent-Disposition: form-data; name="file"; filename="big.jsonl"\r\n\r\n'
        for _ in range(size // len(piece)):
            yield piece
            sampled.append(plain.rss_bytes())
        yield b"\r\n--sep--\r\n"

    before = plain.rss_bytes()
    sampled: list[int] = []
    headers = {"content-type": "multipart/form-data; boundary=sep"}
    answer = await send(http, plain.url + "/files", data=parts(), headers=headers, timeout_s=60)
    assert answer.status == 200 and answer.json()["bytes"] == size
    assert max(sampled) - before < 40_000_000


async def test_large_download_is_not_held(http: aiohttp.ClientSession, plain: Served) -> None:
    before = plain.rss_bytes()
    peak, size = before, 0
    url = plain.url + "/files/file-bytes-100000000/content"
    async with http.get(url, headers={"authorization": f"Bearer {SECRET}"}) as response:
        assert response.status == 200
        async for piece in response.content.iter_any():
            size += len(piece)
            if size % 50 == 0 or peak == before:
                peak = max(peak, plain.rss_bytes())
    peak = max(peak, plain.rss_bytes())
    assert size == 100_000_000
    assert peak - before < 40_000_000


async def test_large_json_does_not_stall_a_stream(plain: Served) -> None:
    """The largest gap of a paced stream while a 20 MB body is read, against the largest without it."""
    text = "lorem ipsum dolor sit amet " * 40
    messages = [{"role": "user" if n % 2 == 0 else "assistant", "content": text} for n in range(18_000)]
    big = orjson.dumps({"model": "fault-400", "messages": messages})
    assert len(big) > 19_000_000
    gaps: list[tuple[float, float]] = []
    request = orjson.dumps(chat(text="[[sim: tokens=150 delay=20]]", stream=True))

    def pace() -> None:
        """In a thread of its own: this loop is busy sending."""
        with socket.create_connection(("127.0.0.1", plain.port)) as sock:
            sock.sendall(
                b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b"
                % (len(request), request)
            )
            last = time.monotonic()
            got = b""
            while b"[DONE]" not in got[-200:]:
                got += sock.recv(65536)
                now = time.monotonic()
                gaps.append((now, now - last))
                last = now

    async with aiohttp.ClientSession() as http:
        pacing = asyncio.get_running_loop().create_task(asyncio.to_thread(pace))
        await until(lambda: len(gaps) > 40)
        began = time.monotonic()
        answer = await send(http, plain.url + "/chat/completions", data=io.BytesIO(big), timeout_s=60)
        ended = time.monotonic()
        assert answer.status == 400
        await pacing
    without = max(gap for at, gap in gaps[2:] if at < began)
    while_it_came = max((gap for at, gap in gaps if began <= at <= ended + 0.1), default=0.0)
    print(f"largest gap: {without * 1000:.0f} ms without, {while_it_came * 1000:.0f} ms with")
    assert while_it_came < max(10 * without, 0.4)


async def test_answer_that_is_too_large_is_502(http: aiohttp.ClientSession, serve: Serve) -> None:
    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(whole(b'{"a":"' + b"x" * 200_000 + b'"}'))
        await writer.drain()

    async with raw_provider(answer) as provider:
        proxy = await asyncio.to_thread(serve, proxy_config(provider.url, upstream={"max_answer_bytes": 100_000}))
        found = await send(http, proxy.url + "/chat/completions", chat())
        assert found.status == 502 and is_openai_error(found.json())

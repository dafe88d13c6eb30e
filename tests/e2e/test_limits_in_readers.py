"""Limits: what clients that do not read may cost, and what becomes of too many at once."""

import asyncio

import aiohttp
import pytest
from e2e_kit import (
    STREAM_HEAD,
    RawRequest,
    Serve,
    Served,
    Sim,
    chat,
    chunk,
    delta,
    is_anthropic_error,
    is_openai_error,
    proxy_config,
    raw_provider,
    send,
    until,
)
from e2e_kit.limits import deaf, small_config, stream_request


@pytest.fixture(scope="module")
def small(shared_serve: Serve, shared_sim: Sim) -> Served:
    """Small bounds."""
    return shared_serve(small_config(shared_sim.url))


@pytest.fixture(scope="module")
def plain(shared_serve: Serve, shared_sim: Sim) -> Served:
    return shared_serve(proxy_config(shared_sim.url))


# Clients that do not read.


async def test_client_that_never_reads_is_dropped(serve: Serve, shared_sim: Sim) -> None:
    proxy = await asyncio.to_thread(serve, proxy_config(shared_sim.url, server={"write_stall_s": 0.7}))
    baseline = proxy.descriptors()
    aborted = shared_sim.stats()["aborted"]
    socks = [deaf(proxy.port, stream_request("fault-many-events-200000")) for _ in range(4)]
    await until(lambda: shared_sim.stats()["aborted"] == aborted + 4, 25, "the provider's streams are closed")
    await until(lambda: proxy.descriptors() <= baseline, what="no descriptor stays")
    lines = await until(lambda: [line for line in proxy.lines() if '"client_left"' in line])
    assert lines
    for sock in socks:
        sock.close()


async def test_back_pressure_reaches_the_provider(serve: Serve) -> None:
    """A provider that could send without end sends only what the client takes, and the proxy holds little of it."""
    sent = 0
    event = delta("x" * 1000)

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(STREAM_HEAD)
        for _ in range(300_000):
            writer.write(chunk(event))
            await writer.drain()
            sent += len(event)

    async with raw_provider(answer) as provider:
        proxy = await asyncio.to_thread(serve, proxy_config(provider.url))
        before = proxy.rss_bytes()
        socks = [deaf(proxy.port, stream_request("m")) for _ in range(8)]
        last = -1

        async def still() -> bool:
            nonlocal last
            await asyncio.sleep(0.25)
            same, last = sent == last and sent > 0, sent
            return same

        await until(still, 20, "the provider is held up")
        assert proxy.rss_bytes() - before < 8 * 1_048_576 * 2
        # Kernel buffers of three connections a stream, and the proxy's own.
        assert sent < 8 * 12_000_000
        for sock in socks:
            sock.close()


@pytest.mark.parametrize("where", ["first-event", "later-event", "comments-first"])
async def test_an_endless_event_is_not_held(http: aiohttp.ClientSession, serve: Serve, where: str) -> None:
    """Whether it is passed on or refused: 80 MB that never become an event are not kept (1 MiB a stream)."""
    piece = b"x" * 64_000

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD)
        if where == "later-event":
            writer.write(chunk(delta("first")))
        if where != "comments-first":
            writer.write(chunk(b"data: "))
        for _ in range(1250):
            writer.write(chunk(b": " + piece + b"\n\n" if where == "comments-first" else piece))
            await writer.drain()
        writer.write(chunk(b"\n\n") + chunk(delta("x", "stop")) + chunk(b"data: [DONE]\n\n") + chunk(b""))
        await writer.drain()

    async with raw_provider(answer) as provider:
        proxy = await asyncio.to_thread(serve, proxy_config(provider.url))
        before = peak = proxy.rss_bytes()
        async with http.post(proxy.url + "/chat/completions", json=chat(stream=True)) as response:
            assert response.status in (200, 502)
            peak = max(peak, proxy.rss_bytes())
            async for _ in response.content.iter_any():
                peak = max(peak, proxy.rss_bytes())
        assert peak - before < 40_000_000, f"{(peak - before) / 1e6:.0f} MB"


async def test_slow_reader_gets_everything(http: aiohttp.ClientSession, plain: Served) -> None:
    before = plain.rss_bytes()
    peak = before
    size = 0
    ends = b""
    request = chat("fault-many-events-60000", stream=True)
    async with http.post(plain.url + "/chat/completions", json=request, read_bufsize=4096) as response:
        async for piece in response.content.iter_any():
            size += len(piece)
            ends = (ends + piece)[-20:]
            peak = max(peak, plain.rss_bytes())
    assert size > 10_000_000 and ends.endswith(b"data: [DONE]\n\n")
    assert peak - before < 20_000_000


# Overload.


async def test_overload_sheds_with_503(http: aiohttp.ClientSession, small: Served, shared_sim: Sim) -> None:
    request = stream_request("fault-hang")
    socks = [deaf(small.port, request) for _ in range(50)]
    await until(lambda: shared_sim.stats()["in_flight"] == 50)
    for path, body in (("/chat/completions", chat()), ("/messages", {"model": "m"}), ("/models", None)):
        answer = await send(http, small.url + path, body)
        assert answer.status == 503
        assert float(answer.headers["retry-after"]) > 0 and answer.headers["x-request-id"]
        told = answer.json()
        assert is_anthropic_error(told) if path == "/messages" else is_openai_error(told)
    for url in (small.root + "/livez", small.root + "/readyz", small.admin + "/livez", small.admin + "/metrics"):
        assert (await send(http, url)).status == 200
    for sock in socks:
        sock.close()
    await until(lambda: shared_sim.stats()["in_flight"] == 0)
    assert (await send(http, small.url + "/chat/completions", chat())).status == 200

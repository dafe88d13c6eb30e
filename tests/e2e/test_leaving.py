"""Leaving: clients that go, a proxy that is told to stop, a configuration that is replaced."""

import asyncio
import signal
import socket
from typing import Any

import aiohttp
import orjson
import pytest
import yaml
from e2e_kit import (
    STREAM_HEAD,
    RawRequest,
    Serve,
    Served,
    Sim,
    body_for,
    chat,
    chunk,
    delta,
    fresh,
    is_openai_error,
    proxy_config,
    raw_provider,
    send,
    split_answer,
    until,
)

CLOSING_S = 1.0 + 1.0
"""The design's one second, and slack for two busy cores."""


@pytest.fixture(scope="module")
def plain(shared_serve: Serve, shared_sim: Sim) -> Served:
    providers = {"sim": {"base_url": shared_sim.url}, "claude": {"base_url": shared_sim.url, "dialect": "anthropic"}}
    return shared_serve(proxy_config(shared_sim.url, providers=providers))


def request_bytes(path: str, body: dict[str, Any]) -> bytes:
    raw = orjson.dumps(body)
    return b"POST /v1%b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (path.encode(), len(raw), raw)


Connected = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connect(port: int, request: bytes) -> Connected:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    await writer.drain()
    return reader, writer


# Clients that go.


@pytest.mark.parametrize("how", ["fin", "rst"])
@pytest.mark.parametrize("when", ["before-the-first-byte", "before-the-first-event", "mid-stream", "whole-answer"])
async def test_upstream_is_closed_when_clients_leave(plain: Served, shared_sim: Sim, when: str, how: str) -> None:
    model, stream = {
        "before-the-first-byte": ("fault-hang", True),
        "before-the-first-event": ("fault-hang-after-headers", True),
        "mid-stream": ("fault-hang-midstream-4", True),
        "whole-answer": ("fault-hang", False),
    }[when]
    request = request_bytes("/chat/completions", chat(model, stream=stream))
    await until(lambda: shared_sim.stats()["in_flight"] == 0)
    baseline = plain.descriptors()
    loop = asyncio.get_running_loop()
    for _ in range(4):
        aborted = shared_sim.stats()["aborted"]
        clients = await asyncio.gather(*(connect(plain.port, request) for _ in range(50)))
        await until(lambda: shared_sim.stats()["in_flight"] == 50, what="50 requests at the provider")
        if when == "mid-stream":
            await asyncio.gather(*(reader.readuntil(b"data: ") for reader, _ in clients))
        began = loop.time()
        for _, writer in clients:
            if how == "rst":
                writer.transport.abort()
            else:
                writer.close()
        await until(lambda: shared_sim.stats()["in_flight"] == 0, 10, "the provider is let go")
        assert loop.time() - began < CLOSING_S
        assert shared_sim.stats()["aborted"] == aborted + 50
    await until(lambda: plain.descriptors() <= baseline, what="no descriptor stays")


@pytest.mark.parametrize("shape", ["completions", "responses", "messages"])
async def test_upstream_is_closed_in_every_shape(plain: Served, shared_sim: Sim, shape: str) -> None:
    path = {"completions": "/completions", "responses": "/responses", "messages": "/messages"}[shape]
    await until(lambda: shared_sim.stats()["in_flight"] == 0)
    request = request_bytes(path, body_for(shape, "fault-hang-midstream-3", stream=True))
    clients = await asyncio.gather(*(connect(plain.port, request) for _ in range(10)))
    await asyncio.gather(*(reader.readuntil(b"data: ") for reader, _ in clients))
    loop = asyncio.get_running_loop()
    began = loop.time()
    for _, writer in clients:
        writer.close()
    await until(lambda: shared_sim.stats()["in_flight"] == 0)
    assert loop.time() - began < CLOSING_S


async def test_client_that_leaves_while_the_proxy_waits_to_retry(serve: Serve, shared_sim: Sim) -> None:
    proxy = await asyncio.to_thread(serve, proxy_config(shared_sim.url))
    model = f"fault-retry-after-5-times-1-{fresh()}"
    _, writer = await connect(proxy.port, request_bytes("/chat/completions", chat(model)))
    await until(lambda: [e for e in shared_sim.entries(model=model) if e["state"] == "answered"])
    writer.close()
    # Log lines come up to a second late.
    await until(lambda: any('"client_left"' in line for line in proxy.lines()), 3, "noticed at once")
    assert len(shared_sim.entries(model=model)) == 1


async def test_uploading_client_that_leaves(plain: Served) -> None:
    gone = asyncio.Event()
    begun = asyncio.Event()

    async def provider(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        begun.set()
        try:
            while await reader.read(65536):
                pass
        except ConnectionError:
            pass
        gone.set()
        writer.close()

    server = await asyncio.start_server(provider, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    config = yaml.safe_load(plain.config.read_text())
    config["providers"] = {"raw": {"base_url": f"http://127.0.0.1:{port}/v1"}}
    from e2e_kit import start

    proxy = await asyncio.to_thread(start, config, plain.config.parent / fresh())
    try:
        head = b"POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 5000
        _, writer = await connect(proxy.port, head)
        await asyncio.wait_for(begun.wait(), 5)
        writer.close()
        await asyncio.wait_for(gone.wait(), CLOSING_S)
    finally:
        proxy.process.kill()
        proxy.process.wait()
        server.close()


async def test_slots_come_back(serve: Serve, shared_sim: Sim, http: aiohttp.ClientSession) -> None:
    proxy = await asyncio.to_thread(serve, proxy_config(shared_sim.url, server={"max_in_flight": 5}))
    request = request_bytes("/chat/completions", chat("fault-hang"))
    for _ in range(5):
        clients = [await connect(proxy.port, request) for _ in range(5)]
        await until(lambda: shared_sim.stats()["in_flight"] == 5)
        assert (await send(http, proxy.url + "/chat/completions", chat())).status == 503
        for _, writer in clients:
            writer.close()
        await until(lambda: shared_sim.stats()["in_flight"] == 0)
    assert (await send(http, proxy.url + "/chat/completions", chat())).status == 200


# A proxy that is told to stop.


async def begun(reader: asyncio.StreamReader) -> bytes:
    return await asyncio.wait_for(reader.readuntil(b"data: "), 10)


async def rest(reader: asyncio.StreamReader, timeout_s: float = 15) -> bytes:
    return await asyncio.wait_for(reader.read(-1), timeout_s)


async def test_sigterm_lets_streams_finish(serve: Serve, shared_sim: Sim, http: aiohttp.ClientSession) -> None:
    proxy = await asyncio.to_thread(serve, proxy_config(shared_sim.url))
    idle_reader, idle_writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    request = request_bytes("/chat/completions", chat(text="[[sim: tokens=25 delay=80]]", stream=True))
    whole = request_bytes("/chat/completions", chat(text="[[sim: tokens=20 delay=80]]"))
    clients = await asyncio.gather(*(connect(proxy.port, request) for _ in range(50)))
    waiting = await connect(proxy.port, whole)
    heads = await asyncio.gather(*(begun(reader) for reader, _ in clients))
    await until(lambda: shared_sim.stats()["in_flight"] == 51)
    assert (await send(http, proxy.admin + "/readyz")).status == 200
    proxy.terminate()

    async def draining() -> bool:
        return (await send(http, proxy.admin + "/readyz")).status == 503

    await until(draining, 2, "readyz says 503")
    assert (await send(http, proxy.admin + "/livez")).status == 200
    assert proxy.process.poll() is None
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", proxy.port), 1)
    bodies = await asyncio.gather(*(rest(reader) for reader, _ in clients))
    for head, body in zip(heads, bodies, strict=True):
        _, _, first = head.partition(b"\r\n\r\n")
        assert body.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
        assert b'"error"' not in first + body and b'"finish_reason":"stop"' in body
    status, _, body = split_answer(await rest(waiting[0]))
    assert status == 200 and b'"choices"' in body
    assert await asyncio.to_thread(proxy.wait) == 0
    idle_writer.close()
    for _, writer in clients:
        writer.close()


async def test_sigterm_ends_what_takes_too_long(serve: Serve, shared_sim: Sim) -> None:
    providers = {"sim": {"base_url": shared_sim.url}, "claude": {"base_url": shared_sim.url, "dialect": "anthropic"}}
    proxy = await asyncio.to_thread(serve, proxy_config(shared_sim.url, providers=providers, server={"drain_s": 0.5}))
    shapes = ["chat", "completions", "responses", "messages"]
    paths = {"chat": "/chat/completions"}
    clients = [
        await connect(
            proxy.port,
            request_bytes(paths.get(shape, f"/{shape}"), body_for(shape, "fault-hang-midstream-4", stream=True)),
        )
        for shape in shapes
    ]
    waiting = await connect(proxy.port, request_bytes("/chat/completions", chat("fault-hang")))
    silent = await connect(proxy.port, b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
    heads = await asyncio.gather(*(begun(reader) for reader, _ in clients))
    await until(lambda: shared_sim.stats()["in_flight"] == 5)
    proxy.terminate()
    for shape, (reader, _), head in zip(shapes, clients, heads, strict=True):
        raw = head.partition(b"\r\n\r\n")[2] + await rest(reader)
        assert raw.endswith(b"0\r\n\r\n"), (shape, raw[-200:])
        told = orjson.loads(raw.rpartition(b"data: ")[2].partition(b"\n")[0])
        assert told["error"]["message"], shape
        assert b"[DONE]" not in raw and b"message_stop" not in raw
    for reader, _ in (waiting, silent):
        status, headers, body = split_answer(await rest(reader))
        assert status == 503 and is_openai_error(orjson.loads(body)) and headers["x-request-id"]
    assert await asyncio.to_thread(proxy.wait) == 0
    for _, writer in [*clients, waiting, silent]:
        writer.close()


async def test_sigterm_with_a_client_that_never_reads(serve: Serve, shared_sim: Sim) -> None:
    """`drain_s` bounds the way out, not the stall time of the slowest client."""
    proxy = await asyncio.to_thread(serve, proxy_config(shared_sim.url, server={"drain_s": 0.5}))
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", proxy.port))
    sock.sendall(request_bytes("/chat/completions", chat("fault-many-events-200000", stream=True)))
    await until(lambda: shared_sim.stats()["in_flight"] == 1)
    # The proxy's buffer is full when the provider is held up.
    await _stands_still(shared_sim, proxy)
    proxy.terminate()
    try:
        assert await asyncio.to_thread(proxy.wait, 12) == 0
    finally:
        sock.close()


async def _stands_still(sim: Sim, proxy: Served) -> None:
    """Wait until the proxy uses no more CPU."""
    import psutil

    process = psutil.Process(proxy.process.pid)
    before = -1.0

    async def quiet() -> bool:
        nonlocal before
        await asyncio.sleep(0.3)
        times = process.cpu_times()
        now = times.user + times.system
        still, before = now - before < 0.02, now
        return still

    await until(quiet, 15, "the proxy stands still")


async def test_second_sigterm_is_at_once(serve: Serve, shared_sim: Sim) -> None:
    proxy = await asyncio.to_thread(serve, proxy_config(shared_sim.url))
    _, writer = await connect(proxy.port, request_bytes("/chat/completions", chat("fault-hang")))
    await until(lambda: shared_sim.stats()["in_flight"] == 1)
    proxy.terminate()
    await until(lambda: any("draining" in line for line in proxy.lines()))
    assert proxy.process.poll() is None
    proxy.terminate()
    assert await asyncio.to_thread(proxy.wait, 3) != 0
    writer.close()


async def test_sigterm_when_idle_is_quick_and_clean(serve: Serve, shared_sim: Sim, http: aiohttp.ClientSession) -> None:
    proxy = await asyncio.to_thread(serve, proxy_config(shared_sim.url))
    # Keep-alive connections, one of them never used, hold nothing up.
    await send(http, proxy.url + "/chat/completions", chat())
    _, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    proxy.terminate()
    assert await asyncio.to_thread(proxy.wait, 5) == 0
    assert "Traceback" not in "\n".join(proxy.lines())
    writer.close()


async def test_request_on_a_kept_connection_while_draining(serve: Serve, shared_sim: Sim) -> None:
    proxy = await asyncio.to_thread(serve, proxy_config(shared_sim.url))
    slow = request_bytes("/chat/completions", chat(text="[[sim: tokens=15 delay=100]]", stream=True))
    streaming = await connect(proxy.port, slow)
    kept_reader, kept_writer = await connect(proxy.port, request_bytes("/chat/completions", chat()))
    head = await kept_reader.readuntil(b"\r\n\r\n")
    _, headers, _ = split_answer(head)
    await kept_reader.readexactly(int(headers["content-length"]))
    await begun(streaming[0])
    proxy.terminate()
    await until(lambda: any("draining" in line for line in proxy.lines()))
    kept_writer.write(request_bytes("/chat/completions", chat()))
    status, headers, body = split_answer(await rest(kept_reader))
    assert status in (200, 503) and headers["connection"] == "close"
    assert b"[DONE]" in await rest(streaming[0])
    assert await asyncio.to_thread(proxy.wait) == 0
    for writer in (streaming[1], kept_writer):
        writer.close()


# A configuration that is replaced.


def rewrite(proxy: Served, text: str | dict[str, Any]) -> None:
    proxy.config.write_text(text if isinstance(text, str) else yaml.safe_dump(text, sort_keys=False))
    proxy.process.send_signal(signal.SIGHUP)


async def test_reload_takes_effect_and_cuts_nothing(serve: Serve, shared_sim: Sim, http: aiohttp.ClientSession) -> None:
    released = asyncio.Event()

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD + chunk(delta("before")))
        await writer.drain()
        await released.wait()
        writer.write(chunk(delta("after", "stop")) + chunk(b"data: [DONE]\n\n") + chunk(b""))
        await writer.drain()

    async with raw_provider(answer) as provider:
        proxy = await asyncio.to_thread(serve, proxy_config(provider.url))
        config = yaml.safe_load(proxy.config.read_text())
        streaming = await connect(proxy.port, request_bytes("/chat/completions", chat(stream=True)))
        await begun(streaming[0])
        config["providers"] = {"sim": {"base_url": shared_sim.url}}
        config["models"] = {"only-this": {"targets": ["sim/gpt-4o"]}}
        rewrite(proxy, config)
        await until(lambda: any("configuration reloaded" in line for line in proxy.lines()))
        assert (await send(http, proxy.url + "/chat/completions", chat("only-this"))).status == 200
        assert (await send(http, proxy.url + "/chat/completions", chat("gpt-4o"))).status == 404
        released.set()
        raw = await asyncio.wait_for(streaming[0].readuntil(b"0\r\n\r\n"), 5)
        assert b"after" in raw and b"[DONE]" in raw and b'"error"' not in raw
        streaming[1].close()


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("providers: [", "not valid YAML"),
        ("providers: {sim: {base_url: 'http://127.0.0.1:1/v1', bas_url: x}}\n", "did you mean 'base_url'"),
        ("server: {port: 0}\nmodels: {m: {targets: [nope/x]}}\nproviders: {sim: {base_url: 'http://h/v1'}}\n", "nope"),
        ("plugins: [{no_such_plugin: {}}]\nproviders: {sim: {base_url: 'http://h/v1'}}\n", "no_such_plugin"),
        ("providers: {sim: {base_url: 'http://h/v1', api_key: '${UNSET_4711}'}}\n", "UNSET_4711"),
    ],
)
async def test_bad_reload_is_refused(
    serve: Serve, shared_sim: Sim, http: aiohttp.ClientSession, bad: str, why: str
) -> None:
    proxy = await asyncio.to_thread(serve, proxy_config(shared_sim.url))
    rewrite(proxy, bad)
    line = await until(
        lambda: next((line for line in proxy.lines() if "reload refused" in line or "reload failed" in line), None)
    )
    text = "\n".join(proxy.lines())
    assert why in text[text.index(line) :], text
    assert (await send(http, proxy.url + "/chat/completions", chat())).status == 200
    assert proxy.process.poll() is None


async def test_reload_says_what_needs_a_restart(serve: Serve, shared_sim: Sim) -> None:
    proxy = await asyncio.to_thread(serve, proxy_config(shared_sim.url))
    config = yaml.safe_load(proxy.config.read_text())
    config["server"]["max_body_bytes"] = 1000
    rewrite(proxy, config)
    line = await until(lambda: next((line for line in proxy.lines() if "configuration reloaded" in line), None))
    assert "restart" in line and "server" in line


async def test_many_reloads_leave_nothing_behind(serve: Serve, shared_sim: Sim, http: aiohttp.ClientSession) -> None:
    proxy = await asyncio.to_thread(serve, proxy_config(shared_sim.url))
    await send(http, proxy.url + "/chat/completions", chat())
    baseline = proxy.descriptors()
    config = yaml.safe_load(proxy.config.read_text())
    for number in range(1, 16):
        rewrite(proxy, config)
        await until(lambda n=number: sum("configuration reloaded" in line for line in proxy.lines()) == n)
        assert (await send(http, proxy.url + "/chat/completions", chat())).status == 200
    await until(lambda: proxy.descriptors() <= baseline + 2, what="the old gateways' connections are closed")

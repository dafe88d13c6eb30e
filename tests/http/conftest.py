"""A listening port of ours, and raw bytes to it."""

import asyncio
import re

import pytest
from aiohttp import web

from tailrace.http.server import Server


async def exchange_raw(port: int, raw: bytes, *, half_close: bool = False) -> bytes:
    """Send bytes, and read until the other side closes or a whole answer with a content-length is there."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(raw)
        if half_close:
            writer.write_eof()
        head = await reader.readuntil(b"\r\n\r\n")
        while head.startswith(b"HTTP/1.1 100"):
            head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        return head + (await reader.readexactly(int(length[1])) if length else await reader.read())
    except asyncio.IncompleteReadError as error:
        return error.partial
    finally:
        writer.close()


@pytest.fixture
async def listen():
    """Serve a handler on a free port; returns a function that sends it bytes."""
    runners = []

    async def start(handle, *, header_timeout_s=10.0):
        server = Server(handle, header_timeout_s=header_timeout_s, keep_alive_s=10.0)
        runner = web.ServerRunner(server)
        await runner.setup()
        runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]

        async def send(raw: bytes, **more) -> bytes:
            async with asyncio.timeout(10):
                return await exchange_raw(port, raw, **more)

        send.server = server
        send.port = port
        return send

    yield start
    for runner in runners:
        await runner.cleanup()

"""A provider made of scripts: what it does on each connection is written down by the test, byte by byte."""

import asyncio
import os
import random
import re
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest

from tailrace.clock import SystemClock
from tailrace.config.models import Config
from tailrace.tasks import Tasks
from tailrace.upstream.call import Upstream

PATIENCE_S = 10.0


class Link:
    """One accepted connection."""

    def __init__(self, reader, writer, got):
        self.reader, self.writer, self.got = reader, writer, got

    async def head(self) -> bytes:
        """The next request's head."""
        return await self.reader.readuntil(b"\r\n\r\n")

    async def request(self) -> bytes:
        """The next request, its body included, as it came."""
        whole = await self.head()
        if found := re.search(rb"(?i)content-length: (\d+)", whole):
            whole += await self.reader.readexactly(int(found[1]))
        elif b"transfer-encoding: chunked" in whole.lower():
            whole += await self.reader.readuntil(b"0\r\n\r\n")
        self.got.append(whole)
        return whole

    async def send(self, *pieces: bytes) -> None:
        """Send each piece in a segment of its own, as far as that can be had."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(0)

    async def closed(self) -> bytes:
        """Wait for the other side to close; what it sent before that."""
        try:
            return await self.reader.read()
        except ConnectionResetError:
            return b""

    def reset(self) -> None:
        """Send a RST."""
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    def half_close(self) -> None:
        """Send a FIN before anybody's loop has another turn."""
        with socket.socket(fileno=os.dup(self.writer.get_extra_info("socket").fileno())) as sock:
            sock.shutdown(socket.SHUT_WR)


Script = Callable[[Link], Awaitable[None]]


class Peer:
    """The listening side. The n-th connection plays the n-th script, the last one serves all that follow."""

    def __init__(self, *scripts: Script):
        self.scripts = scripts
        self.links: list[Link] = []
        self.got: list[bytes] = []
        self.failed: list[BaseException] = []
        self.running: set[asyncio.Task] = set()
        self.port = 0
        self.server: asyncio.Server | None = None

    @property
    def accepted(self) -> int:
        return len(self.links)

    async def listen(self, **options) -> None:
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0, **options)
        self.port = self.server.sockets[0].getsockname()[1]

    async def serve(self, reader, writer) -> None:
        task = asyncio.current_task()
        self.running.add(task)
        link = Link(reader, writer, self.got)
        self.links.append(link)
        try:
            await self.scripts[min(self.accepted, len(self.scripts)) - 1](link)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        except Exception as error:
            self.failed.append(error)
        finally:
            self.running.discard(task)
            writer.close()

    async def end(self) -> None:
        self.server.close()
        for task in list(self.running):
            task.cancel()
        for link in self.links:
            # CPython's transport fails here when it was closed gracefully with bytes still to be sent.
            with suppress(AttributeError):
                link.writer.transport.abort()
        if self.running:
            await asyncio.wait(self.running, timeout=PATIENCE_S)
        assert not self.failed, self.failed


@pytest.fixture
async def peer() -> AsyncIterator[Callable[..., Awaitable[Peer]]]:
    """Start scripted providers; `peer(script, …)` or `peer(b"…")` for one answer again and again."""
    started: list[Peer] = []

    async def start(*scripts, **options) -> Peer:
        made = Peer(*scripts)

        def answering(raw: bytes) -> Script:
            async def script(link: Link) -> None:
                while True:
                    await link.request()
                    await link.send(raw)

            return script

        made.scripts = tuple(answering(script) if isinstance(script, bytes) else script for script in scripts)
        await made.listen(**options)
        started.append(made)
        return made

    yield start
    for one in started:
        await one.end()


@pytest.fixture
def until():
    """Wait for a condition with a deadline."""

    async def wait(holds: Callable[[], bool], what: str = "the condition") -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE_S
        while not holds():
            assert loop.time() < deadline, f"{what} did not come about"
            await asyncio.sleep(0.001)

    return wait


@pytest.fixture
async def upstream():
    """Make the end of a chain for providers (name -> peer, or settings); all are closed at the end."""
    made: list[Upstream] = []

    def make(providers, **sections) -> Upstream:
        given = {
            name: one if isinstance(one, dict) else {"base_url": f"http://127.0.0.1:{one.port}/v1"}
            for name, one in providers.items()
        }
        config = Config(providers=given, **sections)
        made.append(Upstream(config, Tasks(), SystemClock(), random.Random(0), "our-hop"))
        return made[-1]

    yield make
    for one in made:
        await one.aclose()
        assert (one.budget.active, one.budget.retrying) == (0, 0), "the retry budget leaks"


@pytest.fixture
def answer():
    """The bytes of a whole answer."""

    def make(status: int, body: bytes = b"{}", *headers: str) -> bytes:
        lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}", *headers]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + body

    return make

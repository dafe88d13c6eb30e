"""Pools and connections pointed at a scripted provider."""

import asyncio

import pytest
import uvloop
from multidict import CIMultiDict

from tailrace.upstream.http1 import ConnectionPool, Origin, Response


def pytest_asyncio_loop_factories(config, item):
    """Both loops: plugins are tested on one, the proxy serves on the other."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def pool():
    """Make a pool for a peer; all are closed at the end."""
    made: list[ConnectionPool] = []

    def make(peer, *, keep_alive_s=30.0, most=0, scheme="http", host="127.0.0.1", proxy=None) -> ConnectionPool:
        port = peer if isinstance(peer, int) else peer.port
        made.append(ConnectionPool(Origin(scheme, host, port, proxy), keep_alive_s=keep_alive_s, most=most))
        return made[-1]

    yield make
    for one in made:
        await one.aclose()


@pytest.fixture
def ask():
    """Send a small request with patience."""

    async def send(pool, method="POST", target="/v1/x", body=b"hello", headers=None, **more) -> Response:
        async with asyncio.timeout(10):
            return await pool.send(method, target, CIMultiDict(headers or {}), body, **{"connect_s": 5.0, **more})

    return send


@pytest.fixture
def read():
    """Read a body to its end; what came, and the exception that broke it off, if any."""

    async def everything(response: Response) -> tuple[bytes, Exception | None]:
        got = b""
        async with asyncio.timeout(10):
            try:
                while piece := await response.readany():
                    got += piece
            except Exception as error:
                return got, error
        return got, None

    return everything

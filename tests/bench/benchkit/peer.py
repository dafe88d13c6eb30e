"""The named peer: a plain aiohttp Application with aiohttp's client, as one would write it in an afternoon.

`python -m benchkit.peer PORT UPSTREAM_URL`. It parses the request and the answer as JSON; streams pass as bytes.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator

import aiohttp
import orjson
import uvloop
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy

HOP_BY_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "transfer-encoding",
        "te",
        "trailer",
        "upgrade",
        "host",
        "content-length",
        "date",
        "server",
    )
)
UPSTREAM = web.AppKey("UPSTREAM", str)
SESSION = web.AppKey("SESSION", aiohttp.ClientSession)


def passed(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    """The end-to-end headers."""
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in HOP_BY_HOP)


async def handle(request: web.Request) -> web.StreamResponse:
    """Forward one request."""
    body = await request.read()
    wanted = orjson.loads(body)
    url = request.app[UPSTREAM] + request.path
    async with request.app[SESSION].post(url, data=body, headers=passed(request.headers)) as answer:
        if not wanted.get("stream"):
            raw = await answer.read()
            orjson.loads(raw)
            return web.Response(body=raw, status=answer.status, headers=passed(answer.headers))
        response = web.StreamResponse(status=answer.status, headers=passed(answer.headers))
        await response.prepare(request)
        async for chunk in answer.content.iter_any():
            await response.write(chunk)
        await response.write_eof()
        return response


async def session(app: web.Application) -> AsyncIterator[None]:
    """The client, open as long as the server."""
    connector = aiohttp.TCPConnector(limit=0)
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(connector=connector, cookie_jar=jar, auto_decompress=False) as client:
        app[SESSION] = client
        yield


def main(port: int, upstream: str) -> None:
    """Serve until SIGTERM."""
    app = web.Application(client_max_size=2**25)
    app[UPSTREAM] = upstream
    app.cleanup_ctx.append(session)
    app.router.add_post("/v1/chat/completions", handle)
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, loop=uvloop.new_event_loop(), print=lambda *_: None)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])

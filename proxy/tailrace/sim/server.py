"""Runs the simulated provider: as an application, inside another process, or for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import orjson
from aiohttp import web

from .journal import Journal
from .provider import Provider
from .routes import Routes
from .settings import SimSettings

# Requests that hang on purpose must not hold up the end. aiohttp takes 0 for "no limit".
_SHUTDOWN_S = 0.1

PROVIDER: web.AppKey[Provider] = web.AppKey("provider", Provider)


@dataclass(frozen=True, slots=True)
class RunningSim:
    """A simulated provider that is listening; `url` is a base URL as OpenAI clients take it."""

    url: str
    host: str
    port: int
    journal: Journal


def build(settings: SimSettings) -> web.Application:
    """Return the application of a fresh simulated provider.

    A runner of one's own needs `handler_cancellation=True`: without it no client that leaves is noticed.
    """
    provider = Provider(settings)
    app = web.Application(client_max_size=settings.max_body_bytes)
    app[PROVIDER] = provider
    _add_watching(app, provider.journal)
    Routes(provider).add_to(app)
    return app


@asynccontextmanager
async def running(settings: SimSettings, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[RunningSim]:
    """Listen for as long as the context lasts; port 0 takes a free one. At the end open requests are cut off."""
    app = build(settings)
    runner = web.AppRunner(
        app, handler_cancellation=True, access_log=None, shutdown_timeout=_SHUTDOWN_S, keepalive_timeout=75.0
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, backlog=1024)
        await site.start()
        bound = int(runner.addresses[0][1])
        journal = app[PROVIDER].journal
        server = runner.server
        if server is not None:
            journal.open_connections = lambda: len(server.connections)
        shown = f"[{host}]" if ":" in host else host
        yield RunningSim(f"http://{shown}:{bound}/v1", host, bound, journal)
    finally:
        await runner.cleanup()


async def serve(settings: SimSettings, host: str = "127.0.0.1", port: int = 9099) -> None:
    """Listen until cancelled."""
    async with running(settings, host, port):
        await asyncio.get_running_loop().create_future()


def _add_watching(app: web.Application, journal: Journal) -> None:
    """Register the routes for whoever watches; none of them is in the journal itself."""

    async def show(request: web.Request) -> web.Response:
        last = request.query.get("last", "")
        shown = journal.entries(int(last) if last.isdecimal() else None, request.query.get("model"))
        return _json({"entries": shown})

    async def clear(_: web.Request) -> web.Response:
        journal.clear()
        return _json({"cleared": True})

    async def stats(_: web.Request) -> web.Response:
        return _json(journal.stats())

    async def alive(_: web.Request) -> web.Response:
        return _json({"status": "ok", "simulated": True})

    app.router.add_get("/_journal", show)
    app.router.add_delete("/_journal", clear)
    app.router.add_get("/_stats", stats)
    app.router.add_get("/livez", alive)


def _json(payload: object) -> web.Response:
    return web.json_bytes_response(payload, dumps=orjson.dumps)

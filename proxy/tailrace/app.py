"""The composition root: configuration in, a running proxy out. The only place where everything meets."""

import asyncio
import gc
import logging
import random
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from aiohttp import web

from tailrace.clock import SystemClock
from tailrace.config import Config, ConfigError, Loaded, Problem
from tailrace.config.load import safe_to_listen
from tailrace.config.models import PriceRow
from tailrace.config.presets import chain_of
from tailrace.config.references import unknown_models
from tailrace.embed import make_embedder
from tailrace.gateway import Gateway
from tailrace.http.admin import Admin
from tailrace.http.handler import Handler
from tailrace.http.server import Handle, Server
from tailrace.plugin import Services
from tailrace.prices import Price, PriceTable
from tailrace.registry import Planned, plan
from tailrace.secret import kept_secret
from tailrace.sessions import Sessions
from tailrace.tasks import Tasks
from tailrace.telemetry.recorder import Recorder
from tailrace.telemetry.setup import Telemetry, set_up
from tailrace.tokens import TokenCounter

_log = logging.getLogger("tailrace")


class CannotListen(Exception):
    """An address is taken or may not be used; the text names it."""


class Proxy:
    """A proxy that serves. `reload` takes over a new configuration; `stop` drains and closes everything."""

    def __init__(self, config: Config, planned: list[Planned], telemetry: Telemetry) -> None:
        self.config = config
        self.started_with = config
        self._reloading = asyncio.Lock()
        self._stopping = False
        # What was kept on disk for a tenant must be found again under the same name after a restart.
        self._secret = kept_secret(Path(config.data_dir)) if planned else secrets.token_bytes(32)
        self.hop = secrets.token_hex(8)
        self.telemetry = telemetry
        tasks = Tasks()
        self.services = Services(
            tasks=tasks,
            prices=PriceTable.shipped(_prices(config)),
            data_dir=Path(config.data_dir),
            embedder=make_embedder(config.embedder, tasks, SystemClock()),
            sessions=Sessions(SystemClock()),
            tokens=TokenCounter(),
        )
        self.gateway = Gateway(config, planned, self.services, self.hop, self._secret)
        self.recorder = Recorder(
            self.services.clock,
            random.Random(),
            telemetry.sample_ratio,
            telemetry.sinks,
            live=telemetry.live,
            listener=telemetry.listener,
        )
        self.handler = Handler(lambda: self.gateway, config.server, self.recorder, self.hop)
        self.admin = Admin(config.admin, lambda: self.handler.draining, self._exposition, self.services.caches)
        self._runners: list[web.ServerRunner] = []
        self._sweepers: list[asyncio.Task[None]] = []
        self.port = 0
        self.admin_port = 0

    async def start(self, sock: socket.socket | None = None) -> None:
        """Start plugins, then listen. Raises `CannotListen`, or what a plugin's `start` raised."""
        await self.gateway.start()
        server = self.config.server
        self.port = await self._listen(self.handler, server.host, server.port, sock)
        if self.config.admin.enabled:
            self.admin_port = await self._listen(self.admin, self.config.admin.host, self.config.admin.port, None)
        self.telemetry.start(self)

    def _exposition(self, accept: str) -> Callable[[], tuple[bytes, str]]:
        """What has ended counts; writing it all out is for a thread."""
        self.recorder.flush()
        return lambda: self.telemetry.exposition(accept)

    async def _listen(self, handle: Handle, host: str, port: int, sock: socket.socket | None) -> int:
        settings = self.config.server
        server = Server(handle, header_timeout_s=settings.header_timeout_s, keep_alive_s=settings.keep_alive_s)
        runner = web.ServerRunner(server)
        await runner.setup()
        self._runners.append(runner)
        site: web.BaseSite = (
            web.SockSite(runner, sock) if sock is not None else web.TCPSite(runner, host, port, backlog=1024)
        )
        try:
            await site.start()
        except OSError as error:
            raise CannotListen(f"cannot listen on {host}:{port}: {error.strerror or error}") from None
        self._sweepers.append(self.services.tasks.spawn(server.sweep(), "sweep"))
        bound: int = runner.addresses[0][1]
        return bound

    async def reload(self, loaded: Loaded) -> list[str]:
        """Serve new requests by a new configuration; those in flight end under the old one.

        Returns the sections that changed but need a restart. Raises `ConfigError`, or what a plugin's `start` raised;
        the old configuration then stays in force.
        """
        async with self._reloading:
            return await self._take_over(loaded)

    async def _take_over(self, loaded: Loaded) -> list[str]:
        if self._stopping:
            raise ConfigError([Problem((), "the proxy is shutting down")])
        # The addresses stay as they were opened, whatever the file says now.
        opened = {"server": self.started_with.server, "admin": self.started_with.admin}
        safe_to_listen(replace(loaded, config=loaded.config.model_copy(update=opened)))
        planned = checked_plan(loaded)
        fresh = Gateway(loaded.config, planned, self.services, self.hop, self._secret)
        await fresh.start()
        old, self.gateway = self.gateway, fresh
        self.services.tasks.spawn(old.stop(wait_s=old.config.upstream.total_s), "old-gateway")
        fixed = ("server", "admin", "telemetry", "data_dir", "prices", "embedder")
        changed = [name for name in fixed if getattr(loaded.config, name) != getattr(self.started_with, name)]
        self.config = loaded.config
        return changed

    async def stop(self, drain_s: float | None = None) -> None:
        """Stop listening, drain, and close everything in the reverse order of opening."""
        self.handler.draining = True
        async with self._reloading:
            self._stopping = True
        for runner in self._runners[:1]:
            for site in list(runner.sites):
                await site.stop()
        await self.handler.drain(self.config.server.drain_s if drain_s is None else drain_s)
        for sweeper in self._sweepers:
            sweeper.cancel()
        for runner in reversed(self._runners):
            await runner.cleanup()
        await self.gateway.stop()
        await self.services.embedder.aclose()
        await self.services.tasks.drain(1.0)
        await self.services.caches.aclose()
        self.recorder.flush()
        await self.telemetry.stop()


def checked_plan(loaded: Loaded) -> list[Planned]:
    """The plugins of a configuration; raises `ConfigError` with every mistake, each with its line."""
    config = loaded.config
    entries = chain_of(config.preset, config.plugins)
    planned, problems = plan(entries)
    positions = {name: position for position, entry in enumerate(entries) for name in entry}
    for one in planned:
        path = ("plugins", positions[one.plugin.name], one.plugin.name)
        problems += unknown_models(one.settings, [name for name, model in config.models.items() if model.targets], path)
    if problems:
        raise ConfigError(loaded.places.placed(problems))
    return planned


@asynccontextmanager
async def running(
    loaded: Loaded, *, sock: socket.socket | None = None, on_line: Callable[[str], None] | None = None
) -> AsyncIterator[Proxy]:
    """A started proxy, drained and closed when the block is left."""
    proxy = Proxy(loaded.config, checked_plan(loaded), set_up(loaded.config.telemetry, on_line))
    try:
        await proxy.start(sock)
        # Everything made so far lives as long as the process: not walking it again saves 10% CPU, and the pauses.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        yield proxy
    finally:
        await asyncio.shield(proxy.stop())


def _prices(config: Config) -> dict[str, Price]:
    return {name: _price(row) for name, row in config.prices.items()}


def _price(row: PriceRow) -> Price:
    return Price(row.input, row.output, row.cache_read, row.cache_write)
